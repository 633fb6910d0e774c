"""What a language model wrote, listed for a person to judge, and counted."""

from evals.drafts import list_drafts
from evals.records import GoldQuestion, Record
from evals.scoring import score

GOLD = GoldQuestion("q1", "基金多大？", "figure", True, answers=(("100亿元",),), evidence=("基金总规模 100 亿元",))
TEXT = "基金总规模 100 亿元。"
ANSWER = {
    "status": "answered",
    "answerer": "llm",
    "sentences": [{"text": "基金总规模100亿元。", "highlights": [], "citations": [1], "verified": True}],
    "citations": [{"number": 1, "document_id": "d", "start": 0, "end": len(TEXT), "quote": TEXT}],
    "passages": [],
    "dropped": [
        {"text": "基金已投300亿元。", "reason": "所引原文没有“300亿元”"},
        {"text": "二。", "reason": "没有引证"},
    ],
    "tokens": {"read": 321, "written": 40},
    "timings_ms": {"total": 900.0, "first": 700.0},
}


def test_counts_and_shows_what_was_kept_and_dropped() -> None:
    lines = list(list_drafts([Record(GOLD, ANSWER)], sample=1))
    assert lines[0] == "questions put to the model: 1; sentences kept: 1, dropped: 2"
    assert "kept (1 of 1)" in lines[1]
    assert lines[2] == "q1  基金多大？\n    基金总规模100亿元。\n    「基金总规模 100 亿元。」"
    assert "dropped (1 of 2)" in lines[3]
    assert len(lines) == 5


def test_an_answer_that_no_model_wrote_is_not_listed() -> None:
    extractive = {**ANSWER, "answerer": "extractive", "tokens": {"read": 0, "written": 0}}
    assert next(list_drafts([Record(GOLD, extractive)], 5)).startswith("questions put to the model: 0")


def test_the_figures_of_writing_are_scored() -> None:
    figures = score(GOLD, ANSWER, "", {}).figures
    assert (figures["written"], figures["tokens read"], figures["tokens written"]) == (1.0, 321.0, 40.0)
    assert figures["kept"] == 1 / 3
    assert figures["first ms"] == 700.0
