"""Whether the evidence really answers: what speaks for it and what against, weighed into one probability."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.answering import attributes, others
from app.answering.choosing import Evidence
from app.answering.kinds import missing_wanted
from app.answering.lexicon import words
from app.answering.matching import squeeze
from app.answering.metadata import is_contact_of_another
from app.answering.missing import (
    is_told_elsewhere,
    lacks_dated_deed,
    lacks_deed,
    lacks_doer,
    missing_focus,
    missing_member,
    missing_name,
    missing_number,
    missing_rate,
    missing_reason,
    missing_word,
    missing_year,
    other_year_before,
)
from app.answering.question import DATE, FIGURE, LIST, OPEN, WHICH, Question
from app.text import SENTENCE_END, list_around
from app.types import Document

OTHERS = 2.0
"""What it counts as a missing word that a passage speaks of others of a kind: of teachers, not of 初中教师."""

IN_TITLE = 0.4
"""How much of a missing noun still counts where a figure is asked for and the headings name what it counts."""
DEED = 3.0
"""What it counts as a missing word that a passage says nothing of the deed or loss that a question takes for granted."""
DOER = 3.0
"""What it counts as a missing word that a sentence has nothing of the deed whose doer is asked for."""
LACKS = 1.5
"""What it counts as a missing list that a sentence surely has nothing of the attribute that is asked for."""
COUNTS = 2.5
"""What it counts as a missing list that a sentence only counts those whose names are asked for."""
DEFINITION = 1.5
"""What it counts as a missing list that a sentence does not say what something means, where that is asked for."""
CONTRARY = 2.0
"""What it counts as a missing number that a sentence tells it of the contrary: 正高级 where 副高级 is asked for."""
GROUP = 2.3
"""What it counts as a sum that a number is told of several by name: 甲、乙两院开放1260张."""


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for and against an answer; each from 0 to about 1, an objection that is certain up to 3."""

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
    """1 where one member is asked for and the evidence gives a sum, GROUP where it names those who share it."""
    unreal: float
    """1 where what was done is asked for and the evidence speaks of plans."""
    missing_here: float
    """As much as the reader doubts the passage, where the document has a word of the question in another place."""


