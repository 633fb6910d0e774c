"""Where an index lives: a folder of this machine, or Milvus where the setting index_url names it.

local.py       a folder, one generation after the other
records.py     documents and their chunks
vectors.py     vectors, and FAISS to find the closest
postings.py    BM25
tokens.py      the tokens of many texts at once
milvus.py      Milvus: reading; milvus_writer.py, milvus_lease.py: building; milvus_server.py: the connection
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app import generations
from app.config import Settings
from app.stores.local import Report, local_writer, open_local, unreported
from app.types import Encoder, Store, StoreWriter

__all__ = ["Report", "open_store", "place_of", "read_manifest", "store_writer", "unreported"]


def open_store(settings: Settings, encoder_name: str, encoder_fingerprint: str | None = None) -> Store:
    """Open the index that the settings name. Raises IndexProblem; the message says what to do."""
    if settings.index_url:
        from app.stores.milvus import open_milvus  # pymilvus is an extra, and takes a second to import

        return open_milvus(settings.index_url, encoder_name, encoder_fingerprint)
    return open_local(Path(settings.index), encoder_name, encoder_fingerprint)


def place_of(settings: Settings) -> str:
    """Return where the index lives, fit to be shown: without a password."""
    if settings.index_url:
        from app.stores.milvus_server import parse_address

        return parse_address(settings.index_url).name
    return settings.index


def read_manifest(settings: Settings) -> Mapping[str, Any]:
    """Return what the index was made of, once it is found whole. Raises IndexProblem."""
    if settings.index_url:
        from app.stores.milvus import read_milvus_manifest

        return read_milvus_manifest(settings.index_url)[1]
    folder, manifest = generations.read_manifest(Path(settings.index))
    generations.check_files(folder, manifest)
    return manifest


@contextlib.contextmanager
def store_writer(
    settings: Settings, encoder: Encoder, *, reader: str, reuse: bool = True, report: Report = unreported
) -> Iterator[StoreWriter]:
    """Give the writer of the index that the settings name; no other build may run meanwhile. Raises IndexBusyError.

    With `reuse`, texts that the present index holds keep their vectors, if its encoder is the same, and documents can
    be kept whole, if they were read by the same `reader` (a fingerprint of the code that reads files).
    """
    root, url = Path(settings.index), settings.index_url
    with contextlib.ExitStack() as stack:
        if url:
            from app.stores.milvus_writer import MilvusWriter

            yield stack.enter_context(MilvusWriter(url, encoder, reader=reader, reuse=reuse, report=report))
        else:
            stack.enter_context(generations.builder_lock(root))
            yield stack.enter_context(local_writer(root, encoder, reader=reader, reuse=reuse, report=report))
