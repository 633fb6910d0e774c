"""Find the passages that look as if they answered a question: what BM25 and the encoder rank highest and is not the answer."""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.encoders import OnnxEngine, equal_lengths
from app.types import Vectors

BOS, EOS, POSITIONS = 0, 2, 512
MINED = 20
"""How many neighbours of each question each of the two signals proposes."""
KEPT = 32
SAME_TEXT = 0.985
"""Chunks closer than this (cosine) are editions of one text: neither is a negative of the other's questions."""
FEATURES = 1 << 22
"""Pieces and pairs of neighbouring pieces are counted in so many classes, by their hash."""

Texts = Sequence[NDArray[np.uint16]]


def mine(arrays: Mapping[str, NDArray[Any]], asked: Vectors, passages: Vectors) -> NDArray[np.int32]:
    """Return each question's likeliest passages that do not answer it, int32 (examples, KEPT), best first, -1 to fill.

    `asked` and `passages` are the vectors of questions and chunks, unit length.
    """
    chunks = np.split(arrays["chunks"], arrays["chunk_ends"][:-1])
    questions = np.split(arrays["questions"], arrays["question_ends"][:-1])
    by_words = rank_by_words(chunks, questions)
    barred = group_pairs(arrays["forbidden"])
    first = group_pairs(arrays["lookalikes"])
    negatives = np.full((len(questions), KEPT), -1, np.int32)
    for start in range(0, len(questions), 2048):
        positive = arrays["positive"][start : start + 2048].astype(np.int64)
        by_meaning = _best(asked[start : start + 2048] @ passages.T)
        both = np.stack([by_words[start : start + 2048], by_meaning], 2).reshape(len(positive), -1)
        gold = passages[np.maximum(positive, 0)]
        alike = (np.einsum("qmd,qd->qm", passages[both], gold) > SAME_TEXT) & (positive >= 0)[:, None]
        for row, (candidates, same) in enumerate(zip(both.tolist(), alike.tolist(), strict=True)):
            out = barred.get(start + row, set()) | {int(positive[row])}
            near = [c for c, s in zip(candidates, same, strict=True) if not s and c not in out]
            kept = list(dict.fromkeys([*first.get(start + row, ()), *near]))[:KEPT]
            negatives[start + row, : len(kept)] = kept
    return negatives


def as_encoded(texts: Texts) -> list[NDArray[np.uint16]]:
    """Put `<s>` and `</s>` around texts in pieces, as the encoder sees them."""
    bos, eos = np.array([BOS], np.uint16), np.array([EOS], np.uint16)
    return [np.concatenate([text if text[0] == BOS else np.concatenate([bos, text]), eos]) for text in texts]


def embed(engine: OnnxEngine, texts: Texts) -> Vectors:
    """Embed texts in pieces. Returns float32 (n, dim), unit length."""
    pieces = [text[:POSITIONS].tolist() for text in as_encoded(texts)]
    vectors = np.zeros((len(pieces), engine.dim), np.float32)
    batches = equal_lengths(pieces)
    with ThreadPoolExecutor(engine.threads) as pool:
        runs = pool.map(lambda rows: engine.embed_pieces([pieces[row] for row in rows]), batches)
        for rows, found in zip(batches, runs, strict=True):
            vectors[rows] = found
    return vectors


def group_pairs(pairs: NDArray[np.int32]) -> dict[int, set[int]]:
    """Map the first of each pair to all of its seconds."""
    groups: dict[int, set[int]] = {}
    for first, second in pairs.tolist():
        groups.setdefault(first, set()).add(second)
    return groups


def rank_by_words(chunks: Texts, questions: Texts) -> NDArray[np.int64]:
    """Return the `MINED` best chunks of each question by BM25 (Robertson & Zaragoza, 2009), int64 (questions, MINED)."""
    weights = _bm25(_counts(chunks))
    asked = _counts(questions)
    asked.data[:] = 1
    parts = [asked[start : start + 512] for start in range(0, asked.shape[0], 512)]
    global _weights  # noqa: PLW0603  forked workers share the matrix instead of receiving a copy each
    _weights = weights
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        return np.concatenate(pool.map(_ranked, parts))


_weights: csr_matrix = None


def _ranked(asked: csr_matrix) -> NDArray[np.int64]:
    return _best((asked @ _weights).toarray())


def _best(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the columns of the `MINED` highest scores of each row, best first."""
    best = np.argpartition(-scores, min(MINED, scores.shape[1]) - 1, axis=1)[:, :MINED]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
    ranked: NDArray[np.int64] = np.take_along_axis(best, order, 1)
    return ranked


def _counts(texts: Texts) -> csr_matrix:
    """Return how often each text has each piece and each pair of neighbours, sparse (texts, FEATURES)."""
    features = []
    for text in texts:
        whole = text.astype(np.int64)
        features.append(np.concatenate([whole, whole[:-1] * 65_599 + whole[1:] + 65_536]) % FEATURES)
    rows = np.concatenate([[0], np.cumsum([len(row) for row in features])])
    columns = np.concatenate(features)
    matrix = csr_matrix((np.ones(len(columns), np.float32), columns, rows), (len(texts), FEATURES))
    matrix.sum_duplicates()
    return matrix


def _bm25(counts: csr_matrix, k1: float = 1.2, b: float = 0.75) -> csr_matrix:
    """Return BM25 weights, sparse (features, texts)."""
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log1p((counts.shape[0] - documents + 0.5) / (documents + 0.5)).astype(np.float32)
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norm = k1 * (1 - b + b * lengths[row] / lengths.mean())
    counts.data = rarity[counts.indices] * counts.data * (k1 + 1) / (counts.data + norm)
    return counts.T.tocsr()