def support_of(question: Question, evidence: Evidence, document: Document) -> Support:
    """Compare a question with the sentence chosen for it."""
    sentence = squeeze(evidence.text)
    headings = squeeze(" ".join(evidence.passage.chunk.heading))
    title = squeeze(document.title)
    home = title if question.kind in (LIST, WHICH) else ""
    context = squeeze(evidence.passage.chunk.text) + headings
    near = squeeze(evidence.clause)
    asks_figure = question.kind in (FIGURE, DATE)
    return Support(
        lexical=evidence.lexical,
        context=evidence.context,
        dense=max(0.0, min(1.0, (evidence.dense - 0.75) / 0.2)),
        fit=evidence.fit,
        lead=max(0.0, min(1.0, evidence.passage.score / 5)),
        no_figure=float(asks_figure and evidence.fit == 0 and not CODE.search(question.text)),
        no_list=max(
            _no_list(question, evidence),
            DEFINITION * _no_definition(question, evidence),
            COUNTS * attributes.only_counts(question, _with_following(evidence, document)),
            float(attributes.names_nobody(question, sentence)),
            float(is_contact_of_another(question, sentence, document)),
            float(attributes.lacks_place(question, sentence)),
            float(attributes.is_only_title(question, sentence, title)),
            float(question.kind == OPEN and evidence.lexical < FAR),
            LACKS
            * (
                attributes.names_none(question, evidence.text)
                or attributes.lacks_body(question, sentence)
                or attributes.lacks_person(question, sentence)
                or attributes.lacks_number(question, sentence)
                or attributes.lacks_growth(question, sentence)
                or attributes.lacks_part(question, sentence, near)
            ),
        ),
        missing_name=max(
            missing_name(question, sentence, headings, context, document),
            float(others.is_of_another_item(question, evidence, document)),
        ),
        missing_year=max(
            missing_year(question, sentence, near if question.kind == FIGURE else "", context, document),
            other_year_before(question, sentence, _before_in_sentence(evidence, document)),
        ),
        missing_number=max(
            missing_number(question, sentence, context),
            CONTRARY * others.is_contrary(question, sentence),
            float(others.is_not_denied(question, sentence)),
            CONTRARY * others.counts_otherwise(question, sentence + context + title),
            CONTRARY * others.is_of_another_in_row(question, sentence),
        ),
        missing_wanted=missing_wanted(
            question, near if asks_figure else sentence + _head_of_list(question, evidence, document)
        )
        * (IN_TITLE if asks_figure and question.wanted and question.wanted in headings + title else 1),
        missing_focus=missing_rate(question, sentence + headings)
        if asks_figure and evidence.fit > 0
        else missing_focus(question, sentence + headings + home),
        missing_word=max(
            missing_word(question, context, document),
            OTHERS * others.is_of_another_kind(question, context + title),
            DEED * lacks_deed(question, context),
            DOER * lacks_doer(question, sentence + headings),
            DOER * lacks_dated_deed(question, _surroundings(evidence)),
        ),
        missing_reason=missing_reason(question, sentence, _surroundings_of_topic(evidence, document)),
        aggregate=max(
            float(others.is_sum_of_all(question, sentence, near if asks_figure else sentence)),
            GROUP * others.is_of_each(question, near),
            float(attributes.is_other_money(question, near)),
            GROUP * attributes.is_total_for_part(question, sentence, near),
            GROUP * attributes.is_growth_of_another(question, evidence, headings + title, document),
            GROUP * others.is_of_group(question, evidence, document),
            GROUP * others.is_of_another_field(question, sentence),
            GROUP * others.is_of_another_place(question, evidence, document),
            GROUP * (asks_figure and others.is_of_more_places(question, near)),
            GROUP * others.is_per_another(question, evidence),
            GROUP * others.is_of_whole(question, evidence, title),
            GROUP * others.is_part_of_total(question, sentence),
            GROUP * others.is_of_namesake(question, sentence + headings, document),
            GROUP * missing_member(question, sentence + headings, document),
        ),
        unreal=float(bool(DONE.search(question.text)) and _is_planned(sentence, near)),
        missing_here=_doubt(evidence) * is_told_elsewhere(question, sentence + headings, evidence.span, document),
    )


def _doubt(evidence: Evidence) -> float:
    """Return how much the reader doubts that a passage answers, 0 to 1; a little where there is none."""
    reading = evidence.passage.reading
    return 0.25 if reading is None else min(1.0, max(0.0, -reading.answerable / 2))


def _is_planned(sentence: str, clause: str) -> bool:
    """Tell a clause of a plan, whose mark may stand in a clause before it: 力争成交额达到35亿元，经理人达到1000人."""
    before = sentence[: sentence.find(clause) + len(clause)] if clause in sentence else clause
    last = max((match for match in _DONE_OR_PLANNED.finditer(before)), key=lambda match: match.start(), default=None)
    return last is not None and last.lastgroup == "planned"


def _with_following(evidence: Evidence, document: Document) -> str:
    """Return a sentence with what follows it, where a list of those may stand whom it counts."""
    return document.text[evidence.span.start : evidence.span.end + BEHIND_TOPIC]


def _before_in_sentence(evidence: Evidence, document: Document) -> str:
    """Return the squeezed clauses of its own sentence that stand before a clause: 2023年底，…占三成；区域间技术交易额…."""
    start = max(document.text.rfind(mark, 0, evidence.span.start) for mark in SENTENCE_END + "\n") + 1
    return squeeze(document.text[start : evidence.span.start])


