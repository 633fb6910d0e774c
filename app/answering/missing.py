"""What a question names and its evidence lacks: names, years, numbers, words; 0 where nothing, 1 where all of it."""

import re
from collections.abc import Sequence

from app.answering.kinds import LOOKS
from app.answering.lexicon import general_words, translations, words
from app.answering.matching import ABBREVIATION, PARTIAL, coverage, home_of, match_number, match_term, squeeze
from app.answering.metadata import WHY
from app.answering.others import ALMOST, SUM
from app.answering.places import places_of
from app.answering.question import COMPARED_WITH, DATE, ONESELF, WHO, YEAR, Question
from app.answering.spans import GROUP_TOTAL
from app.answering.terms import Term
from app.text import is_cjk
from app.types import Document, Span

_BODY = re.compile(
    r"(?:大学|学院|公司|集团|银行|医院|法院|检察院|研究院|研究所|交易所|委员会|教委|科委|发改委|经信委|国资委|卫健委|厅|局|署|税务|海关|政府|协会|学会|基金会|法|条例|办法)$"
)
ASKS_SUM = re.compile(r"合计|全部|加起来|加在一起|[两二三四五六七八九十各]大?[类个项家所种]")
"""Asks for what several came to together; 一共 is also said of one."""
_COMPARES = re.compile(r"比|较|相差|增|减|升|降|涨|[高低多少]了|倍")
"""A question that compares, so that the year compared with counts."""
_FOCUS = re.compile(r"(.{2,}?)(?:是|为|叫|有)+\s*(?:多少|几|多大|哪|什么|啥|谁)")


def missing_name(question: Question, sentence: str, headings: str, context: str, document: Document) -> float:
    """Return the worst miss of a name. One that only a neighbouring sentence holds counts little, unless a sum is told."""
    home = home_of(document)
    beside = 0.5 if SUM.search(sentence) and not SUM.search(question.text) else 0.8
    beside = 0.0 if GROUP_TOTAL.search(sentence) and not ASKS_SUM.search(question.text) else beside
    worst = 0.0
    for term in question.terms:
        if _is_firm(term, question.language):
            name = term.text.rstrip("省市区县") if len(term.text) > 2 else term.text
            counts = min(beside, PLACE_BESIDE) if term.is_place else beside
            near = max(
                match_term(name, sentence + headings), 0.9 * match_term(name, home), counts * match_term(name, context)
            )
            worst = max(worst, ELSEWHERE if _is_elsewhere(term, document) else 1 - near)
    return worst


ELSEWHERE = 2.0
"""What it counts as a missing name that a place is nowhere in the document."""


def _is_elsewhere(term: Term, document: Document) -> bool:
    """Tell a place that a document has nothing of, and that is not its own; a document that does not say whose it is may be of any."""
    written = (term.text.rstrip("省市区县"), *translations().get(term.text, ()))
    is_place = term.is_place or any(name in words("places") for name in written)
    whole = squeeze(document.text) + home_of(document)
    is_missing = is_place and all(match_term(name, whole) < ABBREVIATION for name in written)
    return is_missing and any(places_of([document]))


PLACE_BESIDE = 0.4
"""How much a place that only a neighbouring sentence has still counts: figures without one are told of the whole."""


def _is_firm(term: Term, language: str) -> bool:
    """Tell a name that the evidence must hold from a word that may be said otherwise."""
    if term.text in words("weak_names") or _BODY.sub("", term.text) in words("generic"):
        return False
    if language == "en":
        return term.is_name or any(chinese in words("places") for chinese in translations().get(term.text, ()))
    if not is_cjk(term.text[0]):
        return len(term.text) > 1 and term.text[0].isalpha()
    if term.text.rstrip("省市区县") in words("places"):
        return True
    if any(term.text[i : i + 2] in general_words() for i in range(len(term.text) - 1)) and not _BODY.search(term.text):
        return False
    return (len(term.text) > 2 and bool(_BODY.search(term.text)) and term.text not in general_words()) or (
        term.is_name and len(term.text) >= 3
    )


