"""The chat page without a browser: what is escaped, what is exact, what is bounded, and what a session passes on."""

import asyncio
import itertools
import re
from collections.abc import Callable, Generator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import evidence, markup
from app.chat import ChatPage, Conversation
from app.config import Settings
from app.errors import IndexDamagedError
from app.feedback import FeedbackStore
from app.types import Answer, Document, Span, Step
from tests.fake_assistant import (
    FUND,
    REFERENCE,
    TALENT,
    TEXT,
    FakeAssistant,
    make_answer,
    make_citation,
    make_document,
    make_passages,
    make_refusal,
)

HOSTILE = "<script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;"
STATIC = Path(evidence.__file__).parent / "static"


class Reader(HTMLParser):
    """Reads HTML as a browser shows it: text, and the text inside some elements."""

    def __init__(self, html: str, wanted: Callable[[str, dict[str, str]], bool] = lambda tag, attributes: True) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[bool] = []
        self._wanted = wanted
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self._open.append(self._wanted(tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(self._open):
            self.text += data


def text_of(html: str) -> str:
    return Reader(html).text


def marked(html: str, number: int) -> str:
    """Return the text of the highlights of one citation."""
    return Reader(html, lambda tag, a: tag == "mark" and str(number) in a["data-numbers"].split()).text


def has_class(name: str) -> Callable[[str, dict[str, str]], bool]:
    return lambda tag, attributes: name in attributes.get("class", "").split()


characters = st.sampled_from("一二三四。 <>&\"'`a1\u3000\t") | st.characters(exclude_categories=["Cs", "Cc"])
texts = st.lists(st.text(characters, max_size=30), min_size=1, max_size=8).map("\n".join)


@given(texts, st.data())
def test_lines_show_exactly_the_text_and_marks_exactly_the_quotes(text: str, data: st.DataObject) -> None:
    spans = [
        Span(*sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text))))))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    document = make_document("any", text)
    whole = Span(0, len(text))
    html = evidence.render_lines(document, whole, [(span, str(n)) for n, span in enumerate(spans, 1)], "1")
    assert text_of(html) == text
    for number, span in enumerate(spans, 1):
        assert marked(html, number) == span.of(text)


def test_quotes_that_overlap_and_run_over_lines_stay_exact() -> None:
    text = "第一行\n第二行\n第三行"
    html = evidence.render_lines(make_document("any", text), Span(0, 11), [(Span(1, 9), "1"), (Span(5, 11), "2")], "2")
    assert text_of(html) == text
    assert (marked(html, 1), marked(html, 2)) == ("一行\n第二行\n第", "二行\n第三行")


@given(texts.filter(str.strip))
def test_a_sentence_shows_exactly_its_text(text: str) -> None:
    document = make_document("any", text)
    answer = make_answer("问", document, text, highlights=(text[:3], text[2:5], "不在里面"))
    html = markup.render_answer(answer)
    assert Reader(html, lambda tag, a: a.get("class") == "sentence").text == text + "1"


def test_the_text_of_a_page_never_becomes_html() -> None:
    document = make_document(HOSTILE, f"{TEXT}\n{HOSTILE}")
    answer = make_answer(HOSTILE, document, HOSTILE, highlights=("<script>",))
    refusal = make_refusal(HOSTILE, "not_found", HOSTILE, make_passages(document))
    pages = [
        markup.render_turn(HOSTILE, markup.render_question(HOSTILE, 2000), markup.render_answer(answer)),
        markup.render_answer(refusal),
        markup.render_problem(HOSTILE),
        markup.render_welcome([HOSTILE], [document], 1),
        evidence.render_evidence(answer, {document.id: document}),
        evidence.render_desk([document, document], 2),
        evidence.render_document(document),
    ]
    for page in pages:
        reader = Reader(page)
        assert not {tag for tag, _ in reader.tags} & {"script", "img"}
        assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
        assert "alert" in page


def test_the_short_answer_stands_out_in_its_sentence() -> None:
    answer = make_answer("问", make_document(), TALENT, highlights=("1 万余人", "26 亿余元"))
    html = markup.render_answer(answer)
    assert re.findall(r"<strong[^>]*>(.*?)</strong>", html) == ["1 万余人", "26 亿余元"]
    assert '<strong class="short">' in html


def test_every_sentence_is_followed_by_its_citations() -> None:
    html = markup.render_answer(make_answer("问", make_document(), FUND, TALENT))
    for number, quote in ((1, FUND), (2, TALENT)):
        assert f'{quote}<button type="button" class="cite" data-number="{number}"' in html


