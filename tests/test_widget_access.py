"""The widget for everyone: axe against WCAG 2.2, the keyboard alone, phones, zoom, languages, colours."""

import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.config import Settings
from tests.fake_assistant import NEAR, TALENT
from tests.serving import served
from tests.widget_site import ENDLESS, SITE, STRANGER, HostSite, WidgetAssistant, ask, open_panel, page_with

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on this machine"),
]
Visit = Callable[..., Page]
PHONE = (390, 844)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def server(host_site: HostSite) -> Iterator[str]:
    with served(WidgetAssistant(Settings(chat_page=0, allowed_origins=host_site.origin(), feedback=""))) as url:
        yield url


@pytest.fixture(scope="module")
def axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """Run axe over the page, shadow roots included; returns what it found, each with its place.

    Of contrast inside a shadow root axe says that it can't be determined, so that is measured by `faint_texts`.
    """
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("(tags) => axe.run({ runOnly: tags })", RULES)
    violated = [(rule["id"], node["target"]) for rule in found["violations"] for node in rule["nodes"]]
    return [f"{rule}: {target}" for rule, target in violated] + faint_texts(page)


def faint_texts(page: Page) -> list[str]:
    """Return the texts of the widget that stand out from what is behind them by less than 4.5 : 1 (WCAG 1.4.3)."""
    script = r"""() => {
        const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
        const over = (top, below) => below.map((value, i) => top[i] * (top[3] ?? 1) + value * (1 - (top[3] ?? 1)));
        const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
        const luminance = (c) => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
        const ground = (element) => {
            const layers = [];
            for (let e = element; e; e = e.parentElement ?? e.getRootNode().host) {
                const style = getComputedStyle(e);
                const mark = style.backgroundImage.match(/rgba?\([^)]*\)(?!.*rgba?\()/);
                if (mark) layers.push(parse(mark[0]));
                layers.push(parse(style.backgroundColor));
                if ((layers.at(-1)[3] ?? 1) === 1) break;
            }
            return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
        };
        const ratio = (colour, element) => {
            const [dark, bright] = [luminance(parse(colour)), luminance(ground(element))].sort((a, b) => a - b);
            return (bright + 0.05) / (dark + 0.05);
        };
        const root = (document.querySelector("youju-launcher, youju-chat") ?? document.body).shadowRoot ?? document.body;
        const shown = [...root.querySelectorAll("*")].filter((e) => e.checkVisibility() && !e.disabled && !e.closest(".quiet"));
        const hasText = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        return shown.flatMap((e) => {
            const found = hasText(e) ? ratio(getComputedStyle(e).color, e) : 21;
            const hint = e.placeholder ? ratio(getComputedStyle(e, "::placeholder").color, e) : 21;
            const lowest = Math.min(found, hint);
            return lowest < 4.5 ? [`${lowest.toFixed(2)} : 1 ${e.localName}.${e.className} ${e.textContent.slice(0, 20)}`] : [];
        });
    }"""
    found: list[str] = page.evaluate(script)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(  # noqa: PLR0917
    server: str, host_site: HostSite, visit_site: Visit, axe: str, scheme: str, size: tuple[int, int]
) -> None:
    page = visit_site(host_site.publish("/", page_with(server)), size, color_scheme=scheme)
    states: dict[str, list[str]] = {"closed": violations(page, axe)}
    open_panel(page)
    expect(page.locator(".chips button").first).to_be_visible()
    states["welcome"] = violations(page, axe)
    turn = ask(page, "基金多大？")
    turn.get_by_role("button", name="没帮助").click()
    expect(turn.get_by_role("status")).not_to_be_empty()
    states["answer"] = violations(page, axe)
    turn.locator(".sentence .cite").first.click()
    states["citation"] = violations(page, axe)
    page.keyboard.press("Escape")
    ask(page, "天气怎么样？").locator("summary").click()
    states["refusal"] = violations(page, axe)
    page.context.set_offline(True)
    ask(page, "基金多大？")
    states["problem"] = violations(page, axe)
    assert {state: found for state, found in states.items() if found} == {}


@pytest.mark.parametrize("accent", ["#ffee58", "#12467b", "#000000", "#ffffff", "#808080"])
def test_any_accent_is_readable(server: str, host_site: HostSite, visit_site: Visit, axe: str, accent: str) -> None:
    page = visit_site(host_site.publish("/accent", page_with(server, f'data-accent="{accent}"')))
    open_panel(page)
    ask(page, "基金多大？").locator(".sentence .cite").first.click()
    for theme in ("light", "dark"):
        page.evaluate("(theme) => YouJu.setTheme(theme)", theme)
        assert violations(page, axe) == []


