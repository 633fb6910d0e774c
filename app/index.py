"""The index: FAISS for vectors, BM25 for tokens, documents and chunks beside them. The only importer of faiss."""

import errno
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import faiss
import numpy as np

from app import generations
from app.errors import IndexDamagedError, IndexMismatchError, IndexProblem
from app.text import search_tokens
from app.types import Candidates, Chunk, Document, Encoder, Field, Progress, Section, Span, Vectors

FORMAT = 1
"""Raise it when the files of an index change their form."""
DOCUMENTS, CHUNKS, VECTORS, BM25 = "documents.jsonl", "chunks.jsonl", "vectors.faiss", "bm25"
LIBRARIES = ("faiss-cpu", "bm25s", "numpy")

Report = Callable[[str], Progress]
"""Called with the name of a stage that may run long; returns the callback that the stage reports to."""


def unreported(stage: str) -> Progress:
    """Return a callback that tells nobody."""
    return lambda done, total: None


def index_text(document: Document, chunk: Chunk) -> str:
    """Return what is searched for a chunk: title and heading path in front of its own words, once each."""
    title = "" if chunk.text.startswith(document.title) else document.title
    return " ".join(part for part in (title, *chunk.heading, chunk.text) if part)


@dataclass(frozen=True, slots=True)
class Index:
    """An opened index; implements `Store`. Row i of `vectors` and of `bm25` is `chunks[i]`."""

    documents: Mapping[str, Document]
    chunks: Sequence[Chunk]
    vectors: Any
    bm25: bm25s.BM25
    manifest: Mapping[str, Any]
    first_rows: Mapping[str, int]
    """Where the chunks of each document begin; they follow each other in the order of its text."""

    def chunk_at(self, document_id: str, offset: int) -> Chunk:
        """Return the chunk of a document that holds an offset, or the last one before it."""
        row = self.first_rows[document_id]
        while row + 1 < len(self.chunks) and self.chunks[row + 1].document_id == document_id:
            if self.chunks[row + 1].span.start > offset:
                break
            row += 1
        return self.chunks[row]

    def candidates(
        self, vector: Vectors, tokens: Sequence[str], limit: int, document_ids: Collection[str] | None = None
    ) -> Candidates:
        """Return the union of the `limit` chunks closest to a vector (dim,) and the `limit` best by BM25."""
        dense = self._dense(vector)
        sparse = self._sparse(tokens)
        allowed = np.arange(len(self.chunks))
        if document_ids is not None:
            wanted = set(document_ids)
            allowed = allowed[[chunk.document_id in wanted for chunk in self.chunks]]
        by_dense = allowed[np.argsort(-dense[allowed], kind="stable")[:limit]]
        by_sparse = allowed[np.argsort(-sparse[allowed], kind="stable")[:limit]]
        rows = np.union1d(by_dense, by_sparse).astype(np.int64)
        return Candidates(rows, dense[rows], sparse[rows])

    def _dense(self, vector: Vectors) -> Vectors:
        """Return the cosine of every chunk, float32 (n,)."""
        scores, rows = self.vectors.search(vector[None, :], len(self.chunks))
        dense = np.zeros(len(self.chunks), dtype=np.float32)
        dense[rows[0]] = scores[0]
        return dense

    def _sparse(self, tokens: Sequence[str]) -> Vectors:
        """Return the BM25 score of every chunk (Lucene's variant, k1 = 1.5, b = 0.75), float32 (n,)."""
        known = self.bm25.get_tokens_ids(list(tokens))
        if not known:
            return np.zeros(len(self.chunks), dtype=np.float32)
        scores: Vectors = self.bm25.get_scores_from_ids(known)
        return scores


def write_index(
    root: Path,
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    encoder: Encoder,
    *,
    manifest: Mapping[str, Any],
    report: Report = unreported,
    reuse: bool = True,
) -> int:
    """Write an index of documents into a folder, atomically. Returns how many texts had to be encoded.

    With `reuse`, chunks whose searched text stands in the old index with the same encoder keep their vectors.
    Call it under `generations.builder_lock`.
    """
    by_id = {document.id: document for document in documents}
    texts = [index_text(by_id[chunk.document_id], chunk) for chunk in chunks]
    keys = [_key(text) for text in texts]
    known = _known_vectors(root, encoder) if reuse else {}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    fresh = encoder.encode_passages(list(missing.values()), report("encoding"))
    known.update(zip(missing, fresh, strict=True))
    vectors = np.array([known[key] for key in keys], dtype=np.float32)
    contents = dict(manifest) | {
        "format": FORMAT,
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint, "dim": encoder.dim},
        "documents": {document.id: document.sha256 for document in documents},
        "chunks": len(chunks),
        "libraries": {library: version(library) for library in LIBRARIES},
    }
    tokens = list(_tokenise(texts, report("indexing")))
    generations.write_generation(root, contents, _writer(documents, chunks, tokens, vectors))
    return len(missing)


