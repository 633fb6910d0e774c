"""The facts of a sentence that must stand in what it cites: numbers, dates, 文号, quoted strings, names. Pure, no model.

Each check returns why a sentence fails, in one line for the reader and for the model that may repair it, or nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import rjieba

from app.answering.lexicon import translations, words
from app.answering.numerals import (
    ABOUT,
    GE,
    GT,
    HARD,
    Number,
    find_numbers,
    holds,
    is_same_number,
    plain,
    rewrite,
    uncounted,
)
from app.answering.spans import GROUP_TOTAL

MARK = re.compile(r"\s*[\[［【]\s*(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\s*[\]］】]")
"""A citation mark of a draft: [1], [1, 2], 【3】."""

_QUOTED = [re.compile(f"{a}([^{a}{b}]+){b}") for a, b in ("“”", "‘’", "「」", "『』", "《》", "〈〉", '""')]
_REFERENCE = re.compile(r"([\u3400-\u9fff]*)([〔\[(（【]\d{4}[〕\])）】]第?\d+号)")
_BEFORE_REFERENCE = re.compile(
    r".*(?:根据|依据|按照|文号[为是]?|编号[为是]?|印发|发布|文件|通知|[为是见和及与由的在以])"
)
_DATE = re.compile(r"(?:\d+年)?\d+月\d+日|\d+年\d+月")
_LATIN = re.compile(r"[a-z0-9]*[a-z][a-z0-9]*", re.IGNORECASE)
CHINESE = re.compile(r"[\u3400-\u9fff]")
_RANGE = re.compile(r"(?:至|到|—+|–|-|~)\Z")


def is_chinese(text: str) -> bool:
    return CHINESE.search(text) is not None


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around the quotes, and what of a sentence it may carry beside them."""

    headings: str = ""
    """Titles and headings: a name, a description or a word with a numeral in it (长三角) that they hold."""
    paragraphs: str = ""
    """The paragraphs that the quotes are from: a description (人才计划) or a word with a numeral."""
    issuer: str = ""
    """Who issued the documents: the place that 本市 means."""
    question: str = ""
    """Words that are not quite made up; never a fact."""


NO_CONTEXT = Context()


def merged(contexts: Sequence[Context]) -> Context:
    """Return what stands around several quotes together."""
    return Context(
        " ".join(dict.fromkeys(context.headings for context in contexts)),
        "\n".join(dict.fromkeys(context.paragraphs for context in contexts)),
        " ".join(dict.fromkeys(context.issuer for context in contexts)),
        next((context.question for context in contexts), ""),
    )


def wrong_number(sentence: str, quotes: Sequence[str], context: Context = NO_CONTEXT) -> str:
    """Find a number with its unit and bound that no quote holds, or a word with a numeral that nothing around it holds."""
    text, sources = plain(sentence), [plain(quote) for quote in quotes]
    around = plain(context.headings + "\n" + context.paragraphs)
    held = [number for source in sources for number in find_numbers(source)]
    for number in find_numbers(text):
        same = [other for other in held if is_same_number(number, other)]
        shown = text[number.start : number.end]
        if not same:
            return f"所引原文没有“{shown}”"
        if not any(_bounds_agree(number, other) for other in same):
            return f"“{shown}”的界限与所引原文不同（以上、以下、超过、不足）"
    for run in uncounted(text):
        if not any(run.rstrip(_ENDS) in source for source in (*sources, around)):
            return f"所引原文没有“{run}”"
    return ""


_ENDS = "，。；：、！？,;:!?.）)”》」』"


def _bounds_agree(number: Number, other: Number) -> bool:
    if number.bound == other.bound:
        return True
    if not number.bound:
        return other.bound not in HARD
    if number.bound in (GT, GE):
        return other.is_rounded or other.bound == GT
    return number.bound == ABOUT and other.bound not in HARD


def wrong_range(sentence: str, quotes: Sequence[str]) -> str:
    """Find a range of two numbers (30%—47%) that no quote states as a range."""
    stated = set(_ranges(plain(sentence)))
    held = {pair for quote in quotes for pair in _ranges(plain(quote))}
    return next((f"所引原文没有从{low}到{high}的范围" for low, high in stated - held), "")


