"""Builds an index in Milvus: a new generation aside, then one alias is moved to it."""

import contextlib
import hashlib
import math
import pickle
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import Any, NamedTuple

from app.chunking import index_text
from app.errors import (
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexProblem,
)
from app.stores.local import Report, check_made_for, unreported
from app.stores.milvus import (
    CHUNKS,
    CURRENT,
    DENSE,
    DOCUMENTS,
    FORMAT,
    NO_TERM,
    PART_CHARS,
    PARTS_A_CALL,
    ROWS_A_CALL,
    SPARSE,
    MilvusStore,
    batches,
    current_generation,
    cut,
    read_manifest,
    term,
    to_json,
)
from app.stores.milvus_lease import Lease
from app.stores.milvus_server import BUILD_SECONDS, Fields, Indexes, NotThereError, Server
from app.stores.postings import K1, B
from app.stores.records import Record, record_row
from app.text import search_tokens
from app.types import Chunk, Document, Encoder, Vectors

EXACT_UP_TO = 200_000
"""More vectors than that are searched through HNSW, where the server has it."""
AHEAD = 100
"""How many unchanged documents are read at once."""
NOTHING = "nothing"
"""Every collection needs a vector."""
TEXT = ("VARCHAR", {"max_length": 65_535})
DOCUMENT_FIELDS: Fields = {"part": ("INT64", {}), "content": TEXT, NOTHING: ("FLOAT_VECTOR", {"dim": 2})}
CHUNK_FIELDS: Fields = {
    "row": ("INT64", {}),
    "document": ("INT64", {}),
    "key": ("VARCHAR", {"max_length": 64}),
    "content": TEXT,
    SPARSE: ("SPARSE_FLOAT_VECTOR", {}),
}


class _Waiting(NamedTuple):
    """A chunk that waits in the spool until all tokens are counted."""

    document: int
    content: str
    text: str


