"""Question → ranked Passages: dense and BM25 scores, fused."""

from collections.abc import Collection

import numpy as np

from app.text import search_tokens
from app.types import Encoder, Passage, Store, Vectors

CANDIDATES = 100
"""How many chunks each of the two signals proposes; their scores are standardised over the union. On 31,521 chunks of
statutes 100 rank better than 1,000 (nDCG@10 .514 against .505), elsewhere as well (within .002)."""


class Retriever:
    """Ranks the chunks of a store for a question."""

    def __init__(self, store: Store, encoder: Encoder, dense_weight: float = 0.5) -> None:
        self.store = store
        self.encoder = encoder
        self.dense_weight = dense_weight

    def retrieve(
        self, query: str, limit: int, document_ids: Collection[str] | None = None, words: str | None = None
    ) -> tuple[Passage, ...]:
        """Return the `limit` best passages, best first; equal scores keep the order of the corpus.

        `words` is what BM25 searches, if it is not the query itself (a translation).
        """
        vector = self.encoder.encode_queries([query])[0]
        proposed = max(CANDIDATES, limit)
        found = self.store.candidates(vector, search_tokens(words or query), proposed, document_ids)
        fused = fuse(found.dense, found.sparse, self.dense_weight)
        order = np.argsort(-fused, kind="stable")[:limit]
        chunks = self.store.chunks_at(found.rows[order].tolist())
        return tuple(
            Passage(chunk, float(fused[i]), rank, float(found.dense[i]), float(found.sparse[i]))
            for rank, (i, chunk) in enumerate(zip(order, chunks, strict=True), start=1)
        )


def fuse(dense: Vectors, sparse: Vectors, dense_weight: float) -> Vectors:
    """Return the weighted sum of the two signals' z-scores, float32 (n,); higher is closer.

    On 2,645 passages of government notices it ranks better than reciprocal rank fusion with k = 60 (Cormack, Clarke &
    Büttcher, SIGIR 2009): nDCG@10 .846 against .794.
    """
    fused: Vectors = dense_weight * standardise(dense) + (1 - dense_weight) * standardise(sparse)
    return fused


def standardise(scores: Vectors) -> Vectors:
    """Return z-scores (mean 0, deviation 1); all 0 where every score is the same."""
    if scores.size == 0 or scores.min() == scores.max():
        return np.zeros_like(scores)
    standard: Vectors = (scores - scores.mean()) / scores.std()
    return standard
