"""The chat page in a real browser: asked, read, clicked, on a desk and on a phone."""

import contextlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.assistant import Assistant
from app.config import Settings
from app.evidence import WINDOW_CHARS
from app.feedback import FeedbackStore
from app.types import Document, Step
from tests.fake_assistant import FUND, NEAR, REFERENCE, TALENT, FakeAssistant, make_document
from tests.serving import BROWSER_MS, CHROMIUM_FLAGS, served

expect.set_options(timeout=BROWSER_MS)
CHROMIUM = shutil.which("chromium")
DESK, PHONE = (1440, 900), (390, 844)
Scheme = Literal["light", "dark"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine (Debian: apt install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The page over two documents: the short reply, and a long one that says hostile things."""
    padding = "这是一段占篇幅的文字，没有别的意思。\n" * 1000
    long = make_document("long", f"<script>document.title='hacked'</script>\n{padding}")
    with served(FakeAssistant([make_document(), long])) as url:
        yield url


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Callable[[int, int, Scheme], BrowserContext]:
    """Returns one context for each kind of screen: pages of a context share its cache, which makes them load faster."""

    @cache
    def context(width: int, height: int, scheme: Scheme) -> BrowserContext:
        return browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale="zh-CN",
            permissions=["clipboard-read", "clipboard-write"],
        )

    return context


@pytest.fixture
def visit(contexts: Callable[[int, int, Scheme], BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end, none of them has asked another host for anything, raised an error or shown a dialog."""
    opened: list[Page] = []
    requests: list[str] = []
    failures: list[str] = []

    def open_page(url: str, size: tuple[int, int] = DESK, scheme: Scheme = "light") -> Page:
        page = contexts(*size, scheme).new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: failures.append(f"dialog: {dialog.message}"))
        page.goto(url)
        expect(page.locator("#question textarea")).to_be_visible(timeout=20_000)
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.close()
    assert not failures
    assert {urlsplit(request).hostname for request in requests if not request.startswith("data:")} == {"127.0.0.1"}


def ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    wait_for_answer(page, question)


def wait_for_answer(page: Page, question: str) -> None:
    expect(page.locator("#latest h2")).to_have_text(question)
    expect(page.locator("#latest .turn.is-done .body")).to_be_visible(timeout=20_000)
    # Gradio draws the components one by one: the evidence may come after the answer.
    script = """() => {
        const cite = document.querySelector("#latest .cite");
        const mark = document.querySelector("#evidence mark");
        if (!cite) return !mark;
        const answer = mark?.closest(".panel").dataset.answer;
        return answer === cite.closest(".turn").dataset.answer && document.querySelector("#evidence mark.is-active");
    }"""
    page.wait_for_function(script, timeout=BROWSER_MS)


def evidence_of(page: Page, number: int) -> str:
    """Return the highlighted text of the evidence panel, for one citation."""
    marks = page.locator(f"#evidence .sheet:not([hidden]) mark[data-numbers~='{number}']")
    return "".join(marks.all_text_contents())


def is_in_view(page: Page) -> bool:
    """Tell whether the active highlight lies inside the visible part of the paper."""
    script = """() => {
        const mark = document.querySelector("#evidence .sheet:not([hidden]) mark.is-active").getBoundingClientRect();
        const paper = document.querySelector("#evidence .sheet:not([hidden]) .paper").getBoundingClientRect();
        return mark.top >= paper.top && mark.bottom <= paper.bottom && paper.bottom <= window.innerHeight;
    }"""
    return bool(page.evaluate(script))


def has_no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.model
def test_the_real_answer_stands_beside_its_evidence(assistant: Assistant, visit: Callable[..., Page]) -> None:
    question = "四类人才计划一共资助了多少人，花了多少钱？"
    answer = assistant.ask(question)
    with served(assistant) as url:
        page = visit(url)
        ask(page, question)
        assert page.locator("#latest .sentence").all_text_contents() == [f"{s.text}1" for s in answer.sentences]
        assert "26 亿余元" in page.locator("#latest .sentence strong").all_text_contents()
        (citation,) = answer.citations
        assert evidence_of(page, 1) == citation.quote
        expect(page.locator("#evidence .card:not([hidden])")).to_contain_text(citation.reference)
        page.wait_for_timeout(800)
        assert is_in_view(page)
        ask(page, "浙江省科技厅的电话是多少？")
        expect(page.locator("#latest .refused .verdict")).to_be_visible()
        assert page.locator("#latest .cite").count() == 0
        page.close()


def test_an_answer_streams_in(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => {
            const text = [...document.querySelectorAll("#latest .sentence")].map((p) => p.textContent).join("");
            if (text && text !== window.seen.at(-1)) window.seen.push(text);
        }).observe(document.getElementById("latest"), { childList: true, subtree: true, characterData: true });
    }""")
    ask(page, "四类计划资助了多少人？")
    seen = page.evaluate("window.seen")
    assert len(seen) > 3
    assert all(f"{TALENT}1".startswith(text) for text in seen)
    assert seen[-1] == f"{TALENT}1"


def test_a_click_on_a_citation_changes_the_evidence(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "基金多大？")
    assert (evidence_of(page, 1), evidence_of(page, 2)) == (FUND, TALENT)
    assert page.locator("#evidence mark.is-active").all_text_contents() == [FUND]
    page.locator("#latest .sentence .cite[data-number='2']").click()
    assert page.locator("#evidence mark.is-active").all_text_contents() == [TALENT]
    expect(page.locator("#latest .cite.is-active").first).to_have_text("2")


def test_an_older_citation_brings_its_evidence_back(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "四类计划资助了多少人？")
    ask(page, "写一首诗")
    assert page.locator("#evidence mark").count() == 0
    page.locator("#past .cite").first.click()
    assert page.locator("#evidence mark.is-active").all_text_contents() == [TALENT]


def test_the_keyboard_reaches_a_citation(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "基金多大？")
    page.locator("#latest .sentence .cite[data-number='2']").focus()
    page.keyboard.press("Enter")
    assert page.locator("#evidence mark.is-active").all_text_contents() == [TALENT]


def test_a_citation_is_copied(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "四类计划资助了多少人？")
    page.locator("#evidence .card:not([hidden]) .copy").click()
    expect(page.locator("#evidence .card:not([hidden]) .copy")).to_have_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == f"「{TALENT}」（{REFERENCE}）"


def test_a_refusal_shows_what_was_looked_at_and_leads_on(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "浙江省科技厅的电话是多少？")
    expect(page.locator("#latest .refused")).to_be_visible()
    expect(page.locator("#latest .passages button")).to_be_hidden()
    page.locator("#latest summary").click()
    page.locator("#latest .passages button").click()
    expect(page.locator("#evidence mark")).to_have_text(TALENT)
    page.get_by_role("button", name=NEAR[0]).first.click()
    wait_for_answer(page, NEAR[0])


@pytest.mark.parametrize(
    "question", ['<img src=x onerror="alert(1)">资助', "<script>alert(1)</script>", "${1+1}{{value}}"]
)
def test_a_hostile_question_stays_text(site: str, visit: Callable[..., Page], question: str) -> None:
    page = visit(site)
    ask(page, question)
    assert page.locator("#latest h2").text_content() == question
    assert page.locator("#log img, #log script").count() == 0


def test_a_hostile_document_stays_text_and_a_long_one_is_shown_in_parts(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    page.locator("#evidence [data-open='long']").click()
    paper = page.locator("#evidence .paper")
    expect(paper).to_contain_text("<script>document.title='hacked'</script>")
    length = len(paper.text_content() or "")
    assert length < WINDOW_CHARS + 1000
    page.locator("#evidence .more").click()
    page.wait_for_function("n => document.querySelector('#evidence .paper').textContent.length > n", arg=length + 3000)
    assert page.title() == "有据 · 问文件"
    page.get_by_role("button", name="全部文件").click()
    expect(page.locator("#evidence [data-open]")).to_have_count(2)


def test_an_empty_question_gets_one_line(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    page.fill("#question textarea", "   ")
    page.keyboard.press("Enter")
    expect(page.locator("#latest .problem")).to_have_text("请输入要问的内容，至少要有一个字。")


def test_a_new_conversation_begins_afresh(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site)
    ask(page, "四类计划资助了多少人？")
    page.get_by_role("button", name="新对话").click()
    expect(page.locator("#latest .welcome")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


def test_who_asks_while_the_page_loads_keeps_the_answer(visit: Callable[..., Page]) -> None:
    class SlowToBegin(FakeAssistant):
        def first_documents(self, count: int) -> tuple[Document, ...]:
            time.sleep(1 if count > 1 else 0)
            return super().first_documents(count)

    with served(SlowToBegin()) as url:
        page = visit(url)
        begun = re.compile("component_server")
        with page.expect_response(begun, timeout=BROWSER_MS):
            ask(page, "四类计划资助了多少人？")
        expect(page.locator("#latest .turn.is-done")).to_be_visible()
        expect(page.locator("#evidence mark")).to_have_text(TALENT)
        page.close()


def test_a_page_shows_what_the_corpus_holds_now(visit: Callable[..., Page]) -> None:
    assistant = FakeAssistant()
    with served(assistant) as url:
        assistant.add(make_document("second", "第二份文件。"))
        page = visit(url)
        expect(page.locator("#latest .welcome")).to_contain_text("2 份文件")
        expect(page.locator("#evidence [data-open]")).to_have_count(2)
        page.locator("#evidence [data-open='second']").click()
        expect(page.locator("#evidence .paper")).to_have_text("第二份文件。")
        page.get_by_role("button", name="全部文件").click()
        expect(page.locator("#evidence [data-open]")).to_have_count(2)
        page.close()


def test_an_answer_under_way_can_be_stopped(visit: Callable[..., Page]) -> None:
    class Slow(FakeAssistant):
        def stream(self, question: str, *rest: Any, **named: Any) -> Generator[Step]:
            time.sleep(3)
            yield from super().stream(question, *rest, **named)

    with served(Slow()) as url:
        page = visit(url)
        page.fill("#question textarea", "资助")
        page.keyboard.press("Enter")
        expect(page.locator("#send")).to_be_hidden()
        page.locator("#stop").click()
        expect(page.locator("#latest")).to_contain_text("已停止")
        expect(page.locator("#send")).to_be_visible()
        page.close()


@pytest.fixture
def rated_site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The page and the file that its ratings are kept in."""
    path = tmp_path / "feedback.sqlite"
    with served(FakeAssistant(settings=Settings(feedback=str(path)))) as url:
        yield url, path


