"""The widget on a web site of another origin: asked, stopped, cut off, rated, remembered."""

import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from app.api.tokens import TokenMint
from app.assistant import Assistant
from app.config import Settings
from tests.fake_assistant import FUND, NEAR, REFERENCE, TALENT
from tests.serving import served
from tests.widget_site import SLOW, STRANGER, STUCK, HostSite, WidgetAssistant, ask, open_panel, page_with, wait_until

SECRET = "一个只在测试里用的、足够长的秘密"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium on this machine"),
]
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def talker(host_site: HostSite, tmp_path_factory: pytest.TempPathFactory) -> WidgetAssistant:
    feedback = tmp_path_factory.mktemp("feedback") / "feedback.sqlite"
    return WidgetAssistant(
        Settings(chat_page=0, allowed_origins=host_site.origin(), feedback=str(feedback), secret=SECRET)
    )


@pytest.fixture(scope="module")
def server(talker: WidgetAssistant) -> Iterator[str]:
    with served(talker) as url:
        yield url


@pytest.fixture
def home(server: str, host_site: HostSite) -> str:
    """The address of a page with the widget."""
    return host_site.publish("/", page_with(server))


def fulfil(route: Route, **fields: Any) -> None:
    route.fulfill(**fields)


@pytest.mark.model
def test_the_real_answer_comes_with_its_evidence(assistant: Assistant, host_site: HostSite, visit_site: Visit) -> None:
    settings = Settings(chat_page=0, allowed_origins=host_site.origin(), index=assistant.settings.index)
    question = "四类人才计划一共资助了多少人，花了多少钱？"
    answer = assistant.ask(question)
    real = Assistant(settings, assistant.store, assistant._encoder)
    with served(real) as url:
        page = visit_site(host_site.publish("/real", page_with(url)))
        open_panel(page)
        turn = ask(page, question)
        assert turn.locator(".sentence").all_text_contents() == [f"{s.text}1" for s in answer.sentences]
        assert "26 亿余元" in turn.locator("strong").all_text_contents()
        turn.locator(".sentence .cite").first.click()
        (citation,) = answer.citations
        expect(page.locator(".paper mark")).to_have_text(citation.quote)
        expect(page.locator(".card .reference")).to_have_text(citation.reference)
        expect(page.locator(".paper")).to_contain_text("三是增加人才交流")


def test_says_nothing_to_the_server_before_it_is_opened(home: str, server: str, visit_site: Visit) -> None:
    asked: list[str] = []
    page = visit_site("about:blank")
    page.on("request", lambda request: asked.append(request.url.removeprefix(server)))
    page.goto(home)
    expect(page.locator(".launcher")).to_be_visible()
    page.wait_for_timeout(300)
    assert [path for path in asked if path.startswith("/")] == ["/widget.js"]
    open_panel(page)
    expect(page.locator(".chips button").first).to_be_visible()
    assert "/api/token" in asked
    assert "/api/suggestions" in asked


def test_an_answer_is_shown_with_its_citations(home: str, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    turn = ask(page, "基金多大？")
    assert turn.locator(".sentence").all_text_contents() == [f"{FUND}1", f"{TALENT}2"]
    assert turn.locator(".sentence strong").all_text_contents() == ["100 亿元"]
    assert turn.locator(".source").all_text_contents() == [REFERENCE, REFERENCE]
    turn.get_by_role("button", name=f"引证 2：{REFERENCE}").first.click()
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    expect(page.locator(".paper")).to_contain_text("二是完善人才政策。")
    page.locator(".bar .cite").first.click()
    expect(page.locator(".paper mark")).to_have_text(FUND)
    source = page.get_by_role("link", name="查看原文件")
    assert str(source.get_attribute("href")).endswith("/api/documents/reply/source")
    assert source.get_attribute("rel") == "noopener noreferrer"
    page.keyboard.press("Escape")
    expect(turn.locator(".sentence .cite").nth(1)).to_be_focused()


def test_a_quote_is_copied_with_its_reference(home: str, visit_site: Visit) -> None:
    """The site has no https, and therefore no clipboard of its own to write to."""
    page = visit_site(home)
    page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
    open_panel(page)
    ask(page, "一共资助了多少？").locator(".cite").first.click()
    page.get_by_role("button", name="复制引文").click()
    expect(page.locator(".card .plain").first).to_have_text("已复制")
    page.locator("main textarea").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("main textarea")).to_have_value(f"「{TALENT}」（{REFERENCE}）")


