"""Raw text → canonical lines: markdown marks removed, rules dropped, paragraphs that a page break cut in two joined."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from app.loading.wrapping import Wrapping, find_wrapping
from app.text import BRACKETS, CLOSERS, SENTENCE_END, is_cjk

RULE = re.compile(r"^\s*(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|={3,})$")
TABLE_RULE = re.compile(r"^\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?)?$")
PAGE_NUMBER = re.compile(
    r"^\s*(?:[-—–―]+\s*\d{1,4}\s*[-—–―]+|第\s*\d{1,4}\s*页(?:\s*[/，,]?\s*共\s*\d{1,4}\s*页)?)\s*$"
)
HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*)$")
HEADING_TAIL = re.compile(r"(?:^|\s)#+$")
QUOTE_MARK = re.compile(r"^\s*(?:>\s?)+")
BULLET = re.compile(r"^\s*[*+-]\s+(?=\S)")
INDENT = "\u3000\u3000"
"""Two ideographic spaces, with which Chinese paragraphs begin."""
IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\([^()\n]*\)")
LINK = re.compile(r"\[([^\[\]\n]+)\]\((?:https?:|mailto:|/|#|\.)[^()\s]{0,2000}(?:\s+\"[^\"\n]{0,2000}\")?\)")
EMPHASIS = re.compile(
    r"(?<![A-Za-z\d*])\*{2,}|\*{2,}(?![A-Za-z\d*])|~~"
    r"|(?<!\w)_{2,3}(?=[^\W_]|[“‘「（《【])|(?<=[^\W_]|[。！？”’」）》】])_{2,3}(?!\w)"
)
"""Marks of bold text. Stars inside a number (138****1234) and blanks to fill in (____年) are none."""
ITALIC = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]*[^\s*])\*(?!\*)")
CODE_FENCE = re.compile(r"^\s*(?:```|~~~)")
UNREADABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u200b]")
"""Control characters, halves of surrogate pairs, and what has no width."""

LABEL = re.compile(r"^[\u3400-\u9fff（）() 　]{2,12}[：:]\s*\S")
ITEM = re.compile(
    r"^(?:第\s*[一二三四五六七八九十百千零〇\d]+\s*[编章节条款部]|[一二三四五六七八九十]+\s*[、是]|[（(]\s*[一二三四五六七八九十\d]+\s*[)）]"
    r"|\d+\s*[.、．)）](?!\d)|[①-⑳]|附件?\s*[：:\d]|[•·●○▪◆■□])"
)
DATE_LINE = re.compile(
    r"^[\d〇○零一二三四五六七八九十]+\s*年\s*[\d一二三四五六七八九十]+\s*月\s*[\d一二三四五六七八九十]+\s*日(?:\s*印发)?$"
)
CANNOT_START = "，。、；：！？,;!?％%" + CLOSERS.replace('"', "").replace("'", "")
ENDS_PARAGRAPH = SENTENCE_END + ".；;：:…—"
BODY_MARK = re.compile(r"[，。；,;]")
BODY_LENGTH = 20
"""Characters from which a line without an end mark can be the first half of a cut paragraph."""
HEADING_LENGTH = 50
"""Up to this length a numbered line or a list item without an end mark is a heading, not half a paragraph."""
DEEPEST_BRACKETS = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A canonical line. `level` is the markdown heading level, 0 for plain text."""

    text: str
    level: int = 0
    mark: str = ""
    """What it began with, if that makes it the first of a paragraph: `-` of a list, INDENT, or "`" of code."""
    after_gap: bool = False
    """A blank line, a rule or a page break stood before it."""


def canonical_lines(raw: str) -> list[Line]:
    """Return the lines of the canonical text of a plain or markdown file."""
    return list(_join_cut(list(_clean_lines(raw))))


def _clean_lines(raw: str) -> Iterator[Line]:
    after_gap = is_code = False
    for physical in _without_comments(raw.replace("\r\n", "\n").replace("\r", "\n")).split("\n"):
        if CODE_FENCE.match(physical):
            is_code = not is_code
            after_gap = True
        elif RULE.match(physical) or TABLE_RULE.match(physical.strip()) or not physical.strip():
            after_gap = True
        elif not PAGE_NUMBER.match(physical) and (line := _code(physical) if is_code else _clean(physical)):
            yield replace(line, after_gap=after_gap)
            after_gap = False


def _without_comments(text: str) -> str:
    """Remove HTML comments; one that does not end is text."""
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        kept.append(text[position:start])
        position = end + len("-->")
    return "".join([*kept, text[position:]])


def _code(physical: str) -> Line | None:
    """Return a line of code as it stands."""
    text = UNREADABLE.sub("", physical).strip()
    return Line(text, mark="`") if text else None


