"""Streamed answers: their events, readers who leave, readers who wait, too many readers, and a stop."""

import json
import socket
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.api.events import EventStream
from app.assistant import Assistant
from app.config import Settings
from app.types import Step, Turn
from tests.fake_assistant import FUND, TALENT, FakeAssistant
from tests.serving import served, serving
from tests.test_api import SCHEMA

pytestmark = pytest.mark.server

Event = tuple[str, Any]


class Slow(FakeAssistant):
    """Answers step by step, each when it is let go; says whether it was given up."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings=settings or Settings(max_question_chars=200, chat_page=0))
        self.steps = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.given_up = threading.Event()

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Generator[Step]:
        steps = super().stream(question, history, document_ids, answerer, passages)
        try:
            yield next(steps)
            self.begun.release()
            for step in steps:
                assert self.steps.acquire(timeout=20)
                yield step
        except GeneratorExit:
            self.given_up.set()
            raise


def parse(text: str) -> list[Event]:
    """Return the events of a stream; comments are left out."""
    events = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            name, data = lines
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            events.append((name[7:], json.loads(data[6:])))
    return events


def stream(url: str, question: str, **body: Any) -> list[Event]:
    response = httpx.post(f"{url}/api/ask/stream", json={"question": question, **body}, timeout=30)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    return parse(response.text)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with served(FakeAssistant()) as url:
        yield url


def test_the_events_are_the_answer_step_by_step(site: str) -> None:
    events = stream(site, "基金多大？")
    assert [name for name, _ in events] == ["passages", "token", "token", "answer"]
    answer = events[-1][1]
    jsonschema.validate(answer, SCHEMA)
    assert events[0][1] == answer["passages"]
    assert "".join(data["text"] for name, data in events if name == "token") == answer["text"]
    assert [data["sentence"] for name, data in events if name == "token"] == answer["sentences"]
    assert [citation for name, data in events if name == "token" for citation in data["citations"]] == answer[
        "citations"
    ]
    assert [sentence["text"] for sentence in answer["sentences"]] == [FUND, TALENT]


def test_a_refusal_is_passages_and_the_answer(site: str) -> None:
    (_, passages), (name, answer) = stream(site, "写一首诗")
    assert (name, answer["status"], answer["passages"]) == ("answer", "refused", passages)


@pytest.mark.model
@pytest.mark.parametrize(
    "question", ["四类人才计划一共资助了多少人，花了多少钱？", "浙江省科技厅的电话是多少？", "你好"]
)
def test_the_real_assistant_streams_what_it_answers(assistant: Assistant, question: str) -> None:
    with served(assistant) as url:
        events = stream(url, question)
        whole = httpx.post(f"{url}/api/ask", json={"question": question}, timeout=30).json()
    answer = events[-1][1]
    jsonschema.validate(answer, SCHEMA)
    assert "".join(data["text"] for name, data in events if name == "token") == (
        "" if answer["refusal"] else answer["text"]
    )
    for name in ("text", "sentences", "citations", "passages", "refusal"):
        assert answer[name] == whole[name]
    for citation in answer["citations"]:
        text = assistant.document(citation["document_id"]).text
        assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_an_error_on_the_way_is_an_event(site: str) -> None:
    ((name, data),) = stream(site, " ")
    assert (name, data["error"]["code"]) == ("error", "bad_question")
    ((name, data),) = stream(site, "资助", document_ids=["none"])
    assert (name, data["error"]["code"]) == ("error", "not_found")
    assert httpx.post(f"{site}/api/ask/stream", json={"question": 5}).status_code == 422


def test_a_bug_on_the_way_is_an_event_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeAssistant):
        def stream(self, *_: Any, **__: Any) -> Generator[Step]:
            yield from list(super().stream("基金"))[:2]
            raise RuntimeError("secret")

    with served(Broken()) as url:
        events = stream(url, "基金多大？")
        assert [name for name, _ in events] == ["passages", "token", "error"]
        assert events[-1][1]["error"]["code"] == "internal"
        assert "secret" not in json.dumps(events)
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_text_with_line_breaks_and_halves_of_pairs_stays_one_event() -> None:
    class Odd(FakeAssistant):
        def __init__(self) -> None:
            super().__init__(settings=Settings(max_question_chars=100, chat_page=0))

    with served(Odd()) as url:
        body = '{"question": "资助\\r\\n\\r\\nevent: answer\\ndata: {}\\u2028\\ud800"}'
        headers = {"content-type": "application/json"}
        events = parse(httpx.post(f"{url}/api/ask/stream", content=body, headers=headers).text)
    assert [name for name, _ in events] == ["passages", "token", "answer"]
    assert "event: answer" in events[-1][1]["question"]


def test_the_first_events_come_before_the_answer_is_there() -> None:
    assistant = Slow()
    with (
        served(assistant) as url,
        httpx.stream("POST", f"{url}/api/ask/stream", json={"question": "基金"}, timeout=20) as response,
    ):
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: passages"
        assistant.steps.release()
        assert next(line for line in lines if line.startswith("event")) == "event: token"
        assistant.steps.release(2)
        assert [line for line in lines if line.startswith("event")] == ["event: token", "event: answer"]


def test_a_reader_who_leaves_gives_up_the_answer() -> None:
    assistant = Slow()
    app = create_app(assistant, assistant.settings)
    with serving(app) as url:
        with httpx.stream("POST", f"{url}/api/ask/stream", json={"question": "基金"}, timeout=20) as response:
            next(line for line in response.iter_lines() if line.startswith("event"))
        _until(lambda: app.state.service.desk.admitted == 0)
        assistant.steps.release()  # the step under way ends, and then it is over
        assert assistant.given_up.wait(10)
        assistant.steps.release(10)
        assert len(stream(url, "基金")) == 4


def test_a_line_on_which_nothing_is_said_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = EventStream.__init__
    monkeypatch.setattr(EventStream, "__init__", lambda self, events, at_end: begin(self, events, at_end, 0.1))
    assistant = Slow()
    with (
        served(assistant) as url,
        httpx.stream("POST", f"{url}/api/ask/stream", json={"question": "基金"}, timeout=20) as response,
    ):
        lines = response.iter_lines()
        next(line for line in lines if line.startswith("event"))
        comments = [next(line for line in lines if line.startswith(":")) for _ in range(3)]
        assert len(comments) == 3
        assistant.steps.release(3)
        assert [line for line in lines if line.startswith("event")][-1] == "event: answer"


def test_too_many_questions_are_sent_away_at_once_and_the_rest_are_answered() -> None:
    assistant = Slow(Settings(answers_at_once=2, answers_waiting=3, chat_page=0))
    with served(assistant) as url:
        held: list[int] = []

        def hold() -> None:
            held.append(len(stream(url, "基金")))

        holders = [threading.Thread(target=hold) for _ in range(5)]
        for holder in holders:
            holder.start()
        for _ in range(2):
            assert assistant.begun.acquire(timeout=10)
        _until(lambda: "youju_questions_at_the_desk 5.0" in httpx.get(f"{url}/metrics").text)
        for path in ("/api/ask", "/api/ask/stream"):
            began = time.monotonic()
            refused = httpx.post(url + path, json={"question": "基金"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
            assert int(refused.headers["retry-after"]) > 0
            assert time.monotonic() - began < 2
        assert httpx.get(f"{url}/healthz").status_code == 200
        assistant.steps.release(100)
        for holder in holders:
            holder.join(20)
        assert held == [4] * 5
        assert len(stream(url, "基金")) == 4


def test_streams_of_one_reader_are_limited() -> None:
    assistant = Slow()
    app = create_app(assistant, Settings(limit_streams=1, chat_page=0, allowed_origins="https://www.example.gov.cn"))
    with serving(app) as url:
        headers = {"origin": "https://www.example.gov.cn"}
        token = httpx.post(f"{url}/api/token", headers=headers).json()["token"]
        headers["authorization"] = f"Bearer {token}"
        question = {"question": "基金"}
        with httpx.stream("POST", f"{url}/api/ask/stream", json=question, headers=headers, timeout=20) as response:
            lines = response.iter_lines()  # held: with it the connection would be closed
            next(line for line in lines if line.startswith("event"))
            refused = httpx.post(f"{url}/api/ask", json=question, headers=headers)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assistant.steps.release(100)
        _until(lambda: httpx.post(f"{url}/api/ask", json=question, headers=headers).status_code == 200)


def test_a_stop_finishes_the_answers_under_way() -> None:
    assistant = Slow()
    answered: list[str] = []
    with served(assistant) as url:

        def hold() -> None:
            answered.extend(name for name, _ in stream(url, "基金"))

        holder = threading.Thread(target=hold)
        holder.start()
        assert assistant.begun.acquire(timeout=10)
        threading.Timer(0.5, assistant.steps.release, [3]).start()
    holder.join(10)
    assert answered == ["passages", "token", "token", "answer"]


def test_a_stop_does_not_wait_for_an_answer_without_end() -> None:
    assistant = Slow()
    with served(assistant) as url:
        port = int(url.rpartition(":")[2])
        body = json.dumps({"question": "基金"}).encode()
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(
            b"POST /api/ask/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert assistant.begun.acquire(timeout=10)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    line.close()
    assistant.steps.release(10)


def test_a_conversation_reaches_the_assistant() -> None:
    assistant = FakeAssistant()
    with TestClient(create_app(assistant, Settings()), base_url="http://localhost") as client:
        history = [{"question": "资助多少人？", "answer": TALENT}]
        client.post("/api/ask/stream", json={"question": "那基金呢？", "history": history})
    (turn,) = assistant.histories[-1]
    assert (turn.question, turn.answer) == ("资助多少人？", TALENT)


def test_a_streamed_answer_can_be_rated(tmp_path: Any) -> None:
    with served(FakeAssistant(), Settings(feedback=str(tmp_path / "feedback.sqlite"), chat_page=0)) as url:
        answer = stream(url, "基金")[-1][1]
        rated = httpx.post(f"{url}/api/feedback", json={"answer_id": answer["id"], "rating": "up"})
    assert rated.status_code == 200


def _until(is_so: Any, seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
