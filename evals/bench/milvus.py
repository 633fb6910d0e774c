"""The index in Milvus beside the local one, over the same vectors: rankings and the time of a search."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app import generations
from app.cache import CachedEncoder
from app.chunking import make_chunks
from app.config import Settings
from app.encoders import load_encoder
from app.retrieval import Retriever
from app.stores.local import local_writer, open_local
from app.stores.milvus import open_milvus
from app.stores.milvus_writer import MilvusWriter
from app.types import Document, Encoder, Store, StoreWriter
from evals.metrics import mean, ndcg_at, percentile, success_at
from evals.records import GoldQuestion
from evals.suites import load_suite

SUITE = "ncp_dev"
Row = tuple[str, float, float, float, float, float, float]


def bench_milvus(settings: Settings, url: str = "") -> str:
    """Build both indexes, ask both every question, and return a table; without a URL, of a milvus-lite file."""
    suite = load_suite(SUITE, Path(settings.benchmarks), Path(settings.corpus))
    questions = [question for question in suite.questions if question.positive]
    documents = list(suite.documents().values())
    # Each text is encoded once, so that both indexes hold the same vectors and a search's time is the store's.
    encoder = CachedEncoder(load_encoder(settings.encoder, threads=settings.threads))
    encoder.encode_queries([question.question for question in questions])
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "index"
        with generations.builder_lock(local), local_writer(local, encoder) as writer:
            local_seconds = _build(writer, documents)
        url = url or f"milvus://{folder}/milvus.db"
        with MilvusWriter(url, encoder) as remote:
            milvus_seconds = _build(remote, documents)
        names = (encoder.name, encoder.fingerprint)
        kinds: list[tuple[str, float, Callable[[], Store]]] = [
            ("local", local_seconds, lambda: open_local(local, *names)),
            ("Milvus", milvus_seconds, lambda: open_milvus(url, *names)),
        ]
        rows = [_measure(name, seconds, open_it, encoder, questions) for name, seconds, open_it in kinds]
    head = f"{SUITE}: {len(documents)} documents, {len(questions)} questions"
    titles = f"{'store':<8}{'nDCG@10':>9}{'S@1':>7}{'p50 ms':>8}{'p95 ms':>8}{'open s':>8}{'build s':>9}"
    return "\n".join([head, titles, *map(_line, rows)])


def _build(writer: StoreWriter, documents: Sequence[Document]) -> float:
    """Write an index. Returns the seconds it took; the first one's hold the encoding."""
    started = time.perf_counter()
    for document in documents:
        writer.add(document, make_chunks(document), bytes(32))
    writer.commit({})
    return time.perf_counter() - started


def _measure(
    name: str, seconds: float, open_it: Callable[[], Store], encoder: Encoder, questions: Sequence[GoldQuestion]
) -> Row:
    started = time.perf_counter()
    retriever = Retriever(open_it(), encoder)
    retriever.retrieve(questions[0].question, 10)
    opened = time.perf_counter() - started
    milliseconds, gains, firsts = [], [], []
    for question in questions:
        asked = time.perf_counter()
        passages = retriever.retrieve(question.question, 50)
        milliseconds.append((time.perf_counter() - asked) * 1000)
        ranked = [passage.chunk.document_id for passage in passages]
        gains.append(ndcg_at(ranked, question.positive, 10))
        firsts.append(success_at(ranked, question.positive, 1))
    p50, p95 = statistics.median(milliseconds), percentile(milliseconds, 95)
    return name, mean(gains), mean(firsts), p50, p95, opened, seconds


def _line(row: Row) -> str:
    name, ndcg, first, p50, p95, opened, build = row
    return f"{name:<8}{ndcg:>9.4f}{first:>7.3f}{p50:>8.1f}{p95:>8.1f}{opened:>8.2f}{build:>9.1f}"
