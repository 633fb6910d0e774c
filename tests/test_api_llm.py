"""Answers of a language model over HTTP: listed, streamed as they pass, with what was dropped."""

import json
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.assistant import Assistant
from app.config import Settings
from app.types import Document, Message, Piece
from tests.indexing import ENCODER, opened, store
from tests.scripted_model import ScriptedModel
from tests.serving import served

pytestmark = pytest.mark.server

QUESTION = "四类计划共资助了多少人？"
TRUE, FALSE = "截至 2023 年底，四类计划共资助了 1 万余人[1]。", "总资助额 99 亿元[1]。"


@pytest.fixture
def site(tmp_path: Path, reply: Document) -> Iterator[str]:
    store(tmp_path, [reply])
    settings = Settings(chat_page=0, feedback="")
    model = ScriptedModel(TRUE + FALSE, "资料中未提及。")
    with served(Assistant(settings, opened(tmp_path), ENCODER, model)) as url:
        yield url


def test_the_model_is_listed_and_answers_openais_client(site: str) -> None:
    with openai.OpenAI(base_url=f"{site}/v1", api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["youju", "youju-extractive", "youju-llm"]
        completion = client.chat.completions.create(model="youju-llm", messages=[{"role": "user", "content": QUESTION}])
    answer = (completion.choices[0].message.model_extra or {})["youju"]
    assert answer["answerer"] == "llm"
    assert [sentence["text"] for sentence in answer["sentences"]] == ["截至 2023 年底，四类计划共资助了 1 万余人。"]


def test_a_sentence_that_fails_is_never_streamed_and_is_told_as_dropped(site: str) -> None:
    body = {"question": QUESTION, "answerer": "llm"}
    with httpx.stream("POST", f"{site}/api/ask/stream", json=body, timeout=20) as response:
        text = "".join(response.iter_text())
    events = dict(_events(text))
    assert list(events) == ["passages", "token", "answer"]
    assert "99" not in json.loads(events["token"])["text"]
    (dropped,) = json.loads(events["answer"])["dropped"]
    assert "99" in dropped["text"]


class EndlessModel:
    """Writes one sentence that never ends."""

    name = "endless"

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def stream(self, messages: Sequence[Message], seconds: float) -> Generator[Piece]:
        try:
            for _ in range(2000):
                time.sleep(0.01)
                yield Piece("资助")
        finally:
            self.is_closed.set()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ask/stream", {"question": QUESTION, "answerer": "llm"}),
        (
            "/v1/chat/completions",
            {"model": "youju-llm", "stream": True, "messages": [{"role": "user", "content": QUESTION}]},
        ),
    ],
)
def test_the_model_stops_when_the_reader_leaves(
    tmp_path: Path, reply: Document, path: str, body: dict[str, Any]
) -> None:
    store(tmp_path, [reply])
    model = EndlessModel()
    settings = Settings(chat_page=0, feedback="")
    with served(Assistant(settings, opened(tmp_path), ENCODER, model)) as url:
        with httpx.stream("POST", url + path, json=body, timeout=20) as response:
            next(line for line in response.iter_lines() if line.startswith("data:"))
            assert not model.is_closed.is_set()
        assert model.is_closed.wait(5), "the model goes on"


def _events(text: str) -> Iterator[tuple[str, str]]:
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if lines:
            yield lines["event"], lines["data"]
