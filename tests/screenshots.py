"""Pictures of the chat page, the widget and the report for the README: `python -m tests.screenshots` writes tests/screenshots/*.png."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.assistant import Assistant
from app.building import build
from app.cli import progress_bar
from app.config import Settings
from evals.report import write_html
from evals.runner import conditions_of, open_local, run_suite
from evals.suites import load_suite
from tests.serving import CHROMIUM_FLAGS, served
from tests.widget_site import HostSite, page_with

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "screenshots"
DESK, PHONE = (1440, 900), (390, 844)
SITE_STYLE = """<style>
    body { margin: 0; background: #f4f6f9; color: #20262e; font: 16px/1.9 "Noto Sans CJK SC", sans-serif; }
    main { max-width: 720px; margin: 0 auto 0 72px; padding: 40px 24px; }
    h1 { color: #12467b; font-size: 30px; }
    p { border-bottom: 1px solid #d5dce4; padding: 14px 0; margin: 0; }
    @media (prefers-color-scheme: dark) { body { background: #14181d; color: #d7dde5; } h1 { color: #7db2ea; } p { border-color: #323b45; } }
    @media (max-width: 600px) { main { margin: 0; padding: 20px 16px; } }
</style>"""
NOTICES = (
    "关于公布 2024 年度科技计划立项结果的通知",
    "市政协提案办理结果公开",
    "科技成果转化政策问答",
    "重点实验室名单",
    "人才计划申报指南",
)


def main() -> None:
    """Serve the real thing over the corpus and take every picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no chromium on this machine (Debian: apt install chromium fonts-noto-cjk)")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as index, sync_playwright() as playwright:
        site = HostSite()
        settings = Settings(corpus=str(ROOT / "corpus"), index=index, allowed_origins=site.origin("localhost"))
        build(settings)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        with served(Assistant.open(settings)) as url:
            picture_answer(browser, url)
            picture_refusal(browser, url)
            picture_phone(browser, url)
            picture_widget(browser, url, site)
        site.close()
        picture_report(browser, settings, Path(index) / "reply.html")
        browser.close()


def picture_answer(browser: Browser, url: str) -> None:
    page = open_page(browser, url, DESK)
    ask(page, "G60基金多大？")
    ask(page, "四类人才计划一共资助了多少人，花了多少钱？")
    save(page, "chat-desktop")


def picture_refusal(browser: Browser, url: str) -> None:
    page = open_page(browser, url, DESK)
    ask(page, "联系电话？")
    ask(page, "浙江省科技厅的电话是多少？")
    save(page, "chat-refusal")


def picture_phone(browser: Browser, url: str) -> None:
    page = open_page(browser, url, PHONE, scale=2)
    ask(page, "四类人才计划一共资助了多少人，花了多少钱？")
    page.locator("#latest .cite").first.click()
    save(page, "chat-phone")


def picture_widget(browser: Browser, url: str, site: HostSite) -> None:
    """The widget on a department's page: an answer in light, its evidence in dark, and the same on a phone."""
    notices = "".join(f"<p>{notice}</p>" for notice in NOTICES)
    page_url = site.publish("/", page_with(url, head=SITE_STYLE, body=notices), host="localhost")
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page = open_page(browser, page_url, (1180, 760), scheme=scheme)
        ask_widget(page, scheme == "dark")
        save(page, f"widget-{scheme}")
    page = open_page(browser, page_url, PHONE, scale=2)
    ask_widget(page, is_opened=True)
    save(page, "widget-phone")


def ask_widget(page: Page, is_opened: bool) -> None:
    page.locator(".launcher").click()
    for question in ("G60基金多大？", "四类人才计划一共资助了多少人，花了多少钱？"):
        page.locator(".composer textarea").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator(".turn", has_text=question).locator(".sources")).to_be_visible(timeout=20_000)
    if is_opened:
        page.locator(".sentence .cite").last.click()
        expect(page.locator(".paper")).to_contain_text("加大人才培养引进力度")


def picture_report(browser: Browser, settings: Settings, path: Path) -> None:
    suite = load_suite("reply", Path(settings.benchmarks), ROOT / "corpus")
    ask_local = open_local(suite, settings, progress_bar)
    write_html(run_suite(suite, ask_local, conditions_of(settings, suite), progress=progress_bar("reply")), path)
    save(open_page(browser, path.as_uri(), DESK), "report")


def open_page(
    browser: Browser, url: str, size: tuple[int, int], scale: int = 1, scheme: Literal["light", "dark"] = "light"
) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        locale="zh-CN",
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.goto(url)
    return page


def ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    expect(page.locator("#latest h2")).to_have_text(question)
    expect(page.locator("#latest .turn.is-done .body")).to_be_visible(timeout=20_000)


def save(page: Page, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(600)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    page.close()
    # A palette of 256 colours is enough for a page, and makes the file a third of its size.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
