"""Canonical lines → sections with their heading path, down to the 一是 / 二是 / 三是 inside a paragraph."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.loading.paragraphs import DATE_LINE, Line
from app.text import SENTENCE_END, split_sentences
from app.types import Section, Span

HEAD = "版头"
"""What stands before the body: 文号, title, addressee (named after GB/T 9704, the format of official documents)."""
TAIL = "落款"
"""What stands behind the body: signature, date, contact, copies."""

RUN_IN_LENGTH = 45
"""A numbered paragraph's first sentence up to this many characters is its heading."""

_NUMBER = "一二三四五六七八九十百零〇"
KINDS = (
    ("part", re.compile(rf"^第\s*[{_NUMBER}\d]+\s*[编部]分?(?=\s|$)")),
    ("chapter", re.compile(rf"^第\s*[{_NUMBER}\d]+\s*章")),
    ("section", re.compile(rf"^第\s*[{_NUMBER}\d]+\s*节")),
    ("article", re.compile(rf"^第\s*[{_NUMBER}\d]+\s*条")),
    ("attachment", re.compile(r"^附件?\s*[一二三四五六七八九十\d]*\s*(?:[：:]|$)")),
    ("一、", re.compile(rf"^[{_NUMBER}]+\s*、")),
    ("（一）", re.compile(rf"^[（(]\s*[{_NUMBER}]+\s*[)）]")),
    ("1.", re.compile(r"^\d{1,2}\s*[.、．](?!\d)")),
    ("（1）", re.compile(r"^(?:[（(]\s*\d{1,2}\s*[)）]|[①-⑳])")),
    ("stage", re.compile(r"^(?:下一?阶段|下一?步|今后|接下来|下一年度)(?:工作|打算|计划|安排|考虑)*(?=[，,：:。]|$)")),
)
WITHOUT_HEADING_TEXT = ("article",)
"""Kinds whose first sentence is content, not a heading: only the label goes into the path."""
OUTERMOST = ("part", "attachment", "stage")
"""Kinds that close everything open before them."""

_POINT = re.compile(rf"([{_NUMBER}]{{1,3}})是(?=[^\s，。；的否不])")
_CLOSING = re.compile(r"^(?:衷?心?感谢|专此|特此|此复|以上(?:答复|意见|是)|妥否)")
_ORDINALS = {numeral: i for i, numeral in enumerate("一二三四五六七八九十", start=1)}


@dataclass(frozen=True, slots=True)
class _Heading:
    kind: str
    text: str


def find_sections(lines: Sequence[Line], starts: Sequence[int], length: int) -> tuple[Section, ...]:
    """Return the sections of the text made of `lines`, which begin at `starts`; spans of one path level never overlap."""
    head_end, tail_start = _body_bounds(lines)
    sections = [Section((HEAD,), Span(0, starts[head_end] if head_end < len(lines) else length))] if head_end else []
    open_headings: list[tuple[_Heading, int]] = []
    for i in range(head_end, tail_start):
        heading = _heading_of(lines[i])
        if heading or _CLOSING.match(lines[i].text):
            kept = _enclosing(open_headings, heading)
            sections += _close(open_headings, kept, starts[i])
            open_headings = open_headings[:kept] + ([(heading, starts[i])] if heading else [])
        path = tuple(outer.text for outer, _ in open_headings)
        sections += [Section((*path, label), span) for label, span in _points(lines, starts, i)]
    tail_offset = starts[tail_start] if tail_start < len(lines) else length
    sections += _close(open_headings, 0, tail_offset)
    if tail_start < len(lines):
        sections.append(Section((TAIL,), Span(tail_offset, length)))
    return tuple(sorted(sections, key=lambda section: (section.span.start, len(section.path))))


def is_heading(line: Line) -> bool:
    """Tell whether a whole line is a heading."""
    heading = _heading_of(line)
    return bool(line.level) or (heading is not None and heading.text == line.text.rstrip("：:"))


