"""The index in Milvus, for many servers that share it; milvus-lite runs the same code from a file.

youju_documents_<generation>  documents as JSON, in parts; where each lies (the directory); the manifest
youju_chunks_<generation>     a row a chunk: its vector, its BM25 weights, its text
youju_current                 an alias of the documents' collection that readers open: moving it switches them in one step

A generation is complete, sealed and loaded before the alias moves to it, and is never changed afterwards.

BM25 is an inner product here: the weights of a chunk's tokens, made at the build, with the counts of the question's.
Milvus' own BM25 function counts documents for each segment apart (milvus-lite) or each shard (a cluster), so that
scores would depend on how rows happen to lie: in two segments, 45 of the 50 best remained. This way they are those of
the local store, anywhere, and no analyzer has a say in what a token is.
"""

import json
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from app.errors import IndexDamagedError, IndexMissingError, IndexProblem
from app.generations import REBUILD
from app.stores.local import check_made_for
from app.stores.milvus_server import BUILD_SECONDS, NotLoadedError, NotThereError, Server
from app.stores.records import REMEMBERED, Record, parse_record
from app.types import Candidates, Chunk, Document, Span, Vectors

FORMAT = 1
"""Raise it when the collections of an index change their form."""
CURRENT = "youju_current"
DOCUMENTS, CHUNKS = "youju_documents_", "youju_chunks_"
DENSE, SPARSE = "dense", "sparse"
PART_CHARS = 15_000
"""A text of Milvus holds 65,535 bytes, and a character takes up to four."""
PARTS_A_CALL = 200
"""How many parts of up to 60,000 bytes one call reads; a server limits the size of a reply."""
ROWS_A_CALL = 500
MOST_FOUND = 16_384
"""No search or query of Milvus returns more."""
NO_TERM = 2**32 - 2
"""The last dimension that Milvus has; a text without tokens has a weight there, as a vector may not be empty."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document lies: its number in the corpus, what it was made of, its parts and the rows of its chunks."""

    number: int
    stamp: str
    parts: range
    rows: range


def open_milvus(url: str, encoder_name: str, fingerprint: str | None = None) -> "MilvusStore":
    """Open the current index. Raises IndexMissingError, IndexDamagedError, IndexMismatchError, IndexServerError."""
    server = Server(url)
    while True:
        generation = current_generation(server)
        try:
            manifest = read_manifest(server, generation)
            check_made_for(server.address.name, manifest, encoder_name, fingerprint, FORMAT)
            store = MilvusStore(server, generation, manifest)
            store.check()
            return store
        except IndexDamagedError:
            if current_generation(server) == generation:
                raise  # else builds have replaced what was being read


def read_milvus_manifest(url: str) -> tuple[str, dict[str, Any]]:
    """Return the current generation and what it was made of. Raises as `open_milvus` does."""
    server = Server(url)
    try:
        generation = current_generation(server)
        return generation, read_manifest(server, generation)
    finally:
        server.close()


def current_generation(server: Server) -> str:
    """Return the name of the generation that readers open. Raises IndexMissingError, IndexServerError."""
    server.check_file()
    try:
        collection: str = server.call("describe_alias", CURRENT)["collection_name"]
    except NotThereError as error:
        raise IndexMissingError(f"there is no index in {server.address.name} yet. Run: youju build") from error
    return collection.removeprefix(DOCUMENTS)


def read_manifest(server: Server, generation: str) -> dict[str, Any]:
    """Return the manifest of a generation: the parts below 0, downwards. Raises IndexDamagedError."""
    found = _query(server, DOCUMENTS + generation, "part < 0", ["part", "content"])
    parts = {int(row["part"]): str(row["content"]) for row in found}
    manifest: dict[str, Any] = _parse(server, "its manifest", [parts.get(-i, "") for i in range(1, len(parts) + 1)])
    return manifest


