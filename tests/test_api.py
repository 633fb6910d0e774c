"""The HTTP interface: the contract of /api/ask, its errors, and what every response is guarded by."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api import create_app, serve
from app.api.bodies import MAX_BODY_BYTES
from app.assistant import Assistant
from app.config import Settings
from app.errors import IndexDamagedError, IndexMissingError, YouJuError
from app.feedback import FeedbackStore
from app.server import listen
from app.types import Answer
from tests.fake_assistant import FUND, TALENT, FakeAssistant
from tests.serving import served

SCHEMA = json.loads((Path(__file__).parent / "answer.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(FakeAssistant(), Settings())


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/api/ask", json=body)


def error_of(response: Any) -> tuple[int, str]:
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    assert "Traceback" not in response.text
    return response.status_code, error["code"]


@pytest.mark.parametrize("question", ["资助了多少人？", "写一首诗", "你好"])
def test_ask_answers_as_the_contract_says(client: TestClient, question: str) -> None:
    response = ask(client, question=question)
    assert response.status_code == 200
    jsonschema.validate(response.json(), SCHEMA)


@pytest.mark.model
@pytest.mark.parametrize(
    "question", ["四类人才计划一共资助了多少人，花了多少钱？", "浙江省科技厅的电话是多少？", "你好"]
)
def test_ask_of_the_real_assistant_answers_as_the_contract_says(assistant: Assistant, question: str) -> None:
    with TestClient(create_app(assistant, assistant.settings), base_url="http://localhost") as client:
        answer = ask(client, question=question).json()
    jsonschema.validate(answer, SCHEMA)
    for citation in answer["citations"]:
        document = assistant.document(citation["document_id"])
        assert document.text[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.model
@pytest.mark.parametrize(
    "history",
    [
        ["四类计划共资助了多少人？"],
        [{"question": "四类计划共资助了多少人？", "answer": "1 万余人"}],
        [{"role": "user", "content": "四类计划共资助了多少人？"}, {"role": "assistant", "content": "1 万余人"}],
        ["\ud800"],
    ],
)
def test_any_form_of_history_is_taken(assistant: Assistant, history: list[Any]) -> None:
    with TestClient(create_app(assistant, assistant.settings), base_url="http://localhost") as client:
        body = json.dumps({"question": "那总资助额\ud800呢？", "history": history})
        response = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200


def test_history_reaches_the_assistant() -> None:
    assistant = FakeAssistant()
    with TestClient(create_app(assistant, Settings()), base_url="http://localhost") as client:
        ask(client, question="那基金呢？", history=[{"question": "资助多少人？", "answer": TALENT}])
    (turn,) = assistant.histories[-1]
    assert (turn.question, turn.answer) == ("资助多少人？", TALENT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"question": ', (400, "bad_json")),
        ("[" * 100_000, (400, "bad_json")),
        (b'{"question": "\xff"}', (400, "bad_json")),
        ("[]", (422, "invalid_request")),
        ("{}", (422, "invalid_request")),
        ('{"question": 5}', (422, "invalid_request")),
        ('{"question": null}', (422, "invalid_request")),
        ('{"question": "问", "histroy": []}', (422, "invalid_request")),
        ('{"question": "问", "history": "从前"}', (422, "invalid_request")),
        ('{"question": "问", "document_ids": [1]}', (422, "invalid_request")),
        ('{"question": "问", "answerer": "gpt"}', (422, "invalid_request")),
        ('{"question": "问", "history": [5]}', (400, "bad_question")),
        ('{"question": " "}', (400, "bad_question")),
        ('{"question": "问", "document_ids": ["none"]}', (404, "not_found")),
    ],
)
def test_bad_requests_get_a_typed_error(client: TestClient, body: str | bytes, expected: tuple[int, str]) -> None:
    response = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert error_of(response) == expected


@pytest.mark.parametrize(
    ("language", "message"),
    [("zh-CN", "请输入要问的内容，至少要有一个字。"), ("en", "Please type a question, with at least one word.")],
)
@pytest.mark.parametrize("question", ["", "？！……"])
def test_no_question_is_told_in_one_language(client: TestClient, question: str, language: str, message: str) -> None:
    response = client.post("/api/ask", json={"question": question}, headers={"accept-language": language})
    assert response.json() == {"error": {"code": "bad_question", "message": message}}


def test_a_body_that_is_not_declared_as_json_is_told_so(client: TestClient) -> None:
    response = client.post("/api/ask", content='{"question": "资助"}', headers={"content-type": "text/plain"})
    assert error_of(response) == (422, "invalid_request")
    assert "application/json" in response.text


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/api/ask", (405, "method_not_allowed")), ("GET", "/api/nothing", (404, "not_found"))],
)
def test_wrong_paths_of_the_api_get_its_errors(
    client: TestClient, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert error_of(client.request(method, path)) == expected


def test_a_long_question_is_answered(client: TestClient) -> None:
    response = ask(client, question="资助" * 50_000)
    assert response.status_code == 200
    assert len(response.json()["question"]) == 200


def test_a_large_body_is_refused_however_it_is_sent() -> None:
    body = b'{"question": "' + b"a" * (10 * 1024 * 1024) + b'"}'
    chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    headers = {"content-type": "application/json"}
    with served(FakeAssistant()) as url:
        assert error_of(httpx.post(f"{url}/api/ask", content=body, headers=headers)) == (413, "body_too_large")
        assert error_of(httpx.post(f"{url}/api/ask", content=iter(chunks), headers=headers)) == (413, "body_too_large")
        upload = httpx.post(f"{url}/gradio_api/upload", files={"files": body[: MAX_BODY_BYTES - 4096]})
        assert upload.status_code == 413


def test_a_bug_is_answered_without_its_traceback() -> None:
    class Broken(FakeAssistant):
        def ask(self, question: str, *_: Any, **__: Any) -> Answer:
            raise RuntimeError("secret")

    with TestClient(
        create_app(Broken(), Settings()), base_url="http://localhost", raise_server_exceptions=False
    ) as client:
        response = ask(client, question="资助")
    assert error_of(response) == (500, "internal")
    assert "secret" not in response.text


@pytest.fixture
def rated(tmp_path: Path) -> Iterator[tuple[TestClient, str, Path]]:
    """A client that has been given an answer: the client, the answer's id and the file of the ratings."""
    path = tmp_path / "feedback.sqlite"
    settings = Settings(feedback=str(path), log_refusals=1)
    with TestClient(create_app(FakeAssistant(), settings), base_url="http://localhost") as client:
        yield client, ask(client, question="那基金呢？", history=["资助了多少人？"]).json()["id"], path


