"""Whether the evidence really answers: what the question names and the evidence lacks, weighed into one probability."""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from app.answering.choosing import Evidence
from app.answering.kinds import missing_wanted
from app.answering.lexicon import synonyms, translations, words
from app.answering.matching import coverage, match_number, match_term, squeeze
from app.answering.metadata import WHY
from app.answering.question import DATE, FIGURE, YEAR, Question, Term
from app.answering.spans import find_lists
from app.text import is_cjk
from app.types import Document

BODY = re.compile(
    r"(?:大学|学院|公司|集团|银行|医院|法院|检察院|研究院|研究所|交易所|委员会|教委|科委|发改委|经信委|国资委|卫健委|厅|局|署|税务|海关|政府|协会|学会|基金会|法|条例|办法)$"
)
SINGLE = re.compile(
    r"单独|仅|只有|每[人个家项年月次位名]|各自|其中|平均|人均|单个|单笔|首[批单个台套家例件笔]|第[一二三四五六七八九十\d]+批|\b(?:each|alone|only|per|average)\b"
)
SUM = re.compile(r"[共总](?![同享])|合计|全部|[两三四五六七八九十]类")

_SUMMED = re.compile(rf"{SUM.pattern}|累计")


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for and against an answer; each from 0 to about 1."""

    lexical: float
    context: float
    dense: float
    fit: float
    lead: float
    """By how much the passage's fused score is above the mean of all, in deviations, divided by 5."""
    no_figure: float
    """1 where a figure or a date is asked for and the sentence has none of the wanted kind."""
    no_list: float
    """1 where the members of something are asked for and the sentence lists none, or another number of them."""
    missing_name: float
    """The worst miss among the names the question gives."""
    missing_year: float
    missing_number: float
    missing_wanted: float
    """1 where the evidence has nothing of the noun that the answer must be one of, more where its look is known."""
    missing_focus: float
    """How much of the noun that is asked about (规模 of 「基金规模」) the evidence lacks."""
    missing_word: float
    """The weight of the heaviest other word that neither the passage nor its headings hold."""
    missing_reason: float
    """How much of what a why-question takes for granted the sentence lacks."""
    aggregate: float
    """1 where one member is asked for and the evidence gives a sum."""
    unreal: float
    """1 where what was done is asked for and the evidence speaks of plans."""


def support_of(question: Question, evidence: Evidence, document: Document) -> Support:
    """Compare a question with the sentence chosen for it."""
    sentence = squeeze(evidence.text)
    headings = squeeze(" ".join(evidence.passage.chunk.heading))
    context = squeeze(evidence.passage.chunk.text) + headings
    near = squeeze(_clause_of_answer(evidence))
    asks_figure = question.kind in (FIGURE, DATE)
    return Support(
        lexical=evidence.lexical,
        context=evidence.context,
        dense=max(0.0, min(1.0, (evidence.dense - 0.75) / 0.2)),
        fit=evidence.fit,
        lead=max(0.0, min(1.0, evidence.passage.score / 5)),
        no_figure=float(asks_figure and evidence.fit == 0 and not CODE.search(question.text)),
        no_list=_no_list(question, evidence),
        missing_name=max(
            _missing_name(question, sentence, headings, context, document),
            _is_of_another_item(question, evidence, document),
        ),
        missing_year=_missing_year(question, sentence, context, document),
        missing_number=_missing_number(question, sentence, context, document),
        missing_wanted=missing_wanted(question, near if asks_figure else sentence),
        missing_focus=0.0 if asks_figure and evidence.fit > 0 else _missing_focus(question, sentence + headings),
        missing_word=_missing_word(question, context),
        missing_reason=_missing_reason(question, sentence),
        aggregate=max(_aggregate(question, sentence, near if asks_figure else sentence), _of_group(question, evidence)),
        unreal=float(bool(DONE.search(question.text)) and bool(PLANNED.search(near))),
    )


CODE = re.compile(r"编号|番号|代[码号]|号码|型号|邮编|车次|航班")
"""What is asked for with 多少 and is no figure: L2."""


