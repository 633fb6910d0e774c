"""The index from a thousand to a million chunks: build, open, search, memory, a change, and what is lost to exactness."""

import json
import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from app import generations
from app.building import build
from app.config import Settings
from app.encoders import load_encoder
from app.retrieval import CANDIDATES, Retriever
from app.stores import postings, vectors
from app.stores.local import FORMAT, LocalStore, open_local
from app.text import search_tokens
from app.types import Encoder, Progress, Vectors
from evals.bench.engines import BEST, compare_engines
from evals.bench.plot import draw_lines
from evals.bench.texts import ARTICLES, DrawnEncoder, make_texts, read_passages
from evals.metrics import percentile
from evals.suites import load_suite

FIRST = 1_000
REAL_VECTORS = 10_000
QUESTIONS = 300
CLIENTS = 16
CLIENT_SECONDS = 20.0
COMPARED_AT = 100_000
"""Chunks at which other BM25 engines are measured."""
REVISION = 2
"""Raise it when the texts that are made change."""

Report = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured at one number of chunks. Times in seconds, or milliseconds where the name says so."""

    chunks: int
    documents: int
    build: float
    change: float
    open: float
    disk_mb: float
    resident_mb: float
    p50_ms: float
    p95_ms: float
    rate: float
    """Searches a second of CLIENTS clients."""
    dense_recall: float
    """Share of the 10 closest vectors that are among those proposed."""
    sparse_recall: float
    """Share of the 10 best by exact BM25 that are found."""


def bench_index(settings: Settings, chunks: int, work: Path, report: Report) -> str:
    """Measure sizes in steps of ten up to `chunks`. Returns a table; a picture of it is put into `work`."""
    passages = read_passages(Path(settings.benchmarks))
    encoder = load_encoder(settings.encoder, threads=settings.threads)
    sample = [text for _, text in passages[:: max(1, len(passages) // REAL_VECTORS)]][:REAL_VECTORS]
    real, encoded_per_second = _real_vectors(encoder, sample, work, report("encoding the sample"))
    drawn = DrawnEncoder(encoder, real)
    suites = [load_suite(name, Path(settings.benchmarks), Path(settings.corpus)) for name in ("ncp_dev", "lecoqa_law")]
    everything = [question.question for suite in suites for question in suite.questions]
    questions = everything[:: len(everything) // QUESTIONS][:QUESTIONS]
    counts = [FIRST * 10**power for power in range(10) if FIRST * 10**power < chunks] + [chunks]
    sizes = []
    for count in counts:
        root = work / f"index-{count}"
        built = _build(root, count, drawn, passages, report)
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            found = process.submit(_measure, settings, root, questions).result()
        sizes.append(Size(**{**built, **found}))
    draw_lines(
        work / "index.svg",
        "检索耗时（毫秒）与段落数 search time and chunks",
        [size.chunks for size in sizes],
        {"p50": [size.p50_ms for size in sizes], "p95": [size.p95_ms for size in sizes]},
    )
    store = open_local(work / f"index-{min(COMPARED_AT, chunks)}", encoder.name)
    engines = compare_engines(
        store, lambda tokens: _exactly(store, store.bm25.terms(tokens)), questions, report("counting for other engines")
    )
    encoding = _encoding(encoded_per_second, chunks)
    return f"{_table(sizes)}\n\n{encoding}\n\n{engines}\n\npicture: {work / 'index.svg'}"


def _real_vectors(encoder: Encoder, texts: Sequence[str], work: Path, progress: Progress) -> tuple[Vectors, float]:
    """Return the vectors of a sample, and how many passages a second were encoded; both are kept for the next time."""
    kept = work / f"real-{encoder.fingerprint}-{len(texts)}.npz"
    if kept.is_file():
        with np.load(kept) as file:
            return file["vectors"], float(file["rate"])
    started = time.perf_counter()
    vectors = encoder.encode_passages(texts, progress)
    rate = len(texts) / (time.perf_counter() - started)
    work.mkdir(parents=True, exist_ok=True)
    np.savez(kept, vectors=vectors, rate=rate)
    return vectors, rate


def _build(
    root: Path, count: int, encoder: DrawnEncoder, passages: Sequence[tuple[str, str]], report: Report
) -> dict[str, Any]:
    """Build an index of `count` chunks or a few more, then change one document in its middle. Returns sizes and times.

    It is built as any corpus is, but for the encoder; what was measured stands beside the index for the next time.
    """
    noted, revision = root.with_suffix(".json"), [REVISION, FORMAT, encoder.fingerprint]
    if noted.is_file() and (known := json.loads(noted.read_text()))["revision"] == revision:
        return dict(known["figures"])
    shutil.rmtree(root, ignore_errors=True)
    corpus = root.with_suffix(".jsonl")
    made = list(islice(make_texts(passages), count // ARTICLES + 1))
    settings = Settings(corpus=str(corpus), index=str(root))
    with patch("app.encoders.load_encoder", return_value=encoder):
        _write_corpus(corpus, made)
        built = build(settings, report=report)
        made[len(made) // 2] = next(make_texts(passages, seed=1))
        _write_corpus(corpus, made)
        changed = build(settings, report=report)
    corpus.unlink()
    figures = {
        "chunks": changed.chunks,
        "documents": changed.documents,
        "build": built.seconds,
        "change": changed.seconds,
    }
    noted.write_text(json.dumps({"revision": revision, "figures": figures}))
    return figures


def _write_corpus(path: Path, texts: Sequence[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number, (title, text) in enumerate(texts):
            row = {"id": f"文件{number}", "title": title, "text": text}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _measure(settings: Settings, root: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Open an index in a process of its own and search it, alone and with CLIENTS clients."""
    encoder = load_encoder(settings.encoder, threads=1)
    encoder.encode_queries(["热身"])
    before = _resident_mb()
    started = time.perf_counter()
    store = open_local(root, encoder.name, encoder.fingerprint)
    opened = time.perf_counter() - started
    retriever = Retriever(store, encoder, settings.dense_weight)
    for question in questions[:20]:
        retriever.retrieve(question, 10)
    times = [_milliseconds(retriever, question) for question in questions]
    rate = _clients_rate(retriever, questions)
    resident = _resident_mb() - before
    folder, _ = generations.read_manifest(root)
    return {
        "open": opened,
        "disk_mb": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        "resident_mb": resident,
        "p50_ms": statistics.median(times),
        "p95_ms": percentile(times, 95),
        "rate": rate,
        **_recalls(store, encoder, questions[::3]),
    }