def _tokenise(texts: Sequence[str], progress: Progress) -> Iterator[list[str]]:
    """Yield the search tokens of each text; a text without any gets an empty one, as BM25 needs at least one."""
    for done, text in enumerate(texts, start=1):
        yield search_tokens(text) or [""]
        progress(done, len(texts))


def open_index(root: Path, encoder_name: str, encoder_fingerprint: str | None = None) -> Index:
    """Open the current index. Raises IndexMissingError, IndexDamagedError or IndexMismatchError."""
    while True:
        current = generations.current_line(root)
        try:
            return _open(root, encoder_name, encoder_fingerprint)
        except IndexDamagedError:
            if generations.current_line(root) == current:
                raise  # else builds have replaced what was being read


def _open(root: Path, encoder_name: str, encoder_fingerprint: str | None) -> Index:
    folder, manifest = generations.read_manifest(root)
    check_encoder(root, manifest, encoder_name, encoder_fingerprint)
    generations.check_files(folder, manifest)
    try:
        documents = [_document(row) for row in _read_rows(folder / DOCUMENTS)]
        by_id = {document.id: document for document in documents}
        chunks = [_chunk(row, by_id) for row in _read_rows(folder / CHUNKS)]
        vectors = faiss.read_index(str(folder / VECTORS))
        bm25 = bm25s.BM25.load(str(folder / BM25), show_progress=False)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise generations.damaged(root, " ".join(str(error).split())) from error
    first_rows = {chunk.document_id: row for row, chunk in reversed(list(enumerate(chunks)))}
    return Index(by_id, chunks, vectors, bm25, manifest, first_rows)


def check_encoder(root: Path, manifest: Mapping[str, Any], name: str, fingerprint: str | None = None) -> None:
    """Compare an index with this program and the encoder in the settings. Raises IndexMismatchError."""
    if manifest.get("format") != FORMAT:
        raise IndexMismatchError(f"{root} has format {manifest.get('format')}, not {FORMAT}. {generations.REBUILD}")
    built = manifest["encoder"]
    if built["name"] != name:
        raise IndexMismatchError(
            f"{root} was built with encoder {built['name']} ({built['dim']} dims); settings name {name}. "
            f"{generations.REBUILD}"
        )
    if fingerprint is not None and built["fingerprint"] != fingerprint:
        raise IndexMismatchError(f"{root} was built with other weights of encoder {name}. {generations.REBUILD}")


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).digest()


def _known_vectors(root: Path, encoder: Encoder) -> dict[bytes, Vectors]:
    """Return the old index's vectors by the hash of the text they stand for; none if it cannot serve."""
    try:
        old = open_index(root, encoder.name, encoder.fingerprint)
    except IndexProblem:
        return {}
    rows: Vectors = old.vectors.reconstruct_n(0, len(old.chunks))
    texts = [index_text(old.documents[chunk.document_id], chunk) for chunk in old.chunks]
    return {_key(text): row for text, row in zip(texts, rows, strict=True)}


def _writer(
    documents: Sequence[Document], chunks: Sequence[Chunk], tokens: Sequence[Sequence[str]], vectors: Vectors
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        _write_rows(folder / DOCUMENTS, (asdict(document) for document in documents))
        _write_rows(folder / CHUNKS, (_chunk_row(chunk) for chunk in chunks))
        _write_vectors(folder / VECTORS, vectors)
        bm25 = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        bm25.index(tokens, show_progress=False)
        bm25.save(str(folder / BM25), show_progress=False)

    return write


def _write_vectors(path: Path, vectors: Vectors) -> None:
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    try:
        faiss.write_index(flat, str(path))
    except RuntimeError as error:
        raise OSError(errno.EIO, "the vectors cannot be stored; is the disk full?") from error


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _read_rows(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _chunk_row(chunk: Chunk) -> dict[str, Any]:
    return {"document_id": chunk.document_id, "span": asdict(chunk.span), "heading": chunk.heading, "id": chunk.id}


def _chunk(row: Mapping[str, Any], documents: Mapping[str, Document]) -> Chunk:
    span = Span(**row["span"])
    text = span.of(documents[row["document_id"]].text)
    return Chunk(row["id"], row["document_id"], span, text, tuple(row["heading"]))


def _document(row: Mapping[str, Any]) -> Document:
    sections = tuple(Section(tuple(section["path"]), Span(**section["span"])) for section in row["sections"])
    fields = tuple(Field(field["key"], field["value"], Span(**field["span"])) for field in row["fields"])
    return Document(**{**row, "sections": sections, "fields": fields})
