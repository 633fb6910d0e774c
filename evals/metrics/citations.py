"""What an answer cites: whether it is the evidence, and whether each sentence says only what it cites.

After ALCE (Gao et al. 2023, arXiv:2305.14627), with spans and a check of facts in place of its language model.
The check is promise P2 and shares no code with the one that the answerer makes.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from evals.metrics.text import find_figures, has_figure, holds, normalise

Spans = Sequence[tuple[int, int]]
"""Half-open [start, end) offsets in one document."""

_MARKER = re.compile(r"\[[0-9]{1,3}\]")
_QUOTED = [re.compile(f"{a}([^{a}{b}]+){b}") for a, b in ("“”", "‘’", "「」", "『』", "《》", "〈〉", '""')]
_REFERENCE = re.compile(r"([\u3400-\u9fff]*)\s*([〔\[(（【]\s*[0-9]{4}\s*[〕\])）】]\s*第?\s*[0-9]+\s*号)")
_BEFORE_REFERENCE = re.compile(
    r".*(?:根据|依据|按照|依照|参照|参见|详见|文号|编号|印发|发布|发文|文件|通知|[为是见和及与由的在以对将被该了])"
)
"""What may run into the name of a 文号's issuer: 根据沪府发〔2024〕1号."""
_DATE = re.compile(r"(?:[0-9]+年)?[0-9]+月[0-9]+日|[0-9]+年[0-9]+月")
_LATIN = re.compile(r"[a-z0-9]*[a-z][a-z0-9]*", re.IGNORECASE)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def citation_precision(cited: Spans, evidence: Spans) -> float:
    """Return the share of the cited spans that overlap some evidence, 0 to 1, higher is better; 0 if nothing is cited."""
    hits = sum(any(max(a, start) < min(b, end) for start, end in evidence) for a, b in cited)
    return hits / len(cited) if cited else 0.0


def citation_recall(cited: Spans, evidence: Spans) -> float:
    """Return the share of the evidence's characters that are cited, 0 to 1, higher is better; 0 if there is no evidence.

    Characters, not quotes: half a quote is half an answer. One that stands in several spans counts once.
    """
    wanted = _offsets(evidence)
    return len(wanted & _offsets(cited)) / len(wanted) if wanted else 0.0


def _offsets(spans: Spans) -> set[int]:
    return {offset for start, end in spans for offset in range(start, end)}


def supported(sentence: str, quotes: Sequence[str]) -> bool:
    """Tell whether every fact of a sentence stands in the quotes it cites: promise P2.

    Facts are numbers with their units, dates, percentages, 文号, quoted strings and Latin names, all normalised; in a
    sentence without Chinese, Latin names are only those that no ordinary word looks like (InnoMatch, G60, IPO).
    A sentence without facts is supported by any quote, none by no quote.
    """
    stated = _MARKER.sub("", sentence)
    cited = "\n".join(normalise(quote) for quote in quotes)
    figures = {figure for quote in quotes for figure in find_figures(quote)}
    return (
        any(normalise(quote) for quote in quotes)
        and all(has_figure(figures, *figure) for figure in find_figures(stated))
        and all(holds(cited, fact) for fact in _facts(stated))
        and _latin_names(stated) <= {word.lower() for quote in quotes for word in _latin_words(quote)}
    )


def needed(sentence: str, quotes: Sequence[str]) -> tuple[bool, ...]:
    """Tell of each cited quote whether the sentence needs it (ALCE's citation precision).

    As in ALCE a quote is not needed if the others support the sentence without it and it does not by itself; none
    is where all together do not support the sentence.
    """
    is_supported = supported(sentence, quotes)
    return tuple(
        is_supported and (supported(sentence, [quote]) or not supported(sentence, [*quotes[:i], *quotes[i + 1 :]]))
        for i, quote in enumerate(quotes)
    )


def _facts(sentence: str) -> Iterator[str]:
    """Yield the whole dates, 文号 and quoted strings of a sentence, normalised."""
    yield from _DATE.findall(normalise(sentence))
    for issuer, number in _REFERENCE.findall(sentence):
        yield normalise(_BEFORE_REFERENCE.sub("", issuer) + number)
    for pattern in _QUOTED:
        yield from filter(None, map(normalise, pattern.findall(sentence)))


def _latin_words(text: str) -> list[str]:
    """Return the runs of Latin letters and digits; ℃ is the letter C on both sides."""
    found: list[str] = _LATIN.findall(unicodedata.normalize("NFKC", text))
    return found


def _latin_names(sentence: str) -> set[str]:
    """Return the Latin names of a sentence in lower case."""
    words = _latin_words(sentence)
    if not _CHINESE.search(sentence):
        words = [word for word in words if len(word) > 1 and re.search(r".[A-Z]|[0-9]", word)]
    return {word.lower() for word in words}
