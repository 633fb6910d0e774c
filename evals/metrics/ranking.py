"""Rankings against the documents that hold the answer. All are 0 to 1, higher is better, and 0 where nothing is relevant.

A ranking is of chunks and names their documents, best first: a document counts where it first stands, its further
chunks take no place. Definitions as in trec_eval (Voorhees & Harman 2005).
"""

import math
from collections.abc import Collection, Sequence


def success_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return 1 if one of the first k documents is relevant, else 0."""
    return float(any(document in relevant for document in _first(ranked, k)))


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant documents that are among the first k."""
    wanted = set(relevant)
    return len(wanted.intersection(_first(ranked, k))) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Return 1 / the rank of the first relevant document, 0 if there is none."""
    ranks = (rank for rank, document in enumerate(dict.fromkeys(ranked), start=1) if document in relevant)
    return 1 / first if (first := next(ranks, 0)) else 0.0


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return nDCG@k with binary gains: Σ 1 / log2(rank + 1) of the relevant, over the best such sum (Järvelin & Kekäläinen 2002)."""
    gain = sum(_discount(rank) for rank, document in enumerate(_first(ranked, k), start=1) if document in relevant)
    best = sum(map(_discount, range(1, min(k, len(set(relevant))) + 1)))
    return gain / best if best else 0.0


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def _first(ranked: Sequence[str], k: int) -> list[str]:
    if k < 1:
        raise ValueError(f"k = {k}: a ranking is cut at 1 or later")
    return list(dict.fromkeys(ranked))[:k]