def _clean(physical: str) -> Line | None:
    """Remove the markdown marks of one line. Marks may be mis-nested, so each is dropped by itself."""
    text = QUOTE_MARK.sub("", UNREADABLE.sub("", physical))
    mark = INDENT if text.startswith(INDENT) else "-" if BULLET.match(text) else ""
    level = 0
    if heading := HEADING.match(text):
        level, text = len(heading.group(1)), HEADING_TAIL.sub("", heading.group(2).rstrip())
    text = LINK.sub(r"\1", IMAGE.sub(r"\1", BULLET.sub("", text)))
    text = ITALIC.sub(r"\1", EMPHASIS.sub("", text)).replace("`", "").strip()
    return Line(text, level, mark) if text else None


@dataclass(slots=True)
class _Paragraph:
    """The pieces of one paragraph that were found so far."""

    first: Line
    last: str = ""
    """Its last physical line."""
    pieces: list[str] = field(default_factory=list)
    awaited: list[str] = field(default_factory=list)
    """The closing brackets that are still to come, innermost last."""
    length: int = 0
    has_body_mark: bool = False
    has_end: bool = False

    def add(self, text: str) -> None:
        """Put a piece behind: nothing between Chinese or the digits of a number, a space between other words."""
        if self.last:
            ends, starts = self.last[-1], text[0]
            is_word = ends.isalnum() and starts.isalnum() and not is_cjk(ends) and not is_cjk(starts)
            self.pieces.append(" " if is_word and not (ends.isdigit() and starts.isdigit()) else "")
        self.pieces.append(text)
        self.last = text
        self.length += len(text)
        self.awaited = _awaited_after(self.awaited, text)
        self.has_body_mark = self.has_body_mark or bool(BODY_MARK.search(text))
        self.has_end = self.has_end or any(mark in text for mark in SENTENCE_END)

    def line(self) -> Line:
        return replace(self.first, text="".join(self.pieces))


def _awaited_after(awaited: list[str], text: str) -> list[str]:
    """Return the closing brackets that are still to come behind a text."""
    awaited = awaited[-DEEPEST_BRACKETS:]
    for character in text:
        if character in BRACKETS:
            awaited.append(BRACKETS[character])
        elif awaited and character == awaited[-1]:
            awaited.pop()
    return awaited[-DEEPEST_BRACKETS:]


def _join_cut(lines: list[Line]) -> Iterator[Line]:
    """Join what a page break or a fixed line width cut."""
    pairs = [(a.text, b.text) for a, b in pairwise(lines) if _can_be_wrapped(a, b)]
    wrapping = find_wrapping(pairs)
    paragraph: _Paragraph | None = None
    for line in lines:
        if paragraph is None or not _is_cut(paragraph, line, wrapping):
            if paragraph is not None:
                yield paragraph.line()
            paragraph = _Paragraph(line)
        paragraph.add(line.text)
    if paragraph is not None:
        yield paragraph.line()


def _can_be_wrapped(before: Line, after: Line) -> bool:
    is_plain = not (before.level or after.level or after.mark or after.after_gap or before.mark == "`")
    return is_plain and not _ends(before.text, after.text) and after.text[0] != "|"


def _is_cut(before: _Paragraph, after: Line, wrapping: Wrapping | None) -> bool:
    """Tell whether a line continues the paragraph before it."""
    first, text = before.first, after.text
    if first.level or first.mark == "`" or first.text[0] == "|" or after.level or after.mark or text[0] == "|":
        return False
    is_full = wrapping is not None and not after.after_gap and wrapping.is_full(before.last, text)
    if text[0] in CANNOT_START or (is_full and not _ends(before.last, text)):
        return True
    if _ends(before.last, text):
        return is_full and before.last[-1] not in "：:" and not _stands_alone(text)
    is_date = bool(DATE_LINE.match(first.text)) and before.last == first.text
    if is_date or LABEL.match(first.text) or _stands_alone(text):
        return False
    closes_bracket = bool(before.awaited) and not _awaited_after(before.awaited, text)
    return closes_bracket or _is_half(before, after)


def _ends(text: str, following: str) -> bool:
    """Tell a line that ends a sentence or announces what follows."""
    words = text.rstrip(CLOSERS)
    is_decimal = text[-1] == "." and text[-2:-1].isdigit() and following[0].isdigit()
    return not words or (words[-1] in ENDS_PARAGRAPH and not is_decimal)


def _stands_alone(text: str) -> bool:
    """Tell a line that starts something new: an item, a label, a date."""
    return bool(ITEM.match(text) or LABEL.match(text) or DATE_LINE.match(text))


def _is_half(before: _Paragraph, after: Line) -> bool:
    """Tell a paragraph that broke off from a line that never had an end mark: a heading, a title, an item of a list."""
    if before.length < BODY_LENGTH or not before.has_body_mark or before.last[-1] in CLOSERS or len(after.text) < 2:
        return False
    if before.first.mark == "-" and after.after_gap:
        return False
    if ITEM.match(before.first.text) and not before.has_end and before.length <= HEADING_LENGTH:
        return False
    starts_anew = after.text[0].isupper() and not is_cjk(before.last[-1])
    return not starts_anew
