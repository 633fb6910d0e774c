"""Where the evidence of a question stands: what was cited and what should have been, in its context."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.types import Span
from evals.records import GoldQuestion, Record

CONTEXT = 150
"""Characters shown on each side of the evidence."""
OPENING = 2 * CONTEXT
"""Characters shown of a document that holds the answer when nobody said where."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that is at hand: a whole document, or one passage of it that begins at `start`."""

    document_id: str
    start: int
    text: str

    def find(self, quote: str) -> Iterator[Span]:
        """Yield where a quote stands in the document."""
        at = self.text.find(quote) if quote else -1
        while at >= 0:
            yield Span(self.start + at, self.start + at + len(quote))
            at = self.text.find(quote, at + len(quote))

    def read(self, span: Span) -> str:
        return self.text[max(0, span.start - self.start) : max(0, span.end - self.start)]

    def covers(self, span: Span) -> bool:
        return self.start <= span.start and span.end <= self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of a document that was cited under a number, or is gold evidence (number 0)."""

    source: Source
    span: Span
    number: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A run of characters that are marked alike."""

    text: str
    numbers: tuple[int, ...] = ()
    is_gold: bool = False


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a document with its marks; `note` says what is amiss with it."""

    document_id: str
    parts: tuple[Part, ...]
    note: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted({number for part in self.parts for number in part.numbers}))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The marks of a question, and the excerpts that show them."""

    marks: tuple[Mark, ...]
    excerpts: tuple[Excerpt, ...]


def find_evidence(record: Record, contexts: Mapping[str, str]) -> Evidence:
    """Find what was cited and the gold evidence in the documents, or in the passages where a document is not at hand."""
    sources = _Sources(record, contexts)
    cited = [_find_citation(citation, sources) for citation in (record.answer or {}).get("citations", ())]
    gold = _find_gold(record.gold, sources, [found for found in cited if isinstance(found, Mark)])
    everything = [*cited, *gold]
    marks = tuple(found for found in everything if isinstance(found, Mark))
    loose = tuple(found for found in everything if isinstance(found, Excerpt))
    return Evidence(marks, (*_cut_excerpts(marks), *loose))


class _Sources:
    """The texts at hand for a question, those first in which its evidence is likeliest."""

    def __init__(self, record: Record, contexts: Mapping[str, str]) -> None:
        answer = record.answer or {}
        self._contexts = contexts
        self._passages: dict[str, list[Source]] = {}
        for passage in answer.get("passages", ()):
            source = Source(passage["document_id"], passage["start"], passage["text"])
            self._passages.setdefault(source.document_id, []).append(source)
        cited = [citation["document_id"] for citation in answer.get("citations", ())]
        self._ids = dict.fromkeys([*cited, *record.gold.positive, *self._passages])

    def of(self, document_id: str) -> Sequence[Source]:
        if document_id in self._contexts:
            return [Source(document_id, 0, self._contexts[document_id])]
        return self._passages.get(document_id, ())

    def all(self) -> Iterator[Source]:
        for document_id in dict.fromkeys([*self._ids, *self._contexts]):
            yield from self.of(document_id)


def _find_citation(citation: Mapping[str, Any], sources: _Sources) -> Mark | Excerpt:
    document_id, quote, number = citation["document_id"], citation["quote"], citation["number"]
    span = Span(citation["start"], citation["end"])
    source = next((source for source in sources.of(document_id) if source.covers(span)), None)
    if source is not None and source.read(span) == quote:
        return Mark(source, span, number)
    known = source or next((source for source in sources.of(document_id) if source.start == 0), None)
    note = f"引文与原文不符：原文 [{span.start}, {span.end}) 是“{known.read(span)[:OPENING]}”" if known else ""
    return Excerpt(document_id, (Part(quote, (number,)),), note)


def _find_gold(gold: GoldQuestion, sources: _Sources, cited: Sequence[Mark]) -> Iterator[Mark | Excerpt]:
    for quote in gold.evidence:
        places = [Mark(source, span) for source in sources.all() for span in source.find(quote)]
        yield _nearest(places, cited) or Excerpt("", (Part(quote, is_gold=True),), "未在所附文字中找到")
    for document_id in gold.positive if not gold.evidence else ():
        yield from _find_answers(gold, sources.of(document_id), cited)


def _find_answers(gold: GoldQuestion, sources: Sequence[Source], cited: Sequence[Mark]) -> Iterator[Mark]:
    """Find the gold answers in the document that is said to hold them; where they are not literally there, its opening."""
    found = False
    for alternatives in gold.answers:
        places = [Mark(source, span) for source in sources for text in alternatives for span in source.find(text)]
        if place := _nearest(places, cited):
            found = True
            yield place
    if not found:
        yield from (
            Mark(source, Span(source.start, source.start + len(source.text[:OPENING]))) for source in sources[:1]
        )


def _nearest(places: Sequence[Mark], cited: Sequence[Mark]) -> Mark | None:
    """Return the place that overlaps a citation, else the first."""
    overlapping = (place for place in places if any(_overlap(place, mark) for mark in cited))
    return next(overlapping, places[0] if places else None)


def _overlap(one: Mark, other: Mark) -> bool:
    """Tell whether two marks share a character of a document."""
    return one.source.document_id == other.source.document_id and one.span.overlaps(other.span)


def _cut_excerpts(marks: Sequence[Mark]) -> Iterator[Excerpt]:
    """Cut the surroundings of the marks out of their texts; those that touch become one."""
    by_source: dict[tuple[str, int], list[Mark]] = {}
    for mark in marks:
        by_source.setdefault((mark.source.document_id, mark.source.start), []).append(mark)
    for group in by_source.values():
        for window in _windows(group):
            inside = [mark for mark in group if window.contains(mark.span)]
            yield Excerpt(group[0].source.document_id, tuple(_split(group[0].source, window, inside)))


def _windows(marks: Sequence[Mark]) -> list[Span]:
    """Return the spans to show of one source, in reading order."""
    source = marks[0].source
    windows: list[Span] = []
    for span in sorted(mark.span for mark in marks):
        start = max(source.start, span.start - CONTEXT)
        end = min(source.start + len(source.text), span.end + CONTEXT)
        if windows and start <= windows[-1].end:
            windows[-1] = Span(windows[-1].start, max(windows[-1].end, end))
        else:
            windows.append(Span(start, end))
    return windows


def _split(source: Source, window: Span, marks: Sequence[Mark]) -> Iterator[Part]:
    """Cut a window where a mark begins or ends; `…` where the text goes on."""
    edges = sorted({window.start, window.end, *_edges(marks)})
    if window.start > source.start:
        yield Part("…")
    for start, end in itertools.pairwise(edges):
        piece = Span(start, end)
        over = [mark for mark in marks if mark.span.contains(piece)]
        numbers = tuple(sorted({mark.number for mark in over if mark.number}))
        yield Part(source.read(piece), numbers, any(not mark.number for mark in over))
    if window.end < source.start + len(source.text):
        yield Part("…")


def _edges(marks: Iterable[Mark]) -> Iterator[int]:
    for mark in marks:
        yield from (mark.span.start, mark.span.end)
