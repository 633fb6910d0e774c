"""Corpus → index: what changed is read and encoded, what was removed leaves the index."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import generations
from app.chunking import make_chunks
from app.config import Settings
from app.errors import IndexProblem, LoadError
from app.loading import Source, find_sources, load_source
from app.types import Document, Progress

READING_CODE = ("text.py", "chunking.py", "index.py", "loading/*.py")
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
    settings: Settings,
    corpus: Sequence[str] = (),
    rebuild: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Bring the index up to date with the corpus (the settings' unless paths are given).

    A file that cannot be read is skipped and named in the report; a single file given as the corpus raises.
    Raises LoadError if there is nothing to index, EncoderError, IndexBusyError.
    """
    started = time.perf_counter()
    root = Path(settings.index)
    paths = [Path(path) for path in corpus] or [Path(settings.corpus)]
    sources = [source for path in paths for source in find_sources(path)]
    state = {"sources": {source.name: source.sha256() for source in sources}, "reader": _reader_fingerprint()}
    with generations.builder_lock(root):
        if not rebuild and (unchanged := _unchanged(root, settings.encoder, state, started)):
            return unchanged
        documents, skipped = _load(sources, settings.max_file_mb)
        chunks = [chunk for document in documents for chunk in make_chunks(document)]
        if not chunks:
            reasons = "; ".join(skipped.values()) or "no text in it"
            raise LoadError(f"nothing to index in {', '.join(map(str, paths))}: {reasons}")
        from app.encoders import load_encoder
        from app.index import write_index

        encoder = load_encoder(settings.encoder, threads=settings.threads)
        manifest: dict[str, Any] = {**state, "skipped": skipped}
        encoded = write_index(root, documents, chunks, encoder, manifest, progress, reuse=not rebuild)
    return BuildReport(len(documents), len(chunks), encoded, time.perf_counter() - started, skipped=skipped)


def _reader_fingerprint() -> str:
    here = Path(__file__).parent
    files = sorted(path for pattern in READING_CODE for path in here.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _unchanged(root: Path, encoder: str, state: Mapping[str, Any], started: float) -> BuildReport | None:
    """Return a report if the whole index stands and was made from just this; reads no model and no vectors."""
    try:
        folder, manifest = generations.read_manifest(root)
        generations.check_files(folder, manifest)
    except IndexProblem:
        return None
    if manifest.get("encoder", {}).get("name") != encoder or any(manifest.get(key) != state[key] for key in state):
        return None
    seconds = time.perf_counter() - started
    return BuildReport(len(manifest["documents"]), manifest["chunks"], 0, seconds, True, manifest["skipped"])


def _load(sources: Sequence[Source], max_mb: float) -> tuple[list[Document], dict[str, str]]:
    """Return the documents of all files, and why some could not be read. Raises LoadError for an id given twice."""
    documents: dict[str, Document] = {}
    skipped: dict[str, str] = {}
    for source in sources:
        try:
            loaded = list(load_source(source, max_mb))
        except LoadError as error:
            skipped[source.name] = str(error)
            continue
        for document in loaded:
            if twin := documents.get(document.id):
                raise LoadError(
                    f"document id {document.id!r} stands in both {twin.source} and {document.source}; rename one"
                )
            documents[document.id] = document
    return list(documents.values()), skipped