def _ranges(text: str) -> Iterator[tuple[str, str]]:
    numbers = sorted(find_numbers(text), key=lambda number: number.start)
    for first, second in pairwise(numbers):
        if _RANGE.fullmatch(text[first.end : second.start]):
            yield first.value, second.value


def wrong_string(sentence: str, quotes: Sequence[str]) -> str:
    """Find a date, a 文号 or a quoted string that no quote holds as a whole."""
    sources = [rewrite(plain(quote)) for quote in quotes]
    for part in _strings(sentence):
        if not any(holds(source, rewrite(plain(part))) for source in sources):
            return f"所引原文没有“{part}”"
    return ""


def _strings(sentence: str) -> Iterator[str]:
    yield from _DATE.findall(rewrite(plain(sentence)))
    for issuer, number in _REFERENCE.findall(re.sub(r"\s+", "", sentence)):
        yield _BEFORE_REFERENCE.sub("", issuer) + number
    for pattern in _QUOTED:
        yield from (part for part in pattern.findall(sentence) if rewrite(plain(part)))


def wrong_name(sentence: str, quotes: Sequence[str], context: Context = NO_CONTEXT) -> str:
    """Find a Latin or a Chinese name that no quote holds, nor the part of the context that may carry it.

    The paragraph lends no name to a figure that its quote tells of several together (四类计划共资助…).
    """
    cited = re.sub(r"\s+", "", plain("\n".join(quotes)))
    latin = {word.lower() for quote in quotes for word in _latin_words(quote)}
    for word in _latin_names(sentence):
        if word.lower() not in latin:
            return f"所引原文没有“{word}”"
    if not is_chinese(sentence):
        return _wrong_english_name(sentence, cited, latin)
    known = re.sub(r"\s+", "", plain(context.headings + (context.issuer if _is_at_home(cited, context.issuer) else "")))
    around = known + plain(context.paragraphs)
    is_sum = GROUP_TOTAL.search(cited) is not None and any(find_numbers(plain(sentence)))
    names = [
        *(name for name in _chinese_names(sentence) if name not in known),
        *(name for name in _proper_nouns(sentence) if is_sum and name not in known),
        *(scope for scope in _scopes(sentence) if scope not in words("places") or scope not in known),
        *(name for name in _described(sentence) if name not in around),
    ]
    return next((f"所引原文没有“{name}”" for name in names if not _names_alike(name, cited)), "")


_HERE = re.compile(r"[本我全][市省区县州]")


def _is_at_home(cited: str, issuer: str) -> bool:
    """Tell a text that speaks of its issuer's own place: it says 本市, or names no other place."""
    others = (place for place in words("places") if place in cited and place not in issuer)
    return _HERE.search(cited) is not None or next(others, None) is None


def _latin_words(text: str) -> list[str]:
    found: list[str] = _LATIN.findall(unicodedata.normalize("NFKC", text))
    return found


def _latin_names(sentence: str) -> list[str]:
    """Return the Latin words of a Chinese sentence; of an English one those that no ordinary word looks like."""
    found = _latin_words(sentence)
    if is_chinese(sentence):
        return found
    return [word for word in found if len(word) > 1 and re.search(r".[A-Z]|\d", word)]


def _names_alike(name: str, cited: str) -> bool:
    """Tell whether a text holds a name; the tagger sometimes takes a word beside it for a part of it (李胜为, 由三省)."""
    shorter = (name.rstrip(_BESIDE), name.lstrip(_BESIDE))
    return name in cited or any(form in cited for form in shorter if len(form) > 1)


_BESIDE = "为在是和与对将向被把从由"


_CAPITALISED = re.compile(r"(?<=[a-z0-9,;:] )[A-Z][A-Za-z&'-]+(?: (?:of |for |and )?[A-Z][A-Za-z&'-]+)*")


