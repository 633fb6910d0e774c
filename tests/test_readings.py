"""What the reader is given for questions on documents, as `python -m evals readings` writes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals.__main__ import main

pytestmark = pytest.mark.model

ROOT = Path(__file__).parent.parent


ALIKE = 0.85
"""Least share of passages that are still the same: a newer encoder finds another one now and then (.93 with today's)."""


def passage_texts(suite: dict[str, Any], question: dict[str, Any]) -> list[str]:
    return [suite["passages"][number][1] for number in question["passages"]]


def answering(suite: dict[str, Any], question: dict[str, Any]) -> str | None:
    own = question["own"]
    return None if own is None else passage_texts(suite, question)[own]


def test_what_is_written_again_is_what_the_reader_was_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "readings.jsonl"
    with pytest.raises(SystemExit, match="0"):
        main(["readings", str(ROOT / "tests/read_documents/29"), "--out", str(out)])
    (row,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    shipped = map(json.loads, (ROOT / "app/models/document_questions.jsonl").read_text(encoding="utf-8").splitlines())
    (trained,) = [one for one in shipped if one["suite"] == row["suite"]]
    alike = []
    for written, known in zip(row["questions"], trained["questions"], strict=True):
        assert written["question"] == known["question"]
        assert answering(row, written) == answering(trained, known)
        assert written["spans"] == known["spans"]
        texts = passage_texts(row, written)
        alike += [text in texts for text in passage_texts(trained, known)]
    assert sum(alike) / len(alike) > ALIKE
