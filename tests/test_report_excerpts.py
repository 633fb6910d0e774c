"""Where the report finds the evidence of a question, and how it cuts it out of its document."""

from hypothesis import given
from hypothesis import strategies as st

from evals.records import GoldQuestion, Record
from evals.report.excerpts import CONTEXT, Part, find_evidence
from tests.fake_assistant import FUND, TALENT, TEXT
from tests.report_runs import ask


def gold_of(*evidence: str, positive: tuple[str, ...] = (), answers: tuple[tuple[str, ...], ...] = ()) -> GoldQuestion:
    return GoldQuestion("q", "问", "figure", True, (), answers, evidence, positive)


def test_cited_and_gold_evidence_are_marked_where_they_stand() -> None:
    gold = gold_of("共资助了 1 万余人，总资助额 26 亿余元。三是增加人才交流")
    (excerpt,) = find_evidence(Record(gold, ask("资助")), {"reply": TEXT}).excerpts
    marked = [part for part in excerpt.parts if part.numbers or part.is_gold]
    assert marked == [
        Part("截至 2023 年底，四类计划", (1,), False),
        Part("共资助了 1 万余人，总资助额 26 亿余元。", (1,), True),
        Part("三是增加人才交流", (), True),
    ]
    assert excerpt.numbers == (1,)
    assert "".join(part.text for part in excerpt.parts).strip("…") in TEXT


def test_far_apart_evidence_makes_two_excerpts_and_each_has_its_context() -> None:
    gap = "填" * (2 * CONTEXT + 1)
    text = f"{'头' * 500}{TALENT}{gap}{FUND}"
    cited, missed = find_evidence(Record(gold_of(FUND), ask("资助", text)), {"reply": text}).excerpts
    assert [part.text for part in cited.parts] == ["…", "头" * CONTEXT, TALENT, "填" * CONTEXT, "…"]
    assert [part.text for part in missed.parts] == ["…", "填" * CONTEXT, FUND]
    assert (cited.numbers, missed.numbers) == ((1,), ())


def test_of_equal_quotes_the_cited_one_is_gold() -> None:
    text = f"1 万余人。{TALENT}"
    evidence = find_evidence(Record(gold_of("1 万余人"), ask("资助", text)), {"reply": text})
    (gold,) = [mark for mark in evidence.marks if not mark.number]
    assert gold.span.start == text.rindex("1 万余人")


def test_a_quote_that_is_not_what_stands_there_is_pointed_out() -> None:
    answer = ask("资助")
    answer["citations"][0]["start"] += 1
    answer["citations"][0]["end"] += 1
    (excerpt,) = find_evidence(Record(gold_of(), answer), {"reply": TEXT}).excerpts
    assert excerpt.parts == (Part(TALENT, (1,)),)
    assert excerpt.note.startswith("引文与原文不符：原文 [")
    assert f"“{TALENT[1:]}三”" in excerpt.note


def test_without_the_document_the_passages_are_the_context() -> None:
    fund, talent = find_evidence(Record(gold_of("四类计划"), ask("基金")), {}).excerpts[::-1]
    assert [part.text for part in talent.parts] == ["截至 2023 年底，", "四类计划", TALENT[15:]]
    assert fund.parts == (Part(FUND, (1,)),)
    assert not fund.note


def test_where_a_set_names_documents_their_answers_are_the_evidence() -> None:
    gold = gold_of(positive=("reply",), answers=(("26亿", "26 亿余元"),))
    evidence = find_evidence(Record(gold, None), {"reply": TEXT, "other": "26 亿余元"})
    assert [(mark.source.document_id, mark.span.of(TEXT)) for mark in evidence.marks] == [("reply", "26 亿余元")]
    vague = find_evidence(Record(gold_of(positive=("reply", "absent"), answers=(("没有",),)), None), {"reply": TEXT})
    assert [mark.span.start for mark in vague.marks] == [0]


def test_gold_evidence_that_no_text_holds_is_shown_by_itself() -> None:
    (excerpt,) = find_evidence(Record(gold_of("别处的话"), None), {"reply": TEXT}).excerpts
    assert (excerpt.parts, excerpt.note) == ((Part("别处的话", (), True),), "未在所附文字中找到")


@given(st.text("甲乙丙。\n", max_size=900), st.lists(st.tuples(st.integers(0, 900), st.integers(1, 60)), max_size=6))
def test_excerpts_are_pieces_of_their_document(text: str, places: list[tuple[int, int]]) -> None:
    quotes = [text[start : start + length] for start, length in places if text[start : start + length]]
    evidence = find_evidence(Record(gold_of(*quotes), None), {"reply": text})
    assert len(evidence.marks) == len(quotes)
    for excerpt in evidence.excerpts:
        assert "".join(part.text for part in excerpt.parts if part.text != "…") in text
        assert any(part.is_gold for part in excerpt.parts)
    shown = "".join(part.text for excerpt in evidence.excerpts for part in excerpt.parts)
    assert all(quote in shown for quote in quotes)
