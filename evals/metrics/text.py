"""An answer's text against the texts that would be right. All but `figure_accuracy` are 0 to 1, higher is better."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from evals.numerals import find_numerals, rewrite_numerals, tidy

Parts = Sequence[Sequence[str]]
"""What an answer must hold: of each part, one of its alternatives."""

_DROPPED = re.compile(r"(?:[^\w.%‰℃$¥€£]|_|(?<![0-9])\.|\.(?![0-9]))+")


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Return a text's form for comparison: simplified, half-width, lower-case, numerals in one form, no punctuation.

    White space goes too; % and decimal points stay, and a bar where dropping would make one number of two:
    「沪科〔2024〕38 号」 becomes 「沪科2024|38号」, 「一万余人，占百分之三十」 「1万余人占30%」.
    """
    rewritten = rewrite_numerals(tidy(text))
    return _DROPPED.sub(_bar_between_numbers, rewritten)


def _bar_between_numbers(match: re.Match[str]) -> str:
    before, after = match.string[max(0, match.start() - 1) : match.start()], match.string[match.end() : match.end() + 1]
    is_between = before and before in "0123456789" and after and after in "0123456789万亿"
    return "|" if is_between else ""


def holds(text: str, part: str) -> bool:
    """Tell whether a normalised text holds a normalised part whose outer numbers are whole: 5% is not in 30.5%."""
    left = r"(?<![0-9])(?<![0-9]\.)" if part[:1].isdigit() else ""
    right = r"(?!\.?[0-9]|[万亿%‰])" if part[-1:].isdigit() else ""
    return bool(part) and re.search(left + re.escape(part) + right, text) is not None


def exact_match(predicted: str, golds: Iterable[str]) -> float:
    """Return 1 if the answer equals one of the right ones after normalising, else 0 (SQuAD, Rajpurkar et al. 2016)."""
    return float(any(normalise(predicted) == normalise(gold) for gold in golds))


def char_f1(predicted: str, golds: Iterable[str]) -> float:
    """Return the best F1 of shared characters over the right answers, 0 to 1 (SQuAD's F1 with characters for words).

    Characters count as often as both have them, wherever they stand. The official script of CMRC 2018
    differs a little: it counts the longest common substring, and takes a Latin word for one character.
    """
    return max((_f1(*_overlap(_characters(predicted), _characters(gold))) for gold in golds), default=0.0)


def rouge_l(predicted: str, golds: Iterable[str]) -> float:
    """Return the best ROUGE-L over the right answers, 0 to 1: F1 of the longest common subsequence (Lin 2004), in characters."""
    own = _characters(predicted)
    pairs = [(own, _characters(gold)) for gold in golds]
    return max((_f1(_common_subsequence(*pair), len(pair[0]), len(pair[1])) for pair in pairs), default=0.0)


def _characters(text: str) -> str:
    return normalise(text).replace("|", "")


def _overlap(own: str, gold: str) -> tuple[int, int, int]:
    return (Counter(own) & Counter(gold)).total(), len(own), len(gold)


def _f1(shared: int, own: int, gold: int) -> float:
    """Return 2PR / (P + R) of shared / own and shared / gold, which is 2 · shared / (own + gold); 1 if both are empty."""
    return 2 * shared / (own + gold) if own or gold else 1.0


def _common_subsequence(a: str, b: str) -> int:
    """Return the length of the longest common subsequence, a row of bits at a time (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for i, character in enumerate(a):
        places[character] = places.get(character, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full
    for character in b:
        matched = row & places.get(character, 0)
        row = (row + matched | row - matched) & full
    return len(a) - row.bit_count()


def contains(text: str, parts: Parts) -> float:
    """Return 1 if the text holds one alternative of every part after normalising, numbers as wholes, else 0.

    0 as well where there are no parts: nothing can be right.
    """
    own = normalise(text)
    return float(bool(parts) and all(any(holds(own, normalise(choice)) for choice in part) for part in parts))


def find_figures(text: str) -> set[tuple[str, str]]:
    """Return the numbers of a text in their one form, each with its unit or ""; 一个 and the like are no figures."""
    return {(numeral.value, numeral.unit) for numeral in find_numerals(tidy(text)) if not numeral.is_article}


def has_figure(figures: set[tuple[str, str]], value: str, unit: str) -> bool:
    """Tell whether a number is among figures, with the same unit if it has one; a bare one is no share."""
    return (value, unit) in figures or (not unit and any(value == v and u not in ("%", "‰") for v, u in figures))


def figure_accuracy(predicted: str, parts: Parts) -> float | None:
    """Return the share of the parts' figures that the answer gives as whole numbers with their units, 0 to 1, higher is better.

    Of a part's alternatives the best counts; 余, 多 and 几 do not matter. None where no part has a figure.
    """
    own = find_figures(predicted)
    found = total = 0
    for part in parts:
        choices = [figures for choice in part if (figures := find_figures(choice))]
        hits = [(sum(has_figure(own, *figure) for figure in figures), len(figures)) for figures in choices]
        if hits:
            hit, count = max(hits, key=lambda pair: pair[0] / pair[1])
            found, total = found + hit, total + count
    return found / total if total else None