def missing_year(question: Question, sentence: str, near: str, context: str, document: Document) -> float:
    """Return 1 if the evidence, or the clause of the figure in it (`near`), speaks of other years than the question, less if it
    speaks of none."""
    if not _COMPARES.search(question.text):
        sentence, context = COMPARED_WITH.sub(" ", sentence), COMPARED_WITH.sub(" ", context)
    near = COMPARED_WITH.sub(" ", near)
    if question.years and (own := YEAR.findall(_OTHER_YEARS.sub(" ", near))) and not set(own) & set(question.years):
        return 1.0
    told = _OTHER_YEARS.sub(" ", sentence)
    sentence = told if YEAR.search(told) else sentence
    told_for = squeeze(document.title) + context
    missing = [
        year
        for year in question.years
        if year not in sentence and not (_LAST_YEAR.search(sentence) and str(int(year) + 1) in told_for)
    ]
    if not missing:
        return 0.0
    if len(missing) < len(question.years) and all(year in context for year in missing):
        return 0.2
    if not YEAR.search(sentence) and all(year in squeeze(document.title) for year in missing):
        return 0.1
    if YEAR.search(sentence) or not all(year in context for year in missing):
        dated = squeeze(" ".join(field.value for field in document.fields))
        return 0.4 if all(year in dated for year in missing) and not YEAR.search(sentence) else 1.0
    return 0.2


def other_year_before(question: Question, sentence: str, before: str) -> float:
    """Return 1 for a clause without a year where those `before` it in its own sentence have other years than the question."""
    said = YEAR.findall(COMPARED_WITH.sub(" ", before))
    told = sentence if _COMPARES.search(question.text) else COMPARED_WITH.sub(" ", sentence)
    return float(bool(question.years and said) and not YEAR.search(told) and not set(said) & set(question.years))


_LAST_YEAR = re.compile(r"(?<![比较])(?:上一?年|去年|前一年)(?!度?的?同期|相比|度?[（(])")
_OTHER_YEARS = re.compile(r"(?:19|20)\d{2}年?[-—–~至到](?:19|20)\d{2}年?")
"""A span of years, which tells nothing of one of them where a sentence has a year of its own: 三年行动计划（2023—2025年），2023年立项12个."""


def missing_number(question: Question, sentence: str, context: str) -> float:
    """Return the worst miss of a number; one that only a neighbouring sentence holds counts little."""
    numbers = [
        number
        for number in question.numbers
        if not (_AGE_LIMIT.search(sentence) and _is_own_age(number, question.text))
        and not (_LIMIT.search(sentence) and _is_own_case(number, question.text))
    ]
    misses = (0.0 if match_number(n, sentence) else 0.4 if match_number(n, context) else 1.0 for n in numbers)
    return max(misses, default=0.0)


_AGE_LIMIT = re.compile(r"\d周?岁|年龄")


def _is_own_age(number: str, asked: str) -> bool:
    """Tell an age that somebody gives of himself, and that a limit decides on: 今年33岁还能申请吗."""
    return re.search(rf"今年(?:已经?)?{number}|(?<![\d至到—~-]){number}周?岁(?!以|[至到—~-])", asked) is not None


_LIMIT = re.compile(
    r"不[超高低少多]于?过?\d|(?:[^圆]满|超过|达到|低于|高于|少于)\d|\d[\d.]*[\u3400-\u9fff（）()]{0,6}以[上下内]|\d[\u3400-\u9fff（）()]{0,4}至\d"
)


def _is_own_case(number: str, asked: str) -> bool:
    """Tell a number by which somebody describes his case, and that a limit decides on: 我们公司营收1.5亿, 25万的车."""
    is_of_thing = re.search(rf"(?<![\d.]){re.escape(number)}[万亿]?元?的[\u3400-\u9fff]", asked) is not None
    return is_of_thing or ONESELF.search(asked) is not None


