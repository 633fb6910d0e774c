"""Passages that are mined to be told apart from the one that answers: near, and no answer themselves."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")

from app.models.reader_mining import mine
from app.models.reader_training import CLOZE, DRCD, OFFICIAL

CHUNKS = [np.arange(4 + 8 * n, 12 + 8 * n, dtype=np.uint16) for n in range(6)]
QUESTIONS = [np.array([3, 53 + n, 53 + n], np.uint16) for n in range(6)]
"""They share no word with their chunks: that must be learnt."""


def make_arrays(**other: Any) -> dict[str, Any]:
    """Six chunks and a question on each; the last question is held out, the fifth has no answer."""
    arrays = {
        "chunks": np.concatenate(CHUNKS),
        "chunk_ends": np.cumsum([len(chunk) for chunk in CHUNKS]).astype(np.int32),
        "questions": np.concatenate(QUESTIONS),
        "question_ends": np.cumsum([len(question) for question in QUESTIONS]).astype(np.int32),
        "source": np.array([DRCD, DRCD, CLOZE, CLOZE, OFFICIAL, OFFICIAL], np.int8),
        "positive": np.array([0, 1, 2, 3, -1, 5], np.int32),
        "is_dev": np.array([False, False, False, False, False, True]),
        "forbidden": np.array([[1, 0], [3, 5]], np.int32),
        "lookalikes": np.array([[4, 4]], np.int32),
        "spans": np.array([[0, 1, 2], [3, 4, 5]], np.int32),
    }
    return arrays | other


def test_mined_passages_are_near_and_do_not_answer() -> None:
    vectors = np.eye(6, 384, dtype=np.float32)
    found = mine(make_arrays(), vectors, vectors)
    for row, positive in zip(found, make_arrays()["positive"], strict=True):
        kept = row[row >= 0].tolist()
        assert len(kept) == len(set(kept)) >= 3
        assert positive not in kept
    assert 0 not in found[1]
    assert 5 not in found[3]
    assert found[4][0] == 4


def test_passages_that_are_the_same_text_are_no_negatives() -> None:
    vectors = np.eye(6, 384, dtype=np.float32)
    vectors[2] = vectors[3]
    found = mine(make_arrays(), vectors, vectors)
    assert 3 not in found[2]
    assert 2 not in found[3]
