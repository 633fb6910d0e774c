"""Which documents a corpus holds, and reading their bytes as text."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import LoadError
from app.loading.document import make_document, outside_field
from app.types import Document

TEXT_SUFFIXES = (".txt", ".md", ".markdown")
BULK_SUFFIXES = (".jsonl", ".jsonl.gz")
NOT_DOCUMENTS = ("SOURCES.md", "README.md")
"""Files of a corpus folder that describe it and are no part of it."""

_CONTROL = {character for character in range(32) if chr(character) not in "\t\n\r\f\v"} | {127}


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the corpus. `name` is its path below the corpus folder and the id of the document in it."""

    path: Path
    name: str

    @property
    def is_bulk(self) -> bool:
        """Tell whether the file holds one document a line."""
        return self.name.endswith(BULK_SUFFIXES)

    def sha256(self) -> str:
        """Return the hash of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_sources(corpus: Path) -> list[Source]:
    """Return the corpus's files in a stable order. Raises LoadError if there is none."""
    if corpus.is_file():
        return [Source(corpus, corpus.name)]
    if not corpus.is_dir():
        raise LoadError(f"corpus {corpus} does not exist; name a folder or a file: youju build --corpus DIR")
    paths = sorted(path for path in corpus.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(corpus)))
    sources = [Source(path, path.relative_to(corpus).as_posix()) for path in paths]
    wanted = [
        source
        for source in sources
        if source.name.lower().endswith(TEXT_SUFFIXES + BULK_SUFFIXES) and source.path.name not in NOT_DOCUMENTS
    ]
    if not wanted:
        known = " ".join(TEXT_SUFFIXES + BULK_SUFFIXES)
        raise LoadError(f"corpus {corpus} holds no document; put files there ({known})")
    return wanted


def load_source(source: Source, max_mb: float) -> Iterator[Document]:
    """Yield the documents of a file. Raises LoadError, which names the file."""
    if source.is_bulk:
        yield from _load_bulk(source)
        return
    size = source.path.stat().st_size
    if size > max_mb * 1_000_000:
        limit = f"{max_mb:g} MB (setting max_file_mb)"
        raise LoadError(f"{source.name} has {size / 1e6:.0f} MB, more than {limit}; split it or raise the limit")
    try:
        content = source.path.read_bytes()
    except OSError as error:
        raise LoadError(f"{source.name} cannot be read: {error.strerror}") from error
    raw = decode(content, source.name)
    document = make_document(
        source.name, raw, name=source.path.stem, source=source.name, sha256=hashlib.sha256(content).hexdigest()
    )
    if not document.text:
        raise LoadError(f"{source.name} is empty; remove it or put its text there")
    yield document


def decode(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, GB18030 or UTF-16 with its mark. Raises LoadError."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _reads_as_text(text):
            return text
    raise LoadError(f"{name} is not a text file in UTF-8, GB18030 or UTF-16; convert it or remove it")


def _reads_as_text(text: str) -> bool:
    """Tell text from bytes that happen to decode: control and private-use characters are rare in text."""
    sample = text[:100_000]
    strange = sum(ord(character) in _CONTROL or "\ue000" <= character <= "\uf8ff" for character in sample)
    return strange <= len(sample) * 0.01


def _load_bulk(source: Source) -> Iterator[Document]:
    """Yield the documents of a .jsonl file, one object `{"id", "title", "text", …}` a line."""
    opener = gzip.open if source.name.endswith(".gz") else open
    try:
        with opener(source.path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _bulk_document(line, f"{source.name} line {number}", source.name)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LoadError(f"{source.name} cannot be read: {error}") from error


def _bulk_document(line: str, place: str, source: str) -> Document:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise LoadError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) and row[key] for key in ("id", "text")):
        raise LoadError(f'{place} must be an object with the strings "id" and "text"')
    if not row["id"].isprintable():
        raise LoadError(f"{place} has an id with control characters")
    extra = tuple(
        outside_field(key, value)
        for key, value in row.items()
        if key not in ("id", "title", "text") and isinstance(value, str) and value
    )
    sha256 = hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()
    title = row.get("title") if isinstance(row.get("title"), str) else ""
    return make_document(row["id"], row["text"], name=row["id"], title=title, source=source, sha256=sha256, extra=extra)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "~$")) for part in path.parts)
