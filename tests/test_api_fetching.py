"""Fetching from a URL: nothing of the server's own network is reached, however it is written, and no host holds it up."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from app.api.failures import ApiError
from app.api.fetching import Fetcher
from app.server import listen

TEXT = "截至 2023 年底，共资助 1 万余人。".encode()
PUBLIC = "93.184.216.34"


def no_connection(*_: Any, **__: Any) -> Any:
    pytest.fail("a connection was made")


def refused(fetcher: Fetcher, url: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        fetcher.fetch(url)
    return caught.value.status, caught.value.code


@contextmanager
def host(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[int]:
    """A host that answers one connection after the other; yields its port."""
    with listen("127.0.0.1", 0) as listener:
        listener.settimeout(0.1)
        is_over = threading.Event()

        def serve() -> None:
            for answer in answers:
                line = None
                while line is None:
                    if is_over.is_set():
                        return
                    with suppress(TimeoutError):
                        line, _ = listener.accept()
                line.settimeout(20)
                with line:
                    line.recv(65536)
                    if callable(answer):
                        answer(line)
                    else:
                        line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        is_over.set()
        thread.join(20)


def reply(status: str = "200 OK", body: bytes = TEXT, **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def local(port: int, max_bytes: int = 1000, seconds: float = 10) -> Fetcher:
    """A fetcher to whom this machine's host `files.example` is public: no name server knows that name."""
    names = {"files.example": ["127.0.0.1"], "inner.example": ["10.0.0.5"]}
    return Fetcher(
        max_bytes,
        resolve=lambda name, _: names.get(name, [name]),
        is_public=lambda address: str(address) == "127.0.0.1",
        ports={"http": port},
        seconds=seconds,
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://10.0.0.1/",
        "http://172.31.255.1/",
        "http://192.168.0.1/",
        "https://169.254.169.254/latest/meta-data/iam/",
        "http://100.100.100.200/latest/meta-data/",
        "http://192.0.0.192/opc/v2/",
        "http://224.0.0.1/",
        "http://93.184.216.34:22/",
        "http://93.184.216.34:8080/",
        "https://93.184.216.34:80/",
    ],
)
def test_no_address_of_the_inner_network_is_reached_in_any_spelling(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", no_connection)
    assert refused(Fetcher(1000), url) == (403, "address_not_allowed")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.example/a.txt",
        "//files.example/a.txt",
        "file:///etc/passwd",
        "ftp://files.example/",
        "gopher://127.0.0.1:25/x",
        "data:text/plain,x",
        "javascript:alert(1)",
        "http://",
        "http:///a.txt",
        "http://user:password@files.example/",
        "http://files.example@127.0.0.1/",
        "http://files.example\\@127.0.0.1/",
        "http://files.example/\r\nHost: inner",
        "http://files.example/a b",
        "http://files.example:port/",
        "http://files.example:99999999/",
        "http://[::1/",
        "http://文件.example/",
        "http://ⅼocalhost/",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", no_connection)
    assert refused(Fetcher(1000, resolve=lambda *_: [PUBLIC]), url) == (422, "bad_url")


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], [PUBLIC, "::1"], ["nonsense"]])
def test_a_name_with_any_inner_address_is_refused(addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", no_connection)
    assert refused(Fetcher(1000, resolve=lambda *_: addresses), "http://rebind.example/") == (
        403,
        "address_not_allowed",
    )


def test_a_name_that_changes_after_the_check_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second look-up would give an inner address; there is none, the checked address is called."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    called: list[Any] = []

    def connect(address: Any, *_: Any) -> Any:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert refused(Fetcher(1000, resolve=lambda *_: next(answers)), "http://rebind.example/") == (422, "fetch_failed")
    assert called == [(PUBLIC, 80)]


def test_a_document_is_fetched_with_the_name_in_its_url() -> None:
    with host(reply()) as port:
        fetched = local(port).fetch("http://files.example/%E9%80%9A%E7%9F%A5.txt?x=1")
    assert (fetched.content, fetched.name) == (TEXT, "通知.txt")


def test_a_redirect_is_followed_where_it_may_lead() -> None:
    with host(reply("302 Found", b"", Location="/b.txt"), reply()) as port:
        fetched = local(port).fetch("http://files.example/a")
    assert (fetched.content, fetched.name) == (TEXT, "b.txt")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://inner.example/", (403, "address_not_allowed")),
        ("http://169.254.169.254/", (403, "address_not_allowed")),
        ("//10.0.0.1/", (403, "address_not_allowed")),
        ("http://files.example:22/", (403, "address_not_allowed")),
        ("file:///etc/passwd", (422, "bad_url")),
        ("gopher://files.example/", (422, "bad_url")),
        ("http://a@files.example/", (422, "bad_url")),
    ],
)
def test_a_redirect_leads_nowhere_else(location: str, expected: tuple[int, str]) -> None:
    with host(reply("302 Found", b"", Location=location)) as port:
        assert refused(local(port), "http://files.example/a") == expected


def test_redirects_come_to_an_end() -> None:
    with host(*[reply("301 Moved", b"", Location="/again")] * 4) as port:
        assert refused(local(port), "http://files.example/a") == (422, "fetch_failed")


def endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            line.sendall(b"x" * 65536)
    except OSError:
        return


def drip(line: socket.socket, beginning: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
    try:
        line.sendall(beginning)
        for _ in range(100):
            line.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        return


def test_a_document_without_end_is_broken_off() -> None:
    with host(endless) as port:
        assert refused(local(port), "http://files.example/a") == (413, "body_too_large")


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP"])
def test_a_host_that_sends_a_byte_now_and_then_is_broken_off(beginning: bytes) -> None:
    began = time.monotonic()
    with host(lambda line: drip(line, beginning)) as port:
        assert refused(local(port, seconds=0.5), "http://files.example/a") == (422, "fetch_failed")
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so(answer: bytes) -> None:
    with host(*[answer] * 5) as port:
        assert refused(local(port), "http://files.example/a") == (422, "fetch_failed")


def test_a_host_that_is_not_there_is_said_to_be_so() -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    assert refused(local(port), "http://files.example/a") == (422, "fetch_failed")
    assert refused(Fetcher(10, resolve=lambda *_: []), "http://files.example/") == (422, "fetch_failed")
