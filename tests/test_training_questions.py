"""What the models are trained on beside public sets, app/models/*_questions.jsonl: well formed, nothing that is measured."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.answering.matching import squeeze

ROOT = Path(__file__).parent.parent
DOCUMENTS: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "app/models/document_questions.jsonl").read_text(encoding="utf-8").splitlines()
]
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "app/models/official_questions.jsonl").read_text(encoding="utf-8").splitlines()
]
LAY = [json.loads(line) for line in (ROOT / "app/models/lay_questions.jsonl").read_text(encoding="utf-8").splitlines()]
REGULATIONS = ROOT.parent / "shared/benchmarks/shanghai_regs.passages.jsonl.gz"
COMMON = 36
"""So many characters in a row that two texts share are no chance: 本办法自2024年1月1日起施行，有效期5年。2019年印发 has 30."""


def test_every_answer_is_copied_from_its_passage() -> None:
    for row in ROWS:
        assert set(row) - {"held_out"} == {"title", "passage", "questions"}
        for question in row["questions"]:
            assert set(question) == {"question", "answer"}
            assert question["answer"] is None or question["answer"] in row["passage"], question


@pytest.mark.skipif(not REGULATIONS.is_file(), reason="the regulations are not there")
def test_every_answer_to_a_layman_is_copied_from_its_article() -> None:
    with gzip.open(REGULATIONS, "rt", encoding="utf-8") as lines:
        articles = {row["id"]: row["text"] for row in map(json.loads, lines)}
    for row in LAY:
        assert set(row) - {"held_out"} == {"id", "questions"}
        for question in row["questions"]:
            assert question["answer"] is None or question["answer"] in articles[row["id"]], question


def test_every_answer_on_a_document_stands_where_it_is_marked() -> None:
    for row in DOCUMENTS:
        wanted = (ROOT / "tests" / row["suite"] / "questions.tsv").read_text(encoding="utf-8")
        for question in row["questions"]:
            assert question["own"] is not None or not question["spans"] + question["also"]
            assert question["own"] not in question["also"]
            for start, end in question["spans"]:
                _, text = row["passages"][question["passages"][question["own"]]]
                assert squeeze(text[start:end]) in squeeze(wanted), question


def test_nothing_is_asked_of_the_same_text_twice() -> None:
    for row in [*ROWS, *LAY]:
        asked = [question["question"] for question in row["questions"]]
        assert len(asked) == len(set(asked)), row
        assert all(asked)


def test_a_third_or_so_has_no_answer() -> None:
    questions = [question for row in ROWS for question in row["questions"]]
    assert 0.25 < sum(question["answer"] is None for question in questions) / len(questions) < 0.45


def test_words_shared_with_the_passage_tell_no_answer_by_themselves() -> None:
    """Questions with and without an answer both come in the passage's words and in others."""
    shares: dict[bool, list[float]] = {True: [], False: []}
    for row in ROWS:
        for question in row["questions"]:
            pairs = {question["question"][i : i + 2] for i in range(len(question["question"]) - 1)}
            shares[question["answer"] is not None].append(sum(pair in row["passage"] for pair in pairs) / len(pairs))
    for values in shares.values():
        assert sum(share < 0.15 for share in values) > len(values) / 5
        assert sum(share > 0.25 for share in values) > len(values) / 5


def test_nothing_that_is_measured_is_trained_on() -> None:
    documents = [*(ROOT / "corpus").glob("*.txt"), *(ROOT / "tests/other_documents").glob("*/*.txt")]
    measured = {
        text[i : i + COMMON]
        for path in documents
        for text in [squeeze(path.read_text(encoding="utf-8"))]
        for i in range(len(text) - COMMON + 1)
    }
    trained = [row["passage"] for row in ROWS] + [text for row in DOCUMENTS for _, text in row["passages"]]
    for passage in trained:
        told = squeeze(re.sub(r"\s", "", passage))
        shared = [told[i : i + COMMON] for i in range(len(told)) if told[i : i + COMMON] in measured]
        assert not shared, (passage, shared[0])
