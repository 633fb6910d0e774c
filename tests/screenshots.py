"""Pictures of the chat page and the report for the README: `python -m tests.screenshots` writes tests/screenshots/*.png."""

import shutil
import sys
import tempfile
from pathlib import Path

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

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "screenshots"
DESK, PHONE = (1440, 900), (390, 844)


def main() -> None:
    """Serve the real thing over the corpus and take every picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("there is no chromium on this machine (Debian: apt install chromium fonts-noto-cjk)")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as index, sync_playwright() as playwright:
        settings = Settings(corpus=str(ROOT / "corpus"), index=index)
        build(settings)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        with served(Assistant.open(settings)) as url:
            picture_answer(browser, url)
            picture_refusal(browser, url)
            picture_phone(browser, url)
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


def picture_report(browser: Browser, settings: Settings, path: Path) -> None:
    suite = load_suite("reply", Path(settings.benchmarks), ROOT / "corpus")
    ask_local = open_local(suite, settings, progress_bar)
    write_html(run_suite(suite, ask_local, conditions_of(settings, suite), progress=progress_bar("reply")), path)
    save(open_page(browser, path.as_uri(), DESK), "report")


def open_page(browser: Browser, url: str, size: tuple[int, int], scale: int = 1) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        locale="zh-CN",
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
