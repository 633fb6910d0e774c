"""BM25 by other libraries over the same tokens: why `app/stores/postings.py` exists."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.chunking import index_text
from app.stores.local import LocalStore
from app.text import search_tokens
from app.types import Progress

BEST = 100
Search = Callable[[Sequence[str]], NDArray[np.int64]]
"""Tokens of a question → the BEST rows."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What a library needs for the same questions."""

    name: str
    build: float
    p50_ms: float
    recall: float
    """Share of the BEST rows by a plain BM25 that it finds."""


def compare_engines(store: LocalStore, exact: Search, questions: Sequence[str], progress: Progress) -> str:
    """Measure those libraries that are installed (`pip install -e '.[bench]'`). Returns a table."""
    asked = [search_tokens(question) for question in questions]
    truth = [exact(tokens) for tokens in asked]
    engines = [_measure("app.stores.postings", 0.0, lambda tokens: store.bm25.best(tokens, BEST), asked, truth)]
    missing = [name for name in MAKERS if find_spec(name) is None]
    if len(missing) < len(MAKERS):
        texts = []
        for document in store.documents.values():
            texts += [search_tokens(index_text(document, chunk)) for chunk in store.chunks_of(document.id)]
            progress(len(texts), store.chunk_count)
        with tempfile.TemporaryDirectory() as folder:
            for name, make in MAKERS.items():
                if name not in missing:
                    started = time.perf_counter()
                    search = make(texts, folder)
                    engines.append(_measure(name, time.perf_counter() - started, search, asked, truth))
    rows = [f"{e.name:22}{e.p50_ms:8.1f} ms{e.recall:8.3f}" + (f"{e.build:8.1f} s" if e.build else "") for e in engines]
    absent = f"\nnot installed: {', '.join(missing)}" if missing else ""
    return f"BM25, {store.chunk_count:,} chunks   p50    r@{BEST}  build\n" + "\n".join(rows) + absent


def _measure(
    name: str, build: float, search: Search, asked: Sequence[Sequence[str]], truth: Sequence[NDArray[np.int64]]
) -> Engine:
    for tokens in asked[:10]:
        search(tokens)
    times, recalls = [], []
    for tokens, best in zip(asked, truth, strict=True):
        started = time.perf_counter()
        found = search(tokens)
        times.append((time.perf_counter() - started) * 1000)
        recalls.append(float(np.isin(best, found).mean()) if len(best) else 1.0)
    return Engine(name, build, statistics.median(times), statistics.mean(recalls))


def _make_bm25s(texts: Sequence[Sequence[str]], folder: str) -> Search:
    import bm25s

    engine = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    engine.index(texts, show_progress=False)

    def search(tokens: Sequence[str]) -> NDArray[np.int64]:
        scores = engine.get_scores_from_ids(engine.get_tokens_ids(list(tokens)))
        best: NDArray[np.int64] = np.argpartition(-scores, BEST)[:BEST]
        return best

    return search


def _make_tantivy(texts: Sequence[Sequence[str]], folder: str) -> Search:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("tokens", stored=False, tokenizer_name="ours", index_option="freq")
    builder.add_unsigned_field("row", stored=False, indexed=True, fast=True)
    schema = builder.build()
    index = tantivy.Index(schema, path=folder)
    index.register_tokenizer("ours", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    writer = index.writer(300_000_000, 1)  # One thread keeps the order, so that document numbers are rows.
    for row, tokens in enumerate(texts):
        document = tantivy.Document(tokens=[" ".join(tokens)])
        document.add_unsigned("row", row)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher: Any = index.searcher()

    def search(tokens: Sequence[str]) -> NDArray[np.int64]:
        terms = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "tokens", token, "freq")) for token in tokens]
        hits = searcher.search(tantivy.Query.boolean_query(terms), BEST, count=False).hits
        addresses = [address for _, address in hits]
        return np.array(searcher.fast_field_values("row", addresses), np.int64)

    return search


MAKERS: dict[str, Callable[[Sequence[Sequence[str]], str], Search]] = {"bm25s": _make_bm25s, "tantivy": _make_tantivy}
