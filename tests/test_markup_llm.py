"""How the page and the terminal show an answer that a language model wrote."""

from dataclasses import replace

from app.cli import format_answer
from app.config import Settings
from app.doctor import examine
from app.markup import render_answer, render_said
from app.types import Answer, Dropped, Said
from tests.fake_assistant import FUND, TALENT, make_answer, make_document, make_refusal

DROPPED = (Dropped("基金总规模 300 亿元 <img src=x>。", "所引原文没有“300亿元”"),)


def written() -> Answer:
    answer = make_answer("基金多大？", make_document(), FUND)
    return replace(answer, answerer="llm", note="回答可能不完整。", understood_as="科创基金多大？", dropped=DROPPED)


def test_what_was_dropped_is_folded_away_behind_the_answer_and_escaped() -> None:
    html = render_answer(written())
    assert '<details class="dropped"><summary>未通过核对、没有采用的 1 句</summary>' in html
    assert "<s>基金总规模 300 亿元 &lt;img src=x&gt;。</s>" in html
    assert html.index("dropped") > html.index("基金总规模 100 亿元")
    assert "300" not in html.split('<details class="dropped">')[0]


def test_how_the_question_was_read_stands_above_and_the_note_below() -> None:
    html = render_answer(written())
    assert html.index("理解为：科创基金多大？") < html.index("基金总规模 100 亿元") < html.index("回答可能不完整。")


def test_a_refusal_shows_what_was_dropped_too() -> None:
    html = render_answer(replace(make_refusal("?", "not_found", "没有写到。"), dropped=DROPPED))
    assert "没有采用的 1 句" in html


def test_an_extractive_answer_has_none_of_it() -> None:
    html = render_answer(make_answer("基金多大？", make_document(), FUND))
    assert not any(word in html for word in ("理解为", "没有采用", 'class="notice"'))


def test_sentences_that_stand_are_shown_with_their_citations_while_more_is_written() -> None:
    answer = make_answer("?", make_document(), FUND, TALENT)
    said = [Said("", answer.sentences[0], answer.citations[:1])]
    html = render_said(said)
    assert FUND in html
    assert TALENT not in html
    assert 'data-number="1"' in html
    assert "正在写下一句" in html


def test_the_terminal_says_how_a_question_was_read_and_the_note() -> None:
    lines = format_answer(written()).splitlines()
    assert lines[0] == "理解为：科创基金多大？"
    assert lines[-1] == "回答可能不完整。"
    assert not any("300" in line for line in lines)


def test_the_json_tells_everything() -> None:
    answer = written().to_json()
    assert answer["dropped"] == [{"text": DROPPED[0].text, "reason": DROPPED[0].reason}]
    assert (answer["note"], answer["understood_as"]) == ("回答可能不完整。", "科创基金多大？")
    assert answer["tokens"] == {"read": 0, "written": 0}


def test_the_doctor_shows_no_key() -> None:
    settings = Settings(llm_url="http://me:pass@127.0.0.1:9/v1", llm_model="m", llm_api_key="sk-secret", llm_seconds=2)
    findings = {finding.name: finding for finding in examine(settings)}
    assert not any("sk-secret" in finding.text or "me:pass" in finding.text for finding in findings.values())
    assert "llm_api_key=(set)" in findings["settings"].text
    assert not findings["language model"].is_fine
    assert "cannot be reached" in findings["language model"].text


def test_the_doctor_needs_no_language_model() -> None:
    (finding,) = [finding for finding in examine(Settings()) if finding.name == "language model"]
    assert finding.is_fine
    assert "none" in finding.text