def test_an_answer_is_rated(rated: tuple[TestClient, str, Path]) -> None:
    client, answer_id, path = rated
    for rating, comment in (("up", None), ("down", "规模不对")):
        body = {"answer_id": answer_id, "rating": rating, "comment": comment}
        response = client.post("/api/feedback", json=body)
        assert (response.status_code, response.json()) == (200, {"answer_id": answer_id, "rating": rating})
    (candidate,) = FeedbackStore(path).candidates()
    assert (candidate.question, candidate.history) == ("那基金呢？", ("资助了多少人？",))
    assert (candidate.quotes, candidate.note) == ((FUND, TALENT), "规模不对")


def test_a_refused_question_is_logged_where_that_was_opted_in_to(rated: tuple[TestClient, str, Path]) -> None:
    client, _, path = rated
    assert ask(client, question="电话是多少？").json()["status"] == "refused"
    (candidate,) = FeedbackStore(path).candidates()
    assert (candidate.question, candidate.note, candidate.is_down) == ("电话是多少？", "not_found", False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"answer_id": "none"}, (404, "not_found")),
        ({"answer_id": "\ud800"}, (404, "not_found")),
        ({"rating": "sideways"}, (400, "bad_rating")),
        ({"rating": ""}, (400, "bad_rating")),
        ({"comment": "长" * 2001}, (400, "bad_rating")),
        ({"rating": 1}, (422, "invalid_request")),
        ({"rating": None}, (422, "invalid_request")),
        ({"comment": ["不对"]}, (422, "invalid_request")),
        ({"answer": "a1"}, (422, "invalid_request")),
    ],
)
def test_bad_ratings_get_a_typed_error(
    rated: tuple[TestClient, str, Path], change: dict[str, Any], expected: tuple[int, str]
) -> None:
    client, answer_id, path = rated
    body = json.dumps({"answer_id": answer_id, "rating": "down", **change})
    response = client.post("/api/feedback", content=body, headers={"content-type": "application/json"})
    assert error_of(response) == expected
    assert not path.exists()