def _wrong_english_name(sentence: str, cited: str, latin: Iterable[str]) -> str:
    """Find a capitalised name inside an English sentence that the quotes hold neither as it is nor in translation."""
    known = set(latin)
    for name in (found.removesuffix("'s") for found in _CAPITALISED.findall(sentence)):
        if {word.lower() for word in _latin_words(name)} <= known or name.lower() in _MONTHS:
            continue
        if not any(chinese in cited for chinese in english_in_chinese(name)):
            return f"所引原文没有“{name}”"
    return ""


_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "rmb",
        "yuan",
    ]
)


def english_in_chinese(name: str) -> tuple[str, ...]:
    """Return the translations of an English name or word that the glossary knows."""
    known = translations()
    lower = name.lower()
    return tuple(known.get(lower) or known.get(lower.removesuffix("s"), ()))


BODY = "大学|学院|公司|集团|银行|医院|法院|研究院|研究所|交易所|委员会|政府|协会|学会|基金会|走廊|办公室|办公厅"
THING = "联盟|中心|平台|基金|计划|专项|项目|工程|大会|论坛|峰会|赛|奖"
_NAMED = re.compile(rf"([\u3400-\u9fff]{{2}})(?=({BODY}))")
_DESCRIBED = re.compile(rf"([\u3400-\u9fff]{{2}})(?=({THING}))")
_NAME_CLASSES = frozenset({"nr", "ns", "nt", "nrt", "nrfg"})
_PERSON = re.compile(
    r"(?:联系人|姓名|主任|局长|市长|书记|处长|院长|校长|教授|先生|女士)(?:姓名)?(?:是|为|叫|：|:)?([\u3400-\u9fff]{2,3})(?=[，。、；\s（(]|$)"
)
_LINKS = frozenset(
    "的了和与及或是为在有将由对从向以等该此这那各其所个项类种家名位次届年月日新旧本并也均都被把给于中上下内外间级"
)


def _chinese_names(sentence: str) -> Iterator[str]:
    """Yield what names something: places, people and bodies by their word class, and what stands before 大学, 公司, 计划 …"""
    text = re.sub(r"\s+", "", plain(sentence))
    for word, word_class in rjieba.tag(text):
        if word_class in _NAME_CLASSES and len(word) > 1 and is_chinese(word) and word not in words("weak_names"):
            yield word
    yield from _before_ending(_NAMED, text)
    yield from _PERSON.findall(text)


_SCOPE = re.compile(
    r"全(?:国|球|市|省|区|县|世界)|每(?:年|月|天|日|周|季|小时|人|户|家|个|项|次|批)|[年月日人户]均|平均|(?:年|月|日)(?=收入|薪)"
    r"|首(?:次|个|批|家|创)|唯一|最[大小好早晚长短强弱佳优重高低](?!\d)"
)
"""Words that say how far a statement reaches; none is a matter of style."""


def _scopes(sentence: str) -> Iterator[str]:
    text = re.sub(r"\s+", "", plain(sentence))
    yield from _SCOPE.findall(text)
    yield from (place for place in words("places") if len(place) > 1 and place in text)
    yield from (word for word in words("grave") if word in text)


def _described(sentence: str) -> Iterator[str]:
    """Yield what may be a name or a description: proper nouns of other kinds, and what stands before 计划, 项目, 基金 …"""
    yield from _proper_nouns(sentence)
    yield from _before_ending(_DESCRIBED, re.sub(r"\s+", "", plain(sentence)))


def _proper_nouns(sentence: str) -> Iterator[str]:
    text = re.sub(r"\s+", "", plain(sentence))
    yield from (word for word, word_class in rjieba.tag(text) if word_class == "nz" and is_chinese(word))


def _before_ending(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pattern.finditer(text):
        before, ending = match.groups()
        if not _LINKS & set(before):
            yield before + ending


def wrong_facts(sentence: str, quotes: Sequence[str], context: Context = NO_CONTEXT) -> str:
    """Return the first fact of a sentence that the quotes do not hold (promise P2), or nothing."""
    stated = MARK.sub("", sentence)
    if not any(rewrite(plain(quote)) for quote in quotes):
        return "没有引证"
    return (
        wrong_number(stated, quotes, context)
        or wrong_range(stated, quotes)
        or wrong_string(stated, quotes)
        or wrong_name(stated, quotes, context)
    )
