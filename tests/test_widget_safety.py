"""The widget among hostile neighbours: a page's style, scripts and policy, and text that pretends to be HTML."""

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect
from starlette.testclient import TestClient

from app.api import create_app
from app.config import Settings
from tests.fake_assistant import FUND, TALENT
from tests.serving import served
from tests.widget_site import EVIL, HOSTILE, STUCK, TEXT_OF_EVIL, HostSite, WidgetAssistant, ask, open_panel, page_with

STATIC = Path(__file__).parent.parent / "app" / "static"
SCRIPTS = [STATIC / name for name in ("widget.js", "embed.js", "demo.js")]
MAX_BYTES = 20_000
Visit = Callable[..., Page]

browser = pytest.mark.browser
needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on this machine")

HOSTILE_STYLE = """<style>
    body, body *, youju-launcher, youju-launcher *, .root, .panel { display: none !important; }
    * { all: unset; font-size: 2px !important; letter-spacing: 9px !important; line-height: 0 !important; color: lime !important;
        text-transform: uppercase !important; user-select: none !important; }
    body, body *, youju-launcher { visibility: hidden !important; opacity: 0 !important; transform: scale(0.1) !important;
        pointer-events: none !important; position: static !important; z-index: -1 !important; filter: blur(9px) !important;
        --ink: lime; --sheet: lime; --accent: lime !important; width: 9px !important; height: 9px !important;
        direction: rtl !important; clip-path: inset(50%) !important; zoom: 0.2 !important; }
    html { transform: none; direction: rtl; font: 2px fantasy; }
</style>"""

OLD_SCRIPTS = """<script>
    // What old libraries did to the language: Prototype.js 1.6, a Promise of 2013, a fetch on top of XMLHttpRequest.
    (function () {
        function OldPromise(run) { var self = this; self.waiting = []; run(function (value) { self.value = value; self.waiting.forEach(function (f) { f(value); }); }, function () {}); }
        OldPromise.prototype.then = function (f) { this.waiting.push(f); return this; };
        OldPromise.resolve = function (value) { return new OldPromise(function (f) { f(value); }); };
        window.Promise = OldPromise;
        window.fetch = function () { window.wasFetched = true; return OldPromise.resolve({ json: function () { return "no body here"; } }); };
        Array.prototype.toJSON = function () { return "[" + this.join(", ") + "]"; };
        Array.from = function (list) { return list.split ? list.split("") : [].slice.call(list); };
        Array.prototype.each = function (f) { this.forEach(f); };
        Object.prototype.extend = function () {};
        Function.prototype.bind = function (object) { var f = this; return function () { return f.apply(object, arguments); }; };
        window.Request = window.Response = window.Headers = undefined;
        window.name = "page"; window.status = "page"; window.stop = undefined; window.open = undefined; window.close = undefined;
    })();
</script>"""


@pytest.fixture(scope="module")
def talker(host_site: HostSite) -> WidgetAssistant:
    return WidgetAssistant(Settings(chat_page=0, allowed_origins=host_site.origin(), feedback=""))


@pytest.fixture(scope="module")
def server(talker: WidgetAssistant) -> Iterator[str]:
    with served(talker) as url:
        yield url


# --- the source ---


