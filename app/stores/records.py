"""Documents and their chunks on disk: one line of JSON a document, read when it is asked for.

documents.jsonl   {"document": …, "chunks": [[start, end, heading], …]}
offsets.i64       where each line begins, and the end of the last
first_rows.i64    the row of each document's first chunk, and the number of rows
ids.u64           a hash of each document's id; order.i32 sorts them
stamps.u8         what each document was made of, 32 bytes: the hash of its source
"""

import hashlib
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.chunking import chunk_of
from app.types import Chunk, Document, Field, Section, Span

DOCUMENTS = "documents.jsonl"
Record = tuple[Document, tuple[Chunk, ...]]
"""A document and its chunks, in the order of its text."""
REMEMBERED = 256
"""Documents that are kept parsed."""


class Records(Mapping[str, Document]):
    """The documents of an index by id, in the order of the corpus. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Map the files. Raises OSError or ValueError if one is absent or of a wrong size."""
        self._offsets = np.fromfile(folder / "offsets.i64", np.int64)
        self.first_rows: NDArray[np.int64] = np.fromfile(folder / "first_rows.i64", np.int64)
        self._ids = np.fromfile(folder / "ids.u64", np.uint64)
        self._order = np.fromfile(folder / "order.i32", np.int32)
        self._stamps = np.fromfile(folder / "stamps.u8", np.uint8).reshape(-1, 32)
        with (folder / DOCUMENTS).open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._lines) != self._offsets[-1] or len(self._offsets) != len(self._ids) + 1:
            raise ValueError(f"{DOCUMENTS} does not have the length it was written with")
        self._sorted_ids = self._ids[self._order]
        self._read = lru_cache(REMEMBERED)(self._parse)

    @property
    def row_count(self) -> int:
        """The number of chunks of all documents."""
        return int(self.first_rows[-1])

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return (self._read(position)[0].id for position in range(len(self)))

    def __getitem__(self, document_id: str) -> Document:
        return self._read(self.position(document_id))[0]

    def position(self, document_id: str) -> int:
        """Return the number of a document in the order of the corpus. Raises KeyError."""
        wanted, beginning = _hash_id(document_id), _beginning(document_id)
        place = int(np.searchsorted(self._sorted_ids, wanted))
        while place < len(self) and self._sorted_ids[place] == wanted:
            position = int(self._order[place])
            start = int(self._offsets[position])
            if self._lines[start : start + len(beginning)] == beginning:
                return position
            place += 1
        raise KeyError(document_id)

    def rows_of(self, position: int) -> tuple[int, int]:
        """Return the first row of a document's chunks, and the one behind the last."""
        return int(self.first_rows[position]), int(self.first_rows[position + 1])

    def chunks_of(self, document_id: str) -> Sequence[Chunk]:
        """Return the chunks of a document, in the order of its text. Raises KeyError."""
        document, parts = self._read(self.position(document_id))
        return tuple(_chunk(document, part) for part in parts)

    def chunk(self, row: int) -> Chunk:
        """Return the chunk of a row."""
        position = int(np.searchsorted(self.first_rows, row, side="right")) - 1
        document, parts = self._read(position)
        return _chunk(document, parts[row - int(self.first_rows[position])])

    def line(self, position: int) -> bytes:
        """Return a document as it is stored."""
        line: bytes = self._lines[int(self._offsets[position]) : int(self._offsets[position + 1])]
        return line

    def stamp(self, position: int) -> bytes:
        """Return what a document was made of."""
        return bytes(self._stamps[position])

    def _parse(self, position: int) -> tuple[Document, list[Any]]:
        """Return a document, and start, end and heading of each of its chunks."""
        row = json.loads(self.line(position))
        return _document(row["document"]), row["chunks"]


class RecordsWriter:
    """Writes the documents of an index, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / DOCUMENTS).open("wb")
        self._sizes: list[int] = []
        self._chunk_counts: list[int] = []
        self._ids: list[int] = []
        self._stamps = bytearray()

    def add(self, document: Document, chunks: Sequence[Chunk], stamp: bytes) -> None:
        """Write a document and its chunks."""
        line = json.dumps(record_row(document, chunks), ensure_ascii=False) + "\n"
        self.add_line(line.encode("utf-8", "surrogatepass"), document.id, len(chunks), stamp)

    def add_line(self, line: bytes, document_id: str, chunk_count: int, stamp: bytes) -> None:
        """Write a document as an index before had it."""
        self._file.write(line)
        self._sizes.append(len(line))
        self._chunk_counts.append(chunk_count)
        self._ids.append(_hash_id(document_id))
        self._stamps += stamp

    def __enter__(self) -> "RecordsWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def finish(self) -> None:
        """Write the tables beside the documents."""
        self._file.close()
        ids = np.array(self._ids, np.uint64)
        tables: dict[str, memoryview | bytearray] = {
            "offsets.i64": np.array(list(accumulate(self._sizes, initial=0)), np.int64).data,
            "first_rows.i64": np.array(list(accumulate(self._chunk_counts, initial=0)), np.int64).data,
            "ids.u64": ids.data,
            "order.i32": np.argsort(ids, kind="stable").astype(np.int32).data,
            "stamps.u8": self._stamps,
        }
        for name, content in tables.items():
            (self._folder / name).write_bytes(content)


def _beginning(document_id: str) -> bytes:
    """Return what the line of a document begins with: its id is the first that a Document has."""
    return f'{{"document": {{"id": {json.dumps(document_id, ensure_ascii=False)},'.encode("utf-8", "surrogatepass")


def _hash_id(document_id: str) -> int:
    return int.from_bytes(hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).digest()[:8])


def record_row(document: Document, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Return a document and its chunks as JSON has them; the text stands there once."""
    spans = [[chunk.span.start, chunk.span.end, chunk.heading] for chunk in chunks]
    return {"document": asdict(document), "chunks": spans}


def parse_record(row: Mapping[str, Any]) -> Record:
    """Return what `record_row` was made of."""
    document = _document(row["document"])
    return document, tuple(_chunk(document, part) for part in row["chunks"])


def _document(row: Mapping[str, Any]) -> Document:
    sections = tuple(Section(tuple(section["path"]), Span(**section["span"])) for section in row["sections"])
    fields = tuple(Field(field["key"], field["value"], Span(**field["span"])) for field in row["fields"])
    return Document(**{**row, "sections": sections, "fields": fields})


def _chunk(document: Document, part: Sequence[Any]) -> Chunk:
    start, end, heading = part
    return chunk_of(document, Span(start, end), tuple(heading))
