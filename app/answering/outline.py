"""Questions about how a document is divided (哪三方面？下阶段的重点工作？), answered with its headings."""

import re
from collections.abc import Sequence

from app.answering.choosing import telling
from app.answering.matching import coverage, squeeze
from app.answering.question import HOW, LATER, LIST, OPEN, WHICH, Question
from app.answering.terms import Term
from app.text import is_question, split_sentences, unnumbered
from app.types import Document, Section, Span

ASKS_FOR_PARTS = re.compile(
    r"(?:哪|几|[两二三四五六七八九十]|\d)\s*(?:[两二三四五六七八九十几\d])?\s*(?:个|大|项|条|点)?\s*(?:方面|部分|重点|要点|点(?!\d)|工作|任务|举措|建议|措施)"
    r"|(?:工作|任务|措施|建议|要点|举措|重点|打算|安排|计划)(?:都|分别|主要|又)?(?:有哪些|有哪几[项个点条]|是哪些|是什么|有什么|包括)|哪些(?:方面|部分|重点|要点|工作|任务|举措|建议|措施|打算|安排|考虑|计划)"
)
POINTING = re.compile(
    r"^(?:工作|重点|重点工作|方面|部分|内容|措施|建议|要点|主要|任务|举措|打算|安排|计划|考虑|思路|想法|答复|回应|提案|文件|三项|项|点|条|[一二两三四五六七八九十\d]+[个项条点大]?|有关|涉及|提出|包括|分为|针对|回答|政府|阶段)$"
)
"""Words of such a question that are not about a part's subject."""
COUNT = re.compile(
    r"([两二三四五六七八九十]|\d{1,2})\s*(?:个|大|项|条|点)?\s*(?:方面|部分|重点|要点|点|工作|任务|举措|建议|措施)"
)
_NUMBERS = {numeral: i for i, numeral in enumerate("一二三四五六七八九十", start=1)} | {"两": 2}
SUBJECT_WEIGHT = 0.45
"""Lighter words (verbs, the issuing body, what every sentence says) do not decide which part is meant."""
LONGEST_TOPIC = 60


def answer_from_outline(question: Question, document: Document) -> list[Span]:
    """Return the topic sentences of the parts that a question asks for; none if it doesn't ask for parts."""
    if question.kind not in (LIST, WHICH, HOW, OPEN) or not ASKS_FOR_PARTS.search(question.text):
        return []
    if advice := _advice(question, document):
        return advice
    subject = tuple(
        term
        for term in telling(question.terms, document)
        if term.weight >= SUBJECT_WEIGHT and not POINTING.match(term.text) and not LATER.search(term.text)
    )
    groups = [(parent, parts) for parent, parts in _groups(document) if _has_number(question, parts)]
    named = [parts for parent, parts in groups if _is_named(question, parent)]
    meant = [parts for parent, parts in groups if _is_meant(question, subject, parent)]
    return [_topic(document, part.span) for part in [*named, *meant, []][0]]


_ADVICE = re.compile(r"提出(?!问题)[^。；\n]{2,}?、[^。；\n]{2,}?等[^。；\n、]{0,8}建议")
"""What a reply says of the proposal that it answers: 提案提出的甲、乙等建议很有价值."""


def _advice(question: Question, document: Document) -> list[Span]:
    """Return the sentence that tells a proposal's suggestions, where a question asks for them."""
    if not re.search(r"(?:提案|议案|代表|委员|党派).{0,8}建议", question.text):
        return []
    sentences = split_sentences(document.text)
    return [span for span in sentences if _ADVICE.search(span.of(document.text))][:1]


def _is_named(question: Question, parent: tuple[str, ...]) -> bool:
    """Tell a heading that has all the words of a question: 重点任务包括哪些方面."""
    heading = squeeze(parent[-1]) if parent else ""
    return len(question.terms) > 1 and coverage(question.terms, heading) > 0.9


def _groups(document: Document) -> list[tuple[tuple[str, ...], list[Section]]]:
    """Return the sections of each parent that has at least two, outermost parents first."""
    groups: dict[tuple[str, ...], list[Section]] = {}
    for section in document.sections:
        groups.setdefault(section.path[:-1], []).append(section)
    numbered = {parent: [part for part in parts if _is_part(part)] for parent, parts in groups.items()}
    return sorted(((p, parts) for p, parts in numbered.items() if len(parts) > 1), key=lambda group: len(group[0]))


def _is_part(section: Section) -> bool:
    """Tell a numbered part from the head, the tail and the outlook of a document, and from a question that it answers."""
    heading = section.path[-1]
    return re.match(r"[\d一二三四五六七八九十（(第①-⑳]", heading) is not None and not is_question(heading)


def _is_meant(question: Question, subject: Sequence[Term], parent: tuple[str, ...]) -> bool:
    asks_later, is_later = (
        bool(LATER.search(question.text)),
        any(LATER.match(unnumbered(heading)) for heading in parent),
    )
    if asks_later != is_later:
        return False
    if not subject:
        return is_later or not parent
    return bool(parent) and coverage(tuple(subject), squeeze(" ".join(parent))) >= 0.7


def _has_number(question: Question, parts: Sequence[Section]) -> bool:
    match = COUNT.search(question.text)
    return match is None or len(parts) == (_NUMBERS.get(match.group(1)) or int(match.group(1)))


def _topic(document: Document, span: Span) -> Span:
    """Return a part's first sentence, or its first clause where the sentence is long."""
    first = split_sentences(document.text, span, clauses=True)[0]
    if len(first.of(document.text)) <= LONGEST_TOPIC:
        return first
    comma = re.search(r"[，,]", first.of(document.text)[6:])
    return Span(first.start, first.start + 6 + comma.start()) if comma else first
