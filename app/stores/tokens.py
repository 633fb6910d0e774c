"""Search tokens of many texts at once, as numbers: the same that `app.text.search_tokens` gives, counted in NumPy.

A Chinese character is its code point, a bigram two of them side by side, a word the flag WORD and its place in a list.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.text import WORD_PATTERN, fold, is_cjk

CHARACTER_BITS = 21
"""A Unicode code point has at most 21 bits."""
WORD = 1 << 41
ROW_BITS = 22
MAX_TEXTS = 1 << ROW_BITS
MAX_COUNT = 255
"""A token is counted up to here in one text; BM25 hardly tells 255 occurrences from more."""

_WORD = re.compile(WORD_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """How often each token occurs in each of some texts.

    `codes` (v,) are the tokens in ascending order. Token i stands in the texts `rows[starts[i]:starts[i + 1]]`, ascending,
    `counts[…]` times. `lengths` (texts,) are the numbers of all tokens of a text. `words[i]` is the word of code WORD + i.
    """

    codes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    words: Sequence[str]


def count_tokens(texts: Sequence[str]) -> TokenCounts:
    """Count the tokens of at most MAX_TEXTS texts."""
    numbers: dict[str, int] = {}
    codes, rows = _tokenise(texts, numbers)
    keys = codes << np.uint64(ROW_BITS) | rows
    keys.sort()
    first = _starts_of_runs(keys)
    counts = np.minimum(np.diff(first, append=len(keys)), MAX_COUNT).astype(np.uint8)
    keys = keys[first]
    of_texts = (keys & np.uint64(MAX_TEXTS - 1)).astype(np.uint32)
    keys >>= np.uint64(ROW_BITS)
    starts = _starts_of_runs(keys)
    lengths = np.bincount(rows.astype(np.int64), minlength=len(texts)).astype(np.int32)
    return TokenCounts(keys[starts], np.append(starts, len(keys)), of_texts, counts, lengths, list(numbers))


def code_of(token: str, numbers: Mapping[str, int]) -> int | None:
    """Return the code of one token of `search_tokens`, or None for a word that has no number."""
    if not is_cjk(token[0]):
        number = numbers.get(token)
        return None if number is None else WORD | number
    return ord(token) if len(token) == 1 else ord(token[0]) << CHARACTER_BITS | ord(token[1])


def _tokenise(texts: Sequence[str], numbers: dict[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the code of every token and the text it stands in; new words get the next numbers."""
    joined = "\n".join(texts)
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    characters = np.where(characters < 0x10000, _folded()[np.minimum(characters, 0xFFFF)], characters)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    rows = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)[: len(characters)]
    is_chinese = _is_chinese(characters)
    wide = characters.astype(np.uint64)
    has_next = is_chinese[:-1] & is_chinese[1:]
    bigrams = wide[:-1][has_next] << np.uint64(CHARACTER_BITS) | wide[1:][has_next]
    folded = characters.tobytes().decode("utf-32-le", "surrogatepass")
    words, places = [], []
    for match in _WORD.finditer(folded):
        words.append(numbers.setdefault(match.group(), len(numbers)))
        places.append(match.start())
    codes = [wide[is_chinese], bigrams, np.array(words, np.uint64) | np.uint64(WORD)]
    of_texts = [rows[is_chinese], rows[:-1][has_next], rows[np.array(places, np.int64)]]
    return np.concatenate(codes), np.concatenate(of_texts)


def _is_chinese(characters: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """`app.text.is_cjk` for an array."""
    in_plane_0 = (characters >= 0x3400) & (characters <= 0x9FFF) | (characters == ord("〇"))
    is_chinese: NDArray[np.bool_] = in_plane_0 | (characters >= 0x20000) & (characters <= 0x3FFFF)
    return is_chinese


@lru_cache(maxsize=1)
def _folded() -> NDArray[np.uint32]:
    """`app.text.fold` of every character below 0x10000, uint32 (65536,); it leaves those above as they are."""
    everything = "".join(map(chr, range(0x10000)))
    return np.frombuffer(fold(everything).encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _starts_of_runs(ascending: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each run of equal values begins."""
    is_first = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)