def lacks_focus(question: Question, source: str) -> bool:
    """Tell a source that has nothing of the noun that is asked about (券商 of 「辅导券商是哪家」)."""
    return _missing_focus(question, squeeze(source)) > 0.9


def lacks_kind(question: Question, evidence: Evidence) -> bool:
    """Tell a sentence that has nothing of what is asked for: no figure, no list of members, no such noun, not the subject."""
    asks_figure = question.kind in (FIGURE, DATE)
    sentence = squeeze(evidence.text)
    near = squeeze(_clause_of_answer(evidence)) if asks_figure else sentence
    has_code = CODE.search(question.text) is not None and any(character.isdigit() for character in evidence.text)
    return (
        (asks_figure and evidence.fit == 0 and not has_code)
        or (not asks_figure and lacks_focus(question, evidence.text))
        or _no_list(question, evidence) >= 1
        or (question.wanted not in words("abstract_kinds") and missing_wanted(question, near) > 0.9)
    )


def _aggregate(question: Question, sentence: str, near: str) -> float:
    """Return 1 if the sentence, or the clause of the answer, gives a sum and says nothing of the one that is asked for."""
    single = SINGLE.search(question.text)
    if single is None or SUM.search(question.text):
        return 0.0
    return float(any(_SUMMED.search(part) and single.group() not in part for part in (sentence, near)))


_RATE = re.compile(r"每[人家个项名所户套件]|[最不]|以[上下]|标准|按|各|%")
"""What a clause says of each of several, not of all together."""


def _of_group(question: Question, evidence: Evidence) -> float:
    """Return 1 for a number that is told of several together, of whom the question names one: 甲、乙两校招收800名."""
    if question.kind != FIGURE or not evidence.highlights or _RATE.search(_clause_of_answer(evidence)):
        return 0.0
    names = [term.text for term in question.terms if term.is_name]
    start, _ = evidence.highlights[0]
    for first, last in find_lists(evidence.text):
        listed = re.split("[、和与及]", squeeze(evidence.text[first:last]))
        members = [body.group() if (body := _NAMED_BODY.match(member)) else member for member in listed]
        for name in names:
            others = [member for member in members if not (member.startswith(name) or member.endswith(name))]
            are_alike = all(abs(len(member) - len(name)) <= ALIKE for member in others)
            others_asked = any(member in squeeze(question.text) for member in others)
            if len(others) == len(members) - 1 > 0 and are_alike and not others_asked and not first <= start < last:
                return 1.0
    return 0.0


_NAMED_BODY = re.compile(
    r"[\u3400-\u9fff]{1,12}?(?:大学|学院|医院|公司|银行|集团|中心|街道|[省市区县镇乡](?![\u3400-\u9fff]))"
)
ALIKE = 5
"""Names of one list differ in length by no more characters than this."""


def _missing_word(question: Question, context: str) -> float:
    """Return half the weight of the heaviest word that a passage lacks; less in English, where a translation may differ."""
    terms = [term for term in question.terms if term.text not in question.years]
    misses = [term.weight * (1 - match_term(term.text, context)) for term in terms]
    heaviest = max(misses, default=0.0) * (0.25 if question.language == "en" else 0.5)
    return max(heaviest, OTHERS) if _is_of_others(question, context) else heaviest


OTHERS = 2.0
"""What it counts that a passage speaks of others than the question: of teachers, not of 初中教师."""


def _is_of_others(question: Question, context: str) -> bool:
    """Tell a passage that has those whom a question is about, but not the word that says which of them."""
    return any(
        not word.is_name
        and not question.unit.startswith(word.text)
        and word.text + who.text in question.text
        and who.text in words("whom")
        and who.text in context
        and match_term(word.text, context) < 0.3
        for word, who in pairwise(question.terms)
    )


def _clause_of_answer(evidence: Evidence) -> str:
    """Return the clause that holds the short answer; the sentence if there is none."""
    if not evidence.highlights:
        return evidence.text
    start, end = evidence.highlights[0]
    left = max((evidence.text.rfind(mark, 0, start) for mark in "，,；;。"), default=-1) + 1
    right = min((cut for mark in "，,；;。" if (cut := evidence.text.find(mark, end)) >= 0), default=len(evidence.text))
    return evidence.text[left:right]


