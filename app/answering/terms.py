"""The words of a question that evidence should match, Chinese and English, with how much each says."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import rjieba

from app.answering.lexicon import general_words, translations, words
from app.text import fold, has_cjk

PLACE_ENDS = ("市", "县", "区", "镇", "乡")
"""How the full names end that a question tells one place from another by."""
PLACE_KINDS = ("省", "市", "区", "县", "州")
"""How the name of a place may end whose body issues documents."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the question that evidence should match. `weight` grows with how much it says, from 0.3 to about 2."""

    text: str
    weight: float
    is_name: bool = False
    """A place, person, organisation or other proper name."""

    @property
    def is_place(self) -> bool:
        """Tell the full name of a city, county, district or town: 青屏区."""
        return self.is_name and len(self.text) > 2 and self.text[-1] in PLACE_ENDS


QUESTION_WORDS = re.compile(
    r"请问一?下?|麻烦问?一?下?|我?想(?:问|知道|了解|咨询)一?下?|能不能(?:告诉|帮|给)?我?们?(?:看看)?|告诉我|帮我?(?:查|看|找)一?[下查看]*|你好|您好"
    r"|(?:不(?:能|得|可|会)?)?(?:超过|高于|低于|多于|少于)(?=多少|几|哪)|[这近那前]几年|是?多少[个钱]?|百分之几|第几|几成|几|最多|最少|多[长少]时间|多[大高长久远]|是?什么时候|是?哪一?段(?:时间|日子)|什么|是?哪(?:[两二三四五六七八九十几\d]+[个家所份项类种座位块批条件样方]?|[些个家所份项类种座位里儿年天月日几一])?|是?谁|如何|怎么样?|怎样|咋|为什么|为何|为啥|啥|是否|有没有|是不是"
    r"|分别|具体|一共|总共|[吗呢呀啊嘛吧啦]+(?=[？?。!！]|$)|\bhow (?:many|much|large|big|long|old|often|far)\b|\b(?:what|which|who|whom|whose|when|where|why|how|many|much|is|are|was|were|do|does|did|the|an?|of|in|on|to|for"
    r"|by|with|at|from|has|have|had|be|been|it|its|this|that|there|and|or|can|could|please|tell|me|will|would|as|than)\b"
)
"""What asks, and what is only polite: carries nothing that evidence could match."""


QUOTED = re.compile(r"[《“「『‘\"]([^》”」』’\"]{2,60})[》”」』’\"]")
NAME_CLASSES = ("nr", "ns", "nt", "nz", "nrt", "nrfg")


def language_of(text: str) -> str:
    """Return the language to answer in: `en` for English sentences, also with a Chinese name in them, else `zh`."""
    words_of_text = re.findall(r"[A-Za-z]{2,}", text)
    if not has_cjk(text):
        return "en" if words_of_text else "zh"
    return "en" if len(words_of_text) > 2 and _ENGLISH_GRAMMAR.search(text) else "zh"


_ENGLISH_GRAMMAR = re.compile(
    r"\b(?:the|of|in|for|is|are|was|were|does|did|how|what|which|who|when|where|why)\b", re.IGNORECASE
)


def search_words(text: str) -> str:
    """Return what BM25 searches for a question: its own words, and their translations if it is English."""
    if language_of(text) != "en":
        return text
    return " ".join([text, *(word for term in english_terms(text) for word in translations().get(term.text, ())[:2])])


_ENGLISH_WORD = re.compile(r"[a-z0-9][a-z0-9&.+'-]*[a-z0-9]|[a-z0-9]", re.ASCII)
_LONGEST_PHRASE = 5
_NAMED_IN_CHINESE = re.compile(r"(?:[A-Z][\w-]*\s+)+[(（]([\u3400-\u9fff]{2,})[)）]")
"""A name and how it is written in Chinese, which alone counts: Rising-Star (启明星)."""


def english_terms(text: str) -> tuple[Term, ...]:
    """Return the words and phrases of an English question; those with a translation weigh more than those without."""
    text = _NAMED_IN_CHINESE.sub(r" \1 ", text)
    words = _ENGLISH_WORD.findall(QUESTION_WORDS.sub(" | ", fold(text)).replace("'s", " "))
    capitals = {word.lower() for word in re.findall(r"(?<=[a-z,] )[A-Z][A-Za-z-]+", text)}
    terms: dict[str, Term] = {}
    i = 0
    while i < len(words):
        spans = (" ".join(words[i : i + n]) for n in range(min(_LONGEST_PHRASE, len(words) - i), 0, -1))
        phrase = next((span for span in spans if span in translations()), words[i])
        if phrase in translations():
            terms.setdefault(phrase, Term(phrase, 1.0))
        elif not phrase.isdigit() and len(phrase) > 1:
            terms.setdefault(phrase, Term(phrase, 0.6, is_name=phrase in capitals))
        i += len(phrase.split(" "))
    chinese = (Term(name, _weight(name, "nz"), is_name=True) for name in re.findall(r"[\u3400-\u9fff]{2,}", text))
    return (*terms.values(), *chinese)


_HOW_MANY = re.compile(r"\bhow many ((?:[a-z-]+ ?){1,3})")


def counted_in_english(folded: str) -> str:
    """Return the plural behind how many, if the glossary has it: markets of how many night markets are there."""
    match = _HOW_MANY.search(folded)
    plurals = [word for word in match.group(1).split() if word.endswith("s") and len(word) > 3] if match else []
    return next((word for word in plurals if word in translations()), "")