def test_a_follow_up_carries_the_conversation(home: str, talker: WidgetAssistant, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    ask(page, "基金多大？")
    ask(page, "那资助额呢？")
    (turn,) = talker.histories[-1]
    assert (turn.question, turn.answer) == ("基金多大？", f"{FUND} [1] {TALENT} [2]")
    page.get_by_role("button", name="新对话").click()
    expect(page.locator(".welcome")).to_be_visible()
    ask(page, "基金多大？")
    assert talker.histories[-1] == ()


def test_a_refusal_shows_near_questions_and_what_was_looked_at(home: str, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    turn = ask(page, "天气怎么样？")
    expect(turn.locator(".verdict")).to_have_text("文件中没有")
    assert turn.locator(".chips button").all_text_contents() == list(NEAR)
    turn.locator("summary").click()
    turn.locator(".passages button").first.click()
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    page.get_by_role("button", name="返回").click()
    turn.get_by_role("button", name=NEAR[1]).click()
    expect(page.locator(".turn").nth(1).locator(".sources")).to_be_visible()


def test_sentences_come_one_by_one_and_can_be_stopped(home: str, talker: WidgetAssistant, visit_site: Visit) -> None:
    talker.go_on.clear()
    page = visit_site(home)
    open_panel(page)
    page.locator(".composer textarea").fill(STUCK)
    page.keyboard.press("Enter")
    turn = page.locator(".turn")
    expect(turn.locator(".sentence")).to_have_count(1)
    turn.locator(".sentence .cite").click()  # evidence is there while the rest is still being found
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="停止").click()
    expect(turn.locator(".note")).to_contain_text("已停止")
    expect(turn.locator(".sentence")).to_have_count(1)
    talker.go_on.set()
    turn.get_by_role("button", name="重试").click()
    expect(turn.locator(".sentence")).to_have_count(2)
    expect(turn.locator(".sources li")).to_have_count(2)


def test_stopping_needs_no_server(home: str, visit_site: Visit) -> None:
    """The token has not come yet, and never does."""
    page = visit_site(home)
    page.route("**/api/token", lambda route: None)
    open_panel(page)
    page.locator(".composer textarea").fill("基金多大？")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="停止").click()
    expect(page.locator(".note")).to_contain_text("已停止")
    page.unroute_all(behavior="ignoreErrors")


def test_a_document_that_has_changed_does_not_change_the_quote(home: str, visit_site: Visit) -> None:
    now = {"before": "", "quote": "如今是另一句话。", "after": "", "is_cut_before": False, "is_cut_after": False}
    page = visit_site(home)
    page.route("**/context?*", partial(fulfil, headers={"Access-Control-Allow-Origin": "*"}, json=now))
    open_panel(page)
    with page.expect_response("**/context?*"):
        ask(page, "一共资助了多少？").locator(".cite").first.click()
    expect(page.locator(".paper mark")).to_have_text(TALENT)
    expect(page.locator(".paper")).not_to_contain_text("如今")


def test_each_sentence_is_announced_once(home: str, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    ask(page, SLOW)
    expect(page.locator("[aria-live=polite] p")).to_have_text(["正在查找原文", TALENT, FUND, "回答完毕，引证 2 处"])


def test_a_rating_reaches_the_file(home: str, talker: WidgetAssistant, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    turn = ask(page, "基金多大？")
    turn.get_by_role("button", name="没帮助").click()
    expect(turn.get_by_role("button", name="没帮助")).to_have_attribute("aria-pressed", "true")
    turn.get_by_label("哪里不好？").fill("金额不对")
    turn.get_by_role("button", name="提交").click()
    expect(turn.locator(".comment")).to_be_hidden()
    with sqlite3.connect(talker.settings.feedback) as connection:
        rows = connection.execute("SELECT question, rating, comment FROM ratings").fetchall()
    connection.close()
    assert rows == [("基金多大？", "down", "金额不对")]


def test_the_tab_remembers_and_no_other_does(home: str, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    ask(page, "基金多大？")
    page.goto(home + "another")
    page.goto(home)
    open_panel(page)
    expect(page.locator(".sentence")).to_have_count(2)
    page.locator(".sentence .cite").first.click()
    expect(page.locator(".paper mark")).to_have_text(FUND)
    other = visit_site(home)
    open_panel(other)
    expect(other.locator(".welcome")).to_be_visible()
    assert other.locator(".turn").count() == 0


@pytest.mark.parametrize(
    "before",
    [
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('blocked', 'SecurityError') }})",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
        'Storage.prototype.getItem = () => \'[{"question": "x", "sentences": [{"no": 1}], "state": "done"}]\'',
        "Storage.prototype.getItem = () => '{not json'",
    ],
    ids=["blocked", "full", "foreign", "garbled"],
)
def test_answers_without_a_memory(home: str, visit_site: Visit, before: str) -> None:
    page = visit_site(home, before=before)
    open_panel(page)
    assert ask(page, "基金多大？").locator(".sentence").count() == 2


