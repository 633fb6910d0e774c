"""Small indexes for tests, and a BM25 that is plain enough to be believed."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from app import generations
from app.chunking import make_chunks
from app.loading import make_document
from app.stores.local import LocalStore, local_writer, open_local
from app.types import Chunk, Document, Encoder, Progress, StoreWriter, Vectors
from tests.conftest import HashingEncoder

ENCODER = HashingEncoder()
PHRASES = [
    "科技创新",
    "人才计划",
    "长三角",
    "成果转化",
    "基金总规模",
    "揭榜挂帅",
    "产业链联盟",
    "高校院所",
    "集成电路",
    "生物医药",
    "扬帆专项",
    "启明星",
    "青年科技人员",
    "协同创新",
    "公共服务平台",
    "InnoMatch",
    "G60",
    "R&D",
    "2023",
    "46.3%",
    "100",
    "亿元",
    "民盟界别",
    "政协委员",
]


class CountingEncoder(HashingEncoder):
    """Remembers which passages it had to encode."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.encoded += texts
        return super().encode_passages(texts, progress)


class OtherModel(HashingEncoder):
    """A model of another name, size and weights."""

    name = "bge-m3"
    dim = 32
    fingerprint = "other"


class OtherWeights(HashingEncoder):
    """The same model with other weights."""

    fingerprint = "hashing-2"


def short(document_id: str, text: str) -> Document:
    return make_document(document_id, text, title=document_id)


def stamp_of(document: Document) -> bytes:
    return hashlib.sha256(repr(document).encode("utf-8", "surrogatepass")).digest()


def store(root: Path, documents: Iterable[Document], encoder: Encoder = ENCODER, reuse: bool = True) -> int:
    """Bring an index up to date with documents, as `youju build` does; returns how many texts were encoded."""
    with generations.builder_lock(root), local_writer(root, encoder, reuse=reuse) as writer:
        take(writer, documents)
        return writer.commit({"sources": {}})


def take(writer: StoreWriter, documents: Iterable[Document]) -> None:
    """Give documents to a writer, as `youju build` does."""
    for document in documents:
        if writer.has(document.id, stamp_of(document)):
            writer.keep(document.id)
        else:
            writer.add(document, make_chunks(document), stamp_of(document))


def opened(root: Path, encoder: Encoder = ENCODER) -> LocalStore:
    return open_local(root, encoder.name, encoder.fingerprint)


def chunks(index: LocalStore) -> list[Chunk]:
    """Return all chunks of an index, row by row."""
    return index.chunks_at(range(index.chunk_count))


def plain_bm25(query: Sequence[str], texts: Sequence[Sequence[str]], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """BM25 as Lucene has it (Kamphuis et al., ECIR 2020, eq. 2, without the constant factor k1 + 1)."""
    average = sum(map(len, texts)) / len(texts)
    counts = [Counter(tokens) for tokens in texts]
    scores = [0.0] * len(texts)
    for token in query:
        frequency = sum(token in other for other in counts)
        if frequency:
            idf = math.log(1 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
            for row, tokens in enumerate(texts):
                count = counts[row][token]
                scores[row] += idf * count / (count + k1 * (1 - b + b * len(tokens) / average))
    return scores


def official_texts(count: int, seed: int = 0) -> list[str]:
    """Return texts in which some phrases are frequent and others rare, as in documents."""
    drawn = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(PHRASES))]
    return [
        "，".join(drawn.choices(PHRASES, weights, k=drawn.randint(1, 9))) + drawn.choice("。！；") for _ in range(count)
    ]
