"""Chinese by its sound: how a text is pronounced, and what is mistyped in it put as another text writes it. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

from app.text import fold

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
    held = {window for quote in quotes for _, window in _windows(quote)}
    written = {
        (place, window[:place] + window[place + 1 :]): window[place] for window in held for place in range(WINDOW)
    }
    characters = list(sentence)
    for start, window in _windows(sentence):
        for place, own in enumerate(window if window not in held else ""):
            other = written.get((place, window[:place] + window[place + 1 :]), own)
            if fold(other) != fold(own) and sound(other) == sound(own):
                characters[start + place] = other
    return "".join(characters)


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Yield each run of WINDOW Chinese characters with its place."""
    for run in re.finditer(rf"[\u3400-\u9fff]{{{WINDOW},}}", text):
        for start in range(run.start(), run.end() - WINDOW + 1):
            yield start, text[start : start + WINDOW]
