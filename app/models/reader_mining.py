"""Find the passages that look as if they answered a question: what BM25 and the encoder rank highest and is not the answer."""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from app.models.reader_network import Reader

BOS, PAD, EOS = 0, 1, 2
MINED = 20
"""How many neighbours of each question each of the two signals proposes."""
KEPT = 32
SAME_TEXT = 0.985
"""Chunks closer than this (cosine) are editions of one text: neither is a negative of the other's questions."""
POSITION_LIMIT = 510
FEATURES = 1 << 22
"""Pieces and pairs of neighbouring pieces are counted in so many classes, by their hash."""

Texts = Sequence[NDArray[np.uint16]]


def mine(encoder: Reader, arrays: Mapping[str, NDArray[Any]], device: str) -> NDArray[np.int32]:
    """Return each question's likeliest passages that do not answer it, int32 (examples, KEPT), best first, -1 to fill.

    `encoder` is an untrained reader, whose body embeds as the shipped encoder does. BM25 comes first: it forks.
    """
    chunks = np.split(arrays["chunks"], arrays["chunk_ends"][:-1])
    questions = np.split(arrays["questions"], arrays["question_ends"][:-1])
    by_words = rank_by_words(chunks, questions)
    encoder.to(device).eval()
    bos, eos = np.array([BOS], np.uint16), np.array([EOS], np.uint16)
    passages = embed(encoder, [np.concatenate([bos, chunk, eos])[:POSITION_LIMIT] for chunk in chunks], device)
    asked = embed(encoder, [np.concatenate([question, eos]) for question in questions], device)
    barred = _sets(arrays["forbidden"])
    first = _sets(arrays["lookalikes"])
    negatives = np.full((len(questions), KEPT), -1, np.int32)
    for start in range(0, len(questions), 2048):
        positive = arrays["positive"][start : start + 2048].astype(np.int64)
        by_meaning = (asked[start : start + 2048] @ passages.T).topk(MINED, dim=1).indices.cpu().numpy()
        both = np.stack([by_words[start : start + 2048], by_meaning], 2).reshape(len(positive), -1)
        gold = passages[torch.from_numpy(np.maximum(positive, 0)).to(device)]
        found = passages[torch.from_numpy(both).to(device)]
        alike = ((found * gold[:, None]).sum(2) > SAME_TEXT).cpu().numpy() & (positive >= 0)[:, None]
        for row, (candidates, same) in enumerate(zip(both.tolist(), alike.tolist(), strict=True)):
            out = barred.get(start + row, set()) | {int(positive[row])}
            near = [c for c, s in zip(candidates, same, strict=True) if not s and c not in out]
            kept = list(dict.fromkeys([*first.get(start + row, ()), *near]))[:KEPT]
            negatives[start + row, : len(kept)] = kept
    return negatives


def _sets(pairs: NDArray[np.int32]) -> dict[int, set[int]]:
    sets: dict[int, set[int]] = {}
    for example, chunk in pairs.tolist():
        sets.setdefault(example, set()).add(chunk)
    return sets


def rank_by_words(chunks: Texts, questions: Texts) -> NDArray[np.int64]:
    """Return the `MINED` best chunks of each question by BM25 (Robertson & Zaragoza, 2009), int64 (questions, MINED)."""
    weights = _bm25(_counts(chunks))
    asked = _counts(questions)
    asked.data[:] = 1
    parts = [asked[start : start + 512] for start in range(0, asked.shape[0], 512)]
    global _weights  # noqa: PLW0603  forked workers share the matrix instead of receiving a copy each
    _weights = weights
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        return np.concatenate(pool.map(_best, parts))


_weights: csr_matrix = None


def _best(asked: csr_matrix) -> NDArray[np.int64]:
    scores = (asked @ _weights).toarray()
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


@torch.no_grad()
def embed(reader: Reader, texts: Texts, device: str) -> Tensor:
    """Embed texts as the encoder does (the reader must be untrained). Returns float32 (n, 384), unit length."""
    vectors = torch.zeros(len(texts), 384, device=device)
    order = np.argsort([len(text) for text in texts], kind="stable")
    for chosen in np.array_split(order, max(1, len(texts) // 256)):
        width = len(texts[chosen[-1]])
        ids = torch.tensor([[*map(int, texts[n]), *[PAD] * (width - len(texts[n]))] for n in chosen], device=device)
        mask = ids != PAD
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            x = reader.hidden(ids, mask).float()
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        vectors[torch.from_numpy(chosen).to(device)] = nn.functional.normalize(mean, dim=1)
    return vectors
