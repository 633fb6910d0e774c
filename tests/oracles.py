"""What stores are held against: a plain BM25, and encoders that a test can tell apart."""

import math
from collections import Counter
from collections.abc import Sequence

from app.types import Progress, Vectors
from tests.conftest import HashingEncoder


def plain_bm25(query: Sequence[str], texts: Sequence[Sequence[str]], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """BM25 as Lucene has it (Kamphuis et al., ECIR 2020, eq. 2, without the constant factor k1 + 1)."""
    average = max(1.0, sum(map(len, texts)) / len(texts))
    scores = []
    for tokens in texts:
        counts, score = Counter(tokens), 0.0
        for token in query:
            frequency = sum(token in other for other in texts)
            if frequency:
                idf = math.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
                score += idf * counts[token] / (counts[token] + k1 * (1 - b + b * len(tokens) / average))
        scores.append(score)
    return scores


class CountingEncoder(HashingEncoder):
    """Remembers which passages it had to encode."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.encoded += texts
        return super().encode_passages(texts, progress)


class OtherModel(HashingEncoder):
    name = "bge-m3"
    dim = 32
    fingerprint = "other"


class OtherWeights(HashingEncoder):
    fingerprint = "hashing-2"
