"""Everything a language model's server can do wrong, over real HTTP: the answer comes all the same, soon, with a note."""

import dataclasses
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.answering.replies import NOTES
from app.assistant import Assistant
from app.config import Settings
from app.errors import ModelError
from app.llm.langchain import LangChainModel, open_model
from app.types import Answer, Document, Retrieved, Said, Writing
from tests import scripted_model as scripts
from tests.indexing import ENCODER, opened, store
from tests.scripted_model import Handler, Script, scripted_server

pytestmark = pytest.mark.server

KEY = "sk-secret-0123456789"
QUESTION = "长三角G60科创走廊科技成果转化基金总规模多大？"
RIGHT = "基金总规模 100 亿元。[1]"

SCRIPTS: dict[str, Script] = {
    "right": scripts.saying("基金总规模 100 ", "亿元。", "[1]"),
    "two": scripts.saying(RIGHT, "形成首批 500 多项基金拟投项目库。[1]", " 以上。"),
    "key": scripts.failing(401, f"Incorrect API key provided: {KEY}", "invalid_api_key"),
    "forbidden": scripts.failing(403, f"key {KEY} may not"),
    "model": scripts.failing(404, "no such model"),
    "busy": scripts.failing(429, "rate limit", "rate_limit_exceeded"),
    "server": scripts.failing(500, "boom"),
    "starting": scripts.failing(503, "loading model"),
    "overflow": scripts.failing(400, "This model's maximum context length is 10 tokens", "context_length_exceeded"),
    "overflow of llama.cpp": scripts.failing(400, "the request exceeds the available context size", "exceed_context_size_error"),
    "cut": scripts.cut_off,
    "cut later": scripts.cut_later,
    "endless": scripts.endless,
    "babbling": scripts.babbling,
    "mute": scripts.mute,
    "pinging": scripts.pinging,
    "slow": scripts.slow,
    "malformed": scripts.malformed,
    "web page": scripts.web_page,
    "odd shape": scripts.odd_shape,
    "nothing": scripts.nothing,
    "at the limit": scripts.at_the_limit,
    "blank": scripts.saying(" \n ", "\n"),
    "invented": scripts.saying("基金总规模 300 亿元。[1]"),
}  # fmt: skip
SECONDS, SILENCE = 1.2, 0.6
HURRIED = ("mute", "pinging", "slow")
"""Scripts that only time ends; the others get enough of it to end by themselves on a busy machine."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, type[Handler]]]:
    with scripted_server(SCRIPTS) as address:
        yield address


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, reply: Document) -> Path:
    root = tmp_path_factory.mktemp("index")
    store(root, [reply])
    return root


def asking(index: Path, url: str, name: str) -> tuple[Assistant, LangChainModel]:
    settings = Settings(
        answerer="llm",
        llm_url=url,
        llm_model=name,
        llm_api_key=KEY,
        llm_seconds=SECONDS if name in HURRIED else 30,
        llm_silence_seconds=SILENCE if name in HURRIED else 30,
    )
    model = open_model(settings)
    return Assistant(settings, opened(index), ENCODER, model), model


@pytest.fixture
def ask(index: Path, server: tuple[str, type[Handler]]) -> Iterator["Asker"]:
    asker = Asker(index, server[0])
    yield asker
    asker.close()


class Asker:
    """Asks a model of the server by its name."""

    def __init__(self, index: Path, url: str) -> None:
        self.index, self.url, self.models = index, url, list[LangChainModel]()

    def __call__(self, name: str, question: str = QUESTION) -> Answer:
        return self.assistant(name).ask(question)

    def assistant(self, name: str) -> Assistant:
        assistant, model = asking(self.index, self.url, name)
        self.models.append(model)
        return assistant

    def close(self) -> None:
        for model in self.models:
            model.close()


def note_of(kind: str) -> str:
    return f"{NOTES[kind][0]}，以下直接引用原文。"


def test_an_answer_comes_sentence_by_sentence_with_its_tokens(ask: Asker) -> None:
    steps = list(ask.assistant("two").stream(QUESTION))
    said = [step for step in steps if isinstance(step, Said)]
    answer = steps[-1]
    assert isinstance(steps[0], Retrieved)
    assert isinstance(answer, Answer)
    assert [step.text for step in said] == ["基金总规模 100 亿元。 [1]", " 形成首批 500 多项基金拟投项目库。 [1]"]
    assert answer.text == "".join(step.text for step in said)
    assert (answer.answerer, answer.status, answer.note, answer.tokens) == ("llm", "answered", "", (321, 12))
    assert answer.timings_ms["first"] <= answer.timings_ms["total"]


def test_the_key_and_the_rules_reach_the_server(ask: Asker, server: tuple[str, type[Handler]]) -> None:
    ask("right")
    request = server[1].seen[-1]
    assert request["key"] == f"Bearer {KEY}"
    assert request["body"]["temperature"] == 0
    assert request["body"]["max_tokens"] == 400
    assert [message["role"] for message in request["body"]["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("key", "key"),
        ("forbidden", "key"),
        ("model", "model"),
        ("busy", "busy"),
        ("server", "server"),
        ("starting", "server"),
        ("overflow", "overflow"),
        ("overflow of llama.cpp", "overflow"),
        ("cut", "cut"),
        ("mute", "timeout"),
        ("pinging", "timeout"),
        ("malformed", "malformed"),
        ("web page", "silent"),
        ("odd shape", "malformed"),
        ("nothing", "silent"),
        ("at the limit", "cut"),
        ("blank", "silent"),
        ("babbling", "silent"),
        ("invented", "unverified"),
    ],
)
def test_the_documents_own_sentences_are_quoted_instead(ask: Asker, name: str, kind: str) -> None:
    started = time.monotonic()
    answer = ask(name)
    assert time.monotonic() - started < 10
    assert (answer.status, answer.answerer) == ("answered", "extractive")
    assert "总规模 100 亿元" in answer.text
    assert answer.note == note_of(kind)
    assert KEY not in str(answer.to_json())


def test_a_server_that_is_down_is_told_at_once(index: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assistant, model = asking(index, f"http://127.0.0.1:{port}/v1", "any")
    started = time.monotonic()
    answer = assistant.ask(QUESTION)
    model.close()
    assert time.monotonic() - started < 10
    assert (answer.answerer, answer.note) == ("extractive", note_of("down"))


@pytest.mark.parametrize("name", ["slow", "cut later"])
def test_what_was_said_before_a_break_stands_and_the_break_is_told(ask: Asker, name: str) -> None:
    answer = ask(name)
    assert (answer.answerer, answer.text) == ("llm", "基金总规模 100 亿元。 [1]")
    assert answer.note.endswith("回答可能不完整。")


def test_a_model_that_repeats_itself_is_stopped(ask: Asker, server: tuple[str, type[Handler]]) -> None:
    server[1].gone.clear()
    answer = ask("endless")
    assert (answer.answerer, answer.text) == ("llm", "基金总规模 100 亿元。 [1]")
    assert server[1].gone.wait(10), "the request is still open"


def test_closing_the_stream_closes_the_request(ask: Asker, server: tuple[str, type[Handler]]) -> None:
    server[1].gone.clear()
    steps = ask.assistant("slow").stream(QUESTION)
    next(step for step in steps if isinstance(step, Said))
    steps.close()
    assert server[1].gone.wait(10), "the request is still open"


def test_closing_the_stream_of_a_silent_model_closes_the_request(ask: Asker, server: tuple[str, type[Handler]]) -> None:
    steps = ask.assistant("pinging").stream(QUESTION)
    assert [type(next(steps)) for _ in range(2)] == [Retrieved, Writing]
    server[1].gone.clear()
    steps.close()
    assert server[1].gone.wait(10), "the request is still open"


def test_a_refusal_needs_no_model(ask: Asker, server: tuple[str, type[Handler]]) -> None:
    before = len(server[1].seen)
    assert ask("right", "今天天气怎么样").status == "refused"
    assert ask("right", "你好").refusal is not None
    assert len(server[1].seen) == before


def test_no_key_in_settings_errors_or_logs(
    ask: Asker, caplog: pytest.LogCaptureFixture, server: tuple[str, type[Handler]]
) -> None:
    caplog.set_level(logging.DEBUG, logger="app")
    assistant = ask.assistant("key")
    with pytest.raises(ModelError) as failure:
        list(ask.models[-1].stream([("user", "好")], 1.0))
    assert KEY not in repr(assistant.settings) + str(failure.value) + repr(failure.value) + caplog.text
    assert failure.value.__cause__ is None
    assert KEY not in repr(ask.models[-1]._model)
    assert KEY in dataclasses.asdict(assistant.settings).values()


def test_many_at_once_do_not_mix(ask: Asker) -> None:
    assistant = ask.assistant("two")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: assistant.ask(QUESTION).text, range(24)))
    assert set(answers) == {"基金总规模 100 亿元。 [1] 形成首批 500 多项基金拟投项目库。 [1]"}