# --- who may, and how often ---


def test_a_site_that_is_not_on_the_list_is_told_so(server: str, host_site: HostSite, visit_site: Visit) -> None:
    said: list[str] = []
    page = visit_site("about:blank")
    page.on("console", lambda message: said.append(message.text))
    page.goto(host_site.publish("/stranger", page_with(server), host=STRANGER))
    open_panel(page)
    expect(page.locator(".problem")).to_have_text("本网站还没有获准使用这项问答服务。")
    expect(ask(page, "基金多大？").locator(".problem")).to_contain_text("没有获准")
    assert any("YOUJU_ALLOWED_ORIGINS" in text and f"http://{STRANGER}:{host_site.port}" in text for text in said)
    assert page.locator(".sentence").count() == 0


def test_a_token_that_expires_in_mid_conversation_is_renewed(home: str, host_site: HostSite, visit_site: Visit) -> None:
    """The first token is ten minutes old already; the server itself refuses it, and gives the next one."""
    stale = TokenMint(SECRET, now=lambda: time.time() - 3600).make(host_site.origin())
    minted: list[str] = []
    statuses: list[int] = []

    def give_stale_once(route: Route) -> None:
        minted.append(route.request.url)
        if len(minted) > 1:
            route.continue_()
            return
        headers = {"Access-Control-Allow-Origin": host_site.origin()}
        route.fulfill(status=200, headers=headers, json={"token": stale, "expires_in": 600})

    page = visit_site(home)
    open_panel(page)
    ask(page, "基金多大？")
    page.reload()  # the conversation stays, the token goes
    page.route("**/api/token", give_stale_once)
    page.on("response", lambda r: statuses.append(r.status) if r.url.endswith("/stream") else None)
    open_panel(page)
    turn = ask(page, "那资助额呢？")
    expect(turn.locator(".sentence")).to_have_count(1)
    assert statuses == [403, 200]
    assert len(minted) == 2


def test_too_many_questions_are_answered_kindly(host_site: HostSite, visit_site: Visit) -> None:
    settings = Settings(chat_page=0, allowed_origins=host_site.origin(), feedback="", limit_minute=2)
    with served(WidgetAssistant(settings)) as url:
        page = visit_site(host_site.publish("/limited", page_with(url)))
        open_panel(page)
        ask(page, "基金多大？")
        ask(page, "资助了多少？")
        turn = ask(page, "基金多大？")
        expect(turn.locator(".problem p")).to_have_text(re.compile(r"^提问有些频繁，请(2[0-9]|30)秒钟后再试。$"))
        expect(turn.locator(".problem button")).to_be_disabled()


def test_a_busy_server_says_when_to_come_again(host_site: HostSite, visit_site: Visit) -> None:
    settings = Settings(
        chat_page=0, allowed_origins=host_site.origin(), feedback="", answers_at_once=1, answers_waiting=0
    )
    talker = WidgetAssistant(settings)
    with served(talker) as url:
        home = host_site.publish("/busy", page_with(url))
        first, second = visit_site(home), visit_site(home)
        open_panel(first)
        first.locator(".composer textarea").fill(STUCK)
        first.keyboard.press("Enter")
        expect(first.locator(".sentence")).to_have_count(1)
        open_panel(second)
        turn = ask(second, "基金多大？")
        expect(turn.locator(".problem p")).to_have_text("现在提问的人较多，请2秒钟后再试。")
        talker.go_on.set()
        expect(first.locator(".sources")).to_be_visible()
        turn.get_by_role("button", name="重试").click(timeout=8000)
        expect(turn.locator(".sentence")).to_have_count(2)


