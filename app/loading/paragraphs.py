"""Raw text → canonical lines: markdown marks removed, rules dropped, paragraphs that a page break cut in two joined."""

import re
from collections import Counter
from dataclasses import dataclass, replace

from app.text import BRACKETS, CLOSERS, SENTENCE_END, is_cjk

RULE = re.compile(r"^\s*(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|={3,})$")
PAGE_NUMBER = re.compile(r"^\s*(?:[-—–―]+\s*\d{1,4}\s*[-—–―]+|第\s*\d{1,4}\s*页(?:\s*[/，,]?\s*共\s*\d{1,4}\s*页)?)\s*$")
HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
QUOTE_MARK = re.compile(r"^\s*(?:>\s?)+")
BULLET = re.compile(r"^\s*[*+-]\s+(?=\S)")
IMAGE = re.compile(r"!\[([^\]\n]*)\]\([^)\n]*\)")
LINK = re.compile(r"\[([^\]\n]+)\]\((?:https?:|mailto:|/|#|\.)[^)\s]*(?:\s+\"[^\"\n]*\")?\)")
EMPHASIS = re.compile(r"\*{2,3}|(?<![\w_])_{2,3}(?=\S)|(?<=\S)_{2,3}(?![\w_])")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE_FENCE = re.compile(r"^\s*(?:```|~~~)")

LABEL = re.compile(r"^[\u3400-\u9fff（）() 　]{2,12}[：:]\s*\S")
ITEM = re.compile(
    r"^(?:第\s*[一二三四五六七八九十百千零〇\d]+\s*[编章节条款部]|[一二三四五六七八九十]+\s*[、是]|[（(]\s*[一二三四五六七八九十\d]+\s*[)）]"
    r"|\d+\s*[.、．)）](?!\d)|[①-⑳]|附件?\s*[：:\d]|[•·●○▪◆■□])"
)
DATE_LINE = re.compile(r"^[\d〇零一二三四五六七八九十]+\s*年\s*[\d一二三四五六七八九十]+\s*月\s*[\d一二三四五六七八九十]+\s*日(?:印发)?$")
CANNOT_START = "，。、；：！？,;!?…％%" + CLOSERS.replace('"', "").replace("'", "")
ENDS_PARAGRAPH = SENTENCE_END + "；;：:…—" + CLOSERS.replace('"', "").replace("'", "")
BODY_MARK = re.compile(r"[，。；,;]")
BODY_LENGTH = 20
"""Characters from which a line without an end mark can be the first half of a cut paragraph."""


@dataclass(frozen=True, slots=True)
class Line:
    """A canonical line. `level` is the markdown heading level, 0 for plain text."""

    text: str
    level: int = 0
    is_item: bool = False
    after_gap: bool = False
    """A blank line, a rule or a page break stood before it."""


def canonical_lines(raw: str) -> list[Line]:
    """Return the lines of the canonical text of a plain or markdown file."""
    return _join_cut(_clean_lines(raw))


def _clean_lines(raw: str) -> list[Line]:
    lines: list[Line] = []
    after_gap = False
    for physical in COMMENT.sub("", raw.replace("\r\n", "\n").replace("\r", "\n")).split("\n"):
        if RULE.match(physical) or CODE_FENCE.match(physical) or not physical.strip():
            after_gap = True
        elif PAGE_NUMBER.match(physical):
            continue
        elif line := _clean(physical):
            lines.append(replace(line, after_gap=after_gap))
            after_gap = False
    return lines


def _clean(physical: str) -> Line | None:
    """Remove the markdown marks of one line. Marks may be mis-nested, so each is dropped by itself."""
    text = QUOTE_MARK.sub("", physical)
    heading = HEADING.match(text)
    level = len(heading.group(1)) if heading else 0
    is_item = not heading and bool(BULLET.match(text))
    text = heading.group(2) if heading else BULLET.sub("", text)
    text = LINK.sub(r"\1", IMAGE.sub(r"\1", text))
    text = EMPHASIS.sub("", text).replace("`", "").replace("\ufeff", "").replace("\u200b", "")
    text = "".join(character for character in text if _is_readable(character)).strip()
    return Line(text, level, is_item) if text else None


def _is_readable(character: str) -> bool:
    """Tell a character of a text from a control character or half of a surrogate pair."""
    return (character >= " " or character == "\t") and not "\ud800" <= character <= "\udfff"


def _join_cut(lines: list[Line]) -> list[Line]:
    """Join what a page break or a fixed line width cut."""
    width = _wrap_width(lines)
    joined: list[Line] = []
    for line in lines:
        if joined and _is_cut(joined[-1], line, width):
            joined[-1] = replace(joined[-1], text=_glue(joined[-1].text, line.text))
        else:
            joined.append(line)
    return joined


def _wrap_width(lines: list[Line]) -> int:
    """Return the fixed width a file was wrapped to, 0 if it was not: many lines that end together, unfinished."""
    unfinished = [len(line.text) for line in lines if not line.level and line.text[-1] not in ENDS_PARAGRAPH]
    if len(lines) < 4 or len(unfinished) < len(lines) // 2:
        return 0
    width, _ = Counter(unfinished).most_common(1)[0]
    near = sum(width - 3 <= length <= width + 1 for length in unfinished)
    return width if width >= BODY_LENGTH and near >= max(3, len(unfinished) * 2 // 3) else 0


def _is_cut(before: Line, after: Line, width: int) -> bool:
    """Tell whether two lines are halves of one paragraph."""
    if before.level or after.level or after.is_item or _stands_alone(after.text):
        return False
    if after.text[0] in CANNOT_START:
        return True
    if before.text[-1] in ENDS_PARAGRAPH or LABEL.match(before.text) or DATE_LINE.match(before.text):
        return False
    if _is_open(before.text) and not _is_open(before.text + after.text):
        return True
    if width and not after.after_gap and len(before.text.rsplit("\n")[-1]) >= width - 3:
        return True
    return len(before.text) >= BODY_LENGTH and bool(BODY_MARK.search(before.text)) and len(after.text) > 1


def _stands_alone(text: str) -> bool:
    """Tell a line that starts something new: an item, a label, a date, a table row."""
    return bool(ITEM.match(text) or LABEL.match(text) or DATE_LINE.match(text)) or text[0] == "|"


def _is_open(text: str) -> bool:
    """Tell whether a bracket or a quotation mark stays open at the end of a text."""
    open_brackets: list[str] = []
    for character in text:
        if character in BRACKETS:
            open_brackets.append(BRACKETS[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
    return bool(open_brackets)


def _glue(before: str, after: str) -> str:
    """Put two halves together: nothing between Chinese, a space between words of the rest."""
    needs_space = not (is_cjk(before[-1]) or is_cjk(after[0])) and before[-1].isalnum() and after[0].isalnum()
    return f"{before} {after}" if needs_space else before + after