def test_an_answer_is_rated_by_keyboard_and_stays_rated(
    rated_site: tuple[str, Path], visit: Callable[..., Page]
) -> None:
    url, path = rated_site
    page = visit(url)
    ask(page, "四类计划资助了多少人？")
    expect(page.locator("#latest .comment")).to_be_hidden()
    page.get_by_role("button", name="没帮助").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#latest .thanks")).to_have_text("谢谢，已记下。")
    page.keyboard.press("Tab")
    page.keyboard.type("人数不对 <img src=x onerror=alert(1)>")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#latest .thanks")).to_have_text("谢谢，意见已记下。")
    expect(page.get_by_role("button", name="没帮助")).to_be_focused()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((question, answer, rating, comment),) = connection.execute(
            "SELECT question, answer, rating, comment FROM ratings"
        )
    assert (question, rating, comment) == ("四类计划资助了多少人？", "down", "人数不对 <img src=x onerror=alert(1)>")
    assert [(c["quote"], c["reference"]) for c in json.loads(answer)["citations"]] == [(TALENT, REFERENCE)]
    ask(page, "基金多大？")
    expect(page.locator("#past [data-rate=down]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#latest [data-rate=down]")).to_have_attribute("aria-pressed", "false")


def test_a_mind_that_changes_and_a_comment_begun_outlive_the_next_question(
    rated_site: tuple[str, Path], visit: Callable[..., Page]
) -> None:
    url, path = rated_site
    page = visit(url, PHONE)
    ask(page, "浙江省科技厅的电话是多少？")
    page.locator("#latest [data-rate=up]").click()
    expect(page.locator("#latest [data-rate=up]")).to_have_attribute("aria-pressed", "true")
    page.locator("#latest [data-rate=down]").click()
    page.locator("#latest .comment textarea").fill("电话在文末")
    assert has_no_sideways_scroll(page)
    ask(page, "基金多大？")
    expect(page.locator("#past [data-rate=up]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#past .comment textarea")).to_have_value("电话在文末")
    page.locator("#past .comment button").click()
    expect(page.locator("#past .comment")).to_be_hidden()
    (candidate,) = FeedbackStore(path).candidates()
    assert (candidate.question, candidate.note) == ("浙江省科技厅的电话是多少？", "电话在文末")