# --- a network and a server that fail ---


def test_a_server_killed_in_mid_answer_leaves_what_came(host_site: HostSite, visit_site: Visit) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with killable(port, host_site.origin()) as process:
        page = visit_site(host_site.publish("/mortal", page_with(f"http://127.0.0.1:{port}")))
        open_panel(page)
        page.locator(".composer textarea").fill(STUCK)
        page.keyboard.press("Enter")
        turn = page.locator(".turn")
        expect(turn.locator(".sentence")).to_have_count(1)
        process.kill()
        expect(turn.locator(".problem")).to_contain_text("连接中断了")
        expect(turn.locator(".note")).to_contain_text("没有说完")
        assert turn.locator(".sentence").all_text_contents() == [f"{TALENT}1"]
    turn.get_by_role("button", name="重试").click()
    expect(turn.locator(".problem")).to_contain_text("暂时连不上问答服务")
    with killable(port, host_site.origin()):
        # The new process signs with a new secret: the old token is renewed on the way.
        page.locator(".composer textarea").fill("基金多大？")
        page.keyboard.press("Enter")
        expect(page.locator(".turn").nth(1).locator(".sentence")).to_have_count(2)


@contextmanager
def killable(port: int, origin: str) -> Iterator["subprocess.Popen[str]"]:
    """A server in a process of its own, ready to answer."""
    command = [sys.executable, "-m", "tests.mortal_server", str(port), origin]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    assert process.stdout is not None
    assert "YouJu is at" in process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_without_a_network_it_says_so_and_comes_back(home: str, visit_site: Visit) -> None:
    page = visit_site(home)
    open_panel(page)
    ask(page, "基金多大？")
    page.context.set_offline(True)
    expect(page.locator(".offline")).to_have_text("网络已断开，恢复后可继续提问。")
    turn = ask(page, "资助了多少？")
    expect(turn.locator(".problem")).to_contain_text("网络已断开")
    page.locator(".turn").first.locator(".sentence .cite").first.click()
    expect(page.locator(".paper mark")).to_have_text(FUND)  # the evidence is on the page already
    page.keyboard.press("Escape")
    page.context.set_offline(False)
    expect(page.locator(".offline")).to_be_hidden()
    turn.get_by_role("button", name="重试").click()
    expect(turn.locator(".sentence")).to_have_count(1)


def test_a_slow_network_shows_what_has_come(home: str, talker: WidgetAssistant, visit_site: Visit) -> None:
    talker.go_on.clear()
    page = visit_site(home)
    open_panel(page)
    expect(page.locator(".chips button").first).to_be_visible()
    slow = {"offline": False, "latency": 400, "downloadThroughput": 4000, "uploadThroughput": 4000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.locator(".composer textarea").fill(STUCK)
    page.keyboard.press("Enter")
    expect(page.locator(".waiting")).to_be_visible()
    expect(page.locator(".sentence")).to_have_count(1, timeout=10_000)
    talker.go_on.set()
    expect(page.locator(".sources li")).to_have_count(2, timeout=10_000)


def test_a_reply_that_is_no_stream_is_an_error_and_no_hang(home: str, visit_site: Visit) -> None:
    cors = {"Access-Control-Allow-Origin": "*"}
    replies = iter(
        [
            ({"body": "<html>502 Bad Gateway</html>", "status": 502}, "现在提问的人较多"),
            ({"body": "<html>login</html>", "status": 200}, "连接中断了"),
            ({"body": "event: token\ndata: {broken\n\n", "status": 200}, "服务出错了"),
            ({"body": 'event: answer\ndata: {"id": "x"}\n\n', "status": 200}, "连接中断了"),
            (
                {"body": 'event: error\ndata: {"error": {"code": "internal", "message": "答不了"}}\n\n', "status": 200},
                "答不了",
            ),
            ({"body": json.dumps({"error": {"code": "bad_question", "message": "没有字"}}), "status": 400}, "没有字"),
        ]
    )
    page = visit_site(home)
    open_panel(page)
    for reply, shown in replies:
        fields: dict[str, Any] = reply
        page.route("**/api/ask/stream", partial(fulfil, headers=cors, **fields))
        expect(ask(page, "基金多大？").locator(".problem")).to_contain_text(shown)
        page.unroute("**/api/ask/stream")
    wait_until(lambda: page.locator(".turn").count() == 6)