def test_a_growing_answer_shows_citations_only_of_what_is_complete() -> None:
    answer = make_answer("问", make_document(), FUND, TALENT)
    total = len(FUND) + len(TALENT)
    for shown in range(total + 1):
        reader = Reader(markup.render_answer(answer, shown), has_class("sentence"))
        cites = [a["data-number"] for tag, a in reader.tags if "cite" in a.get("class", "").split()]
        assert cites == [str(n) for n, end in ((1, len(FUND)), (2, total)) if shown >= end]
        assert re.sub(r"(?<=。)[12]", "", reader.text) == (FUND + TALENT)[:shown]


def test_a_citation_is_copied_with_its_reference() -> None:
    citation = make_citation(make_document(), TALENT)
    assert markup.copied_text(citation) == f"「{TALENT}」（{REFERENCE}）"
    html = evidence.render_evidence(make_answer("问", make_document(), TALENT), {"reply": make_document()})
    assert [a["data-copy"] for _, a in Reader(html).tags if "data-copy" in a] == [f"「{TALENT}」（{REFERENCE}）"]


def test_the_evidence_shows_the_first_citation_and_hides_the_others() -> None:
    first, other = make_document("first"), make_document("other")
    answer = make_answer("问", first, TALENT)
    citations = (*answer.citations, make_citation(other, FUND, 2))
    both = Answer(**{**{name: getattr(answer, name) for name in Answer.__slots__}, "citations": citations})
    reader = Reader(evidence.render_evidence(both, {"first": first, "other": other}))
    assert [("hidden" in a) for _, a in reader.tags if a.get("class") == "card"] == [False, True]
    assert [("hidden" in a) for _, a in reader.tags if a.get("class") == "sheet"] == [False, True]
    active = [a["data-numbers"] for tag, a in reader.tags if tag == "mark" and a.get("class") == "is-active"]
    assert active == ["1"]


def test_headings_and_fields_are_set_apart_as_on_paper() -> None:
    html = evidence.render_document(make_document())
    assert text_of(html).count("1. 关于“加大人才培养引进力度”的建议") == 1
    assert "<b>1. 关于“加大人才培养引进力度”的建议</b>" in html
    assert Reader(html, has_class("issuer")).text == "上海市科学技术委员会\n"
    assert Reader(html, has_class("serial")).text == "沪科提复〔2024〕38号\n"


@pytest.fixture(scope="module")
def vast() -> Document:
    """Ten million characters with one quote in the middle and one at the end."""
    padding = "这是一段占篇幅的文字，没有别的意思。\n" * 260_000
    return make_document("vast", f"{padding}{TALENT}\n{padding}{FUND}")


def test_a_vast_document_is_shown_in_windows(vast: Document) -> None:
    answer = make_answer("问", vast, TALENT, FUND)
    html = evidence.render_evidence(answer, {"vast": vast})
    assert len(html) < 80_000
    assert marked(html, 1) == TALENT
    assert marked(html, 2) == FUND


def test_windows_and_gaps_cover_a_document_without_overlap(vast: Document) -> None:
    html = evidence.render_evidence(make_answer("问", vast, TALENT, FUND), {"vast": vast})
    gaps = [Span(int(a["data-start"]), int(a["data-end"])) for _, a in Reader(html).tags if a.get("class") == "more"]
    assert len(gaps) == 2
    shown = Reader(html, has_class("paper")).text
    for gap in gaps:
        shown = re.sub(rf"… 再显示一段（此处略去 {gap.end - gap.start} 字）", "\0", shown, count=1)
    before, between, after = shown.split("\0")
    assert before == ""
    assert between + gaps[1].of(vast.text) + after == vast.text[gaps[0].end :]


@pytest.mark.parametrize("from_end", [True, False])
def test_clicking_more_reaches_the_whole_of_a_gap(from_end: bool) -> None:
    text = "".join(f"第{n}段。{'长' * (n * 37 % 900)}\n" for n in range(120))
    document = make_document("long", text)
    gap, shown = Span(10, len(text)), ""
    for _ in range(100):
        if gap.start == gap.end:
            break
        part, html = evidence.excerpt(document, gap, from_end)
        assert gap.contains(part)
        assert part.start < part.end
        assert part.end - part.start <= evidence.WINDOW_CHARS + evidence.SNAP_CHARS
        shown = text_of(html) + shown if from_end else shown + text_of(html)
        gap = Span(gap.start, part.start) if from_end else Span(part.end, gap.end)
    assert shown == text[10:]


