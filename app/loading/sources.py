"""Which documents a corpus holds, and reading their bytes as text."""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

from app.errors import LoadError
from app.loading.document import make_document
from app.loading.fields import outside_field
from app.text import fold, is_cjk
from app.types import Document

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
BULK_SUFFIXES = (".jsonl", ".jsonl.gz")
NOT_DOCUMENTS = ("SOURCES.md", "README.md")
"""Files of a corpus folder that describe it and are no part of it."""

SAMPLE = 100_000
"""Characters by which the encoding of a file is judged."""
COMMON_SHARE = 0.8
"""So many of a text's Chinese characters are common: at least .9 in texts, about .6 in Big5 read as GB18030."""

UNREADABLE = (OSError, EOFError, zlib.error, UnicodeDecodeError)
"""What reading a file, compressed or not, may raise."""
_CONTROL = {character for character in range(32) if chr(character) not in "\t\n\r\f\v"} | {127}


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the corpus. `name` is its path below the corpus folder and the id of the document in it."""

    path: Path
    name: str

    @property
    def is_bulk(self) -> bool:
        """Tell whether the file holds one document a line."""
        return self.name.lower().endswith(BULK_SUFFIXES)

    def open_bulk(self) -> TextIO:
        """Open a file of one document a line, compressed or not."""
        opener = gzip.open if self.name.lower().endswith(".gz") else open
        return cast(TextIO, opener(self.path, "rt", encoding="utf-8-sig", newline="\n"))

    def sha256(self) -> str:
        """Return the hash of the file's bytes. Raises LoadError."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(self.name, error) from error


def find_sources(corpus: Path) -> list[Source]:
    """Return the corpus's files in a stable order. Raises LoadError if there is none."""
    if corpus.is_file():
        return [Source(corpus, _name_of(Path(corpus.name)))]
    if not corpus.is_dir():
        raise LoadError(f"corpus {corpus} does not exist; name a folder or a file: youju build --corpus DIR")
    below = sorted(path.relative_to(corpus) for path in corpus.rglob("*") if path.is_file())
    wanted = [
        Source(corpus / path, _name_of(path))
        for path in below
        if path.name.lower().endswith(TEXT_SUFFIXES + BULK_SUFFIXES)
        and path.name not in NOT_DOCUMENTS
        and not any(part.startswith((".", "~$")) for part in path.parts)
    ]
    if not wanted:
        known = " ".join(TEXT_SUFFIXES + BULK_SUFFIXES)
        raise LoadError(f"corpus {corpus} holds no document; put files there ({known})")
    return wanted


def _name_of(path: Path) -> str:
    """Return a path as text that can be stored and printed, whatever bytes a file name is made of."""
    name = os.fsencode(path.as_posix()).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "�" for character in name)


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of a file, not read yet. `stamp` (32 bytes) changes with whatever the document is made of."""

    id: str
    stamp: bytes
    load: Callable[[], Document]
    """Reads it; raises LoadError, which names the file."""


def find_entries(source: Source, max_mb: float) -> Iterator[Entry]:
    """Yield the documents of a file, unread. Raises LoadError, which names the file."""
    try:
        if source.is_bulk:
            yield from _bulk_entries(source)
        else:
            yield _text_entry(source, max_mb)
    except UNREADABLE as error:
        raise _unreadable(source.name, error) from error


def load_source(source: Source, max_mb: float) -> Iterator[Document]:
    """Yield the documents of a file. Raises LoadError, which names the file."""
    return (entry.load() for entry in find_entries(source, max_mb))


def _unreadable(name: str, error: Exception) -> LoadError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return LoadError(f"{name} cannot be read: {reason}")


def _text_entry(source: Source, max_mb: float) -> Entry:
    size = source.path.stat().st_size
    if size > max_mb * 1_000_000:
        limit = f"{max_mb:g} MB (setting max_file_mb)"
        raise LoadError(f"{source.name} has {size / 1e6:.0f} MB, more than {limit}; split it or raise the limit")
    content = source.path.read_bytes()
    return Entry(source.name, _stamp(source.name, content), lambda: _load_text(source, content))


def _load_text(source: Source, content: bytes) -> Document:
    raw = decode(content, source.name)
    sha256 = hashlib.sha256(content).hexdigest()
    name = Path(source.name).name.removesuffix(source.path.suffix)
    document = make_document(source.name, raw, name=name, source=source.name, sha256=sha256)
    if not document.text:
        raise LoadError(f"{source.name} is empty; remove it or put its text there")
    return document


def _stamp(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + content).digest()


def decode(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, GB18030 or UTF-16 with its mark. Raises LoadError."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = {"utf-16": _reads_as_text}
    else:
        encodings = {"utf-8-sig": _reads_as_text, "gb18030": _reads_as_chinese}
    for encoding, is_right in encodings.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if is_right(text[:SAMPLE]):
            return text
    raise LoadError(f"{name} is not a text file in UTF-8, GB18030 or UTF-16; convert it or remove it")


def _reads_as_text(sample: str) -> bool:
    """Tell text from bytes that happen to decode: control and private-use characters are rare in text."""
    strange = sum(ord(character) in _CONTROL or "\ue000" <= character <= "\uf8ff" for character in sample)
    return strange <= len(sample) * 0.01


def _reads_as_chinese(sample: str) -> bool:
    """Tell Chinese from bytes in another encoding, which GB18030 reads as rare characters."""
    ideographs = [character for character in fold(sample) if is_cjk(character)]
    common = sum(_is_common(character) for character in ideographs)
    return _reads_as_text(sample) and common >= len(ideographs) * COMMON_SHARE


def _is_common(character: str) -> bool:
    """Tell one of the 3,755 most used characters: the first level of GB 2312, rows 16 to 55."""
    try:
        return character.encode("gb2312")[0] <= 0xA0 + 55
    except UnicodeEncodeError:
        return False


def _bulk_entries(source: Source) -> Iterator[Entry]:
    """Yield the documents of a .jsonl file, one object `{"id", "title", "text", …}` a line, unread."""
    lines_of: dict[str, int] = {}
    with source.open_bulk() as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"{source.name} line {number}"
            row = _bulk_row(line, place)
            if row["id"] in lines_of:
                raise LoadError(f"{place} has the id {row['id']!r}, as line {lines_of[row['id']]} has")
            lines_of[row["id"]] = number
            content = line.rstrip("\r\n").encode()
            yield Entry(row["id"], _stamp(source.name, content), partial(_load_row, row, content, source.name))


def _bulk_row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) and row[key] for key in ("id", "text")):
        raise LoadError(f'{place} must be an object with the strings "id" and "text"')
    if not row["id"].isprintable():
        raise LoadError(f"{place} has an id with control characters")
    return row


def _load_row(row: Mapping[str, Any], content: bytes, source: str) -> Document:
    plain = {key: _one_line(str(row[key])) for key in row if _is_plain(row[key]) and key not in ("id", "text")}
    title = plain.pop("title", "")
    extra = tuple(outside_field(_one_line(key), value) for key, value in plain.items() if value)
    sha256 = hashlib.sha256(content).hexdigest()
    return make_document(row["id"], row["text"], name=row["id"], title=title, source=source, sha256=sha256, extra=extra)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _one_line(text: str) -> str:
    """Return a text without line breaks and halves of surrogate pairs, which JSON can hold and no file."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