def _head_of_list(question: Question, evidence: Evidence, document: Document) -> str:
    """Return the squeezed heading or lead-in of the list in which a sentence stands, where a list is asked for: it says what
    its items are."""
    return squeeze(list_around(document.text, evidence.span)[0]) if question.kind == LIST else ""


def _surroundings_of_topic(evidence: Evidence, document: Document) -> str:
    """Return a squeezed sentence, a short one with what follows it, which may say why: （五）关于新建产线。经论证，投资过大。"""
    end = evidence.span.end + (BEHIND_TOPIC if len(evidence.text) < SHORT else 0)
    return squeeze(document.text[evidence.span.start : end])


SHORT, BEHIND_TOPIC = 30, 80
"""Characters of a sentence that only names a matter, and behind it."""


def _surroundings(evidence: Evidence) -> str:
    """Return the short answer with what stands around it, squeezed; the sentence if there is none."""
    if not evidence.highlights:
        return squeeze(evidence.text)
    start, end = evidence.highlights[0]
    return squeeze(evidence.text[max(0, start - AROUND) : end + AROUND])


AROUND = 40
"""Characters on either side of a date within which its deed stands."""
FAR = 0.25
"""What asks for nothing of a known kind and shares fewer of its words than this with a sentence is not answered by it."""
CODE = re.compile(r"编号|番号|代[码号]|号码|型号|邮编|车次|航班")
"""What is asked for with 多少 and is no figure: L2."""


def lacks_focus(question: Question, source: str) -> bool:
    """Tell a source that has nothing of the noun that is asked about (券商 of 「辅导券商是哪家」)."""
    return missing_focus(question, squeeze(source)) > 0.9


def lacks_kind(question: Question, evidence: Evidence) -> bool:
    """Tell a sentence that has nothing of what is asked for: no figure, no list of members, no such noun, not the subject."""
    asks_figure = question.kind in (FIGURE, DATE)
    sentence = squeeze(evidence.text)
    near = squeeze(evidence.clause) if asks_figure else sentence
    has_code = CODE.search(question.text) is not None and any(character.isdigit() for character in evidence.text)
    return (
        (asks_figure and evidence.fit == 0 and not has_code)
        or (not asks_figure and lacks_focus(question, evidence.text))
        or _no_list(question, evidence) >= 1
        or (question.wanted not in words("abstract_kinds") and missing_wanted(question, near) > 0.9)
    )


_ASKS_DEFINITION = re.compile(
    r"[\u3400-\u9fffa-z0-9+]{2}[”」]?[\u3400-\u9fff]{0,8}?"
    r"(?:是|指的?是?)什么意思|指的?是?(?:什么|啥)|什么叫|何谓|[怎如][么何样]定义|(?:含义|定义)(?:是|$|[?？])"
)
_DEFINES = re.compile(r"指|即|所称|称为|是一[种个项类]|定义|、[^，。；、]{1,12}[“「]|[（(]以下")
"""What a sentence has that says what something means: …，是指…; 任务、资金、管理“三联通”."""


def _no_definition(question: Question, evidence: Evidence) -> float:
    """Return 1 where a question asks what something means and the sentence does not say it."""
    return float(_ASKS_DEFINITION.search(question.text) is not None and not _DEFINES.search(evidence.text))


def _no_list(question: Question, evidence: Evidence) -> float:
    if not MEMBERS.search(question.text):
        return 0.0
    if not evidence.highlights:
        return 1.0
    start, end = evidence.highlights[0]
    if COUNTED_ITEM.search(evidence.text[start:end]):
        return 1.0
    items = len(re.findall(r"[、和与及]", evidence.text[start:end])) + 1
    number = NUMBER_OF_MEMBERS.search(question.text)
    wanted = _NUMERALS.get(number.group(1), 0) if number else 0
    if not wanted or wanted in (items - 1, items, items + 1):
        return 0.0
    return 1.0 if items < wanted / 2 else 0.6