def _no_list(question: Question, evidence: Evidence) -> float:
    if not MEMBERS.search(question.text):
        return 0.0
    if not evidence.highlights:
        return 1.0
    start, end = evidence.highlights[0]
    items = len(re.findall(r"[、和与及]", evidence.text[start:end])) + 1
    number = NUMBER_OF_MEMBERS.search(question.text)
    wanted = _NUMERALS.get(number.group(1), 0) if number else 0
    if not wanted or wanted in (items - 1, items, items + 1):
        return 0.0
    return 1.0 if items < wanted / 2 else 0.6


MEMBERS = re.compile(
    r"具体(?:是|有|指|包括)?(?:哪|什么)|名单|分别(?:是|指|叫|为)(?:哪|什么|谁)|分别[\u3400-\u9fff]{1,3}哪|哪[两二三四五六七八九十\d]+|都有(?:哪|谁|什么)|指哪"
)
"""Asks for the members of something, one by one."""
NUMBER_OF_MEMBERS = re.compile(r"([两二三四五六七八九十]|\d{1,2})[个大家类项种所座]")
_NUMERALS = (
    {numeral: i for i, numeral in enumerate("一二三四五六七八九十", start=1)}
    | {"两": 2}
    | {str(i): i for i in range(100)}
)
DONE = re.compile(r"实际|已经?|目前|现在|真正|到底")
PLANNED = re.compile(r"拟|(?<!已)将(?!近)|计划(?!共|资助)|准备|力争|争取|预计")


def _missing_reason(question: Question, sentence: str) -> float:
    return 1 - coverage(question.terms, sentence) if WHY.search(question.text) else 0.0


def is_firm_name(term: Term, language: str) -> bool:
    """Tell a name that the evidence must hold from a word that may be said otherwise."""
    if term.text in words("weak_names"):
        return False
    if language == "en":
        return term.is_name or any(chinese in words("places") for chinese in translations().get(term.text, ()))
    if not is_cjk(term.text[0]):
        return len(term.text) > 1 and term.text[0].isalpha()
    if term.text.rstrip("省市区县") in words("places"):
        return True
    if any(term.text[i : i + 2] in synonyms() for i in range(len(term.text) - 1)) and not BODY.search(term.text):
        return False
    return (len(term.text) > 2 and bool(BODY.search(term.text)) and term.text not in synonyms()) or (
        term.is_name and len(term.text) >= 3
    )


_ITEM_HEAD = re.compile(
    r"^[^\S\n]*(?:[（(][一二三四五六七八九十\d]{1,3}[）)]|\d{1,2}[.．、])([^：:，。；\n]{2,14})[：:]", re.MULTILINE
)


def _is_of_another_item(question: Question, evidence: Evidence, document: Document) -> float:
    """Return 1 where a list tells it of one thing and the question asks of another item's: （一）博士：…；（二）硕士：…."""
    own = _ITEM_HEAD.match(evidence.text)
    if own is None:
        return 0.0
    heads = {squeeze(head) for head in _ITEM_HEAD.findall(document.text)}
    asked = [term.text for term in question.terms if len(term.text) > 1 and term.text not in squeeze(evidence.text)]
    return float(any(word in head for word in asked for head in heads))


_GROUP_TOTAL = re.compile(
    r"(?:[两三四五六七八九十\d]+[类个项家所种批]|各[类个项家地])[\u3400-\u9fff]{0,8}(?:[共总](?![同享])|合计|累计)"
    r"|全[国省市区县][\u3400-\u9fff]{0,6}[共总](?![同享])"
)
"""A sentence that says what several come to together: 四类计划共资助…"""


def _missing_name(question: Question, sentence: str, headings: str, context: str, document: Document) -> float:
    """Return the worst miss of a name. One that only a neighbouring sentence holds counts little, unless a sum is told."""
    home = squeeze(" ".join((document.title, *(field.value for field in document.fields))))
    beside = 0.5 if SUM.search(sentence) and not SUM.search(question.text) else 0.8
    beside = 0.0 if _GROUP_TOTAL.search(sentence) else beside
    worst = 0.0
    for term in question.terms:
        if is_firm_name(term, question.language):
            name = term.text.rstrip("省市区县") if len(term.text) > 2 else term.text
            near = max(
                match_term(name, sentence + headings), 0.9 * match_term(name, home), beside * match_term(name, context)
            )
            worst = max(worst, 1 - near)
    return worst


