"""Document → Chunks: a paragraph, or one 一是 / 二是 / 三是 point of it, of whole sentences."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from app.text import is_topic, split_sentences
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
    """It only names what the next ones say: the heading at the start of a paragraph, a numbered topic, a question."""


def make_chunks(document: Document) -> list[Chunk]:
    """Cut a document. The chunks are in order, do not overlap, and leave only white space between them."""
    groups: list[list[_Piece]] = []
    for piece in _pieces(document):
        if groups and _belong_together(document.text, groups[-1][0], groups[-1][-1], piece):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [_chunk(document, group) for group in groups]


def chunk_of(document: Document, span: Span, heading: tuple[str, ...]) -> Chunk:
    """Return a span of a document as a chunk; its id follows from both."""
    return Chunk(f"{document.id}#{span.start}-{span.end}", document.id, span, span.of(document.text), heading)


def index_text(document: Document, chunk: Chunk) -> str:
    """Return what is searched for a chunk: title and heading path in front of its own words, once each."""
    title = "" if chunk.text.startswith(document.title) else document.title
    return " ".join(part for part in (title, *chunk.heading, chunk.text) if part)


def _chunk(document: Document, pieces: Sequence[_Piece]) -> Chunk:
    return chunk_of(document, Span(pieces[0].span.start, pieces[-1].span.end), _common_heading(pieces))


def _common_heading(pieces: Sequence[_Piece]) -> tuple[str, ...]:
    """Return the path that all pieces share, but for those that only lead down to the next."""
    leaves = [a.heading for a, b in pairwise(pieces) if not _leads_to(a.heading, b.heading)] + [pieces[-1].heading]
    return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*leaves, strict=False)))


def _leads_to(heading: tuple[str, ...], below: tuple[str, ...]) -> bool:
    return len(heading) < len(below) and below[: len(heading)] == heading


def _belong_together(text: str, first: _Piece, before: _Piece, after: _Piece) -> bool:
    length = after.span.end - first.span.start
    is_inside = before.heading == after.heading or _leads_to(before.heading, after.heading)
    if before.is_run_in and is_inside:
        return length <= HARD_MAX_CHARS
    if length > (MAX_CHARS // 2 if after.is_run_in else MAX_CHARS):
        return False
    both_short = _length(before) <= SHORT_LINE and _length(after) <= SHORT_LINE
    if before.heading == after.heading:
        return both_short or "\n" not in text[before.span.end : after.span.start]
    are_items = len(before.heading) == len(after.heading) > 1 and before.heading[:-1] == after.heading[:-1]
    return (
        are_items
        and both_short
        and not after.heading[-1].startswith("第")
        and _is_line(text, before)
        and _is_line(text, after)
    )


def _is_line(text: str, piece: _Piece) -> bool:
    return text[max(0, piece.span.start - 1) : piece.span.start] in ("", "\n") and text[
        piece.span.end : piece.span.end + 1
    ] in ("", "\n")


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
                words = sentence.of(document.text)
                is_run_in = words.rstrip("。：:！？") in headings or is_topic(words)
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
    """Cut a sentence that is too long behind the last clause mark that fits, or anywhere if it has none."""
    start = sentence.start
    while sentence.end - start > HARD_MAX_CHARS:
        window = text[start : start + HARD_MAX_CHARS]
        marks = [window.rfind(mark) + 1 for mark in "；;，,、 "]
        cut = next((mark for mark in marks if mark > HARD_MAX_CHARS // 3), HARD_MAX_CHARS)
        if kept := len(window[:cut].rstrip()):
            yield Span(start, start + kept)
        start += cut
        while text[start].isspace():
            start += 1
    yield Span(start, sentence.end)


def _length(piece: _Piece) -> int:
    return piece.span.end - piece.span.start
