"""Where an index lives.

local.py      a folder of this machine, one generation after the other
records.py    documents and their chunks
vectors.py    vectors, and FAISS to find the closest
postings.py   BM25
tokens.py     the tokens of many texts at once
"""

from pathlib import Path

from app import generations
from app.config import Settings
from app.stores.local import open_local
from app.types import Store


def open_store(settings: Settings, encoder_name: str, encoder_fingerprint: str | None = None) -> Store:
    """Open the index that the settings name. Raises IndexProblem; the message says what to do."""
    return open_local(Path(settings.index), encoder_name, encoder_fingerprint)


def version_of(settings: Settings) -> str:
    """Return what changes whenever the index is built anew; empty if it cannot be told."""
    return generations.current_line(Path(settings.index))