def test_a_refusal_looks_like_one_and_lists_what_was_looked_at() -> None:
    html = markup.render_answer(make_refusal("写一首诗", "not_found", "文件里没有。", make_passages(make_document())))
    reader = Reader(html)
    classes = {name for _, a in reader.tags for name in a.get("class", "").split()}
    assert {"refused", "verdict", "passages"} <= classes
    assert "cite" not in classes
    assert "查阅过的 1 段原文" in reader.text
    assert TALENT in reader.text
    assert [a for tag, a in reader.tags if tag == "details" and "open" in a] == []


def test_a_greeting_is_no_refusal() -> None:
    html = markup.render_answer(make_refusal("你好", "greeting", "您好。"))
    assert "refused" not in html
    assert "基金多大？" in html


def test_a_question_that_is_cut_says_so() -> None:
    html = markup.render_question("问" * 300, 200)
    assert "只查询前 200 个字" in html
    assert html.count("问") < 205


def test_nothing_static_names_another_host() -> None:
    for path in STATIC.iterdir():
        if path.suffix == ".md":
            continue  # for those who read the code, and never served
        text = re.sub(
            r"http://www\.w3\.org/2000/svg|https://qa\.example\.gov\.cn", "", path.read_text(encoding="utf-8")
        )
        assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]{2,}|@import|url\(", text), path.name


# --- a session ---


def page_of(assistant: FakeAssistant, feedback: FeedbackStore | None = None) -> ChatPage:
    return ChatPage(assistant, feedback or FeedbackStore(""))


def respond(page: ChatPage, question: str, conversation: Conversation, clicked: str = "") -> list[list[Any]]:
    async def collect() -> list[list[Any]]:
        event = gr.EventData(None, {"question": clicked} if clicked else None)
        return [list(step) async for step in page.respond(question, conversation, event)]

    return asyncio.run(collect())


def last(steps: list[list[Any]]) -> tuple[str, Conversation]:
    return steps[-1][2], next(step[4] for step in reversed(steps) if isinstance(step[4], Conversation))


def test_an_answer_grows_and_brings_its_evidence_once() -> None:
    steps = respond(page_of(FakeAssistant()), "资助了多少人？", Conversation())
    assert "正在查阅" in steps[0][2]
    grown = [Reader(step[2], has_class("sentence")).text for step in steps[1:]]
    assert len(grown) > 5
    assert all(len(a) <= len(b) for a, b in itertools.pairwise(grown))
    assert grown[-1] == f"{TALENT}1"
    panels = [step[3] for step in steps if isinstance(step[3], str)]
    assert [marked(panel, 1) for panel in panels] == [TALENT]


def test_a_follow_up_takes_the_history_along() -> None:
    assistant = FakeAssistant()
    page = page_of(assistant)
    conversation = Conversation()
    for question in ("你好", "资助了多少人？", "那基金呢？"):
        _, conversation = last(respond(page, question, conversation))
    assert [turn.question for turn in assistant.histories[-1]] == ["资助了多少人？"]
    assert [turn.question for turn in conversation.turns] == ["资助了多少人？", "那基金呢？"]
    assert len(conversation.rendered) == 2


def test_a_clicked_question_is_asked_instead_of_what_is_typed() -> None:
    html, _ = last(respond(page_of(FakeAssistant()), "写一首诗", Conversation(), clicked="基金多大？"))
    assert FUND in text_of(html)


def test_a_question_without_words_gets_one_line_and_leaves_no_trace() -> None:
    html, conversation = last(respond(page_of(FakeAssistant()), "  ", Conversation()))
    assert text_of(html) == "请输入要问的内容，至少要有一个字。"
    assert conversation == Conversation()


@pytest.fixture
def rated_page(tmp_path: Path) -> ChatPage:
    return page_of(FakeAssistant(), FeedbackStore(tmp_path / "feedback.sqlite", logs_refusals=True))


@pytest.mark.parametrize("question", ["资助了多少人？", "写一首诗"])
def test_a_complete_answer_or_refusal_can_be_rated(rated_page: ChatPage, question: str) -> None:
    steps = respond(rated_page, question, Conversation())
    assert ["data-rate" in step[2] for step in steps] == [*(False for _ in steps[1:]), True]
    labels = [a["aria-label"] for tag, a in Reader(steps[-1][2]).tags if "data-rate" in a]
    assert labels == ["有帮助", "没帮助"]


def test_a_greeting_is_not_rated_and_nothing_is_where_ratings_are_off(rated_page: ChatPage) -> None:
    assert "data-rate" not in last(respond(rated_page, "你好", Conversation()))[0]
    assert "data-rate" not in last(respond(page_of(FakeAssistant()), "资助了多少人？", Conversation()))[0]


def test_a_rating_of_the_page_is_kept_with_the_conversation(rated_page: ChatPage) -> None:
    _, conversation = last(respond(rated_page, "资助了多少人？", Conversation()))
    html, _ = last(respond(rated_page, "那基金呢？", conversation))
    answer_id = re.findall(r'data-answer="([^"]+)"', html)[0]
    assert rated_page.rate([answer_id, "down", "规模不对"]) == ""
    (candidate,) = rated_page.feedback.candidates()
    assert (candidate.question, candidate.history) == ("那基金呢？", ("资助了多少人？",))
    assert (candidate.quotes, candidate.note) == ((FUND, TALENT), "规模不对")


def test_a_refusal_of_the_page_is_logged_where_that_was_opted_in_to(rated_page: ChatPage) -> None:
    respond(rated_page, "写一首诗", Conversation())
    assert [candidate.question for candidate in rated_page.feedback.candidates()] == ["写一首诗"]


def test_a_rating_that_is_not_kept_is_told_in_one_line(rated_page: ChatPage) -> None:
    html, _ = last(respond(rated_page, "资助了多少人？", Conversation()))
    answer_id = re.findall(r'data-answer="([^"]+)"', html)[0]
    assert "隔得太久" in rated_page.rate(["none", "up", ""])
    assert "2000" in rated_page.rate([answer_id, "up", "长" * 2001])
    rated_page.feedback.path.mkdir()
    assert "评价没有存下，请以后再试" in rated_page.rate([answer_id, "up", ""])


@pytest.mark.parametrize("said", [None, 7, [], ["a"], ["a", "sideways", ""], [{}, [], None], "up"])
def test_what_a_page_says_wrongly_is_not_kept(rated_page: ChatPage, said: Any) -> None:
    assert rated_page.rate(said) != ""
    assert not rated_page.feedback.path.exists()


class Failing(FakeAssistant):
    def __init__(self, error: Exception) -> None:
        super().__init__(settings=Settings())
        self._error = error

    def stream(self, question: str, *_: Any, **__: Any) -> Generator[Step]:
        raise self._error
        yield  # makes this a generator, which fails at its first step as the real one does


def test_a_broken_index_is_named_in_one_line() -> None:
    page = page_of(Failing(IndexDamagedError("index/ is damaged. Run: youju build --rebuild")))
    html, _ = last(respond(page, "问", Conversation()))
    assert "现在不能作答：index/ is damaged. Run: youju build --rebuild" in text_of(html)


def test_a_bug_is_told_and_still_raised() -> None:
    page = page_of(Failing(ZeroDivisionError()))
    shown: list[str] = []

    async def collect() -> None:
        async for step in page.respond("问", Conversation(), gr.EventData(None, None)):
            shown.append(step[2])

    with pytest.raises(ZeroDivisionError):
        asyncio.run(collect())
    assert "服务器出错了" in shown[-1]


@pytest.mark.parametrize("wanted", [None, [], ["reply"], ["none", 0, 1], ["reply", "a", 1], ["reply", -1, 5], 7])
def test_what_a_page_asks_for_wrongly_opens_nothing(wanted: Any) -> None:
    page = page_of(FakeAssistant())
    assert page.open_document(wanted) == ""
    assert page.more_text(wanted if not isinstance(wanted, list) or len(wanted) < 3 else [*wanted, "end"])[2] == ""


def test_a_passage_that_was_looked_at_is_opened_where_it_stands() -> None:
    start = TEXT.index(TALENT)
    html = page_of(FakeAssistant()).open_document(["reply", start, start + len(TALENT)])
    assert Reader(html, lambda tag, a: tag == "mark").text == TALENT


def test_a_long_session_stays_bounded() -> None:
    page, conversation = page_of(FakeAssistant()), Conversation()
    for _ in range(60):
        conversation = conversation.begin("<p>问</p>").end("<p>答</p>", FakeAssistant().ask("资助"))
    assert len(conversation.rendered) == 40
    assert len(conversation.turns) == 8
    assert page.clear()[4] == Conversation()
