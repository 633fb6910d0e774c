"""The index in a folder of this machine: documents, vectors and postings, written as one generation.

documents, ids …   records.py
vectors.f16 …      vectors.py
bm25/              postings.py
keys.u8            16 bytes a row: the hash of the text that was encoded and counted
manifest.json      what all was made of (generations.py)
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import generations
from app.chunking import index_text
from app.errors import IndexDamagedError, IndexMismatchError, IndexProblem
from app.stores.postings import Bm25, FreshCounts, write_postings
from app.stores.records import Records, RecordsWriter
from app.stores.tokens import count_tokens
from app.stores.vectors import VectorIndex, write_vectors
from app.types import Candidates, Chunk, Document, Encoder, Progress, Vectors

FORMAT = 2
"""Raise it when the files of an index change their form."""
LIBRARIES = ("faiss-cpu", "numpy")
BATCH = 50_000
"""Texts that are encoded and counted at a time; what a build keeps in memory."""
BLOCK = 1 << 15
"""Vectors that are copied at a time."""
KEYS, FRESH_VECTORS, FRESH_KEYS = "keys.u8", "fresh.f16", "fresh.u8"

Report = Callable[[str], Progress]
"""Called with the name of a stage that may run long; returns the callback that the stage reports to."""
Rows = NDArray[np.int64]


def unreported(stage: str) -> Progress:
    """Return a callback that tells nobody."""
    return lambda done, total: None


class LocalStore:
    """An opened index; implements `Store`. Row i of the vectors and of the postings is the i-th chunk of the corpus."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.documents = Records(folder)
        self.chunk_count = self.documents.row_count
        self.vectors = VectorIndex(folder, self.chunk_count, manifest["encoder"]["dim"])
        self.bm25 = Bm25(folder / "bm25")
        self._workers = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="bm25")

    @property
    def version(self) -> str:
        """Names what was opened; each build makes another."""
        return self.folder.name

    def newest_version(self) -> str:
        """Return the version that would be opened now; empty if that cannot be told."""
        return generations.current_line(self.folder.parent).partition(" ")[0]

    def check(self) -> None:
        """Do nothing: an index that was opened is read from its mapped files whatever becomes of the folder."""

    def chunks_of(self, document_id: str) -> Sequence[Chunk]:
        """Return the chunks of a document, in the order of its text. Raises KeyError."""
        return self.documents.chunks_of(document_id)

    def chunk_at(self, document_id: str, offset: int) -> Chunk:
        """Return the chunk of a document that holds an offset, or the last one before it."""
        chunks = self.chunks_of(document_id)
        return next((chunk for chunk in reversed(chunks) if chunk.span.start <= offset), chunks[0])

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of some rows."""
        return [self.documents.chunk(row) for row in rows]

    def candidates(
        self,
        vector: Vectors | Callable[[], Vectors],
        tokens: Sequence[str],
        limit: int,
        document_ids: Collection[str] | None = None,
    ) -> Candidates:
        """Return the union of the `limit` chunks closest to a vector (dim,) and the `limit` best by BM25.

        A function that gives the vector is called while BM25 searches: two cores answer a question sooner than one.
        """
        allowed = None if document_ids is None else self._rows_of(document_ids)
        terms = self.bm25.terms(tokens)
        searching = self._workers.submit(self.bm25.best, terms, limit, allowed)
        asked = vector() if callable(vector) else vector
        nearest = self.vectors.nearest(asked, limit, allowed)
        rows = np.union1d(nearest, searching.result()).astype(np.int64)
        return Candidates(rows, self.vectors.cosines(asked, rows), self.bm25.scores(terms, rows))

    def _rows_of(self, document_ids: Collection[str]) -> Rows:
        """Return the rows of documents, ascending; ids that the index does not hold have none."""
        positions = set()
        for document_id in document_ids:
            with contextlib.suppress(KeyError):
                positions.add(self.documents.position(document_id))
        ranges = [np.arange(*self.documents.rows_of(position)) for position in sorted(positions)]
        return np.concatenate([np.zeros(0, np.int64), *ranges])


def open_local(root: Path, encoder_name: str, encoder_fingerprint: str | None = None) -> LocalStore:
    """Open the current index. Raises IndexMissingError, IndexDamagedError or IndexMismatchError."""
    while True:
        current = generations.current_line(root)
        try:
            return _open(root, encoder_name, encoder_fingerprint)
        except IndexDamagedError:
            if generations.current_line(root) == current:
                raise  # else builds have replaced what was being read


def _open(root: Path, encoder_name: str, encoder_fingerprint: str | None) -> LocalStore:
    folder, manifest = generations.read_manifest(root)
    check_made_for(str(root), manifest, encoder_name, encoder_fingerprint, FORMAT)
    generations.check_files(folder, manifest)
    try:
        return LocalStore(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise generations.damaged(root, " ".join(str(error).split())) from error


def check_made_for(place: str, manifest: Mapping[str, Any], encoder: str, fingerprint: str | None, form: int) -> None:
    """Compare an index with this program and the encoder in the settings. Raises IndexMismatchError."""
    if manifest.get("format") != form:
        raise IndexMismatchError(f"{place} has format {manifest.get('format')}, not {form}. {generations.REBUILD}")
    built = manifest["encoder"]
    if built["name"] != encoder:
        raise IndexMismatchError(
            f"{place} was built with encoder {built['name']} ({built['dim']} dims); settings name {encoder}. "
            f"{generations.REBUILD}"
        )
    if fingerprint is not None and built["fingerprint"] != fingerprint:
        raise IndexMismatchError(f"{place} was built with other weights of encoder {encoder}. {generations.REBUILD}")


def describe(manifest: Mapping[str, Any], encoder: Encoder, documents: int, chunks: int) -> dict[str, Any]:
    """Return a manifest with what every store notes: its format, the encoder, how much it holds, the libraries."""
    return {
        **manifest,
        "format": FORMAT,
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint, "dim": encoder.dim},
        "documents": documents,
        "chunks": chunks,
        "libraries": {library: version(library) for library in LIBRARIES},
    }


# --- writing --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def local_writer(
    root: Path, encoder: Encoder, *, reader: str = "", reuse: bool = True, report: Report = unreported
) -> Iterator["LocalWriter"]:
    """Give a writer of the index in a folder. Call it under `generations.builder_lock`.

    With `reuse`, texts that stand in the present index with the same encoder keep their vectors, and documents that the
    same `reader` (a fingerprint of the code that reads files) read there can be kept whole.
    """
    old = _old_index(root, encoder) if reuse else None
    with generations.staged(root) as staging, RecordsWriter(staging) as records:
        yield LocalWriter(staging, records, encoder, old=old, reader=reader, report=report)


def _old_index(root: Path, encoder: Encoder) -> LocalStore | None:
    """Return the present index if it can serve."""
    try:
        return open_local(root, encoder.name, encoder.fingerprint)
    except IndexProblem:
        return None


class LocalWriter:
    """Writes a generation, document by document; implements `StoreWriter`."""

    def __init__(
        self,
        staging: Path,
        records: RecordsWriter,
        encoder: Encoder,
        *,
        old: LocalStore | None,
        reader: str,
        report: Report,
    ) -> None:
        self.chunk_count = 0
        self._staging, self._records, self._encoder, self._report = staging, records, encoder, report
        self._old = old
        self._old_places = np.full(old.chunk_count if old else 0, -1, dtype=np.int64)
        self._old_keys = _KnownKeys(old)
        self._can_keep = old is not None and old.manifest.get("reader") == reader
        self._reader = reader
        self._documents = 0
        self._texts: list[str] = []
        self._places: list[int] = []
        self._fresh: list[tuple[FreshCounts, Rows]] = []
        self._encoded = 0

    def has(self, document_id: str, stamp: bytes) -> bool:
        """Tell whether the present index holds a document made of just this, so that `keep` can take it over."""
        if self._old is None or not self._can_keep:
            return False
        try:
            return self._old.documents.stamp(self._old.documents.position(document_id)) == stamp
        except KeyError:
            return False

    def keep(self, document_id: str) -> None:
        """Take over a document of the present index with its chunks and vectors."""
        assert self._old is not None
        records = self._old.documents
        position = records.position(document_id)
        first, behind = records.rows_of(position)
        self._records.add_line(records.line(position), document_id, behind - first, records.stamp(position))
        self._old_places[first:behind] = np.arange(self.chunk_count, self.chunk_count + behind - first)
        self.chunk_count += behind - first
        self._documents += 1

    def add(self, document: Document, chunks: Sequence[Chunk], stamp: bytes) -> None:
        """Add a document that is new or has changed; `stamp` (32 bytes) says what it was made of."""
        self._records.add(document, chunks, stamp)
        self._texts += [index_text(document, chunk) for chunk in chunks]
        self._places += range(self.chunk_count, self.chunk_count + len(chunks))
        self.chunk_count += len(chunks)
        self._documents += 1
        if len(self._texts) >= BATCH:
            self._take_texts()

    def commit(self, manifest: Mapping[str, Any]) -> int:
        """Switch readers to what was taken. Returns how many texts had to be encoded."""
        self._take_texts()
        self._records.finish()
        self._write_rows()
        sources = [(self._old.bm25, self._old_places)] if self._old else []
        write_postings(self._staging / "bm25", [*sources, *self._fresh], self.chunk_count)
        for path in self._staging.glob("fresh*"):
            _remove(path)
        contents = describe(manifest, self._encoder, self._documents, self.chunk_count)
        generations.commit(self._staging, {**contents, "reader": self._reader})
        return self._encoded

    def _take_texts(self) -> None:
        """Encode and count the texts that wait; what a file can hold goes into one."""
        texts, places = self._texts, np.array(self._places, dtype=np.int64)
        self._texts, self._places = [], []
        for start in range(0, len(texts), BATCH):
            part = texts[start : start + BATCH]
            self._encode(part)
            counts = FreshCounts(count_tokens(part), self._staging / f"fresh-{len(self._fresh)}")
            self._fresh.append((counts, places[start : start + BATCH]))

    def _encode(self, texts: Sequence[str]) -> None:
        """Append the vectors of texts to the fresh ones; each text that the old index lacks is encoded once."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in texts]
        rows = self._old_keys.rows(keys)
        missing = {key: text for key, text, row in zip(keys, texts, rows, strict=True) if row < 0}
        encoded = self._encoder.encode_passages(list(missing.values()), self._report("encoding"))
        self._encoded += len(missing)
        number_of = {key: number for number, key in enumerate(missing)}
        vectors = np.zeros((len(texts), self._encoder.dim), dtype=np.float16)
        if missing:
            numbers = [number_of.get(key, 0) for key in keys]
            vectors[rows < 0] = encoded[numbers][rows < 0]
        if self._old is not None:
            vectors[rows >= 0] = self._old.vectors.stored[rows[rows >= 0]]
        with (self._staging / FRESH_VECTORS).open("ab") as file:
            file.write(vectors.data)
        with (self._staging / FRESH_KEYS).open("ab") as file:
            file.write(b"".join(keys))

    def _write_rows(self) -> None:
        """Write the vectors and the keys of all rows, old and fresh ones, in the order of the corpus."""
        dim = self._encoder.dim
        places = np.concatenate([np.zeros(0, np.int64), *(rows for _, rows in self._fresh)])
        fresh_of = np.full(self.chunk_count, -1, dtype=np.int64)
        fresh_of[places] = np.arange(len(places))
        old_of = np.full(self.chunk_count, -1, dtype=np.int64)
        kept = np.flatnonzero(self._old_places >= 0)
        old_of[self._old_places[kept]] = kept
        fresh_vectors = _open_rows(self._staging / FRESH_VECTORS, np.float16, dim)
        fresh_keys = _open_rows(self._staging / FRESH_KEYS, np.uint8, 16)
        old_vectors = self._old.vectors.stored if self._old else fresh_vectors
        with (self._staging / KEYS).open("wb") as file:
            for block in _merged(self._old_keys.keys, old_of, fresh_keys, fresh_of):
                file.write(block.data)
        vectors = _merged(old_vectors, old_of, fresh_vectors, fresh_of)
        write_vectors(self._staging, vectors, (self._old.folder, self._old_places) if self._old else None)


