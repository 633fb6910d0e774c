"""Does the shipped encoder rank as the float32 model does? nDCG@10 of public question sets, by vectors alone and with BM25."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.cli import progress_bar
from app.retrieval import CANDIDATES, fuse
from app.stores.postings import Bm25, FreshCounts, write_postings
from app.stores.tokens import count_tokens
from app.text import search_tokens
from app.types import Document, Encoder, Vectors
from evals import metrics
from evals.runner import WORK
from evals.suites import Suite

SUITES = ("ncp_dev", "cmrc2018", "lecoqa_law")
ALLOWED = {"vectors": 0.010, "hybrid": 0.005}
"""How much lower the shipped encoder's mean nDCG@10 may be."""


@dataclass(frozen=True, slots=True)
class Parity:
    """nDCG@10 of each question of a suite with either encoder."""

    suite: str
    passages: int
    ranking: str
    """`vectors` alone, or `hybrid`: z-scores of cosine and BM25, added."""
    float32: tuple[float, ...]
    shipped: tuple[float, ...]

    @property
    def allowed(self) -> float:
        """Return how much lower the shipped encoder may be."""
        return ALLOWED[self.ranking]

    def difference(self) -> tuple[float, float, float]:
        """Return shipped − float32 and its 95 % interval."""
        return metrics.paired_bootstrap(self.float32, self.shipped)[:3]


def bench_parity(suite: Suite, shipped: Encoder, float32: Encoder) -> list[Parity]:
    """Rank whole passages, one vector each, for every question that has an answer."""
    documents = suite.documents()
    texts = [_text(document) for document in documents.values()]
    questions = [question for question in suite.questions if question.positive]
    asked = [question.question for question in questions]
    relevant = [question.positive for question in questions]
    sparse = bm25_scores(texts, asked)
    found = {}
    for encoder in (float32, shipped):
        dense = encoder.encode_queries(asked) @ encode(encoder, texts, suite.name).T
        found[encoder.name] = ndcgs(list(documents), relevant, dense, sparse)
    return [
        Parity(suite.name, len(texts), ranking, found[float32.name][ranking], found[shipped.name][ranking])
        for ranking in ALLOWED
    ]


def _text(document: Document) -> str:
    """Return a passage as the index searches it: its title in front, once."""
    return document.text if document.text.startswith(document.title) else f"{document.title} {document.text}"


def encode(encoder: Encoder, texts: Sequence[str], label: str) -> Vectors:
    """Embed passages, or read what an earlier run made of the same texts with the same encoder."""
    key = hashlib.sha256("\0".join([encoder.fingerprint, *texts]).encode()).hexdigest()[:16]
    path = WORK / "vectors" / f"{label}-{key}.npy"
    if path.is_file():
        kept: Vectors = np.load(path)
        return kept
    vectors = encoder.encode_passages(texts, progress_bar(f"{label}, {encoder.name}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npy")
    np.save(partial, vectors)
    partial.replace(path)
    return vectors


def bm25_scores(texts: Sequence[str], questions: Sequence[str]) -> Vectors:
    """Return BM25 scores over our own tokens (Lucene's variant, k1 = 1.5, b = 0.75), float32 (questions, texts)."""
    with tempfile.TemporaryDirectory() as folder:
        counted = FreshCounts(count_tokens(texts), Path(folder) / "fresh")
        write_postings(Path(folder) / "bm25", [(counted, np.arange(len(texts)))], len(texts))
        bm25, rows = Bm25(Path(folder) / "bm25"), np.arange(len(texts))
        return np.array([bm25.scores(bm25.terms(search_tokens(question)), rows) for question in questions])


def ndcgs(
    ids: Sequence[str], relevant: Sequence[Sequence[str]], dense: Vectors, sparse: Vectors
) -> dict[str, tuple[float, ...]]:
    """Return nDCG@10 of each question, by ranking. The scores are (questions, passages), higher is closer."""
    by_ranking: dict[str, list[float]] = {ranking: [] for ranking in ALLOWED}
    for wanted, cosines, words in zip(relevant, dense, sparse, strict=True):
        rows = np.union1d(_best(cosines, CANDIDATES), _best(words, CANDIDATES))
        ranked = {
            "vectors": _best(cosines, 10),
            "hybrid": rows[_best(fuse(cosines[rows], words[rows], 0.5), 10)],
        }
        for ranking, order in ranked.items():
            by_ranking[ranking].append(metrics.ndcg_at([ids[row] for row in order], wanted, 10))
    return {ranking: tuple(values) for ranking, values in by_ranking.items()}


def _best(scores: Vectors, count: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return the rows of the highest scores, best first; equal ones keep their order."""
    return np.argsort(-scores, kind="stable")[:count]
