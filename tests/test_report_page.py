"""The report's page in a real browser: read, filtered, on a desk and on a phone."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evals.report import Run, write_html
from tests.fake_assistant import FUND, TALENT
from tests.report_runs import HOSTILE, RECORDS, make_hostile_run, make_run
from tests.serving import CHROMIUM_FLAGS

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


@pytest.fixture
def read(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens reports as files; at the end, none of them has asked for another address or raised an error."""
    requests: list[str] = []
    failures: list[str] = []
    pages: list[Page] = []

    def open_report(
        run: Run | None = None, place: str = "", size: tuple[int, int] = DESK, scheme: Scheme = "light"
    ) -> Page:
        path = tmp_path / "report.html"
        write_html(run or make_run(), path)
        width, height = size
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, locale="zh-CN")
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: failures.append(dialog.message))
        page.goto(f"{path.as_uri()}{place}")
        pages.append(page)
        return page

    yield open_report
    for page in pages:
        page.close()
    assert not failures
    assert {request.partition(":")[0] for request in requests} <= {"file", "data"}


def ids_of(page: Page) -> list[str]:
    return [str(row.get_attribute("data-id")) for row in page.locator(".row").all()]


def open_row(page: Page, name: str) -> None:
    page.locator(f".row[data-id='{name}'] > summary").click()
    expect(page.locator(f".row[data-id='{name}'] .body")).to_be_visible()


def test_a_question_opens_with_its_answer_and_its_evidence(read: Callable[..., Page]) -> None:
    page = read()
    assert page.locator(".body").count() == 0
    open_row(page, "fig-2")
    body = page.locator(".row[data-id='fig-2'] .body")
    expect(body.locator(".amiss")).to_contain_text("选错句 wrong sentence")
    expect(body.locator(".amiss")).to_contain_text("标准证据排在第 1 位")
    expect(body.locator(".history li")).to_have_text(["四类计划资助了多少人？"])
    expect(body.locator(".sentence")).to_have_text([f"{FUND}1", f"{TALENT}2"])
    expect(body.locator(".sentence strong")).to_have_text(["100 亿元"])
    expect(body.locator("blockquote mark.cited.gold")).to_have_text([TALENT, FUND])
    expect(body.locator("footer")).to_contain_text("合计 total2.0 ms")
    open_row(page, "para-1")
    expect(page.locator(".row[data-id='para-1'] blockquote mark.gold:not(.cited)")).to_have_text([TALENT])
    open_row(page, "err-1")
    expect(page.locator(".row[data-id='err-1'] .problem")).to_have_text("ValueError: 坏了 <b>")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("kind", "near_miss", ["near-1", "near-2"]),
        ("fault", "false refusal", ["para-1"]),
        ("fault", "right", ["fig-1", "near-1"]),
        ("state", "refused", ["para-1", "near-1"]),
        ("state", "error", ["err-1"]),
    ],
)
def test_a_choice_filters_the_list(read: Callable[..., Page], name: str, value: str, expected: list[str]) -> None:
    page = read()
    page.locator(f"select[name='{name}']").select_option(value)
    expect(page.locator("#shown")).to_have_text(f"{len(expected)} / 6 题")
    assert ids_of(page) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("广东", ["near-1"]),
        ("NEAR-2", ["near-2"]),
        ("abc", ["err-1"]),
        ("100 亿元 资助", ["fig-2"]),
        ("没有写到这件事", ["para-1", "near-1"]),
        ("查无此词", []),
    ],
)
def test_a_search_looks_through_questions_answers_and_evidence(
    read: Callable[..., Page], words: str, expected: list[str]
) -> None:
    page = read(make_run(contexts={}))
    page.fill("input[name='q']", words)
    expect(page.locator("#shown")).to_have_text(f"{len(expected)} / 6 题")
    assert ids_of(page) == expected
    assert page.locator("#empty").is_visible() is (not expected)


def test_filters_add_up_are_kept_in_the_address_and_can_be_cleared(read: Callable[..., Page]) -> None:
    page = read()
    page.locator("input[name='wrong']").check()
    expect(page.locator("#shown")).to_have_text("4 / 6 题")
    page.locator("select[name='kind']").select_option("figure")
    expect(page.locator("#shown")).to_have_text("1 / 6 题")
    address = page.url.partition("#")[2]
    assert sorted(address.split("&")) == ["kind=figure", "wrong=on"]
    assert ids_of(read(place=f"#{address}")) == ["err-1"]
    page.get_by_role("button", name="清除").click()
    expect(page.locator("#shown")).to_have_text("6 / 6 题")


