"""Sentence spans, folding for search, and search tokens. Pure functions over any text."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import opencc

from app.types import Span

SENTENCE_END = "。！？!?"
CLAUSE_END = "；;"
CLOSERS = "”’』」》〉）)】］]〕\"'"
BRACKETS = {"“": "”", "‘": "’", "「": "」", "『": "』", "（": "）", "《": "》", "〈": "〉", "【": "】", "〔": "〕"}

_FULL_STOP = re.compile(r"\.(?=\s+[^\s\da-z]|\s*$)")
_ABBREVIATION = re.compile(r"(?:\b[A-Za-z]|\b(?:No|Mr|Mrs|Ms|Dr|St|vs|etc|Fig|Art|Inc|Ltd|Co)|^\s*\d+)$")
_TOKEN = re.compile(r"[a-z0-9]+(?:[.,:/+_-][a-z0-9]+)*%?|[\u3400-\u9fff\U00020000-\U0003ffff〇]+", re.ASCII)


def is_cjk(character: str) -> bool:
    """Tell whether a character is a Chinese ideograph."""
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff" or character == "〇"


@lru_cache(maxsize=1)
def _folding_table() -> dict[int, str]:
    """Map every character whose search form differs to that form, one character for one."""
    characters = [chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000]
    simplified = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    table = {code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
    for character, simple in zip(characters, simplified, strict=True):
        folded = unicodedata.normalize("NFKC", simple if len(simple) == 1 else character).lower()
        if folded != character and len(folded) == 1:
            table[ord(character)] = folded
    return table | {ord("〔"): "[", ord("〕"): "]", ord("【"): "[", ord("】"): "]"}


def fold(text: str) -> str:
    """Return the search copy: simplified, half-width, lower-case. Offsets stay valid: length never changes."""
    return text.translate(_folding_table())


def search_tokens(text: str) -> list[str]:
    """Return characters and character bigrams of Chinese runs, words and numbers of the rest, all folded."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(fold(text)):
        run = match.group()
        if is_cjk(run[0]):
            tokens.extend(run)
            tokens.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            tokens.append(run)
    return tokens


def split_sentences(text: str, within: Span | None = None, clauses: bool = False) -> list[Span]:
    """Cut a text into sentences; with `clauses` also after each semicolon.

    The spans are in order and do not overlap; only white space lies between them. A sentence that is quoted or
    stands in brackets is not cut out of the sentence around it.
    """
    within = within or Span(0, len(text))
    ends = SENTENCE_END + CLAUSE_END if clauses else SENTENCE_END
    spans, start = [], within.start
    for cut in _cuts(text, within, ends):
        if cut > start:
            spans.append(_trim(text, start, cut))
        start = cut
    spans.append(_trim(text, start, within.end))
    return [span for span in spans if span is not None]


def _cuts(text: str, within: Span, ends: str) -> Iterator[int]:
    """Yield the offsets behind which a new sentence starts."""
    closing: list[str] = []
    i = within.start
    while i < within.end:
        character = text[i]
        if character == "\n":
            closing.clear()
            yield i + 1
        elif closing and character == closing[-1]:
            closing.pop()
        elif character in BRACKETS and _closes_in_line(text, i, within.end):
            closing.append(BRACKETS[character])
        elif not closing and (character in ends or _is_full_stop(text, i)):
            while i + 1 < within.end and text[i + 1] in ends + CLOSERS + "…":
                i += 1
            yield i + 1
        i += 1


def _closes_in_line(text: str, opening: int, end: int) -> bool:
    line_end = text.find("\n", opening, end)
    return text.find(BRACKETS[text[opening]], opening, end if line_end < 0 else line_end) >= 0


def _is_full_stop(text: str, i: int) -> bool:
    """Tell a full stop of an English sentence from a decimal point, an abbreviation or an item number."""
    if text[i] != "." or not _FULL_STOP.match(text, i):
        return False
    line_start = text.rfind("\n", 0, i) + 1
    return not _ABBREVIATION.search(text[max(line_start, i - 12) : i])


def _trim(text: str, start: int, end: int) -> Span | None:
    """Return the span without surrounding white space, or None if nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if end > start else None
