"""A sentence of a draft → the same with what only differs from its source in writing put as the source has it. Pure."""

import re
from collections.abc import Iterator, Sequence

from app.answering.matching import sound
from app.answering.numerals import find_numbers, is_same_number, plain
from app.text import fold

WINDOW = 4
"""Characters that are compared; one of them may be written otherwise."""


def mend(sentence: str, quotes: Sequence[str]) -> str:
    """Return a sentence with its units and what it mistypes as the quotes have them."""
    return mend_sounds(mend_units(sentence, quotes), quotes)


def mend_units(sentence: str, quotes: Sequence[str]) -> str:
    """Return a sentence with units that it shortens put as the quotes have them: 35岁 as 35周岁, 十五日 as 十五个工作日.

    Only where the quotes hold the value with that one unit alone.
    """
    held = [number for quote in quotes for number in find_numbers(plain(quote))]
    text = plain(sentence)
    for number in find_numbers(text):
        same = [other for other in held if other.value == number.value]
        units = {other.unit for other in same}
        own = text[number.start : number.end]
        if len(units) != 1 or any(is_same_number(number, other) for other in same) or not own.endswith(number.unit):
            continue
        (unit,) = units
        if number.unit and unit.endswith(number.unit):
            spaced = r"\s*".join(map(re.escape, own))
            sentence = re.sub(spaced, lambda found: found.group().removesuffix(number.unit) + unit, sentence, count=1)  # noqa: B023
    return sentence


def mend_sounds(sentence: str, quotes: Sequence[str]) -> str:
    """Return a sentence with a character that only sounds like that of the quotes put as they write it: 杨帆专项 as 扬帆专项.

    Only where its neighbours are the same. A model hands on what a question mistypes, and a name may not be shown so.
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
