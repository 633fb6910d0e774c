"""Document → Chunks: a paragraph, or one 一是 / 二是 / 三是 point of it, of whole sentences."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from app.text import split_sentences
from app.types import Chunk, Document, Section, Span

MAX_CHARS = 300
"""A chunk ends with the sentence that would pass this length."""
HARD_MAX_CHARS = 480
"""A single sentence longer than this is cut, at a clause where there is one (the encoder reads 512 pieces)."""
SHORT_LINE = 40
"""Lines up to this length (labels, dates, a signature) share a chunk with their neighbours."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Sentences of one line under one heading path."""

    span: Span
    heading: tuple[str, ...]
    is_run_in: bool
    """It is only the heading at the start of a paragraph, as in 「1. 关于……的建议。」"""


def make_chunks(document: Document) -> list[Chunk]:
    """Cut a document. The chunks are in order, do not overlap, and leave only white space between them."""
    chunks: list[Chunk] = []
    start: int | None = None
    previous: _Piece | None = None
    for piece in _pieces(document):
        if previous is not None and start is not None and not _belong_together(document.text, start, previous, piece):
            chunks.append(_chunk(document, Span(start, previous.span.end), previous.heading))
            start = None
        start = piece.span.start if start is None else start
        previous = piece
    if previous is not None and start is not None:
        chunks.append(_chunk(document, Span(start, previous.span.end), previous.heading))
    return chunks


def _chunk(document: Document, span: Span, heading: tuple[str, ...]) -> Chunk:
    return Chunk(f"{document.id}#{span.start}-{span.end}", document.id, span, span.of(document.text), heading)


def _belong_together(text: str, start: int, before: _Piece, after: _Piece) -> bool:
    if after.span.end - start > MAX_CHARS:
        return False
    if before.is_run_in:
        return True
    is_same_line = "\n" not in text[before.span.end : after.span.start]
    both_short = len(before.span.of(text)) <= SHORT_LINE and len(after.span.of(text)) <= SHORT_LINE
    return before.heading == after.heading and (is_same_line or both_short)


def _pieces(document: Document) -> Iterator[_Piece]:
    """Yield the smallest parts: single sentences, too long ones cut."""
    boundaries, paths = _heading_paths(document)
    headings = {path[-1].rstrip("：:") for path in paths if path}
    for line in _lines(document.text):
        first, last = bisect_right(boundaries, line.start), bisect_left(boundaries, line.end)
        cuts = [line.start, *boundaries[first:last], line.end]
        for i, (start, end) in enumerate(pairwise(cuts)):
            heading = paths[first + i - 1] if first + i else ()
            for sentence in split_sentences(document.text, Span(start, end)):
                is_run_in = sentence.of(document.text).rstrip("。：:！？") in headings
                for span in _cut_long(document.text, sentence):
                    yield _Piece(span, heading, is_run_in)


def _heading_paths(document: Document) -> tuple[list[int], list[tuple[str, ...]]]:
    """Return the offsets where the innermost heading path changes, and the path from each on."""
    offsets = {offset for section in document.sections for offset in (section.span.start, section.span.end)}
    boundaries = sorted(offsets)
    paths: list[tuple[str, ...]] = []
    inside: list[Section] = []
    waiting = list(reversed(document.sections))
    for offset in boundaries:
        inside = [section for section in inside if section.span.end > offset]
        while waiting and waiting[-1].span.start <= offset:
            inside.append(waiting.pop())
        paths.append(max((section.path for section in inside), key=len, default=()))
    return boundaries, paths


def _lines(text: str) -> Iterator[Span]:
    start = 0
    for line in text.split("\n"):
        if line:
            yield Span(start, start + len(line))
        start += len(line) + 1


def _cut_long(text: str, sentence: Span) -> Iterator[Span]:
    """Cut a sentence that is too long at the last clause mark that fits, or anywhere if it has none."""
    start = sentence.start
    while sentence.end - start > HARD_MAX_CHARS:
        window = text[start : start + HARD_MAX_CHARS]
        marks = [window.rfind(mark) + 1 for mark in "；;，,、 "]
        cut = start + next((mark for mark in marks if mark > HARD_MAX_CHARS // 3), HARD_MAX_CHARS)
        yield Span(start, cut)
        start = cut
    yield Span(start, sentence.end)
