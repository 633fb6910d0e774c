"""An encoder and a reader that remember give the same and do each work once."""

from collections.abc import Sequence

import numpy as np

from app.cache import CachedEncoder, CachedReader
from app.types import Progress, Reading, Vectors
from tests.conftest import HashingEncoder


class CountingEncoder(HashingEncoder):
    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.encoded += texts
        return super().encode_passages(texts, progress)


def test_gives_the_vectors_of_the_encoder_it_wraps() -> None:
    texts = ["基金", "人才", "基金"]
    cached = CachedEncoder(CountingEncoder())
    np.testing.assert_array_equal(cached.encode_passages(texts), HashingEncoder().encode_passages(texts))
    np.testing.assert_array_equal(cached.encode_queries(texts), HashingEncoder().encode_queries(texts))
    assert cached.encode_passages([]).shape == (0, HashingEncoder.dim)


def test_encodes_a_text_once_and_forgets_the_oldest() -> None:
    encoder = CountingEncoder()
    cached = CachedEncoder(encoder, remembered=2)
    cached.encode_passages(["一", "二"])
    cached.encode_passages(["一"])
    cached.encode_passages(["三"])
    cached.encode_passages(["一", "三"])
    assert encoder.encoded == ["一", "二", "三"]
    cached.encode_passages(["二"])
    assert encoder.encoded == ["一", "二", "三", "二"]


class CountingReader:
    """Gives each passage the length of its text as its logits, and remembers what it read."""

    def __init__(self) -> None:
        self.passages: list[str] = []

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        self.passages += [text for _, text in passages]
        places, marks = np.zeros((0, 2), np.int32), np.zeros((0, 2), np.float32)
        return tuple(Reading(len(text), len(text), places, marks) for _, text in passages)


def test_reads_a_passage_once_for_a_question_and_forgets_the_oldest() -> None:
    reader = CountingReader()
    cached = CachedReader(reader, remembered=2)
    first = cached.read("问", [("题", "一"), ("题", "二二"), ("题", "一")])
    assert [reading.answerable for reading in first] == [1, 2, 1]
    assert cached.read("问", [("题", "二二"), ("题", "一")]) == (first[1], first[0])
    assert reader.passages == ["一", "二二"]
    cached.read("另问", [("题", "一")])
    cached.read("问", [("另题", "一")])
    cached.read("问", [("题", "一")])
    assert reader.passages == ["一", "二二", "一", "一", "一"]
    assert cached.read("问", []) == ()
