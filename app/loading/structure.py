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
_IMPRINT = re.compile(r"^(?:抄送|抄报|主送|主题词)|印发$|^[\u3400-\u9fff]{2,24}办公[厅室]$")
_ORDINALS = {numeral: i for i, numeral in enumerate("一二三四五六七八九十", start=1)}


@dataclass(frozen=True, slots=True)
class _Heading:
    kind: str
    text: str
    start: int
    level: int
    """The markdown level, 0 for plain text."""


def find_sections(lines: Sequence[Line], starts: Sequence[int], length: int, title: int | None) -> tuple[Section, ...]:
    """Return the sections of the text made of `lines`, which begin at `starts`; line `title` is no heading of one.

    Two sections either do not overlap, or one lies inside the other and has the longer path.
    """
    first, tail, rest, end = _body_bounds(lines, title)
    offsets = [*starts, length]
    sections = [Section((HEAD,), Span(0, offsets[first]))] if first else []
    sections += [Section((TAIL,), Span(offsets[a], offsets[b])) for a, b in ((tail, rest), (end, len(lines))) if a < b]
    headings: list[_Heading] = []
    for i in [*range(first, tail), *range(rest, end)]:
        heading = _heading_of(lines[i], starts[i])
        if i == rest:
            sections += _close(headings, 0, offsets[tail])
            headings = []
        if heading or _CLOSING.match(lines[i].text):
            kept = _enclosing(headings, heading)
            sections += _close(headings, kept, starts[i])
            headings = headings[:kept] + ([heading] if heading else [])
        path = tuple(outer.text for outer in headings)
        sections += [Section((*path, label), span) for label, span in _points(lines[i].text, starts[i])]
    sections += _close(headings, 0, offsets[tail] if rest == end else offsets[end])
    return tuple(sorted(sections, key=lambda section: (section.span.start, len(section.path))))


def _body_bounds(lines: Sequence[Line], title: int | None) -> tuple[int, int, int, int]:
    """Return the lines where the body, the tail, the attachments behind it and the imprint below them begin."""
    first = next((i for i, line in enumerate(lines) if _is_body(line) or (line.level and _is_below(i, title))), 0)
    date = next((i for i, line in enumerate(lines) if i > first and DATE_LINE.match(line.text)), len(lines))
    rest = next((i for i in range(date + 1, len(lines)) if _opens_attachment(lines[i])), len(lines))
    if date == len(lines) or any(_is_body(line) and len(line.text) > 120 for line in lines[date:rest]):
        return first, len(lines), len(lines), len(lines)
    tail = date
    while tail - 1 > first and not _is_body(lines[tail - 1]) and not _heading_of(lines[tail - 1], 0):
        tail -= 1
    end = len(lines)
    while end > rest + 1 and _IMPRINT.search(lines[end - 1].text):
        end -= 1
    return first, tail, rest, end


def _is_below(i: int, title: int | None) -> bool:
    return title is not None and i > title


def _opens_attachment(line: Line) -> bool:
    heading = _heading_of(line, 0)
    return heading is not None and (heading.level > 0 or heading.kind in ("attachment", "part", "chapter"))


def _is_body(line: Line) -> bool:
    """Tell a paragraph of the body from a line of the head or the tail."""
    if line.level:
        return False
    heading = _heading_of(line, 0)
    return (heading is not None and heading.kind != "stage") or (
        len(line.text) > 15
        and bool(re.search(r"[，。；：]", line.text))
        and line.text[-1] in SENTENCE_END + "：:；"
        and not re.match(r"^(?:抄送|主送|印送|报送|联系)", line.text)
    )


def _heading_of(line: Line, start: int) -> _Heading | None:
    """Return the heading that a line is, or that its first sentence is."""
    for kind, pattern in KINDS:
        if match := pattern.match(line.text):
            return _Heading(kind, _heading_text(line.text, match.group(), kind), start, line.level)
    return _Heading("markdown", line.text, start, line.level) if line.level else None


def _heading_text(text: str, label: str, kind: str) -> str:
    label = label.strip(" ：:")
    if kind in ("stage", *WITHOUT_HEADING_TEXT):
        return label
    first = split_sentences(text)[0].of(text)
    is_content = text[-1] in "。！!；;，,"
    is_whole_line = len(first) == len(text) and not is_content
    if is_whole_line and len(first) <= RUN_IN_LENGTH * 2:
        return first.rstrip("：:")
    if len(first) <= RUN_IN_LENGTH and len(first) < len(text):
        return first.rstrip(SENTENCE_END)
    return label.rstrip(".、．")


def _enclosing(headings: Sequence[_Heading], heading: _Heading | None) -> int:
    """Return how many of the open headings stay open around a new one."""
    if heading is None or heading.kind in OUTERMOST:
        return 0
    kinds = [outer.kind for outer in headings]
    if heading.kind in kinds and heading.kind != "markdown":
        return kinds.index(heading.kind)
    if heading.level:
        return next((i for i, outer in enumerate(headings) if not 0 < outer.level < heading.level), len(headings))
    return kinds.index("stage") if "stage" in kinds else len(kinds)


def _close(headings: Sequence[_Heading], kept: int, end: int) -> list[Section]:
    """Return the sections that end at an offset, all but the outermost `kept` ones."""
    path = tuple(heading.text for heading in headings)
    return [Section(path[: i + 1], Span(headings[i].start, end)) for i in range(kept, len(headings))]


def _points(text: str, start: int) -> Iterator[tuple[str, Span]]:
    """Yield the 一是, 二是, 三是 of a paragraph with their spans. They must come in order."""
    in_order: list[re.Match[str]] = []
    for match in _POINT.finditer(text):
        number = _ORDINALS.get(match.group(1), 0)
        is_first = not in_order and match.start() == 0 and number > 0
        follows = match.start() == 0 or text[match.start() - 1] in "。；：，:; "
        if is_first or (follows and number == _next_number(in_order)):
            in_order.append(match)
    if len(in_order) > 1 or (in_order and in_order[0].start() == 0):
        ends = [match.start() for match in in_order[1:]] + [len(text)]
        for match, end in zip(in_order, ends, strict=True):
            yield match.group(), Span(start + match.start(), start + end)


def _next_number(in_order: Sequence[re.Match[str]]) -> int:
    return _ORDINALS[in_order[-1].group(1)] + 1 if in_order else 1