def test_bars_and_outcomes_filter_the_list(read: Callable[..., Page]) -> None:
    page = read()
    page.locator("button[data-kind='near_miss']").click()
    expect(page.locator("#shown")).to_have_text("2 / 6 题")
    page.locator("button[data-fault='error']").click()
    expect(page.locator("#shown")).to_have_text("1 / 6 题")
    assert page.locator("button[aria-pressed='true']").count() == 1
    page.locator("button[data-fault='error']").click()
    expect(page.locator("#shown")).to_have_text("6 / 6 题")


def test_the_list_is_sorted_by_what_matters(read: Callable[..., Page]) -> None:
    times = (2.0, 9.0, 1.0, 3.0, 8.0)
    records = [
        replace(record, answer={**(record.answer or {}), "timings_ms": {"retrieve": 0, "answer": 0, "total": time}})
        for record, time in zip(RECORDS, times, strict=False)
    ]
    page = read(make_run((*records, RECORDS[5])))
    page.locator("select[name='sort']").select_option("slow")
    assert ids_of(page) == ["fig-2", "near-2", "near-1", "fig-1", "para-1", "err-1"]
    page.locator("select[name='sort']").select_option("sure")
    assert ids_of(page) == ["fig-2", "near-2", "para-1", "err-1", "fig-1", "near-1"]


def test_a_link_opens_its_question(read: Callable[..., Page]) -> None:
    page = read(place="#id=near-2")
    expect(page.locator(".row[open]")).to_have_attribute("data-id", "near-2")
    page.evaluate("location.hash = '#kind=figure&id=para-1'")
    expect(page.locator(".row[open]")).to_have_attribute("data-id", "para-1")
    page.locator("nav a[href='#charts']").click()
    assert len(ids_of(page)) == 6


def test_hostile_texts_stay_text(read: Callable[..., Page]) -> None:
    page = read(make_hostile_run())
    for row in page.locator(".row > summary").all():
        row.click()
    for passage in page.locator(".passages summary").all():
        passage.click()
    assert page.locator("img, iframe, main script").count() == 0
    assert page.title() == f"{HOSTILE} · 有据评测报告"
    assert page.locator(".row .question").first.evaluate("(e) => e.lastChild.data") == f"资助{HOSTILE}"
    assert page.locator(".history li").first.text_content() == HOSTILE
    assert page.locator("blockquote mark.gold").first.text_content() == HOSTILE
    page.locator("button[data-kind]").first.click()
    expect(page.locator("#shown")).to_have_text("3 / 3 题")


def test_two_thousand_questions_are_read_at_ease(read: Callable[..., Page]) -> None:
    many = [
        replace(record, gold=replace(record.gold, id=f"{record.gold.id}-{number}"))
        for number in range(334)
        for record in RECORDS
    ]
    started = time.perf_counter()
    page = read(make_run(tuple(many)))
    expect(page.locator("#shown")).to_have_text("2004 / 2004 题")
    assert time.perf_counter() - started < 10
    assert page.locator(".row").count() < 200
    page.mouse.wheel(0, 100_000)
    page.locator(".row").nth(79).wait_for(state="attached")
    milliseconds = page.evaluate("""() => {
        form.elements.q.value = "广东 near-1-333";
        const started = performance.now();
        refresh();
        return performance.now() - started;
    }""")
    assert milliseconds < 1000
    assert ids_of(page) == ["near-1-333"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_page_fits_and_its_text_stands_out(
    read: Callable[..., Page], size: tuple[int, int], scheme: Scheme
) -> None:
    page = read(size=size, scheme=scheme)
    page.locator(".manifest summary").click()
    for row in page.locator(".row > summary").all():
        row.click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(FAINT_TEXTS) == []


FAINT_TEXTS = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = channels(colour).slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor;
            if (channels(colour)[3] !== 0) return colour;
        }
    };
    const texts = [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility() && !["SCRIPT", "NOSCRIPT", "OPTION", "title"].includes(e.tagName)
        && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
    return texts.map((e) => {
        const style = getComputedStyle(e);
        const [dark, bright] = [luminance(e.ownerSVGElement ? style.fill : style.color), luminance(ground(e))].sort((a, b) => a - b);
        return [e.tagName + "." + (e.className.baseVal ?? e.className), e.textContent.slice(0, 20), (bright + 0.05) / (dark + 0.05)];
    }).filter(([, , contrast]) => contrast < 4.5);
}"""
"""Texts whose contrast to the nearest opaque ground is below what WCAG 2 asks for, 4.5 : 1."""
