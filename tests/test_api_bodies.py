"""Bodies and headers as no client should send them: the server answers, keeps nothing, and goes on."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from app import server
from app.api import create_app
from app.api.bodies import BodyLimit
from app.config import Settings
from tests.fake_assistant import FakeAssistant
from tests.serving import serving

pytestmark = pytest.mark.server

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(create_app(FakeAssistant(), Settings(chat_page=0))) as url:
        yield url
        assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}


def raw(url: str, request: bytes, seconds: float = 10) -> bytes:
    """Send bytes as they are. Returns all that comes back."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), seconds) as line:
        line.sendall(request)
        received = b""
        try:
            while piece := line.recv(65536):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return received


def post(body: bytes, headers: str = "") -> bytes:
    head = (
        f"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"question": "问", "history": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"question": "问", "history": [' + '{"question":' * 50_000,
    ],
)
@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream", "/api/feedback", "/v1/chat/completions", "/mcp"])
def test_json_of_any_depth_is_no_fault(url: str, path: str, body: str) -> None:
    headers = {**JSON, "accept": "application/json, text/event-stream"}
    response = httpx.post(url + path, content=body, headers=headers, timeout=30)
    assert 400 <= response.status_code < 500
    assert "error" in response.json()


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b'{"question": NaN}', {422}),
        (b'{"question": "\xe8\xb5", "history": []}', {400}),
        (b'{"question": "\xff\xfe"}', {400}),
        (b"\xff\xfe{\x00}\x00", {422}),
        (b'{"question": "\\ud800"}', {400}),
        (b'{"question": "\\u0000\\u0001\xe8\xb5\x84\xe5\x8a\xa9"}', {200}),
        (b'{"question": "\xe8\xb5\x84\xe5\x8a\xa9", "history": [NaN]}', {400}),
        (b'{"question": "\xe8\xb5\x84\xe5\x8a\xa9", "history": [{"question": 1e999}]}', {400}),
        (b'{"question": "\xe8\xb5\x84\xe5\x8a\xa9", "history": [{"role": "user", "content": {"a": NaN}}]}', {200, 400}),
        (b'{"question": "\xe8\xb5\x84\xe5\x8a\xa9", "document_ids": ["\\ud800"]}', {422}),
        (b'{"question": "a", "question": "\xe8\xb5\x84\xe5\x8a\xa9"}', {200}),
        (b'{"__proto__": {}, "question": "a"}', {422}),
        (b"\xef\xbb\xbf{}", {400, 422}),
        (b"", {422}),
        (b"null", {422}),
        (b"1" * 5000, {400, 422}),
    ],
)
def test_odd_json_is_answered(url: str, body: bytes, statuses: set[int]) -> None:
    for path in ("/api/ask", "/api/ask/stream"):
        response = httpx.post(url + path, content=body, headers=JSON)
        assert response.status_code in (statuses if path == "/api/ask" else statuses | {200})
        assert "Traceback" not in response.text
    assert b"NaN" not in httpx.post(f"{url}/api/ask", content=body, headers=JSON).content


def test_a_body_that_does_not_come_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = BodyLimit.__init__
    monkeypatch.setattr(BodyLimit, "__init__", lambda self, app, **rest: begin(self, app, **rest, seconds=0.5))
    with serving(create_app(FakeAssistant(), Settings(chat_page=0))) as url:
        for promised in (1000, 1_000_000, 50_000_000):
            began = time.monotonic()
            head = f"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n\r\n"
            answer = raw(url, head.encode() + b'{"question"')
            assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 413"))
            assert time.monotonic() - began < 5
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as line:
            line.sendall(
                b"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
            )
            for _ in range(20):
                try:
                    line.sendall(b" ")
                except OSError:
                    break
                time.sleep(0.1)
            assert line.recv(100).startswith(b"HTTP/1.1 408")


def test_an_answer_that_takes_longer_than_a_body_may_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = BodyLimit.__init__
    monkeypatch.setattr(BodyLimit, "__init__", lambda self, app, **rest: begin(self, app, **rest, seconds=0.3))

    class Thoughtful(FakeAssistant):
        def stream(self, question, *rest, **named):  # type: ignore[no-untyped-def]
            time.sleep(1)
            yield from super().stream(question, *rest, **named)

    with serving(create_app(Thoughtful(), Settings(chat_page=0))) as url:
        for path in ("/api/ask", "/api/ask/stream"):
            assert "总资助额" in httpx.post(url + path, json={"question": "资助"}, timeout=10).text


@pytest.mark.parametrize(
    "headers",
    [
        "Origin: https://a.example\r\nOrigin: http://127.0.0.1\r\n",
        "Origin: http://127.0.0.1\x00\r\n",
        "Authorization: Bearer a\rb\r\n",
        "X: \xff\xfe\r\n",
        "Accept-Language: " + "zh," * 5000 + "\r\n",
        "Accept-Language: \xe4\xb8\xad\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Host: evil.example\r\n",
        " folded: x\r\n",
        "Cookie: " + "a" * 200_000 + "\r\n",
    ],
)
def test_odd_headers_are_refused_or_harmless(url: str, headers: str) -> None:
    answer = raw(url, post(b'{"question": "x"}', headers).replace(headers.encode(), headers.encode("latin-1")), 3)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"Traceback" not in answer


def test_nothing_that_is_sent_becomes_a_header(url: str) -> None:
    evil = "x\r\nSet-Cookie: a=b\r\n\r\n<script>"
    quoted = "x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a%3Cscript%3E"
    answers = [
        raw(url, f"GET {path}{quoted} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        for path in (
            "/api/documents/",
            "/api/search?q=",
            "/v1/models/",
            "/widget/",
            "/",
            "/api/documents/reply/source?",
        )
    ]
    answers += [raw(url, post(json.dumps({"question": evil, "document_ids": [evil]}).encode()))]
    for answer in answers:
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert head.startswith(b"http/1.1 ")
        assert b"set-cookie" not in head
        assert b"content-security-policy" in head
        assert b"x-content-type-options: nosniff" in head


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/widget/../config.py",
        "/widget/..%2f..%2fconfig.py",
        "/widget/%2e%2e/config.py",
        "/widget/....//config.py",
        "/widget/embed.css/../../config.py",
        "/api/documents/../../../etc/passwd",
        "/api/documents/%2e%2e%2f%2e%2e%2fetc%2fpasswd/source",
        "//etc/passwd",
        "/api//ask",
        "/api/admin/../admin/build",
        "/API/admin/build",
        "/%61pi/%61dmin/build",
        "/api/%61dmin/build",
    ],
)
def test_no_path_leads_around_the_rules(url: str, path: str) -> None:
    answer = raw(url, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in (b"400", b"403", b"404", b"405")
    assert b"root:" not in answer
    assert b"ENVIRONMENT_PREFIX" not in answer


def test_the_head_of_a_request_is_bounded_in_size_and_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    port = int(url.rpartition(":")[2])
    for beginning in (b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 10) as line:
            line.sendall(beginning)
            assert line.recv(100) == b""
        assert time.monotonic() - began < 5
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        sent = 0
        with suppress(OSError):
            while sent < 50_000_000:
                line.sendall(b"a" * 10_000)
                sent += 10_000
        assert sent < 50_000_000
    with httpx.Client(base_url=url) as client:  # one line, used again after a while
        for _ in range(3):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.7)
