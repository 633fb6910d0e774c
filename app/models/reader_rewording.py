"""Say a question in other words, so that the reader learns not to insist on those of the passage.

Nothing written by hand but general vocabulary: most of the other words are those that the encoder holds for near ones.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
import opencc
import rjieba
from pypinyin import Style, lazy_pinyin

from app.types import Encoder

LEAST_OFTEN = 4
"""A word must stand so often in the texts to have near words, or to be one."""
NEAR = 0.9
"""Cosine of words that may stand for each other, if they share a character besides (成立, 建立; not 上海, 北京)."""
MOST_NEAR = 4
_CLASSES = ("v", "vn", "n", "a", "ad", "an", "d", "vd")

ASKED_OTHERWISE = (
    (r"什么时候|何时|什么时间", ("啥时候", "哪一年", "何时", "什么时候", "几时", "哪天")),
    (r"多少", ("几", "多少", "多大数量的", "多少")),
    (r"什么", ("啥", "哪种", "什么", "何种")),
    (r"如何|怎样|怎么", ("咋", "怎么", "如何", "怎样", "怎么样才能")),
    (r"为什么|为何", ("为啥", "为何", "怎么会", "凭什么")),
    (r"谁|哪位", ("谁", "哪个人", "哪位", "什么人")),
    (r"哪里|何处|什么地方", ("哪儿", "哪里", "啥地方", "什么地方")),
    (r"哪些", ("哪些", "什么", "啥", "哪几种")),
    (r"是否", ("是不是", "有没有", "会不会")),
    (r"有哪些", ("都有啥", "包括什么", "有哪几个", "有哪些")),
)
_OPENINGS = ("请问", "请问一下，", "想问一下，", "我想知道", "你好，", "帮我查一下", "麻烦问下", "")
_ENDINGS = ("？", "?", "", "呢？", "啊？", "，谢谢")


def near_words(texts: Iterable[str], encoder: Encoder) -> dict[str, list[str]]:
    """Map the common words of some texts to those that mean nearly the same, at most `MOST_NEAR` each."""
    counts = Counter(pair for text in texts for pair in rjieba.tag(text))
    words = sorted({w for (w, c), n in counts.items() if n >= LEAST_OFTEN and len(w) > 1 and c in _CLASSES})
    vectors = encoder.encode_queries(words)
    near = {}
    for start in range(0, len(words), 1024):
        cosines = vectors[start : start + 1024] @ vectors.T
        for row, order in enumerate(np.argsort(-cosines, axis=1)[:, 1:30]):
            word = words[start + row]
            alike = [words[i] for i in order if cosines[row, i] >= NEAR and set(words[i]) & set(word)]
            near[word] = [other for other in alike if word not in other and other not in word][:MOST_NEAR]
    return {word: others for word, others in near.items() if others}


def reword_freely(question: str, near: Mapping[str, list[str]], chance: random.Random) -> str:
    """Replace words by near ones, drop a few, ask as people talk; names, figures and 《titles》 stay."""
    said = []
    for word, word_class in rjieba.tag(question):
        if word in near and chance.random() < 0.5:
            said.append(chance.choice(near[word]))
        elif (word_class[0] not in "nvmtirxe" and chance.random() < 0.3) or (
            word_class in ("v", "vn", "n") and chance.random() < 0.1
        ):
            continue
        else:
            said.append(word)
    reworded = "".join(said)
    for pattern, others in ASKED_OTHERWISE:
        if re.search(pattern, reworded) and chance.random() < 0.5:
            reworded = re.sub(pattern, chance.choice(others), reworded, count=1)
            break
    reworded = reworded.rstrip("？?。 ") + chance.choice(_ENDINGS)
    return chance.choice(_OPENINGS) + reworded if chance.random() < 0.3 else reworded


def disturb(question: str, chance: random.Random) -> str:
    """Return the question as some type it: in traditional characters, with a homophone for one character."""
    if chance.random() < 0.05:
        question = _traditional().convert(question)
    if chance.random() < 0.15:
        at = chance.randrange(len(question))
        alike = _homophones().get("".join(lazy_pinyin(question[at], style=Style.NORMAL)), "")
        question = question[:at] + (chance.choice(alike) if alike else question[at]) + question[at + 1 :]
    return question


@lru_cache(maxsize=1)
def _traditional() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")


@lru_cache(maxsize=1)
def _homophones() -> dict[str, str]:
    """Map syllables to common characters (the first level of GB 2312) that sound so."""
    by_sound: dict[str, str] = defaultdict(str)
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                character = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            by_sound["".join(lazy_pinyin(character, style=Style.NORMAL))] += character
    return by_sound
