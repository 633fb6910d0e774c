"""Files whose lines were wrapped to a fixed width: what width, and which lines reach it."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.text import CLOSERS

NARROWEST_CHARACTERS, NARROWEST_COLUMNS = 20, 40
"""A file of shorter lines (names, dates, labels) is not wrapped, however alike their lengths."""
FEWEST_LINES = 3
FULL_SHARE = 2 / 3
"""So many of the lines that break off must be full for a file to count as wrapped."""

_UNBREAKABLE = re.compile(rf"(?:[!-~]+|.)[，。、；：！？％{re.escape(CLOSERS)}]*")
"""What a line break does not tear: a word of Latin letters and digits, and punctuation behind a character."""


def columns(text: str) -> int:
    """Return how many columns a text fills: two for each Chinese or full-width character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A line width, in what `measure` counts (characters or columns)."""

    width: int
    measure: Callable[[str], int]

    def is_full(self, line: str, following: str) -> bool:
        """Tell a line that had no room for the first word of the next."""
        word = _UNBREAKABLE.match(following)
        return self.measure(line) + self.measure(word.group() if word else "") >= self.width


def find_wrapping(pairs: Sequence[tuple[str, str]]) -> Wrapping | None:
    """Return the width that a file was wrapped to, judged by lines that break off and the lines behind them."""
    if len(pairs) < FEWEST_LINES:
        return None
    for measure, narrowest in ((len, NARROWEST_CHARACTERS), (columns, NARROWEST_COLUMNS)):
        lengths = sorted(measure(line) for line, _ in pairs)
        wrapping = Wrapping(lengths[len(lengths) * 9 // 10], measure)
        full = sum(wrapping.is_full(line, following) for line, following in pairs)
        if wrapping.width >= narrowest and full >= len(pairs) * FULL_SHARE:
            return wrapping
    return None