def test_a_rating_that_cannot_be_kept_is_named_and_answers_go_on(rated: tuple[TestClient, str, Path]) -> None:
    client, answer_id, path = rated
    path.mkdir()
    body = {"answer_id": answer_id, "rating": "up"}
    assert error_of(client.post("/api/feedback", json=body)) == (503, "feedback_failed")
    assert ask(client, question="电话是多少？").status_code == 200


def test_ratings_can_be_switched_off() -> None:
    with TestClient(
        create_app(FakeAssistant(), Settings(feedback="", log_refusals=1)), base_url="http://localhost"
    ) as client:
        body = {"answer_id": ask(client, question="电话是多少？").json()["id"], "rating": "up"}
        assert error_of(client.post("/api/feedback", json=body)) == (503, "feedback_off")


def test_without_an_index_it_lives_but_is_not_ready() -> None:
    problem = IndexMissingError("there is no index in <index/>. Run: youju build")
    with TestClient(create_app(None, Settings(), problem), base_url="http://localhost") as client:
        assert client.get("/healthz").status_code == 200
        assert error_of(client.get("/readyz")) == (503, "not_ready")
        assert error_of(ask(client, question="资助")) == (503, "not_ready")
        assert "Run: youju build" in client.get("/readyz").text
        page = client.get("/")
    assert page.status_code == 503
    assert "&lt;index/&gt;. Run: youju build" in page.text


def test_an_index_that_breaks_while_serving_is_named() -> None:
    class Damaged(FakeAssistant):
        def ask(self, question: str, *_: Any, **__: Any) -> Answer:
            raise IndexDamagedError("index/ is damaged. Run: youju build --rebuild")

    with TestClient(create_app(Damaged(), Settings()), base_url="http://localhost") as client:
        assert error_of(ask(client, question="资助")) == (503, "not_ready")


def test_it_is_ready_with_an_index(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "documents": 1}


@pytest.mark.parametrize("path", ["/", "/api/ask", "/readyz", "/gradio_api/info"])
def test_no_other_origin_is_let_in(client: TestClient, path: str) -> None:
    headers = {"origin": "https://elsewhere.example"}
    response = client.get(path, headers=headers)
    assert "access-control-allow-origin" not in response.headers
    assert "access-control-allow-credentials" not in response.headers
    preflight = client.options(path, headers={**headers, "access-control-request-method": "POST"})
    assert "access-control-allow-origin" not in preflight.headers


def test_every_response_keeps_the_page_to_itself(client: TestClient) -> None:
    for response in (client.get("/"), client.get("/healthz"), client.get("/api/nothing")):
        policy = response.headers["content-security-policy"]
        assert policy.startswith(("default-src 'none'", "default-src 'self'"))
        assert "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy
        assert "http" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_other_host(client: TestClient) -> None:
    page = client.get("/").text
    head = page[: page.index("window.gradio_config")]
    assert 'lang="zh-CN"' in head
    assert "http://" not in head
    assert "https://" not in head


def test_nothing_of_it_connects_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    resolve = socket.getaddrinfo

    def watched(host: Any, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    with served(FakeAssistant()) as url:
        assert httpx.get(f"{url}/", timeout=20).status_code == 200
        assert httpx.post(f"{url}/api/ask", json={"question": "资助"}).status_code == 200
    assert set(asked) <= {"127.0.0.1", "localhost"}


def test_a_port_in_use_is_named_with_another_to_choose() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(YouJuError, match=rf"port {port} .*in use.*--port {port + 1}"):
            serve(FakeAssistant(), Settings(port=port))


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(YouJuError, match=r"203\.0\.113\.5.*not an address of this machine"):
        serve(FakeAssistant(), Settings(host="203.0.113.5", port=0))


def test_a_stop_ends_streams_that_are_open(capfd: pytest.CaptureFixture[str]) -> None:
    """A page that is open holds a stream; were it waited for, every stop would take the whole grace period."""
    ended = threading.Event()
    with served(FakeAssistant()) as url:

        def hold() -> None:
            with httpx.stream("GET", f"{url}/gradio_api/heartbeat/session", timeout=20) as stream:
                for _ in stream.iter_raw():
                    pass
            ended.set()

        holder = threading.Thread(target=hold)
        holder.start()
        holder.join(0.5)
        assert not ended.is_set()
    holder.join(10)
    assert ended.is_set()
    assert capfd.readouterr().err == ""
