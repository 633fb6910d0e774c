"""Corpus → index: what changed is read and encoded, what was removed leaves the index."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.chunking import make_chunks
from app.config import Settings
from app.errors import IndexProblem, LoadError
from app.loading import Entry, Source, find_entries, find_sources
from app.types import Progress, StoreWriter

if TYPE_CHECKING:
    from app.stores import Report

READING_CODE = ("text.py", "chunking.py", "loading/*.py", "stores/tokens.py")
"""The modules that decide what an index holds: when one changes, the corpus is read anew."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `encoded` chunks were new; `skipped` maps files that could not be read to the reason."""

    documents: int
    chunks: int
    encoded: int
    seconds: float
    is_unchanged: bool = False
    skipped: Mapping[str, str] = field(default_factory=dict)


def build(
    settings: Settings, corpus: Sequence[str] = (), rebuild: bool = False, report: "Report | None" = None
) -> BuildReport:
    """Bring the index up to date with the corpus (the settings' unless paths are given).

    A file that cannot be read is skipped and named in the report. `report` is told how far the long stages are.
    Raises LoadError if there is nothing to index, EncoderError, IndexBusyError.
    """
    started = time.perf_counter()
    root = Path(settings.index)
    paths = [Path(path) for path in corpus] or [Path(settings.corpus)]
    sources = _find_sources(paths, root)
    state = {"sources": {source.name: _hash(source) for source in sources}, "max_file_mb": settings.max_file_mb}
    reader = _reader_fingerprint()
    if not rebuild and (unchanged := _unchanged(settings, {**state, "reader": reader}, started)):
        return unchanged
    from app.encoders import load_encoder
    from app.stores import store_writer, unreported

    report = report or unreported
    encoder = load_encoder(settings.encoder, threads=settings.threads)
    with store_writer(settings, encoder, reader=reader, reuse=not rebuild, report=report) as writer:
        documents, skipped = _take(sources, settings.max_file_mb, writer, report("reading"))
        if not writer.chunk_count:
            reasons = "; ".join(skipped.values()) or "no text in it"
            raise LoadError(f"nothing to index in {', '.join(map(str, paths))}: {reasons}")
        encoded = writer.commit({**state, "skipped": skipped})
    return BuildReport(documents, writer.chunk_count, encoded, time.perf_counter() - started, skipped=skipped)


def _find_sources(paths: Sequence[Path], root: Path) -> list[Source]:
    """Return the files of all paths but those of the index itself. Raises LoadError."""
    found = dict.fromkeys(source for path in paths for source in find_sources(path))
    sources = [source for source in found if root.resolve() not in source.path.resolve().parents]
    by_name: dict[str, Source] = {}
    for source in sources:
        if (twin := by_name.setdefault(source.name, source)) is not source:
            raise LoadError(f"{twin.path} and {source.path} would both be document {source.name!r}; rename one")
    return sources


def _hash(source: Source) -> str:
    """Return the hash of a file; none of one that cannot be read, which loading it will say."""
    try:
        return source.sha256()
    except LoadError:
        return ""


def _reader_fingerprint() -> str:
    here = Path(__file__).parent
    files = sorted(path for pattern in READING_CODE for path in here.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _unchanged(settings: Settings, state: Mapping[str, Any], started: float) -> BuildReport | None:
    """Return a report if the whole index stands and was made from just this; reads no model and no vectors."""
    from app.stores import read_manifest

    try:
        manifest = read_manifest(settings)
    except IndexProblem:
        return None
    if any(manifest.get(key) != state[key] for key in state):
        return None
    if not _is_built_with(settings.encoder, manifest["encoder"]):
        return None
    seconds = time.perf_counter() - started
    return BuildReport(manifest["documents"], manifest["chunks"], 0, seconds, True, manifest["skipped"])


def _is_built_with(name: str, built: Mapping[str, Any]) -> bool:
    """Tell whether an index was built with an encoder; the weights are compared where that needs no loading."""
    from app.encoders import SHIPPED_FOLDER, SHIPPED_NAME, check_files

    return built["name"] == name and (name != SHIPPED_NAME or built["fingerprint"] == check_files(SHIPPED_FOLDER))


def _take(
    sources: Sequence[Source], max_mb: float, writer: StoreWriter, progress: Progress
) -> tuple[int, dict[str, str]]:
    """Give the documents of all files to a writer. Returns their number, and why some files could not be read.

    A file with something wrong in it is left out whole, so each is looked through before its documents are taken.
    Raises LoadError for an id given twice.
    """
    skipped: dict[str, str] = {}
    source_of: dict[str, Source] = {}
    for source in sources:
        try:
            ids = [entry.id for entry in find_entries(source, max_mb)]
        except LoadError as error:
            skipped[source.name] = str(error)
            continue
        for document_id in ids:
            if (twin := source_of.setdefault(document_id, source)) is not source:
                raise LoadError(f"document id {document_id!r} stands in both {twin.name} and {source.name}; rename one")
    taken = 0
    for source in dict.fromkeys(source_of.values()):
        for entry in find_entries(source, max_mb):
            try:
                _take_entry(entry, writer)
                taken += 1
            except LoadError as error:
                skipped[source.name] = str(error)
            progress(taken, len(source_of))
    return taken, skipped


def _take_entry(entry: Entry, writer: StoreWriter) -> None:
    if writer.has(entry.id, entry.stamp):
        writer.keep(entry.id)
    else:
        document = entry.load()
        writer.add(document, make_chunks(document), entry.stamp)