def missing_word(question: Question, context: str, document: Document) -> float:
    """Return half the weight of the heaviest word that a passage lacks; less in English, where a translation may differ.

    A name that the document gives for itself (its title, its issuer) is not missing in its passages, nor is the word 比例
    where one has a share.
    """
    told = (*question.years, *(_SHARES if _SHARE.search(context) else ()))
    terms = [term for term in question.terms if term.text not in told]
    home = home_of(document)
    sources = [(term, context + home if term.is_name else context) for term in terms]
    misses = [term.weight * (1 - match_term(term.text, source)) for term, source in sources]
    return max(misses, default=0.0) * (0.25 if question.language == "en" else 0.5)


def is_told_elsewhere(question: Question, source: str, span: Span, document: Document) -> bool:
    """Tell a word of the question that a document has, but not the squeezed sentence with its headings nor what stands
    right before it: the passage at hand may be about another thing than the one asked for."""
    before = document.text[max(0, span.start - JUST_BEFORE) : span.start]
    near, whole = source + home_of(document) + squeeze(before), squeeze(document.text)
    return any(
        _says_what(term) and term.text in whole and match_term(term.text, near) < ALMOST for term in question.terms
    )


def _says_what(term: Term) -> bool:
    """Tell a noun that says what a question is about from a number and from words like 单位 and 企业."""
    is_general = any(term.text in words(name) for name in ("any_kind", "whom", "abstract_kinds", "generic"))
    return term.weight >= 0.9 and len(term.text) > 1 and not term.text[0].isdigit() and not is_general


JUST_BEFORE = 50
"""Characters in front of a sentence that may say what it is about."""
_SHARES = ("比例", "占比", "比率", "比重", "百分比")
_SHARE = re.compile("%|‰|[一二三四五六七八九]成|分之")


def missing_focus(question: Question, source: str) -> float:
    """Return how much of the last noun before the question word a squeezed text lacks: of 规模 of 「基金规模是多少」."""
    match = _FOCUS.match(question.text)
    before = [term for term in question.terms if match and term.text in match.group(1)]
    noun = before[-1].text if before else ""
    if not noun or noun in words("any_kind") or noun in words("abstract_kinds"):
        return 0.0
    return 0.0 if noun in LOOKS and LOOKS[noun].search(source) else 1 - match_term(noun, source)


def missing_rate(question: Question, sentence: str) -> float:
    """Return 1 for a sentence that has nothing of the rate that is asked for: 利率 for 不良率; 增长 will do for 增长率."""
    rates = [term.text for term in question.terms if term.text.endswith("率") and len(term.text) > 2]
    return float(any(max(match_term(rate, sentence), match_term(rate[:-1], sentence)) < ABBREVIATION for rate in rates))


def missing_member(question: Question, sentence: str, document: Document) -> float:
    """Return 1 where a sentence tells what several came to and has not the one, by name, that the question asks about."""
    if not GROUP_TOTAL.search(sentence) or ASKS_SUM.search(question.text) or len(question.terms) < 2:
        return 0.0
    home = home_of(document)
    names = [t.text for t in question.terms if t.is_name and t.text not in words("weak_names") and t.text not in home]
    whole = squeeze(document.text)
    return float(any(name in whole and match_term(name, sentence) < ABBREVIATION for name in names))


def lacks_doer(question: Question, sentence: str) -> bool:
    """Tell a sentence that has none of the official deeds whose doer is asked for: 验收 of 由谁验收."""
    if question.language == "en" and question.kind == WHO:
        return _lacks_deeds(_deeds_in_english(question), sentence)
    return _lacks_official_deeds(_ASKS_DOER.search(question.text), sentence)


