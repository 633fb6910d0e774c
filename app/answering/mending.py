"""A sentence of a draft → the same with what only differs from its source in writing put as the source has it. Pure."""

import re
from collections.abc import Sequence

from app.answering.numerals import find_numbers, is_same_number, plain
from app.spelling import mend_sounds


def mend(sentence: str, quotes: Sequence[str]) -> str:
    """Return a sentence with its units and what it mistypes as the quotes have them.

    A model hands on what a question mistypes, and a name may not be shown so.
    """
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