class MilvusWriter:
    """Writes one generation; implements `StoreWriter`. Readers see nothing of it before `commit` has returned.

    Killed at any moment, readers see the old generation or the new one, and the next build removes what is left over.
    The replaced generation stays for those who are just reading it, until the next build.
    """

    def __init__(
        self, url: str, encoder: Encoder, *, reader: str = "", reuse: bool = True, report: Report = unreported
    ) -> None:
        self._server = Server(url)
        self._encoder, self._reader, self._reuse, self._report = encoder, reader, reuse, report
        self._generation = f"{time.strftime('%Y%m%d%H%M%S', time.gmtime())}_{uuid.uuid4().hex[:8]}"
        self._lease = Lease(self._server, DOCUMENTS + self._generation)
        self._replaced, self._is_current = "", False
        self._old: MilvusStore | None = None
        self._ahead: dict[str, Record] = {}
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _abandon, as the rest
        self._directory: list[tuple[str, str, int, int, int, int]] = []
        self._parts: list[str] = []
        self._part_count, self.chunk_count, self._token_count = 0, 0, 0
        self._frequencies: Counter[int] = Counter()

    def __enter__(self) -> "MilvusWriter":
        try:
            self._server.create_collection(DOCUMENTS + self._generation, DOCUMENT_FIELDS)
            self._lease.take()
            self._read_old()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    # --- what the index shall hold ---

    def has(self, document_id: str, stamp: bytes) -> bool:
        """Tell whether a document stands in the current index just so, read and encoded as it would be now."""
        if self._old is None or self._old.manifest.get("reader") != self._reader:
            return False
        place = self._old.directory.get(document_id)
        return place is not None and place.stamp == stamp.hex()

    def keep(self, document_id: str) -> None:
        """Take a document over unchanged. Raises KeyError if the current index lacks it."""
        assert self._old is not None, "nothing to keep: ask has() first"
        if document_id not in self._ahead:
            start = self._old.directory[document_id].number
            self._ahead = self._old.records(list(self._old.directory)[start : start + AHEAD])
        self.add(*self._ahead.pop(document_id), bytes.fromhex(self._old.directory[document_id].stamp))

    def add(self, document: Document, chunks: Sequence[Chunk], stamp: bytes) -> None:
        """Take a document in, in the order of the corpus; `stamp` says what it was made of."""
        number, first_part, first_row = len(self._directory), self._part_count, self.chunk_count
        self._add_parts(record_row(document, chunks))
        for chunk in chunks:
            text = index_text(document, chunk)
            content = to_json(_chunk_row(chunk))
            pickle.dump(_Waiting(number, content if len(content) <= PART_CHARS else "", text), self._spool)
            counts = term_counts(text)
            self._frequencies.update(counts.keys())
            self._token_count += counts.total()
            self.chunk_count += 1
        self._directory.append((document.id, stamp.hex(), first_part, self._part_count, first_row, self.chunk_count))

    def commit(self, manifest: Mapping[str, Any]) -> int:
        """Make the new generation the current one. Returns how many texts had to be encoded.

        Raises IndexBusyError if another builder took over, IndexServerError; readers then keep the old one.
        """
        fields = {**CHUNK_FIELDS, DENSE: ("FLOAT_VECTOR", {"dim": self._encoder.dim})}
        self._server.create_collection(CHUNKS + self._generation, fields)
        encoded = self._write_chunks()
        first = self._part_count
        self._add_parts(self._directory)
        contents = dict(manifest) | {
            "format": FORMAT,
            "reader": self._reader,
            "encoder": {
                "name": self._encoder.name,
                "fingerprint": self._encoder.fingerprint,
                "dim": self._encoder.dim,
            },
            "documents": len(self._directory),
            "chunks": self.chunk_count,
            "parts": self._part_count,
            "directory": [first, self._part_count],
            "vectors": self._kind_of_index(),
            "replaces": self._replaced,
            "libraries": {"pymilvus": version("pymilvus")},
        }
        self._insert_parts()
        for number, part in enumerate(cut(to_json(contents)), start=1):
            self._build("insert", DOCUMENTS + self._generation, [_part_row(-number, part)])
        self._index(contents["vectors"])
        MilvusStore(self._server, self._generation, contents).check()
        self._lease.check()
        self._build("alter_alias" if self._replaced else "create_alias", DOCUMENTS + self._generation, CURRENT)
        self._is_current = True
        self._sweep(keep=(self._generation, self._replaced))
        return encoded

    # --- how it gets there ---

    def _build(self, method: str, *arguments: Any) -> Any:
        try:
            return self._server.call(method, *arguments, timeout=BUILD_SECONDS)
        except NotThereError as error:
            raise self._lease.lost() from error

    def _read_old(self) -> None:
        """Open the index that is to be replaced, for what can be taken over from it; remove what was left over."""
        encoder = self._encoder
        with contextlib.suppress(IndexMissingError):
            self._replaced = current_generation(self._server)
        keep = [self._generation, self._replaced]
        if self._replaced:
            with contextlib.suppress(IndexDamagedError, IndexMismatchError):
                manifest = read_manifest(self._server, self._replaced)
                keep.append(manifest["replaces"])
                check_made_for(self._server.address.name, manifest, encoder.name, encoder.fingerprint, FORMAT)
                old = MilvusStore(self._server, self._replaced, manifest)
                old.check()
                self._old = old if self._reuse else None
        self._sweep(keep)

    def _add_parts(self, content: Any) -> None:
        parts = cut(to_json(content))
        self._parts += parts
        self._part_count += len(parts)
        if len(self._parts) >= PARTS_A_CALL:
            self._insert_parts()

    def _insert_parts(self) -> None:
        first = self._part_count - len(self._parts)
        for some in batches(list(enumerate(self._parts, start=first)), PARTS_A_CALL):
            self._build("insert", DOCUMENTS + self._generation, [_part_row(number, part) for number, part in some])
        self._parts.clear()

    def _write_chunks(self) -> int:
        """Insert the chunks of the spool with their vectors and weights. Returns how many texts had to be encoded."""
        progress, encoded, row = self._report("encoding"), 0, 0
        average = max(1.0, self._token_count / max(1, self.chunk_count))
        for waiting in self._waiting():
            vectors, fresh = self._vectors([chunk.text for chunk in waiting])
            encoded += fresh
            rows = [
                {
                    "row": row + i,
                    "document": chunk.document,
                    "key": _key(chunk.text),
                    "content": chunk.content,
                    DENSE: vectors[_key(chunk.text)],
                    SPARSE: self._weights(chunk.text, average) or {NO_TERM: 1.0},
                }
                for i, chunk in enumerate(waiting)
            ]
            self._build("insert", CHUNKS + self._generation, rows)
            row += len(rows)
            progress(row, self.chunk_count)
        return encoded

    def _weights(self, text: str, average: float) -> dict[int, float]:
        """Return what each token of a text adds to its BM25 score when a question holds it once.

        BM25 as Lucene has it (Kamphuis et al., ECIR 2020, eq. 2, without the constant factor k1 + 1).
        """
        counts, total = term_counts(text), self.chunk_count
        norm = K1 * (1 - B + B * counts.total() / average)
        idf = {term: math.log(1 + (total - (df := self._frequencies[term]) + 0.5) / (df + 0.5)) for term in counts}
        return {term: idf[term] * count / (count + norm) for term, count in counts.items()}

    def _waiting(self) -> Iterator[list[_Waiting]]:
        """Yield the chunks of the spool, some at a time."""
        self._spool.seek(0)
        for numbers in batches(range(self.chunk_count), ROWS_A_CALL):
            yield [pickle.load(self._spool) for _ in numbers]

    def _vectors(self, texts: Sequence[str]) -> tuple[dict[str, Vectors], int]:
        """Return the vectors of texts by key, from the old index where they stand in it, and how many do not."""
        by_key = {_key(text): text for text in texts}
        known = self._old.known_vectors(list(by_key)) if self._old else {}
        missing = {key: text for key, text in by_key.items() if key not in known}
        if missing:
            known.update(zip(missing, self._encoder.encode_passages(list(missing.values())), strict=True))
        return known, len(missing)

    def _kind_of_index(self) -> str:
        return "HNSW" if self.chunk_count > EXACT_UP_TO and not self._server.is_lite() else "FLAT"

    def _index(self, vectors: str) -> None:
        """Seal what was inserted, index and load it."""
        parameters = {"M": 32, "efConstruction": 200} if vectors == "HNSW" else {}
        indexes: Mapping[str, Indexes] = {
            CHUNKS: {
                DENSE: (vectors, "IP", parameters),
                SPARSE: ("SPARSE_INVERTED_INDEX", "IP", {}),
                "key": ("INVERTED", "", {}),
                "document": ("INVERTED", "", {}),
            },
            DOCUMENTS: {NOTHING: ("FLAT", "IP", {})},
        }
        for name, fields in indexes.items():
            self._build("flush", name + self._generation)
            self._server.create_indexes(name + self._generation, fields)
            self._build("load_collection", name + self._generation)

    def _sweep(self, keep: Collection[str]) -> None:
        """Remove the collections of all generations but some. Call it with the lease."""
        names = self._build("list_collections")
        left = {name.removeprefix(DOCUMENTS).removeprefix(CHUNKS) for name in names if _is_ours(name)} - set(keep)
        for generation in sorted(left):
            self._drop(generation)

    def _drop(self, generation: str) -> None:
        """Remove a generation: the documents first, so that no builder can switch readers to the rest of it."""
        with contextlib.suppress(NotThereError):
            for alias in self._server.call("list_aliases", DOCUMENTS + generation)["aliases"]:
                self._server.call("drop_alias", alias)
            self._server.call("drop_collection", DOCUMENTS + generation, timeout=BUILD_SECONDS)
        with contextlib.suppress(NotThereError):
            self._server.call("drop_collection", CHUNKS + generation, timeout=BUILD_SECONDS)

    def _abandon(self) -> None:
        """Give everything back; what cannot be removed now, the next build removes."""
        self._spool.close()
        with contextlib.suppress(IndexProblem):
            self._lease.give_back()
            if not self._is_current:
                self._drop(self._generation)
        self._server.close()


def term_counts(text: str) -> Counter[int]:
    """Return how often each token stands in a text."""
    return Counter(map(term, search_tokens(text)))


def _is_ours(collection: str) -> bool:
    return collection.startswith((DOCUMENTS, CHUNKS))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _part_row(number: int, content: str) -> dict[str, Any]:
    return {"part": number, "content": content, NOTHING: [0.0, 0.0]}


def _chunk_row(chunk: Chunk) -> dict[str, Any]:
    span = chunk.span
    return {
        "id": chunk.id,
        "document_id": chunk.document_id,
        "start": span.start,
        "end": span.end,
        "heading": chunk.heading,
        "text": chunk.text,
    }