def _body_bounds(lines: Sequence[Line]) -> tuple[int, int]:
    """Return the index of the body's first line and that of the line behind its last."""
    first = next((i for i, line in enumerate(lines) if _is_body(line)), 0)
    dates = [i for i, line in enumerate(lines) if i > first and DATE_LINE.match(line.text)]
    if not dates or any(_is_body(line) and len(line.text) > 120 for line in lines[dates[0] :]):
        return first, len(lines)
    tail = dates[0]
    while tail - 1 > first and not _is_body(lines[tail - 1]) and not _heading_of(lines[tail - 1]):
        tail -= 1
    return first, tail


def _is_body(line: Line) -> bool:
    """Tell a paragraph of the body from a line of the head or the tail."""
    if line.level:
        return False
    heading = _heading_of(line)
    return (heading is not None and heading.kind != "stage") or (
        len(line.text) > 15 and bool(re.search(r"[，。；：]", line.text)) and line.text[-1] in SENTENCE_END + "：:；"
        and not re.match(r"^(?:抄送|主送|印送|报送|联系)", line.text)
    )


def _heading_of(line: Line) -> _Heading | None:
    """Return the heading that a line is, or that its first sentence is."""
    for kind, pattern in KINDS:
        if match := pattern.match(line.text):
            return _Heading(kind, _heading_text(line.text, match.group(), kind))
    return _Heading(f"#{line.level}", line.text) if line.level else None


def _heading_text(text: str, label: str, kind: str) -> str:
    label = label.strip(" ：:")
    if kind in ("stage", *WITHOUT_HEADING_TEXT):
        return label
    first = split_sentences(text)[0].of(text)
    is_whole_line = len(first) == len(text) and text[-1] not in SENTENCE_END
    if is_whole_line and len(first) <= RUN_IN_LENGTH * 2:
        return first.rstrip("：:")
    if len(first) <= RUN_IN_LENGTH and len(first) < len(text):
        return first.rstrip(SENTENCE_END)
    return label.rstrip(".、．")


def _enclosing(open_headings: Sequence[tuple[_Heading, int]], heading: _Heading | None) -> int:
    """Return how many of the open headings stay open around a new one."""
    if heading is None or heading.kind in OUTERMOST:
        return 0
    kinds = [outer.kind for outer, _ in open_headings]
    if heading.kind in kinds:
        return kinds.index(heading.kind)
    if heading.kind.startswith("#"):
        higher = [i for i, kind in enumerate(kinds) if not kind.startswith("#") or kind > heading.kind]
        return min(higher, default=len(kinds))
    return kinds.index("stage") if "stage" in kinds else len(kinds)


def _close(open_headings: Sequence[tuple[_Heading, int]], kept: int, end: int) -> list[Section]:
    """Return the sections that end at an offset, all but the outermost `kept` ones."""
    path = tuple(heading.text for heading, _ in open_headings)
    return [
        Section(path[: i + 1], Span(start, end))
        for i, (_, start) in enumerate(open_headings)
        if i >= kept and start < end
    ]


def _points(lines: Sequence[Line], starts: Sequence[int], i: int) -> Iterator[tuple[str, Span]]:
    """Yield the 一是, 二是, 三是 of a paragraph with their spans. They must come in order."""
    text = lines[i].text
    markers = [match for match in _POINT.finditer(text) if match.start() == 0 or text[match.start() - 1] in "。；：，:; "]
    in_order: list[re.Match[str]] = []
    for match in markers:
        number = _ORDINALS.get(match.group(1), 0)
        if (not in_order and match.start() == 0 and number) or number == _next_number(in_order):
            in_order.append(match)
    is_list = len(in_order) > 1 or (in_order and in_order[0].start() == 0)
    ends = [match.start() for match in in_order[1:]] + [len(text)]
    for match, end in zip(in_order if is_list else [], ends, strict=False):
        yield match.group(), Span(starts[i] + match.start(), starts[i] + end)


def _next_number(in_order: Sequence[re.Match[str]]) -> int:
    return _ORDINALS[in_order[-1].group(1)] + 1 if in_order else 1
