"""From use to evals: the rows that a person accepts into a question set."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import FeedbackError, YouJuError
from app.feedback import FeedbackStore
from app.types import Answer, Turn
from evals.collect import collect
from evals.suites import SuiteError, read_questions
from tests.fake_assistant import FUND, TALENT, make_answer, make_document, make_refusal

REFUSED = "文件里没有写到这件事。"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
def store(path: Path) -> FeedbackStore:
    return FeedbackStore(path, logs_refusals=True)


def give(store: FeedbackStore, answer: Answer, answer_id: str, *history: str) -> str:
    store.note(replace(answer, id=answer_id), [Turn(question) for question in history])
    return answer_id


def answered(question: str, *quotes: str) -> Answer:
    return make_answer(question, make_document(), *quotes)


def collected(path: Path) -> list[dict[str, Any]]:
    out = path.with_name("candidates.jsonl")
    collect(path, out)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_a_down_voted_answer_becomes_a_row_with_what_it_cited(store: FeedbackStore, path: Path) -> None:
    store.rate(give(store, answered("那基金呢？", FUND, TALENT), "a1", "资助了多少人？"), "down", "规模不对")
    (row,) = collected(path)
    assert row == {
        "id": row["id"],
        "question": "那基金呢？",
        "history": ["资助了多少人？"],
        "answers": [],
        "evidence": [FUND, TALENT],
        "kind": "collected",
        "answerable": None,
        "note": "down: 规模不对",
        "answer": f"{FUND} [1] {TALENT} [2]",
    }


def test_refusals_are_collected_and_answers_that_helped_are_not(store: FeedbackStore, path: Path) -> None:
    store.rate(give(store, answered("资助多少人？", TALENT), "a1"), "up")
    give(store, make_refusal("电话是多少？", "not_found", REFUSED), "a2")
    (row,) = collected(path)
    assert (row["question"], row["evidence"], row["answer"]) == ("电话是多少？", [], REFUSED)
    assert row["note"] == "refused: not_found"


def test_the_same_question_is_one_row(store: FeedbackStore, path: Path) -> None:
    question = "电话是多少？"
    give(store, make_refusal(question, "not_found", REFUSED), "a1")
    store.rate(give(store, make_refusal(question, "not_found", REFUSED), "a2"), "down", "在文末")
    store.rate(give(store, answered(question, FUND), "a3"), "down", "在文末")
    store.rate(give(store, answered(question, FUND, TALENT), "a4"), "down")
    store.rate(give(store, answered(question, FUND), "a5", "前一个问题"), "down")
    first, other = collected(path)
    assert first["note"] == "refused: not_found; down: 在文末; down"
    assert first["evidence"] == [FUND, TALENT]
    assert first["answer"] == f"{FUND} [1] {TALENT} [2]"
    assert (other["question"], other["history"]) == (question, ["前一个问题"])
    assert first["id"] != other["id"]


def test_the_same_feedback_gives_the_same_file_and_more_of_it_keeps_the_ids(store: FeedbackStore, path: Path) -> None:
    for number in range(20):
        store.rate(give(store, answered(f"第 {number} 个问题", FUND), f"a{19 - number}"), "down")
    rows = collected(path)
    assert [row["question"] for row in rows] == [f"第 {number} 个问题" for number in range(20)]
    assert collected(path) == rows
    store.rate(give(store, answered("新的问题", FUND), "a99"), "down")
    assert collected(path)[:20] == rows
    assert len({row["id"] for row in collected(path)}) == 21


def test_a_hostile_comment_stays_on_its_line(store: FeedbackStore, path: Path) -> None:
    comment = '"}\n{"id": "x"}\u2028<script>'
    store.rate(give(store, answered("资助多少人？", TALENT), "a1"), "down", comment)
    (row,) = (json.loads(line) for line in _lines(path))
    assert row["note"] == f"down: {comment}"


def _lines(path: Path) -> list[str]:
    collect(path, path.with_name("candidates.jsonl"))
    return path.with_name("candidates.jsonl").read_text(encoding="utf-8").strip("\n").split("\n")


def test_a_row_is_taken_into_a_question_set_once_a_person_has_decided(store: FeedbackStore, path: Path) -> None:
    store.rate(give(store, answered("那基金呢？", FUND), "a1", "资助了多少人？"), "down")
    (row,) = collected(path)
    out = path.with_name("accepted.jsonl")
    out.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(SuiteError, match="answerable"):
        list(read_questions(out))
    out.write_text(json.dumps({**row, "answerable": True, "answers": [["100亿元"]]}), encoding="utf-8")
    (question,) = read_questions(out)
    assert (question.id, question.history, question.evidence) == (row["id"], ("资助了多少人？",), (FUND,))


def test_it_says_how_many(store: FeedbackStore, path: Path) -> None:
    store.rate(give(store, make_refusal("电话是多少？", "not_found", REFUSED), "a1"), "down")
    store.rate(give(store, answered("资助多少人？", TALENT), "a2"), "down")
    out = path.with_name("candidates.jsonl")
    assert collect(path, out) == f"2 candidates in {out} (down-voted: 2, refused: 1)"


def test_without_feedback_or_a_place_to_write_it_says_so(store: FeedbackStore, path: Path) -> None:
    with pytest.raises(FeedbackError, match="there is no feedback file"):
        collect(path, path.with_name("candidates.jsonl"))
    assert list(path.parent.iterdir()) == []
    store.rate(give(store, answered("资助多少人？", TALENT), "a1"), "down")
    with pytest.raises(YouJuError, match="cannot be written: Is a directory"):
        collect(path, path.parent)