class _KnownKeys:
    """Finds the rows of the old index by the hash of their text."""

    def __init__(self, old: LocalStore | None) -> None:
        self.keys: NDArray[np.uint8] = np.zeros((0, 16), np.uint8)
        if old is not None:
            self.keys = _open_rows(old.folder / KEYS, np.uint8, 16)
        self._order = np.argsort(_first_half(self.keys), kind="stable")
        self._sorted = _first_half(self.keys)[self._order]

    def rows(self, keys: Sequence[bytes]) -> Rows:
        """Return a row with each key, or -1, int64 (n,)."""
        wanted = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)
        if not len(self.keys):
            return np.full(len(wanted), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._sorted, _first_half(wanted)), len(self.keys) - 1)
        rows = self._order[places]
        return np.where((self.keys[rows] == wanted).all(axis=1), rows, -1)


def _first_half(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64).reshape(-1)


def _merged(old: NDArray[Any], old_of: Rows, fresh: NDArray[Any], fresh_of: Rows) -> Iterator[NDArray[Any]]:
    """Yield all rows in blocks: row i is the fresh row `fresh_of[i]`, or where that is -1, the old row `old_of[i]`."""
    for start in range(0, len(fresh_of), BLOCK):
        of_fresh, of_old = fresh_of[start : start + BLOCK], old_of[start : start + BLOCK]
        block = np.empty((len(of_fresh), fresh.shape[1]), fresh.dtype)
        block[of_fresh >= 0] = fresh[of_fresh[of_fresh >= 0]]
        block[of_fresh < 0] = old[of_old[of_fresh < 0]]
        yield block


def _open_rows(path: Path, kind: Any, width: int) -> NDArray[Any]:
    """Map a file of rows; without a file there are none."""
    if not path.exists() or not path.stat().st_size:
        return np.zeros((0, width), kind)
    return np.memmap(path, kind, "r").view(np.ndarray).reshape(-1, width)


def _remove(path: Path) -> None:
    for file in [*path.glob("*"), path]:
        file.rmdir() if file.is_dir() else file.unlink()