def lacks_dated_deed(question: Question, near: str) -> bool:
    """Tell the surroundings of a date that have none of the official deeds whose date is asked for: 成立 of 哪一年成立 and
    of 成立于哪一年."""
    if question.kind != DATE:
        return False
    if question.language == "en":
        return _lacks_deeds(_deeds_in_english(question), near)
    asked = (pattern.search(question.text) for pattern in (_ASKS_DATE_OF, _ASKS_DATE_BEHIND))
    return any(_lacks_official_deeds(match, near) for match in asked)


def _lacks_official_deeds(asked: re.Match[str] | None, source: str) -> bool:
    """Other deeds (提出, 主张) are told in too many words to be missed."""
    return _lacks_deeds([deed for deed in words("official_deeds") if asked and deed in asked.group(1)], source)


def _lacks_deeds(deeds: Sequence[str], source: str) -> bool:
    return bool(deeds) and all(match_term(deed, source) < PARTIAL for deed in deeds)


def _deeds_in_english(question: Question) -> Sequence[str]:
    """Return the Chinese words for the deed behind who, or in the past of when; none if it is no official one."""
    asked = _ENGLISH_DEED.findall(question.text)
    written = (translations().get(word, ()) for pair in asked for word in pair if word)
    return next((found for found in written if any(word in words("official_deeds") for word in found)), ())


_ENGLISH_DEED = re.compile(r"\bwho (?:(?:is|was|will) )?(\w+(?:s|ed))\b(?! as)|\bwhen (?:was|were)\b.* (\w+ed)\b")
_WHEN = r"(?:什么时候|啥时候|何时|哪一?[年天月日]|几月(?:份|几?[号日])?|几[号日])"
_ASKS_DATE_OF = re.compile(rf"{_WHEN}([\u3400-\u9fff]{{2,}})")
_ASKS_DATE_BEHIND = re.compile(rf"([\u3400-\u9fff]{{2,4}}?)(?:的?(?:时间|日期|年份))?(?:是?[于在]|是|为){_WHEN}")
_ASKS_DOER = re.compile(
    r"(?:谁|哪[个家些一]{0,2}(?:单位|部门|机关|机构|公司|企业|委办局?|局|委))(?!可|能|才能|有资格)([\u3400-\u9fff]{2,})"
)


def missing_reason(question: Question, sentence: str, surroundings: str) -> float:
    """Return how much a sentence lacks of what a why-question takes for granted; most where its surroundings tell no cause."""
    if not WHY.search(question.text):
        return 0.0
    return 1 - coverage(question.terms, sentence) if _CAUSE.search(surroundings) else NO_CAUSE


NO_CAUSE = 1.5
"""What it counts that a sentence says only that it is so and nothing of why."""
_CAUSE = re.compile(
    r"得名|故(?!事|意|障|居|乡)|源[于自]|取自|因(?!子|素)|由于|为了|为(?:进一步|全面|加[快强]|促|推|落实|贯彻|规范|方便|鼓励)|鉴于|考虑|所以|导致|造成|影响|受[^，。；]{1,12}(?:限|制约|冲击|拖累)|主要是|得益|理由|使|致|旨在|以便|从而|避免|缺|不足|难|需|有利|保障|解决|按照|根据|[拉带推]动"
)
"""What a sentence has that tells why."""


def _lacks(word: str, context: str) -> bool:
    look = LOOKS.get(word)
    is_halt = word.startswith("停") and "停" in context
    return match_term(word, context) < ABBREVIATION and not is_halt and not (look and look.search(context))


def lacks_deed(question: Question, context: str) -> bool:
    """Tell a passage that has nothing of what a question takes for granted and no other word says: a loss, a grave deed,
    a means of contact, a post, a rate (停办, 减少, 邮箱, 组长, 收益率)."""
    deeds = words("losses") | words("only_so_called") | (words("grave") if WHY.search(question.text) else frozenset())
    return any(deed in question.text and _lacks(deed, context) for deed in deeds)