def test_the_widget_is_at_most_20_kb_on_the_wire() -> None:
    client = TestClient(create_app(None, Settings(feedback="")), base_url="http://localhost")
    with client.stream("GET", "/widget.js", headers={"Accept-Encoding": "gzip"}) as reply:
        sent = b"".join(reply.iter_raw())
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(sent) == SCRIPTS[0].read_bytes()
    assert len(sent) <= MAX_BYTES
    plain = client.get("/widget.js", headers={"Accept-Encoding": "identity", "If-None-Match": reply.headers["etag"]})
    assert plain.status_code == 304


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_can_become_html_or_code(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc|createContextualFragment|setHTML|javascript:|\.cssText|setAttribute\(.style"
    assert re.findall(ways, source) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_it_names_no_other_host(path: Path) -> None:
    """But the example in its first lines and the namespace of SVG, which is a name."""
    hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8")))
    assert hosts <= {"qa.example.gov.cn", "www.w3.org"}


def test_the_pages_have_no_inline_code_or_style() -> None:
    for name in ("embed.html", "demo.html"):
        page = (STATIC / name).read_text(encoding="utf-8")
        assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []


def test_every_language_has_the_same_words() -> None:
    source = SCRIPTS[0].read_text(encoding="utf-8")
    (words,) = re.findall(r"const WORDS = (\{.*?\n  \});", source, re.DOTALL)
    languages = re.split(r'\n    (?:"zh-CN"|"zh-TW"|en): \{', words)[1:]
    names = [re.findall(r"(?:^|[{,\s])(\w+): [\"{]", language) for language in languages]
    assert len(names) == 3
    assert names[0] == names[1] == names[2]
    assert len(names[0]) > 40


# --- the page ---


@browser
@needs_chromium
def test_neither_page_harms_the_other(
    server: str, host_site: HostSite, talker: WidgetAssistant, visit_site: Visit
) -> None:
    page = visit_site(host_site.publish("/hostile", page_with(server, head=HOSTILE_STYLE + OLD_SCRIPTS)))
    globals_before = "['YouJu', 'youju', 'Server', 'Chat', 'el', 'call'].filter((name) => name in window).join()"
    panel = open_panel(page)
    box = panel.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (420, 680)
    assert "100 亿元" in ask(page, "基金多大？").inner_text()
    turn = ask(page, "那资助额呢？")
    assert [turn.question for turn in talker.histories[-1]] == ["基金多大？"]  # the old toJSON has not spoilt it
    sentence = turn.locator(".sentence")
    style = sentence.evaluate(
        "(e) => { const s = getComputedStyle(e); return [s.fontSize, s.letterSpacing, s.color, s.direction, s.textTransform] }"
    )
    assert style == ["16px", "normal", "rgb(31, 27, 23)", "ltr", "none"]
    turn.locator(".sentence .cite").click()
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    page.keyboard.press("Escape")
    assert page.evaluate(globals_before) == "YouJu"
    assert page.evaluate("document.querySelectorAll('style').length") == 1
    assert page.evaluate("document.body.children.length") == 1
    page.reload()
    open_panel(page)
    expect(page.locator(".turn")).to_have_count(2)


@browser
@needs_chromium
def test_the_inline_widget_shows_among_hostile_rules(server: str, host_site: HostSite, visit_site: Visit) -> None:
    style = "<style>main *, youju-chat { display: none !important; visibility: hidden !important; opacity: 0 !important } * { font-size: 2px; color: lime }</style>"
    page = visit_site(host_site.publish("/inline", page_with(server, head=style, tag="<youju-chat></youju-chat>")))
    box = page.locator("youju-chat .panel").bounding_box()
    assert box is not None
    assert box["height"] >= 400
    turn = ask(page, "基金多大？")
    assert turn.locator(".sentence").first.evaluate("(e) => getComputedStyle(e).fontSize") == "16px"
    page.add_style_tag(content="youju-chat { height: 520px; width: 500px }")
    assert page.locator("youju-chat").evaluate("(e) => [e.offsetWidth, e.offsetHeight]") == [500, 520]


@browser
@needs_chromium
def test_the_strictest_policy_of_a_page_needs_two_words_for_it(
    server: str, host_site: HostSite, visit_site: Visit
) -> None:
    policy = (
        f"default-src 'none'; script-src {server}; connect-src {server}; style-src 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    said: list[str] = []
    page = visit_site("about:blank")
    page.on("console", lambda message: said.append(message.text))
    html = page_with(server).replace('<link rel="icon" href="data:,">', "")
    page.goto(host_site.publish("/strict", html, {"Content-Security-Policy": policy}))
    panel = open_panel(page)
    ask(page, "基金多大？").locator(".sentence .cite").first.click()
    expect(page.locator(".paper mark")).to_have_text(FUND)
    assert panel.evaluate("(e) => getComputedStyle(e).borderRadius") == "14px"
    assert [text for text in said if "Content Security" in text or "Trusted" in text] == []


@browser
@needs_chromium
def test_what_is_typed_does_not_reach_the_page_s_shortcuts(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/shortcuts", page_with(server)))
    page.evaluate(
        "window.keys = []; for (const n of ['keydown', 'keypress', 'keyup']) document.addEventListener(n, (e) => keys.push(e.key))"
    )
    open_panel(page)
    page.keyboard.type("s/k")
    page.keyboard.press("Escape")
    assert page.evaluate("keys") == []


@browser
@needs_chromium
def test_a_page_that_replaces_its_body_keeps_the_button(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/turbo", page_with(server)))
    expect(page.locator(".launcher")).to_be_visible()
    page.evaluate("document.body.replaceWith(document.createElement('body'))")
    again = "(src) => new Promise((done) => { const s = document.createElement('script'); s.src = src; s.onload = done; document.head.append(s) })"
    page.evaluate(again, f"{server}/widget.js?again")  # such pages load their scripts again, too
    assert page.locator(".launcher").count() == 1
    open_panel(page)
    ask(page, "基金多大？")


@browser
@needs_chromium
def test_a_printed_page_has_no_button(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/print", page_with(server)))
    expect(page.locator(".launcher")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".launcher")).to_be_hidden()
    page.emulate_media(media="screen")


@browser
@needs_chromium
def test_its_server_may_live_below_a_path(host_site: HostSite, visit_site: Visit) -> None:
    settings = Settings(chat_page=0, allowed_origins=host_site.origin(), feedback="", root_path="/qa/v2")
    asked: list[str] = []
    with served(WidgetAssistant(settings)) as url:
        frame = f'<iframe src="{url}/qa/v2/embed"></iframe>'
        page = visit_site("about:blank")
        page.on("request", lambda request: asked.append(request.url))
        page.goto(host_site.publish("/below", page_with(f"{url}/qa/v2", body=frame)))
        expect(page.frame_locator("iframe").locator(".chips button").first).to_be_visible()
        open_panel(page)
        ask(page, "基金多大？").locator(".cite").first.click()
        expect(page.locator(".paper")).to_contain_text("完善科技成果转化机制")
    assert [address for address in asked if address.startswith(url) and not address.startswith(f"{url}/qa/v2/")] == []


@browser
@needs_chromium
def test_the_question_carries_the_token_and_no_cookie(server: str, host_site: HostSite, visit_site: Visit) -> None:
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page = visit_site(host_site.publish("/cookie", page_with(server)))
    page.context.add_cookies([{"name": "session", "value": "1", "url": server}])
    page.on("request", note)
    open_panel(page)
    ask(page, "基金多大？")
    calls = [request for request in asked if "/api/" in request.url]
    assert [request.all_headers().get("cookie") for request in calls] == [None] * len(calls)
    (stream,) = (request for request in calls if request.url.endswith("/stream") and request.method == "POST")
    assert stream.all_headers()["authorization"].startswith("Bearer youju1.")
    assert json.loads(stream.post_data or "") == {"question": "基金多大？", "history": []}


# --- text that pretends to be HTML ---


@browser
@needs_chromium
def test_html_stays_text_everywhere(host_site: HostSite, visit_site: Visit) -> None:
    talker = WidgetAssistant(Settings(chat_page=0, allowed_origins=host_site.origin(), feedback=""))
    with served(talker) as url:
        quoted = EVIL.replace('"', "&quot;")
        page = visit_site(
            host_site.publish("/xss", page_with(url, f'data-title="{quoted}" data-suggest="{quoted}|好"'))
        )
        open_panel(page)
        expect(page.locator(".head h2")).to_have_text(EVIL[:40])
        expect(page.locator(".chips button").first).to_have_text(EVIL)
        turn = ask(page, HOSTILE + EVIL)
        expect(turn.locator("h3")).to_have_text(HOSTILE + EVIL)
        expect(turn.locator(".sentence")).to_have_text(f"{TEXT_OF_EVIL}1")
        turn.locator(".sentence .cite").click()
        expect(page.locator(".paper mark")).to_have_text(TEXT_OF_EVIL)
        expect(page.locator(".paper")).to_contain_text("后面还有一句。")  # fetched by an id with / and < in it
        page.keyboard.press("Escape")
        refused = {"kind": EVIL, "message": EVIL, "near": [EVIL]}
        answer = {"id": EVIL, "question": EVIL, "status": "refused", "refusal": refused, "text": EVIL, "sentences": []}
        passage = {"document_id": EVIL, "heading": [EVIL], "text": EVIL, "start": 0, "end": 9}
        body = json.dumps({**answer, "citations": [], "passages": [passage]})
        page.route(
            "**/api/ask/stream",
            lambda route: route.fulfill(
                headers={"Access-Control-Allow-Origin": "*"}, body=f"event: answer\ndata: {body}\n\n"
            ),
        )
        turn = ask(page, "拒绝")
        expect(turn.locator(".chips button")).to_have_text(EVIL)
        turn.locator("summary").click()
        turn.locator(".passages button").click()
        expect(page.locator(".card .reference")).to_have_text(EVIL)
        page.reload()  # and once more, from the tab's memory
        open_panel(page)
        expect(page.locator(".turn")).to_have_count(2)
        assert page.title() == "某区人民政府"
        assert page.locator(".panel img, .panel script, .panel b").count() == 0


@browser
@needs_chromium
def test_a_page_that_leaves_in_mid_answer_finds_it_stopped(
    server: str, host_site: HostSite, talker: WidgetAssistant, visit_site: Visit
) -> None:
    talker.go_on.clear()
    page = visit_site(host_site.publish("/leave", page_with(server)))
    open_panel(page)
    ask(page, "基金多大？")
    page.locator(".composer textarea").fill(STUCK)
    page.keyboard.press("Enter")
    expect(page.locator(".turn").nth(1).locator(".sentence")).to_have_count(1)
    page.reload()
    talker.go_on.set()
    open_panel(page)
    turn = page.locator(".turn").nth(1)
    expect(turn.locator(".sentence")).to_have_count(1)
    expect(turn.locator(".note")).to_contain_text("已停止")
    turn.get_by_role("button", name="重试").click()
    expect(turn.locator(".sentence")).to_have_count(2)
