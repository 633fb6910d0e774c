"""A language model that says what a test wants: in this process, or behind a real OpenAI-compatible server that can fail."""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.types import Message, Piece


class ScriptedModel:
    """Writes prepared drafts, one a request, a few characters at a time; remembers what it was asked."""

    name = "scripted"

    def __init__(self, *drafts: str) -> None:
        self.drafts = list(drafts)
        self.asked: list[list[Message]] = []
        self.pieces_written = 0
        self.was_closed = False

    def stream(self, messages: Sequence[Message], seconds: float) -> Generator[Piece]:
        self.asked.append(list(messages))
        draft = self.drafts.pop(0) if self.drafts else "资料中未提及。"
        try:
            for start in range(0, len(draft), 3):
                self.pieces_written += 1
                yield Piece(draft[start : start + 3])
            yield Piece("", 100, len(draft))
        except GeneratorExit:
            self.was_closed = True
            raise


Script = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers POST /v1/chat/completions with the script that the model's name asks for."""

    scripts: dict[str, Script]
    gone: threading.Event
    """Set when a client went away while it was written to."""
    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"body": body, "key": self.headers["Authorization"]})
        try:
            self.scripts[body["model"]](self)
        except (BrokenPipeError, ConnectionResetError):
            self.gone.set()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def begin(self, status: int = 200, kind: str = "text/event-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def raw(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def say(self, text: str) -> None:
        delta = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
        self.raw(f"data: {json.dumps(chunk)}\n\n")

    def end(self, read: int = 321, written: int = 12, reason: str = "stop") -> None:
        end = {"index": 0, "delta": {}, "finish_reason": reason}
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        self.raw(f"data: {json.dumps({**base, 'choices': [end]})}\n\n")
        self.raw(f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n")

    def fail(self, status: int, message: str, code: str = "error") -> None:
        self.begin(status, "application/json")
        self.raw(json.dumps({"error": {"message": message, "code": code, "type": code}}))


def saying(*texts: str) -> Script:
    def script(handler: Handler) -> None:
        handler.begin()
        for text in texts:
            handler.say(text)
        handler.end()

    return script


def failing(status: int, message: str = "no", code: str = "error") -> Script:
    return lambda handler: handler.fail(status, message, code)


def cut_off(handler: Handler) -> None:
    """Break off in the middle of a sentence, in the middle of a chunk."""
    handler.begin()
    handler.say("基金总规模 100 亿元")
    handler.raw('data: {"id": "c", "choi')


def cut_later(handler: Handler) -> None:
    """Break off after a whole sentence."""
    handler.begin()
    handler.say("基金总规模 100 亿元。[1]")
    handler.say("首批")
    handler.raw('data: {"id"')


def endless(handler: Handler) -> None:
    """Say the same sentence for ever."""
    handler.begin()
    while True:
        handler.say("基金总规模 100 亿元。[1]")
        time.sleep(0.005)


def babbling(handler: Handler) -> None:
    """Write for ever without an end of sentence."""
    handler.begin()
    while True:
        handler.say("基金" * 50)
        time.sleep(0.005)


def mute(handler: Handler) -> None:
    """Take the question and never answer."""
    handler.gone.wait(20)


def pinging(handler: Handler) -> None:
    """Keep the connection alive with comments, and never say a word."""
    handler.begin()
    while True:
        handler.raw(": still here\n\n")
        time.sleep(0.02)


def slow(handler: Handler) -> None:
    """Say a sentence, then a character now and then."""
    handler.begin()
    handler.say("基金总规模 100 亿元。[1]")
    while True:
        time.sleep(0.1)
        handler.say("慢")


def malformed(handler: Handler) -> None:
    handler.begin()
    handler.raw("data: this is no JSON\n\n")


def web_page(handler: Handler) -> None:
    handler.begin(200, "text/html")
    handler.raw("<html><body>Welcome to nginx</body></html>")


def odd_shape(handler: Handler) -> None:
    handler.begin()
    handler.raw('data: {"choices": "none", "id": 7}\n\ndata: [DONE]\n\n')


def at_the_limit(handler: Handler) -> None:
    """Be cut off by the limit of tokens, where the rest would have turned the sense."""
    handler.begin()
    handler.say("基金总规模 100 亿元，")
    handler.end(reason="length")


def nothing(handler: Handler) -> None:
    handler.begin()
    handler.raw("data: [DONE]\n\n")


@contextmanager
def scripted_server(scripts: dict[str, Script]) -> Iterator[tuple[str, type[Handler]]]:
    """Serve scripts by model name on a free port; yields the address and the handler, which keeps what was asked."""

    class Bound(Handler):
        """Each server has its own scripts and its own memory."""

    Bound.scripts, Bound.gone, Bound.seen = scripts, threading.Event(), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", Bound
    finally:
        Bound.gone.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