MEMBERS = re.compile(
    r"具体(?:是|有|指|包括)?(?:哪|什么)|名单|分别(?:是|指|叫|为)(?:哪|什么|谁|啥)|分别[\u3400-\u9fff]{1,3}哪|哪[两二三四五六七八九十\d]+|都有(?:哪|谁|什么)|都叫(?:啥|什么)|指哪"
)
"""Asks for the members of something, one by one."""
COUNTED_ITEM = re.compile(r"\d+\s*[家个所人名项](?:、|$)")
"""A list of how many there are of each kind names none of them: 市级6家、区级15家."""
NUMBER_OF_MEMBERS = re.compile(r"([两二三四五六七八九十]|\d{1,2})[个大家类项种所座样]")
_NUMERALS = (
    {numeral: i for i, numeral in enumerate("一二三四五六七八九十", start=1)}
    | {"两": 2}
    | {str(i): i for i in range(100)}
)
DONE = re.compile(r"实际|已经?|目前|现在|真正|到底")
PLANNED = re.compile(
    r"拟|(?<!已)将(?!近|[^，。；]{1,14}?[由从][^，。；]{1,14}[至到为])|计划(?!共|资助)|准备|力争|争取|预计"
)


_DONE_OR_PLANNED = re.compile(rf"(?P<planned>{PLANNED.pattern})|已|目前|截至|累计|[;；。]")
"""What the clauses behind it are of, up to the next such mark."""


WEIGHTS = {
    "lexical": 1.9, "context": 1.3, "dense": 0.0, "fit": 1.9, "lead": 1.6, "no_figure": -4.1, "no_list": -5.0, "missing_name": -3.8,
    "missing_year": -6.0, "missing_number": -4.0, "missing_wanted": -2.6, "missing_focus": -1.7, "missing_word": -1.9,
    "missing_reason": -2.6, "aggregate": -4.0, "unreal": -4.0, "missing_here": -2.0,
}  # fmt: skip
BIAS = -1.4
"""What is weighed by the rules alone."""

BESIDE = {
    "lexical": 1.2, "context": 0.7, "dense": 0.3, "fit": 1.9, "lead": 2.4, "no_figure": -3.8, "no_list": -4.6,
    "missing_name": -2.9, "missing_year": -5.2, "missing_number": -3.8, "missing_wanted": -2.0, "missing_focus": -1.5,
    "missing_word": -1.6, "missing_reason": -1.8, "aggregate": -3.5, "unreal": -3.5, "missing_here": -2.0,
}  # fmt: skip
READER, BESIDE_BIAS = 1.6, 1.2
"""The same beside the reader's logit, and what that counts. The weights are half way to a fit such as `python -m evals weights`
makes; the reader's is more than twice what it was then, for it was tuned since: on documents that nobody had looked at its
word alone tells better than all rules (AUROC .91 and .76)."""
MOST_READ = 6.0
"""What the reader's logit comes near to and never reaches, for or against; a small one counts in full. So a sentence that the
rules are sure of stays an answer."""
THRESHOLD = 0.5
"""Evidence less likely than this to answer is not shown as an answer."""


def logit(support: Support) -> float:
    """Return what speaks for an answer, weighed by the rules alone: above 0 it is likelier than not."""
    return BIAS + _weighed(WEIGHTS, support)


def probability(support: Support, answerable: float | None = None) -> float:
    """Return how likely the evidence answers the question, 0 to 1 (logistic).

    `answerable` is the reader's logit for the passage, None without a reader.
    """
    if answerable is None:
        total = logit(support)
    else:
        total = BESIDE_BIAS + _weighed(BESIDE, support) + READER * damped(answerable)
    return 1 / (1 + math.exp(-total))


def damped(answerable: float) -> float:
    """Return the reader's logit as it counts, between −MOST_READ and MOST_READ."""
    return MOST_READ * math.tanh(answerable / MOST_READ)


def _weighed(weights: Mapping[str, float], support: Support) -> float:
    return sum(weight * float(getattr(support, name)) for name, weight in weights.items())
