"""An encoder that remembers gives the same vectors and encodes each text once."""

from collections.abc import Sequence

import numpy as np

from app.cache import CachedEncoder
from app.types import Progress, Vectors
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