def _missing_year(question: Question, sentence: str, context: str, document: Document) -> float:
    """Return 1 if the evidence speaks of other years than the question, less if it speaks of none."""
    missing = [year for year in question.years if year not in sentence]
    if not missing:
        return 0.0
    if not YEAR.search(sentence) and all(year in squeeze(document.title) for year in missing):
        return 0.1
    if YEAR.search(sentence) or not all(year in context for year in missing):
        dated = squeeze(" ".join(field.value for field in document.fields))
        return 0.4 if all(year in dated for year in missing) and not YEAR.search(sentence) else 1.0
    return 0.2


def _missing_number(question: Question, sentence: str, context: str, document: Document) -> float:
    home = squeeze(document.title)
    digits = [0.0 if match_number(n, sentence) else 0.4 if match_number(n, context) else 1.0 for n in question.numbers]
    return max(
        [
            _contrary(question, sentence),
            *digits,
            *(_conflict(numeral, sentence + context + home) for numeral in _COUNTED.findall(question.text)),
        ],
        default=0.0,
    )


def _contrary(question: Question, sentence: str) -> float:
    """Return 1 if a sentence tells it of the contrary: 上半年 where the question says 下半年."""
    for group in words("contraries"):
        asked, told = ({word for word in group.split("/") if word in text} for text in (question.text, sentence))
        if asked and told and not asked & told:
            return 1.0
    return 0.0


_COUNTED = re.compile(r"([一二三四五六七八九十]+[届次批类大轮期号居级星档层])")


def _conflict(counted: str, evidence: str) -> float:
    """Return 1 if the evidence has another number of the same things: 二次 where the question says 一次."""
    if counted in evidence:
        return 0.0
    return float(re.search(rf"[一二三四五六七八九十]{counted[-1]}", evidence) is not None)


_FOCUS = re.compile(r"(.{2,}?)(?:是|为|叫|有)+\s*(?:多少|几|多大|哪|什么|啥|谁)")


def _missing_focus(question: Question, sentence: str) -> float:
    """Return how much of the last noun before the question word the evidence lacks."""
    match = _FOCUS.match(question.text)
    before = [term for term in question.terms if match and term.text in match.group(1)]
    says_little = before and (before[-1].text in words("any_kind") or before[-1].text in words("abstract_kinds"))
    return 1 - match_term(before[-1].text, sentence) if before and not says_little else 0.0


WEIGHTS = {
    "lexical": 1.9, "context": 1.3, "dense": 0.0, "fit": 1.9, "lead": 1.6, "no_figure": -4.1, "no_list": -5.0, "missing_name": -3.8,
    "missing_year": -6.0, "missing_number": -4.0, "missing_wanted": -2.6, "missing_focus": -1.7, "missing_word": -1.9,
    "missing_reason": -2.6, "aggregate": -4.0, "unreal": -2.7,
}  # fmt: skip
BIAS = -1.4
THRESHOLD = 0.5
"""Evidence less likely than this to answer is not shown as an answer."""


READER, READER_BIAS = 0.25, 0.4
"""What the reader's logit counts beside the rules. It tells much better than they do whether an encyclopedia or a notice
answers (held-out training articles with and without the passage: AUROC .956 against .835), and worse where a question on
a single document is put in other words (the reply set: .82 against .94)."""


def probability(support: Support, answerable: float | None = None) -> float:
    """Return how likely the evidence answers the question, 0 to 1 (logistic).

    `answerable` is the reader's logit for the passage, None without a reader.
    """
    total = BIAS + sum(weight * getattr(support, name) for name, weight in WEIGHTS.items())
    if answerable is not None:
        total += READER * max(-6.0, min(6.0, answerable)) + READER_BIAS
    return 1 / (1 + math.exp(-total))