def test_a_rating_that_cannot_be_kept_says_so_and_the_page_goes_on(
    rated_site: tuple[str, Path], visit: Callable[..., Page]
) -> None:
    url, path = rated_site
    path.mkdir()
    page = visit(url)
    ask(page, "四类计划资助了多少人？")
    page.locator("#latest [data-rate=down]").click()
    expect(page.locator("#latest .thanks")).to_have_text("评价没有存下，请以后再试。提问不受影响。")
    expect(page.locator("#latest [data-rate=down]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#latest .comment")).to_be_hidden()
    ask(page, "基金多大？")


def test_a_phone_shows_the_evidence_in_a_drawer(site: str, visit: Callable[..., Page]) -> None:
    page = visit(site, PHONE)
    ask(page, "基金多大？")
    assert has_no_sideways_scroll(page)
    expect(page.locator("#evidence .panel")).to_be_hidden()
    page.locator("#latest .sentence .cite[data-number='2']").click()
    expect(page.locator("#evidence .panel")).to_be_visible()
    page.wait_for_timeout(700)
    assert is_in_view(page)
    assert page.locator("#evidence mark.is-active").all_text_contents() == [TALENT]
    assert has_no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator("#evidence .panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.number") == "2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(site: str, visit: Callable[..., Page], scheme: Scheme) -> None:
    """WCAG asks for 4.5 : 1; measured where colours differ most from the defaults."""
    page = visit(site, scheme=scheme)
    ask(page, "基金多大？")
    for selector in (".sentence", ".sentence strong", ".source", ".cite.is-active", ".cite:not(.is-active)", "#send",
                     "#clear", ".card p", ".sheet dt", ".paper p", "mark.is-active", "#footnote", "[data-rate]"):  # fmt: skip
        assert contrast(page, selector) >= 4.5, selector