class MilvusStore:
    """One generation of an index in Milvus; implements `Store`. Safe to use from several threads."""

    def __init__(self, server: Server, generation: str, manifest: Mapping[str, Any]) -> None:
        self.server = server
        self.version = generation
        self.manifest = manifest
        self.record = lru_cache(maxsize=REMEMBERED)(lambda document_id: self.records([document_id])[document_id])
        self._directory: dict[str, Place] | None = None
        self._lock = threading.Lock()

    @property
    def documents(self) -> Mapping[str, Document]:
        return _Documents(self)

    @property
    def chunk_count(self) -> int:
        return int(self.manifest["chunks"])

    def newest_version(self) -> str:
        """Return the version that would be opened now; empty if that cannot be told."""
        try:
            return current_generation(self.server)
        except IndexProblem:
            return ""

    def check(self) -> None:
        """Compare what the server holds with the manifest. Raises IndexDamagedError, IndexServerError."""
        parts = int(self.manifest["parts"]) + len(cut(to_json(self.manifest)))
        for name, expected in ((CHUNKS, self.chunk_count), (DOCUMENTS, parts)):
            (found,) = _query(self.server, name + self.version, "", ["count(*)"], consistency_level="Strong")
            if found["count(*)"] < expected:
                raise damaged(self.server, f"{name}{self.version} holds {found['count(*)']} rows of {expected}")

    def close(self) -> None:
        """Give the connection up."""
        self.server.close()

    # --- documents and chunks ---

    def chunks_of(self, document_id: str) -> Sequence[Chunk]:
        """Return the chunks of a document in the order of its text. Raises KeyError."""
        return self.record(document_id)[1]

    def chunk_at(self, document_id: str, offset: int) -> Chunk:
        """Return the chunk of a document that holds an offset, or the last one before it."""
        chunks = self.chunks_of(document_id)
        return next((chunk for chunk in reversed(chunks) if chunk.span.start <= offset), chunks[0])

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """Return chunks by their place in the corpus, 0 to `chunk_count` - 1."""
        found = self._by_row(rows, "content")
        return [_chunk(json.loads(found[int(row)])) if found[int(row)] else self._long_chunk(int(row)) for row in rows]

    def _long_chunk(self, row: int) -> Chunk:
        """Return a chunk that was too long for a row of its own."""
        for document_id, place in self.directory.items():
            if row in place.rows:
                return self.chunks_of(document_id)[row - place.rows.start]
        raise damaged(self.server, f"no document holds row {row}")

    def records(self, document_ids: Sequence[str]) -> dict[str, Record]:
        """Return documents with their chunks. Raises KeyError."""
        places = [self.directory[document_id] for document_id in document_ids]
        parts = self._parts([part for place in places for part in place.parts])
        contents = (
            _parse(self.server, f"document {document_id!r}", [parts[part] for part in place.parts])
            for document_id, place in zip(document_ids, places, strict=True)
        )
        return dict(zip(document_ids, map(parse_record, contents), strict=True))

    @property
    def directory(self) -> Mapping[str, Place]:
        """Where each document lies, in corpus order; read once, when first asked for."""
        with self._lock:
            if self._directory is None:
                parts = self._parts(range(*self.manifest["directory"]))
                rows = _parse(self.server, "its directory", list(parts.values()))
                self._directory = {
                    row[0]: Place(number, row[1], range(row[2], row[3]), range(row[4], row[5]))
                    for number, row in enumerate(rows)
                }
            return self._directory

    def _parts(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return parts of the documents' collection by number. Raises IndexDamagedError if one is gone."""
        found: dict[int, str] = {}
        for some in batches(numbers, PARTS_A_CALL):
            rows = _query(self.server, DOCUMENTS + self.version, _among("part", some), ["part", "content"])
            found |= {int(row["part"]): str(row["content"]) for row in rows}
        return {number: _get(self.server, found, number) for number in numbers}

    def _by_row(self, rows: Sequence[int], field: str) -> dict[int, Any]:
        """Return one field of chunks by row. Raises IndexDamagedError if a row is gone."""
        found: dict[int, Any] = {}
        for some in batches([int(row) for row in rows], ROWS_A_CALL):
            hits = _query(self.server, CHUNKS + self.version, _among("row", some), ["row", field])
            found |= {int(hit["row"]): hit[field] for hit in hits}
        return {int(row): _get(self.server, found, int(row)) for row in rows}

    # --- searching ---

    def candidates(
        self,
        vector: Vectors | Callable[[], Vectors],
        tokens: Sequence[str],
        limit: int,
        document_ids: Collection[str] | None = None,
    ) -> Candidates:
        """Return the union of the `limit` chunks closest to a vector (dim,) and the `limit` best by BM25.

        Both scores of every row are exact, also where the search for vectors is approximate. A chunk that shares no
        token with the question is proposed by its vector only.
        """
        chosen = self._chosen(document_ids)
        if chosen is None:
            return Candidates(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
        weights = {term(token): float(count) for token, count in Counter(tokens).items()}
        asked = vector() if callable(vector) else vector
        dense = self._search(DENSE, asked.tolist(), limit, chosen)
        sparse = self._search(SPARSE, weights, limit, chosen) if weights else {}
        rows = sorted({*dense, *sparse})
        if weights and (unscored := [row for row in rows if row not in sparse]):
            sparse |= self._search(SPARSE, weights, len(unscored), _among("row", unscored))
        far = {row: np.array(found, np.float32) for row, found in self._by_row([*sparse.keys() - dense], DENSE).items()}
        dense |= {row: float(found @ asked) for row, found in far.items()}
        return Candidates(
            np.array(rows, np.int64),
            np.array([dense[row] for row in rows], np.float32),
            np.array([sparse.get(row, 0.0) for row in rows], np.float32),
        )

    def _chosen(self, document_ids: Collection[str] | None) -> str | None:
        """Return the expression that chooses documents, by number: no id ever stands in one. None if there is none."""
        if document_ids is None:
            return "" if self.chunk_count else None
        numbers = [self.directory[document_id].number for document_id in set(document_ids) & self.directory.keys()]
        return _among("document", sorted(numbers)) if numbers else None

    def _search(self, field: str, wanted: Any, limit: int, chosen: str) -> dict[int, float]:
        """Return the scores of the `limit` best rows by inner product; higher is closer."""
        limit = min(limit, self.chunk_count, MOST_FOUND)
        parameters = {"ef": max(2 * limit, 200)} if field == DENSE and self.manifest["vectors"] == "HNSW" else {}
        (hits,) = _read(
            self.server,
            "search",
            CHUNKS + self.version,
            [wanted],
            filter=chosen,
            limit=limit,
            anns_field=field,
            search_params={"metric_type": "IP", "params": parameters},
            consistency_level="Bounded",
        )
        return {int(hit["row"]): float(hit["distance"]) for hit in hits}

    def known_vectors(self, keys: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors of texts by their keys, as far as they stand here."""
        found: dict[str, Vectors] = {}
        for some in batches(keys, ROWS_A_CALL):
            among = f"key in {json.dumps(list(some))}"
            rows = _query(self.server, CHUNKS + self.version, among, ["key", DENSE], limit=MOST_FOUND)
            found |= {row["key"]: np.array(row[DENSE], np.float32) for row in rows}
        return found


class _Documents(Mapping[str, Document]):
    """The documents of a store, read when asked for."""

    def __init__(self, store: MilvusStore) -> None:
        self._store = store

    def __getitem__(self, document_id: str) -> Document:
        return self._store.record(document_id)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.directory)

    def __len__(self) -> int:
        return int(self._store.manifest["documents"])

    def __contains__(self, document_id: object) -> bool:
        return document_id in self._store.directory


def term(token: str) -> int:
    """Return the dimension of a token, 0 to NO_TERM - 1. In a million tokens, about one in 4,000 shares its own."""
    return zlib.crc32(token.encode("utf-8")) % NO_TERM


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield a sequence in pieces of a size."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def to_json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def cut(text: str) -> list[str]:
    """Cut a text into parts that a row can hold."""
    return [text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS)]


def damaged(server: Server, what: str) -> IndexDamagedError:
    """Return the error that says what is wrong with an index and how to mend it."""
    return IndexDamagedError(f"{server.address.name} is damaged: {what}. {REBUILD}")


def _among(field: str, numbers: Sequence[int]) -> str:
    return f"{field} in [{','.join(map(str, numbers))}]"


def _query(server: Server, collection: str, expression: str, fields: list[str], **options: Any) -> list[dict[str, Any]]:
    """Return the rows that an expression chooses; what builds wrote seconds ago is complete by then (see above)."""
    options = {"consistency_level": "Bounded"} | options
    rows: list[dict[str, Any]] = _read(server, "query", collection, filter=expression, output_fields=fields, **options)
    return rows


def _read(server: Server, method: str, collection: str, *arguments: Any, **options: Any) -> Any:
    try:
        try:
            return server.call(method, collection, *arguments, **options)
        except NotLoadedError:
            server.call("load_collection", collection, timeout=BUILD_SECONDS)
            return server.call(method, collection, *arguments, **options)
    except NotThereError as error:
        raise damaged(server, f"{collection} is gone (two builds after it was opened, an index is)") from error


def _get(server: Server, found: Mapping[int, Any], number: int) -> Any:
    if number not in found:
        raise damaged(server, f"row {number} is gone")
    return found[number]


def _parse(server: Server, what: str, parts: Sequence[str]) -> Any:
    try:
        return json.loads("".join(parts))
    except ValueError as error:
        raise damaged(server, f"{what} is cut short") from error


def _chunk(row: Mapping[str, Any]) -> Chunk:
    span = Span(row["start"], row["end"])
    return Chunk(row["id"], row["document_id"], span, row["text"], tuple(row["heading"]))
