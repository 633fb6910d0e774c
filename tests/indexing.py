"""Small indexes for tests, and a BM25 that is plain enough to be believed."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from app import generations
from app.chunking import make_chunks
from app.loading import make_document
from app.stores.local import LocalStore, local_writer, open_local
from app.types import Chunk, Document, Encoder, Progress, Vectors
from tests.conftest import HashingEncoder

ENCODER = HashingEncoder()


class CountingEncoder(HashingEncoder):
    """Remembers which passages it had to encode."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.encoded += texts
        return super().encode_passages(texts, progress)


def short(document_id: str, text: str) -> Document:
    return make_document(document_id, text, title=document_id)


def stamp_of(document: Document) -> bytes:
    return hashlib.sha256(repr(document).encode("utf-8", "surrogatepass")).digest()


def store(root: Path, documents: Iterable[Document], encoder: Encoder = ENCODER, reuse: bool = True) -> int:
    """Bring an index up to date with documents, as `youju build` does; returns how many texts were encoded."""
    with generations.builder_lock(root), local_writer(root, encoder, reuse=reuse) as writer:
        for document in documents:
            if writer.has(document.id, stamp_of(document)):
                writer.keep(document.id)
            else:
                writer.add(document, make_chunks(document), stamp_of(document))
        return writer.commit({"sources": {}})


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
