"""What the widget's tests stand on: a department's web site on another origin, and an assistant that says what is asked of it."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from app.assistant import said
from app.config import Settings
from app.types import Answer, Document, Retrieved, Step, Turn
from tests.fake_assistant import FUND, TALENT, FakeAssistant, make_answer, make_document
from tests.serving import BROWSER_MS, CHROMIUM_FLAGS

SITE, STRANGER = "www.example.gov.cn", "www.example.com"
"""Host names that the browser is told are this machine: the department's site, and one that is not on the list."""
expect.set_options(timeout=BROWSER_MS)
NAMES = f"--host-resolver-rules=MAP {SITE} 127.0.0.1,MAP {STRANGER} 127.0.0.1"
EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
LONG = "无" * 40 + "x" * 300 + "مرحبا بالعالم"
TEXT_OF_EVIL = f"{EVIL}是文件里的一句话。"
SLOW, STUCK, HOSTILE, ENDLESS = "慢慢地问资助", "问到一半资助", "问攻击", "问长词"


class WidgetAssistant(FakeAssistant):
    """Takes its time when a question says so; `go_on` lets an answer that is stuck after its first sentence go on."""

    def __init__(self, settings: Settings, documents: Sequence[Document] = ()) -> None:
        evil = make_document("evil/../<b>", f"{TEXT_OF_EVIL}\n{LONG}。\n后面还有一句。")
        super().__init__([*(documents or [make_document()]), evil], settings)
        self.go_on = threading.Event()

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Generator[Step]:
        self.histories.append(tuple(history))
        answer = self._answer(question, document_ids)
        yield Retrieved(answer.passages)
        for position, sentence in enumerate(said(answer)):
            if SLOW in question:
                time.sleep(0.3)
            if STUCK in question and position:
                self.go_on.wait(20)
            yield sentence
        yield answer

    def _answer(self, question: str, document_ids: Sequence[str] | None) -> Answer:
        first, evil = self.first_documents(2)
        if HOSTILE in question:
            return make_answer(question, evil, TEXT_OF_EVIL, highlights=("<img src=x",))
        if ENDLESS in question:
            return make_answer(question, evil, f"{LONG}。")
        if STUCK in question or SLOW in question:
            return make_answer(question, first, TALENT, FUND, highlights=("26 亿余元",))
        return super()._answer(question, document_ids)


class HostSite:
    """A web site that is not ours: pages by path, with headers, on a port of its own."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_HostHandler, self.pages))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def origin(self, host: str = SITE) -> str:
        return f"http://{host}:{self.port}"

    def publish(self, path: str, html: str, headers: dict[str, str] | None = None, host: str = SITE) -> str:
        """Put a page on the site; returns its address."""
        self.pages[path] = (html, headers or {})
        return f"{self.origin(host)}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _HostHandler(BaseHTTPRequestHandler):
    def __init__(self, pages: dict[str, tuple[str, dict[str, str]]], *arguments: object) -> None:
        self.pages = pages
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        html, headers = self.pages.get(self.path.partition("?")[0], ("", {}))
        content = html.encode()
        self.send_response(200)
        for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        return


@contextmanager
def browser_for_sites(chromium: str | None) -> Iterator[Browser]:
    """A browser to which the host names of the tests are this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_FLAGS, NAMES])
        yield browser
        browser.close()


def page_with(server: str, attributes: str = "", head: str = "", body: str = "<p>部门网站</p>", tag: str = "") -> str:
    """Return the HTML of a page that has the widget."""
    script = f'<script src="{server}/widget.js" defer {attributes}></script>'
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">{viewport}<title>某区人民政府</title>'
        f'<link rel="icon" href="data:,">{head}{script}</head><body><main><h1>信息公开</h1>{body}{tag}</main></body></html>'
    )


def open_panel(page: Page) -> Locator:
    """Press the button in the corner; returns the panel."""
    page.locator(".launcher").click()
    panel = page.locator(".panel")
    expect(panel).to_be_visible()
    return panel


def ask(page: Page, question: str) -> Locator:
    """Type a question and send it; returns its turn once it is answered, refused or has failed."""
    before = page.locator(".turn").count()
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")
    turn = page.locator(".turn").nth(before)
    expect(turn.locator(":is(.sources, .verdict, .problem, .greeting)").first).to_be_visible(timeout=15_000)
    return turn


def wait_until(is_true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that the page does not show. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
