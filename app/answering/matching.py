"""How well a text matches the words of a question: exact, by synonym, by sound, abbreviated or in part."""

import difflib
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

import rjieba

from app.answering.lexicon import synonyms
from app.answering.terms import Term
from app.spelling import sound
from app.text import fold, is_cjk
from app.types import Document

SYNONYM, SOUND, ABBREVIATION, PARTIAL = 0.85, 0.8, 0.7, 0.6
"""What a match counts that is not literal; a literal one counts 1."""

PAID = "费款金"
"""How words for sums end that documents also call 补贴 or 经费, or leave out: 安家费, 报名费."""

_SPACE = re.compile(r"\s+")
_LATIN = re.compile(r"[a-z0-9]{4,}")


@lru_cache(maxsize=4096)
def squeeze(text: str) -> str:
    """Return the search copy without white space, in which 「2020 年」 is 「2020年」."""
    return _SPACE.sub("", fold(text))


def home_of(document: Document) -> str:
    """Return what a document says of itself, squeezed: its title and its fields."""
    return squeeze(" ".join((document.title, *(field.value for field in document.fields))))


@lru_cache(maxsize=1 << 14)
def match_term(term: str, text: str) -> float:
    """Return how well a squeezed text holds a term, 0 to 1."""
    if term in text:
        return 1.0
    others = (word for word in synonyms().get(term, ()) if len(word) > 1 or len(term) == 1)
    if any(word in text and (len(word) != 2 or _touches_word(word, text)) for word in others):
        return SYNONYM
    return _match_chinese(term, text) if all(map(is_cjk, term)) else _match_latin(term, text)


def _match_latin(term: str, text: str) -> float:
    """Match a word that the text misspells, or spells in characters: yangfan for 扬帆."""
    sounds_alike = len(term) > 3 and term.isalpha() and term in sound(text).replace("|", "")
    return SOUND if sounds_alike or (len(term) > 4 and _is_misspelt(term, text)) else 0.0


def _match_chinese(term: str, text: str) -> float:
    """Match a word of two characters or more by its sound, as an abbreviation, or in part."""
    if len(term) < 2:
        return 0.0
    if sound(term) in sound(text) and _sounds_as_a_word(term, text):
        return SOUND
    if len(term) <= 4 and _abbreviates(term, text):
        return ABBREVIATION
    if len(term) > 2 and term[-1] in PAID and term[:-1] in text:
        return ABBREVIATION
    return PARTIAL * _longest_shared(term, text) / len(term) if len(term) > 2 else 0.0


def _sounds_as_a_word(term: str, text: str) -> bool:
    """Tell whether what sounds like a term begins and ends with words of the text: 校学 of 在校学生 is not 小学."""
    ends = _word_ends(text)
    heard = [i for i in range(len(text) - len(term) + 1) if sound(text[i : i + len(term)]) == sound(term)]
    return any(i in ends and i + len(term) in ends for i in heard) or not heard


def _touches_word(word: str, text: str) -> bool:
    """Tell whether a word begins or ends with one of the text's own: 高企 is not in 提高企业."""
    ends = _word_ends(text)
    starts = (i for i in range(len(text) - len(word) + 1) if text.startswith(word, i))
    return any(i in ends or i + len(word) in ends for i in starts)


@lru_cache(maxsize=1024)
def _word_ends(text: str) -> frozenset[int]:
    return frozenset(accumulate((len(word) for word in rjieba.cut(text)), initial=0))


def coverage(terms: tuple[Term, ...], text: str) -> float:
    """Return the weighted share of the terms that a squeezed text holds, 0 to 1; 0 without terms."""
    total = sum(term.weight for term in terms)
    return sum(term.weight * match_term(term.text, text) for term in terms) / total if total else 0.0


def match_number(number: str, text: str) -> bool:
    """Tell whether a squeezed text holds a number as a whole: 1 is not in 2018."""
    return re.search(rf"(?<![\d.]){re.escape(number)}(?![\d]|\.\d)", text) is not None


def _is_misspelt(term: str, text: str) -> bool:
    """Tell whether a Latin word of the text differs from a term in a letter or so."""
    return bool(difflib.get_close_matches(term, _LATIN.findall(text), n=1, cutoff=0.85))


def _abbreviates(term: str, text: str) -> bool:
    """Tell whether the characters of a term stand in order, close together, at the head of words: 交大 for 交通大学.

    As the expression c[㐀-鿿]{0,3}c… does, which takes a millisecond to compile for each new term.
    """
    if not all(character in text for character in term):
        return False
    places = {place for place, character in enumerate(text) if character == term[0]}
    for character in term[1:]:
        places = {found for place in places for found in _near(character, text, place + 1)}
    return bool(places)


def _near(character: str, text: str, start: int) -> Iterator[int]:
    """Yield where a character stands at a place or up to three Chinese characters behind it."""
    for place in range(start, min(start + 4, len(text))):
        if text[place] == character:
            yield place
        if not "\u3400" <= text[place] <= "\u9fff":
            return


def _longest_shared(term: str, text: str) -> int:
    """Return the length of the longest piece of a term, two characters or more, that a text holds."""
    for length in range(len(term) - 1, 1, -1):
        if any(term[i : i + length] in text for i in range(len(term) - length + 1)):
            return length
    return 0
