"""File → Document: the only place that parses files.

sources.py     which documents a corpus holds, and reading their bytes as text
paragraphs.py  raw text → canonical lines: markdown marks removed, cut paragraphs joined
wrapping.py    what fixed line width a file was wrapped to
structure.py   canonical lines → sections with their heading path
fields.py      canonical lines → 文号, date, contact … with the lines that state them
"""

from app.loading.document import make_document
from app.loading.sources import Entry, Source, find_entries, find_sources, load_source

__all__ = ["Entry", "Source", "find_entries", "find_sources", "load_source", "make_document"]
