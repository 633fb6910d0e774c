"""Which sentences of a draft may be shown: those that say only what they cite. Pure, no model.

A draft is what a language model wrote. Each of its sentences is tied to the exact passages that carry it, by the marks it
has or, where these are wrong or missing, by what it says; then every fact in it is looked up there (facts.py), how the
facts are put together is compared (relations.py), and so are its words (here).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import rjieba

from app.answering.facts import (
    MARK,
    NO_CONTEXT,
    Context,
    english_in_chinese,
    is_chinese,
    merged,
    wrong_facts,
)
from app.answering.lexicon import official_synonyms, words
from app.answering.mending import mend
from app.answering.numerals import Number, find_numbers, plain, rewrite
from app.answering.relations import CHECKS, CHECKS_OF_CLOSEST
from app.text import fold

MIN_COVERAGE = 0.72
"""Share of a sentence's words that must stand in what it cites. Read from samples: of the sentences between .6 and .8
those that invent something outnumber those that only put it otherwise (evals/VERIFICATION.md)."""
MIN_AT_FIGURES = 0.55
"""The same for each clause with a figure: it says what the figure is of."""
MIN_OF_ITEM = 0.5
"""The same for the first word of each further item of a list."""
MIN_ENGLISH_COVERAGE = 0.55
"""The same for English about Chinese text, where a glossary translates."""
ALIGNED_TOGETHER = 3
"""So many passages may carry one sentence together."""
EMPTY = "没有实义"
"""Why a sentence of nothing but glue (「依据如下」) is not shown."""
MIN_NEAR = 0.4
"""The same for a clause with a figure, in the neighbourhood of the figure."""
IN_HEADINGS, IN_QUESTION = 0.5, 0.3
"""What a word counts that only the headings, or only the question, hold."""
LOOKED_AT = 6
NAMING = 5
"""Characters that, if the same in a row, name the same thing."""
MIN_ADDED = 0.15
"""Share of a sentence that each of several passages has to hold alone."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence of a draft: the numbers of the passages that carry it, or why it may not be shown."""

    text: str
    cited: tuple[int, ...]
    reason: str = ""

    @property
    def stands(self) -> bool:
        return not self.reason


def verify(draft: str, cited: Sequence[int], passages: Sequence[str], contexts: Sequence[Context] = ()) -> Checked:
    """Check one sentence of a draft against numbered passages (from 1), first those it cites, then all.

    `contexts` is what stands around each passage.
    """
    text = clean(draft)
    if not rewrite(plain(text)):
        return Checked(text, (), EMPTY)
    if _QUESTION.search(text):
        return Checked(text, (), "是问句，不是回答")
    own = tuple(dict.fromkeys(number for number in cited if 1 <= number <= len(passages)))
    reason = ""
    for numbers in _candidates(text, own, passages):
        quotes = [passages[number - 1] for number in numbers]
        context = merged([contexts[number - 1] for number in numbers]) if contexts else NO_CONTEXT
        mended = mend(text, quotes)
        failed = find_fault(mended, quotes, context)
        if not failed:
            return Checked(mended, numbers)
        reason = reason or failed  # of the passage most like it
    return Checked(text, own, reason or "没有引证")


_QUESTION = re.compile(r"[？?][”’」』\"']*$|(?:多少|哪些|什么|几[个项家人年]|多大|如何|怎样)(?:呢|吗)?[。]?$")


