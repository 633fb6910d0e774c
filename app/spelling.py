"""Chinese by its sound: how a text is pronounced, and what is mistyped in it put as another text writes it. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

from app.text import fold, is_cjk

WINDOW = 4
"""Characters that are compared; one of them may be written otherwise."""


@lru_cache(maxsize=8192)
def sound(text: str) -> str:
    """Return the syllables of a text without tones, each with a mark in front: 「|yang|fan」."""
    return "|" + "|".join(lazy_pinyin(text, style=Style.NORMAL)) + "|"


def mend_sounds(sentence: str, quotes: Sequence[str]) -> str:
    """Return a sentence with a character that only sounds like that of the quotes put as they write it: 杨帆专项 as 扬帆专项.

    Only where its neighbours are the same.
    """
    written = "\n".join(quotes)
    characters = list(sentence)
    for start, window in _windows(sentence):
        if window in written:
            continue
        for place, own in enumerate(window):
            for other in _written_between(window[:place], window[place + 1 :], written):
                if fold(other) != fold(own) and sound(other) == sound(own):
                    characters[start + place] = other
                    break
    return "".join(characters)


def _written_between(before: str, after: str, text: str) -> Iterator[str]:
    """Yield each Chinese character that a text writes between two strings, of which one may be empty."""
    anchor, offset = (after, -1) if len(after) > len(before) else (before, len(before))
    start = text.find(anchor)
    while start >= 0:
        place = start + offset
        between = text[place : place + 1] if place >= 0 else ""
        if is_cjk(between) and text.endswith(before, 0, place) and text.startswith(after, place + 1):
            yield between
        start = text.find(anchor, start + 1)


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Yield each run of WINDOW Chinese characters with its place."""
    for run in re.finditer(rf"[\u3400-\u9fff]{{{WINDOW},}}", text):
        for start in range(run.start(), run.end() - WINDOW + 1):
            yield start, text[start : start + WINDOW]
