"""What the reader is tuned on, app/models/reader_examples.jsonl: well formed, and nothing that is measured."""

import json
import re
from pathlib import Path
from typing import Any

from app.answering.matching import squeeze

ROOT = Path(__file__).parent.parent
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "app/models/reader_examples.jsonl").read_text(encoding="utf-8").splitlines()
]
QUESTIONS = [question for row in ROWS for question in row["questions"]]
COMMON = 30
"""So many characters in a row that two texts share are no chance."""


def test_every_answer_is_copied_from_its_passage() -> None:
    for row in ROWS:
        assert set(row) == {"title", "passage", "questions"}
        for question in row["questions"]:
            assert set(question) == {"question", "answer"}
            assert question["answer"] is None or question["answer"] in row["passage"], question


def test_no_passage_is_asked_the_same_twice() -> None:
    for row in ROWS:
        asked = [question["question"] for question in row["questions"]]
        assert len(asked) == len(set(asked)), row["title"]


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
    for row in ROWS:
        passage = squeeze(re.sub(r"\s", "", row["passage"]))
        shared = [passage[i : i + COMMON] for i in range(len(passage)) if passage[i : i + COMMON] in measured]
        assert not shared, (row["title"], shared[0])