def test_the_inline_widget_passes_axe(server: str, host_site: HostSite, visit_site: Visit, axe: str) -> None:
    page = visit_site(host_site.publish("/inline", page_with(server, tag="<youju-chat></youju-chat>")))
    assert page.locator(".launcher").count() == 0
    ask(page, "基金多大？").locator(".sentence .cite").first.click()
    expect(page.locator(".panel.is-wide .evidence")).to_be_visible()
    expect(page.locator(".composer")).to_be_visible()  # the conversation stays usable beside the evidence
    assert violations(page, axe) == []


def test_the_keyboard_alone_suffices(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/keys", page_with(server, 'data-suggest="基金多大？"')))
    press = page.keyboard.press
    press("Tab")
    expect(page.locator(".launcher")).to_be_focused()
    press("Enter")
    expect(page.locator(".composer textarea")).to_be_focused()
    page.keyboard.type("资助了多少？")
    press("Enter")
    expect(page.locator(".sources")).to_be_visible()
    expect(page.locator(".composer textarea")).to_be_focused()
    tab_to(page, ".sentence .cite")
    press("Enter")
    expect(page.get_by_role("button", name="返回")).to_be_focused()
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    assert tab_stops(page) >= {"tool", "cite is-open", "plain", "paper"}
    assert "go" not in tab_stops(page)  # what the evidence covers can't be reached
    press("Escape")
    expect(page.locator(".sentence .cite")).to_be_focused()
    tab_to(page, ".thumb")
    assert len(tab_stops(page)) >= 6  # round and round inside the panel
    press("Escape")
    expect(page.locator(".panel")).to_have_count(0)
    expect(page.locator(".launcher")).to_be_focused()


def focused_class(page: Page) -> str:
    script = "(() => { let e = document.activeElement; while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e.className })()"
    return str(page.evaluate(script))


def tab_stops(page: Page) -> set[str]:
    """Press Tab thirty times; returns what had the focus. Nothing outside the panel may be among it."""
    classes = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        classes.add(focused_class(page))
        assert page.evaluate("document.activeElement.localName") == "youju-launcher"
    return classes


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        if page.locator(selector).first.evaluate("(e) => e === e.getRootNode().activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not come to {selector}")


def test_an_input_method_s_enter_does_not_send(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/ime", page_with(server)))
    open_panel(page)
    field = page.locator(".composer textarea")
    field.fill("基金")
    for init in ("isComposing: true", "keyCode: 229"):
        field.evaluate(f"(e) => e.dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter', bubbles: true, {init}}}))")
    page.keyboard.press("Shift+Enter")
    assert field.input_value() == "基金\n"
    assert page.locator(".turn").count() == 0


def test_a_phone_gets_the_whole_screen(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/phone", page_with(server)), PHONE, has_touch=True, is_mobile=True)
    panel = open_panel(page)
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": PHONE[0], "height": PHONE[1]}
    expect(panel).to_have_attribute("aria-modal", "true")
    expect(page.locator(".log")).to_be_focused()  # and not the field, whose keyboard would cover what is said first
    ask(page, ENDLESS).locator(".sentence .cite").first.click()
    assert overflow(page) == []
    assert small_targets(page) == []


def test_the_virtual_keyboard_leaves_the_composer_in_sight(server: str, host_site: HostSite, visit_site: Visit) -> None:
    """The keyboard takes the lower half of what is seen, as the browser reports it by visualViewport."""
    page = visit_site(host_site.publish("/keyboard", page_with(server)), PHONE, has_touch=True, is_mobile=True)
    open_panel(page)
    page.evaluate(
        """() => {
            for (const [name, value] of [["height", 420], ["offsetTop", 60]]) Object.defineProperty(visualViewport, name, { value });
            visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    box = page.locator(".composer").bounding_box()
    assert box is not None
    assert box["y"] >= 60
    assert box["y"] + box["height"] <= 480
    assert page.locator(".panel").bounding_box() == {"x": 0, "y": 60, "width": 390, "height": 420}


def test_twice_the_size_is_still_usable(server: str, host_site: HostSite, visit_site: Visit) -> None:
    """200 % zoom of a screen of 1280 × 720."""
    page = visit_site(host_site.publish("/zoom", page_with(server)), (640, 360), device_scale_factor=2)
    open_panel(page)
    ask(page, "基金多大？")
    for selector in (".composer", ".head", ".log"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 360
    assert page.locator(".log").evaluate("(e) => e.clientHeight") >= 150
    assert overflow(page) == []


@pytest.mark.parametrize(("size", "position"), [("small", "left"), ("medium", "right"), ("large", "left")])
def test_it_stands_where_it_is_put(
    server: str, host_site: HostSite, visit_site: Visit, size: str, position: str
) -> None:
    attributes = f'data-size="{size}" data-position="{position}"'
    page = visit_site(host_site.publish("/place", page_with(server, attributes)))
    launcher = page.locator(".launcher").bounding_box()
    assert launcher is not None
    assert (launcher["x"] < 640) == (position == "left")
    box = open_panel(page).bounding_box()
    assert box is not None
    assert box["width"] == {"small": 360, "medium": 420, "large": 520}[size]
    assert box["x"] == (16 if position == "left" else 1280 - 16 - box["width"])
    assert box["y"] >= 0
    ask(page, ENDLESS)
    assert overflow(page) == []
    assert small_targets(page) == []


def overflow(page: Page) -> list[str]:
    """Return what is wider than its place; the page itself has no sideways scroll."""
    script = """() => {
        const root = document.querySelector("youju-launcher").shadowRoot;
        const wide = [...root.querySelectorAll(".log, .paper, .card, .turn, .panel, .bar")].filter((e) => e.scrollWidth > e.clientWidth + 1);
        if (document.documentElement.scrollWidth > innerWidth) wide.push({ className: "page" });
        return wide.map((e) => e.className);
    }"""
    found: list[str] = page.evaluate(script)
    return found


def small_targets(page: Page) -> list[str]:
    """Return the controls that are smaller than 24 × 24 (WCAG 2.2, 2.5.8)."""
    script = """() => [...document.querySelector("youju-launcher").shadowRoot.querySelectorAll("button, a, summary, textarea")]
        .filter((e) => e.getClientRects().length)
        .filter((e) => e.getBoundingClientRect().width < 24 || e.getBoundingClientRect().height < 24)
        .map((e) => e.className + " " + e.textContent)"""
    found: list[str] = page.evaluate(script)
    return found


@pytest.mark.parametrize(
    ("tag", "lang", "send", "title", "refused"),
    [
        ("zh-CN", "zh-CN", "发送", "问政策", "文件中没有"),
        ("zh-Hant-HK", "zh-TW", "送出", "問政策", "文件中沒有"),
        ("en-GB", "en", "Send", "Ask", "Not in the documents"),
    ],
)
def test_it_speaks_three_languages(  # noqa: PLR0917
    server: str, host_site: HostSite, visit_site: Visit, tag: str, lang: str, send: str, title: str, refused: str
) -> None:
    page = visit_site(host_site.publish("/language", page_with(server, f'data-lang="{tag}"')))
    panel = open_panel(page)
    expect(panel.locator(".head h2")).to_have_text(title)
    expect(page.locator(".root")).to_have_attribute("lang", lang)
    expect(page.locator(".go[type=submit]")).to_have_text(send)
    turn = ask(page, "天气怎么样？")
    expect(turn.locator(".verdict")).to_have_text(refused)
    assert turn.locator(".chips button").all_text_contents() == list(NEAR)


def test_the_theme_follows_the_system_and_the_page(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/theme", page_with(server)), color_scheme="dark")
    root = page.locator(".root")
    expect(root).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "light")
    page.evaluate("YouJu.setTheme('dark')")
    expect(root).to_have_attribute("data-theme", "dark")


def test_what_is_open_shows_without_colours(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/forced", page_with(server)), forced_colors="active")
    open_panel(page)
    ask(page, "基金多大？").locator(".sentence .cite").first.click()
    style = "(e) => getComputedStyle(e).{}"
    assert page.locator(".bar .cite.is-open").evaluate(style.format("outlineStyle")) == "solid"
    mark = page.locator(".paper mark")
    paper = page.locator(".paper")
    assert mark.evaluate(style.format("backgroundColor")) != paper.evaluate(style.format("backgroundColor"))


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_it_moves_only_for_those_who_like_it(server: str, host_site: HostSite, visit_site: Visit, motion: str) -> None:
    page = visit_site(host_site.publish("/motion", page_with(server)), reduced_motion=motion)
    name = open_panel(page).evaluate("(e) => getComputedStyle(e).animationName")
    assert name == ("none" if motion == "reduce" else "rise")


def test_events_and_the_interface_for_scripts(server: str, host_site: HostSite, visit_site: Visit) -> None:
    page = visit_site(host_site.publish("/script", page_with(server)))
    page.evaluate(
        """() => {
            window.heard = [];
            for (const name of ["open", "ask", "answer", "cite", "clear", "close", "error"])
                YouJu.on(name, (detail, event) => heard.push([name, event.target.localName, detail]));
            window.off = YouJu.on("open", () => heard.push(["never"]));
            off();
        }"""
    )
    answer = page.evaluate("YouJu.ask('一共资助了多少？')")
    assert answer["sentences"][0]["text"] == TALENT
    expect(page.locator(".sources")).to_be_visible()
    page.locator(".sentence .cite").click()
    error = page.evaluate("YouJu.ask('  ').catch((error) => [error.name, error.code])")
    assert error == ["YouJuError", "empty"]
    both = "Promise.allSettled([YouJu.ask('一共资助了多少？'), YouJu.ask('基金多大？')])"
    outcomes = page.evaluate(f"{both}.then((all) => all.map((one) => one.reason?.code ?? one.status))")
    assert outcomes == ["fulfilled", "busy"]
    page.evaluate("YouJu.clear(); YouJu.close()")
    heard = page.evaluate("heard")
    assert [entry[0] for entry in heard] == ["open", "ask", "answer", "cite", "ask", "answer", "clear", "close"]
    assert {entry[1] for entry in heard} == {"youju-launcher"}
    assert heard[2][2] == answer
    assert heard[3][2]["citation"]["quote"] == TALENT
    page.context.set_offline(True)
    assert page.evaluate("YouJu.ask('基金多大？').catch((error) => error.code)") == "offline"
    assert page.evaluate("heard.at(-1)[2].code") == "offline"


def test_options_that_make_no_sense_are_ignored(server: str, host_site: HostSite, visit_site: Visit) -> None:
    said: list[str] = []
    attributes = (
        'data-lang="klingon" data-theme="pink" data-accent="red;}*{display:none" data-size="9" data-title="政策"'
    )
    page = visit_site("about:blank")
    page.on("console", lambda message: said.append(message.text))
    page.goto(host_site.publish("/wrong", page_with(server, attributes)))
    expect(open_panel(page).locator(".head h2")).to_have_text("政策")
    assert [text.split("=")[0] for text in said] == [
        f"YouJu: data-{name}" for name in ("lang", "theme", "accent", "size")
    ]


# --- the page for an iframe, and the page to try it on ---


def test_a_site_of_the_list_can_frame_it_and_no_other(server: str, host_site: HostSite, visit_site: Visit) -> None:
    frame = f'<iframe src="{server}/embed?lang=en&theme=dark&title=Ask%20us&size=9" width="500" height="600"></iframe>'
    url = host_site.publish("/frame", f"<!doctype html><title>site</title>{frame}")
    page = visit_site(url)
    inside = page.frame_locator("iframe")
    expect(inside.locator(".head h2")).to_have_text("Ask us")
    inside.locator(".composer textarea").fill("基金多大？")
    page.keyboard.press("Enter")
    expect(inside.locator(".sentence")).to_have_count(2)
    stranger = visit_site(url.replace(SITE, STRANGER))
    stranger.wait_for_timeout(500)
    assert stranger.frames[1].url.startswith("chrome-error:")


def test_the_demo_shows_the_snippet_of_what_is_chosen(server: str, visit_site: Visit, axe: str) -> None:
    page = visit_site(f"{server}/demo")
    assert violations(page, axe) == []
    page.locator("[name=title]").fill("问“科创” <政策>")
    page.locator("[name=theme]").select_option("dark")
    snippet = page.locator("#snippet")
    expect(snippet).to_have_text(
        f'<script src="{server}/widget.js" defer data-title="问“科创” &lt;政策>" data-theme="dark"></script>'
    )
    page.get_by_role("button", name="应用到本页").click()
    page.wait_for_url("**/demo?*")
    expect(open_panel(page).locator(".head h2")).to_have_text("问“科创” <政策>")
    ask(page, "基金多大？")
    page.goto(f"{server}/demo?form=iframe&lang=zh-TW")
    expect(page.frame_locator("iframe").locator(".head h2")).to_have_text("問政策")
    page.goto(f"{server}/demo?form=inline&accent=javascript:alert(1)")
    expect(page.locator("youju-chat .composer")).to_be_visible()
    expect(snippet).to_have_text(f'<script src="{server}/widget.js" defer></script>\n<youju-chat></youju-chat>')