def contrast(page: Page, selector: str) -> float:
    """Return the WCAG 2 contrast of an element's text to the nearest opaque ground behind it."""
    script = """(selector) => {
        const element = [...document.querySelectorAll(selector)].find((e) => e.checkVisibility());
        const inner = element.matches("#footnote") ? element.querySelector(".html-container") : element;
        const grounds = [];
        for (let e = inner; e; e = e.parentElement) grounds.push(getComputedStyle(e).backgroundColor);
        return [getComputedStyle(inner).color, grounds.find((c) => !/, 0\\)$|transparent/.test(c))];
    }"""
    bright, dark = sorted(map(luminance, page.evaluate(script, selector)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_compiles_nothing_and_takes_nothing_inline(
    site: str, contexts: Callable[[int, int, Scheme], BrowserContext]
) -> None:
    page = contexts(*DESK, "light").new_page()
    page.goto(site)
    expect(page.locator("#question textarea")).to_be_visible(timeout=BROWSER_MS)
    # In a task of the page's own: what the driver evaluates itself may compile.
    attempt = """make => new Promise(resolve => setTimeout(() => {
        try { resolve(make("return 1")()) } catch (error) { resolve(error.name) }
    }))"""
    for compiler in ("window.Function", "(() => {}).constructor", "window.eval"):
        assert page.evaluate(f"() => ({attempt})({compiler})") == "EvalError"
    bait = '<img src="data:," onerror="window.ran = 1"><p id=dyed style="color: rgb(1, 2, 3)">x</p>'
    page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", bait)
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))")
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("getComputedStyle(document.getElementById('dyed')).color") != "rgb(1, 2, 3)"
    page.close()