def _clients_rate(retriever: Retriever, questions: Sequence[str]) -> float:
    """Return how many searches a second CLIENTS threads get, each asking one question after the other."""
    counts = [0] * CLIENTS
    ends = time.perf_counter() + CLIENT_SECONDS

    def ask(client: int) -> None:
        while time.perf_counter() < ends:
            retriever.retrieve(questions[(client * 37 + counts[client]) % len(questions)], 10)
            counts[client] += 1

    started = time.perf_counter()
    threads = [threading.Thread(target=ask, args=[client]) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _recalls(store: LocalStore, encoder: Encoder, questions: Sequence[str]) -> dict[str, float]:
    """Return the share of the truly best ten that are found, by meaning and by BM25, averaged over questions."""
    dense, sparse = [], []
    asked = encoder.encode_queries(questions)
    for question, vector in zip(questions, asked, strict=True):
        found = store.vectors.nearest(vector, CANDIDATES)
        best = _closest(store, vector)
        dense.append(np.isin(best, found).mean())
        terms = store.bm25.terms(search_tokens(question))
        found = store.bm25.best(terms, 10)
        exact = _exactly(store, terms, 10)
        sparse.append(np.isin(exact, found).mean() if len(exact) else 1.0)
    return {"dense_recall": float(np.mean(dense)), "sparse_recall": float(np.mean(sparse))}


def _exactly(store: LocalStore, terms: Sequence[postings.Term], limit: int = BEST) -> Any:
    """Return the rows that are best by BM25 when every posting is read."""
    with patch.object(postings, "BUDGET", 1 << 62):
        return store.bm25.best(terms, limit)


def _closest(store: LocalStore, vector: Vectors) -> Any:
    """Return the ten rows closest to a vector, by comparing all."""
    blocks = range(0, store.chunk_count, vectors.BLOCK)
    cosines = [store.vectors.stored[start : start + vectors.BLOCK].astype(np.float32) @ vector for start in blocks]
    return np.argsort(-np.concatenate(cosines), kind="stable")[:10]


def _milliseconds(retriever: Retriever, question: str) -> float:
    started = time.perf_counter()
    retriever.retrieve(question, 10)
    return (time.perf_counter() - started) * 1000


def _resident_mb() -> float:
    """Return this process's resident set in megabytes (Linux); what is mapped and was read counts."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _table(sizes: Sequence[Size]) -> str:
    heads = ["chunks", "documents", "build s", "1 changed s", "open s", "disk MB", "resident MB"]
    heads += ["p50 ms", "p95 ms", f"/s, {CLIENTS} clients", "dense r@10", "BM25 r@10"]
    rows = [
        f"{size.chunks:,}|{size.documents:,}|{size.build:.1f}|{size.change:.1f}|{size.open:.2f}|{size.disk_mb:.0f}|"
        f"{size.resident_mb:.0f}|{size.p50_ms:.1f}|{size.p95_ms:.1f}|{size.rate:.0f}|{size.dense_recall:.3f}|{size.sparse_recall:.3f}"
        for size in sizes
    ]
    cells = [heads, *(row.split("|") for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def _encoding(rate: float, chunks: int) -> str:
    hours = chunks / rate / 3600
    return f"encoding, not counted above: {rate:.0f} passages a second, {hours:.1f} hours for {chunks:,}"