def chinese_terms(folded: str, place: str = "") -> tuple[Term, ...]:
    """Return the words that carry meaning, in order, each once. `place` is known to be one, whatever the tagger makes of it."""
    quoted = QUOTED.findall(folded)
    rest = QUESTION_WORDS.sub(" ", _NEXT_STEP.sub(" ", _MARK_OF_YEAR.sub(" ", folded)))
    terms: dict[str, Term] = {}
    for word, word_class in map(_as_said_anywhere, _with_bodies(_tagged_with(place, rest))):
        if (
            word in words("stop_words")
            or word_class in ("x", "uj", "ul", "uz", "ug", "y", "e", "o", "p", "c", "r")
            or not word.strip()
        ):
            continue
        if not any(character.isalnum() for character in word):
            continue
        is_name = (
            word_class in NAME_CLASSES and len(word) > 1 and not _SUM_OR_RATE.search(word)
        ) or word_class == "eng"
        is_name = is_name or _is_place(word) or word in quoted
        terms.setdefault(word, Term(word, _weight(word, word_class), is_name))
    return tuple(terms.values())


def _as_said_anywhere(tagged_word: tuple[str, str]) -> tuple[str, str]:
    """Return a word and its class; what the tagger takes for a name and all documents say is a noun: 申报, 印发, 上市."""
    word, word_class = tagged_word
    return (word, "n") if word_class in ("nz", "nr", "nrt", "nrfg") and word in general_words() else tagged_word


def _tagged_with(place: str, text: str) -> Sequence[tuple[str, str]]:
    """Return the words of a text with their classes, a place that is known to be one with what kind it is behind it."""
    before, found, after = text.partition(place) if place else (text, "", "")
    if found and after[:1] in PLACE_KINDS:
        found, after = found + after[:1], after[1:]
    return (*tagged(before), (found, "ns"), *tagged(after)) if found else tagged(before)


_MARK_OF_YEAR = re.compile(r"(?<=(?:19|20)\d\d)年(?=[\u3400-\u9fff])(?!年?[度底末初来间内中份前后上下春夏秋冬])")
"""The 年 of a year, so that the tagger takes it for no part of a word: 2025年青|堰区."""
_NEXT_STEP = re.compile(r"下一?阶段|下一?步|接下来")
"""Asks for plans, in words that the plans themselves need not have."""
_PLACE_CLASSES = ("n", "ns", "nr", "nz", "nrt")
_UNITS = ("市", "县", "区")
_HEADS = frozenset("券卡证奖库池站店室班网岗课期版馆园院")
"""Nouns of one character that say with the noun before them what is meant, and little alone: 券 of 创新券."""
_BODY = re.compile(r"(?:师范|理工|科技|医科|农业|工业|中医药?)?(?:大学|学院|医院|银行|公司|集团|研究[院所]|中学|小学)")


def _with_bodies(phrase: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the words, a name and the body or the unit behind it as one, and a noun and its head: 中山医院, 东屿市, 创新券."""
    following = iter([*phrase[1:], ("", "")])
    is_taken = False
    for word, word_class in phrase:
        after, after_class = next(following)
        if is_taken:
            is_taken = False
        elif word_class in ("ns", "nz", "nr") and _BODY.fullmatch(after):
            is_taken = True
            yield word + after, "nt"
        elif len(word) > 1 and word_class in _PLACE_CLASSES and after in _UNITS and word not in words("any_kind"):
            is_taken = True
            yield word + after, "ns"
        elif len(word) > 1 and word_class[0] in "nvl" and after in _HEADS and after_class[0] == "n":
            is_taken = True
            yield word + after, "n"
        else:
            yield word, word_class


def _is_place(word: str) -> bool:
    """Tell a word that no dictionary has and that ends as places do: 清渠市, not 开发区."""
    pieces = rjieba.cut(word, False)
    return len(word) > 2 and word[-1] in _UNITS and len(pieces) > 1 and not set(pieces) & _JOINING


_JOINING = frozenset("跟和与及同或")
_SUM_OR_RATE = re.compile(r"[费款金率额量价券税]$")
"""How words end that the tagger may take for names: 安家费, 不良率."""
_ONE_OF = re.compile(r"一[年月天周次份条趟个家项人台辆名件场户亩套]")
"""What something is told for each of, which documents say as 每年 or not at all."""


def _weight(word: str, word_class: str) -> float:
    is_name = word_class in NAME_CLASSES
    if _ONE_OF.fullmatch(word) or (is_name and len(word) == 1):  # The tagger takes verbs for names: 换 of 换了多少.
        return 0.35
    base = 1.3 if is_name or word_class == "eng" else 1.0 if word_class[0] in "nijlm" else 0.7
    return base * (0.5 if len(word) == 1 else min(len(word), 4) ** 0.5 / 1.4)


@lru_cache(maxsize=4096)
def tagged(text: str) -> tuple[tuple[str, str], ...]:
    """Return the words of a folded text with their classes (jieba's set)."""
    return tuple((_without_glued(word.strip()), word_class) for word, word_class in rjieba.tag(text))


_BEFORE_WORDS = frozenset(
    "要能会可需须应得想年月日里对报类搞从向给被把跟和与到在持查问请让由使按将那这该本各每某前后来去领"
)
_BEHIND_WORDS = frozenset("要能会可有是说的了吗呢")


def _without_glued(word: str) -> str:
    """Return a word that jieba only guessed without the verbs and particles it took in: 交 of 要交, 澜浦 of 年澜浦."""
    pieces = rjieba.cut(word, False)
    if len(pieces) < 2:
        return word
    start, end = int(pieces[0] in _BEFORE_WORDS), len(pieces) - int(pieces[-1] in _BEHIND_WORDS)
    return "".join(pieces[start:end]) or word