def _candidates(text: str, own: Sequence[int], passages: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the sets of passages that may carry a sentence, the fewest of those it cites first, then of all by likeness."""
    by_likeness = sorted(range(1, len(passages) + 1), key=lambda number: -_likeness(text, passages[number - 1]))
    cited = [number for number in by_likeness if number in own][:LOOKED_AT]
    others = by_likeness[:LOOKED_AT]
    sets = [chosen for size in range(1, min(len(cited), ALIGNED_TOGETHER) + 1) for chosen in combinations(cited, size)]
    sets += [(number,) for number in others]
    sets += list(combinations(others[:4], 2))
    distinct = dict.fromkeys(tuple(sorted(numbers)) for numbers in sets)
    return [numbers for numbers in distinct if _all_add(text, [passages[number - 1] for number in numbers])]


def _all_add(text: str, quotes: Sequence[str]) -> bool:
    """Tell whether each of several passages holds a part of a sentence that the others lack."""
    if len(quotes) == 1:
        return True
    own = _pairs(text)
    shared = [own & _pairs(quote) for quote in quotes]
    rest = [frozenset().union(*(other for j, other in enumerate(shared) if j != i)) for i in range(len(shared))]
    return all(len(mine - others) >= MIN_ADDED * len(own) for mine, others in zip(shared, rest, strict=True))


def _likeness(text: str, passage: str) -> float:
    own = _pairs(text)
    return len(own & _pairs(passage)) / max(1, len(own))


@lru_cache(maxsize=512)
def _pairs(text: str) -> frozenset[str]:
    squeezed = rewrite(plain(text))
    return frozenset(squeezed[i : i + 2] for i in range(len(squeezed) - 1))


def find_fault(sentence: str, quotes: Sequence[str], context: Context = NO_CONTEXT) -> str:
    """Return why a sentence may not be shown with these quotes, or nothing."""
    reason = wrong_facts(sentence, quotes, context)
    if reason:
        return reason
    for check in CHECKS:
        if reason := check(sentence, quotes):
            return reason
    closest = max(quotes, key=lambda quote: _likeness(sentence, quote))
    for check in CHECKS_OF_CLOSEST if len(quotes) > 1 else ():
        if reason := check(sentence, [closest]):
            return reason
    return _patched(sentence, quotes, context) or _far_fetched(sentence, quotes) or unsaid(sentence, quotes, context)


def _patched(sentence: str, quotes: Sequence[str], context: Context) -> str:
    """Find a figure, or a doer, that stands in one quote, and what the sentence says of it only in another."""
    for clause in _CLAUSES.split(sentence) if len(quotes) > 1 and is_chinese(sentence) else ():
        is_firm = any(find_numbers(plain(clause))) or _DONE_BY.search(clause)
        if is_firm and not any(
            not wrong_facts(clause, [quote], context)
            and not _missing(clause, plain(quote), NO_CONTEXT, MIN_AT_FIGURES)
            and not _borrows(clause, quote, [other for other in quotes if other != quote], context)
            for quote in quotes
        ):
            return f"“{clause.strip()}”是从不同的原文拼起来的"
    return ""


_DONE_BY = re.compile(r"由[^，,；;。]{2,20}(?:牵头|负责|承担|组织|实施|设立|成立|组建|建设|主办|承办|管理|运营)")


def _borrows(clause: str, quote: str, others: Sequence[str], context: Context) -> bool:
    """Tell whether a clause names something as only another quote does: 「基础研究基金」 with the sum of another fund."""
    own, elsewhere = plain(quote + "\n" + context.headings), plain("\n".join(others))
    words_run = rewrite(plain(clause))
    pieces = (words_run[i : i + NAMING] for i in range(len(words_run) - NAMING + 1))
    return any(is_chinese(piece) and piece in elsewhere and piece not in own for piece in pieces)


def _far_fetched(sentence: str, quotes: Sequence[str]) -> str:
    """Find a figure whose neighbourhood in the quotes holds too few of the words that the sentence puts around it."""
    loose = _WHOLE.sub("", sentence)
    for clause in _CLAUSES.split(loose) if is_chinese(sentence) else ():
        for number in find_numbers(plain(clause)):
            near = [words_near for quote in quotes for words_near in _neighbourhoods(number, plain(quote))]
            if (
                near
                and number.unit != "年"
                and all(_missing(clause, words_near, NO_CONTEXT, MIN_NEAR) for words_near in near)
            ):
                return f"“{plain(clause)[number.start : number.end]}”在所引原文中说的是别的"
    return ""


_WHOLE = re.compile(r"“[^”]*”|《[^》]*》|(?:\d{4}\s*年)?\s*\d{1,2}\s*月\s*\d{1,2}\s*日|\d{4}\s*年\s*\d{1,2}\s*月")
"""Dates and quoted strings, which are looked up as a whole."""


def _neighbourhoods(number: Number, quote: str) -> Iterator[str]:
    """Yield, for each place of a figure in a quote, its clause with those beside it, and the first, which names the subject."""
    clauses = _CLAUSES.split(quote)
    for i, clause in enumerate(clauses):
        if any(other.value == number.value and other.unit == number.unit for other in find_numbers(clause)):
            yield ",".join([clauses[0], *clauses[max(0, i - 1) : i + 2]])


_CLAUSES = re.compile(r"[，,；;。]")


def unsaid(sentence: str, quotes: Sequence[str], context: Context = NO_CONTEXT) -> str:
    """Find that too many words of a sentence stand neither in the quotes nor, at a discount, in the context."""
    cited = plain("\n".join(quotes))
    if not is_chinese(sentence):
        return _unsaid_english(sentence, cited)
    clauses = _CLAUSES.split(sentence)
    parts = [(clause, MIN_AT_FIGURES) for clause in clauses if any(character.isdigit() for character in clause)]
    items = (item for clause in clauses for item in clause.split("、")[1:])
    parts += [(next(iter(content_words(item)), ""), MIN_OF_ITEM) for item in items]
    for part, least in [*parts, (sentence, MIN_COVERAGE)]:
        if worst := _missing(part, cited, context, least):
            return f"所引原文没有说到“{worst}”"
    is_said = content_words(sentence) or _IDENTIFIER.search(plain(sentence))
    return "" if is_said else EMPTY


def _missing(text: str, cited: str, context: Context, least: float) -> str:
    """Return the word that is missing most if too few of the words are held, weighted by their length."""
    weights = [(word, len(word)) for word in content_words(text)]
    total = sum(weight for _, weight in weights)
    missing = [(word, weight * (1 - _held(word, cited, context))) for word, weight in weights]
    if not total or 1 - sum(miss for _, miss in missing) / total >= least:
        return ""
    return max(missing, key=lambda pair: pair[1])[0]


_IDENTIFIER = re.compile(r"\[\d{4}\]\d+号|\d{5,}|[\w.]+@[\w.]+")
"""A 文号, a telephone number or an address says enough beside its label."""
_REFERENCE = re.compile(r"[\u3400-\u9fff]{0,6}\[\d{4}\]\d+号")
_CONTENT = ("n", "v", "a", "j", "l", "i", "b", "t", "s", "z")


def content_words(sentence: str) -> list[str]:
    """Return the words of a Chinese sentence that carry meaning; numbers and names are looked up elsewhere."""
    text = _REFERENCE.sub("", re.sub(r"\s+", "", plain(MARK.sub("", sentence))))
    return [
        word
        for word, word_class in rjieba.tag(text)
        if is_chinese(word)
        and word_class[:1] in _CONTENT
        and word not in words("glue")
        and word not in words("stop_words")
    ]


def _held(word: str, cited: str, context: Context) -> float:
    """Return how well a word is held, 0 to 1: in the quotes, by a synonym, by all its characters, or only around them."""
    if word in cited:
        return 1.0
    if any(other in cited for other in official_synonyms().get(word, ()) if len(other) > 1):
        return 0.9
    if len(word) > 3 and any(word[:i] in cited and word[i:] in cited for i in range(2, len(word) - 1)):
        return 0.9
    if word in plain(context.headings):
        return IN_HEADINGS
    in_part = sum(character in cited for character in word) / len(word)
    partly = 0.5 * in_part if in_part > 0.5 or len(word) == 2 else 0.0
    return max(partly, IN_QUESTION if word in plain(context.question) else 0.0)


_ENGLISH_WORD = re.compile(r"[a-z][a-z'-]+")


def _unsaid_english(sentence: str, cited: str) -> str:
    said = _ENGLISH_WORD.findall(fold(sentence))
    in_phrases = _in_held_phrases(said, cited)
    found = [i for i, word in enumerate(said) if word not in words("english_glue")]
    missing = [said[i] for i in found if i not in in_phrases and not _held_english(said[i], cited)]
    if found and 1 - len(missing) / len(found) < MIN_ENGLISH_COVERAGE:
        return f"所引原文没有说到“{missing[0]}”"
    return "" if found or re.search(r"\d", sentence) else EMPTY


LONGEST_PHRASE = 5
"""Words of the longest phrase that is looked up in the glossary."""


def _in_held_phrases(said: Sequence[str], cited: str) -> set[int]:
    """Return the places of the words that are part of a phrase whose translation is cited: yangtze river delta, 长三角."""
    places: set[int] = set()
    for size in range(2, LONGEST_PHRASE + 1):
        for start in range(len(said) - size + 1):
            phrase = " ".join(said[start : start + size])
            if any(chinese in cited for chinese in english_in_chinese(phrase)):
                places |= set(range(start, start + size))
    return places


def _held_english(word: str, cited: str) -> bool:
    stem = re.sub(r"(?:ing|ed|es|s)$", "", word)
    forms = (word, stem, stem + "e", word.removesuffix("s"))
    translated = (chinese for form in forms for chinese in english_in_chinese(form))
    return (len(stem) > 2 and stem in cited) or any(chinese in cited for chinese in translated)


_LEAD = re.compile(
    r"^(?:\s*(?:[-*•·]|#+|[（(][一二三四五六七八九十]是[）)]|\d{1,2}[.、)](?!\d)|[（(]\d{1,2}[)）])\s*)+|^(?:根据|依据|按照)?(?:上述|以上|提供的|所给的?|给出的)*资料(?:中)?(?:显示|所述|可知|提到)?[，,：:]\s*"
    r"|^(?:答案?|回答|Answer)[：:]\s*",
)


def clean(draft: str) -> str:
    """Return a sentence of a draft without citation marks, list marks, bold marks and 「根据资料，」."""
    text = MARK.sub("", draft).replace("[编号]", "").replace("**", "").replace("__", "").strip()
    previous = ""
    while text != previous:
        previous, text = text, _LEAD.sub("", text).strip()
    return re.sub(r"\s+([。！？；，])", r"\1", " ".join(text.split()))
