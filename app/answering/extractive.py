"""Passages → an answer made of verbatim sentences, each with its citation, or a refusal. Needs no language model."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.answering.choosing import Evidence
from app.answering.conversation import parse_parts
from app.answering.fitting import fit_of
from app.answering.matching import coverage, squeeze
from app.answering.metadata import WHY, answer_from_fields, cited_by_number
from app.answering.ordering import WEIGHED, Similarity, read
from app.answering.outline import answer_from_outline
from app.answering.places import with_places
from app.answering.question import DATE, FIGURE, HOW, LIST, OPEN, PHONE, WHICH, WHO, Question, parse_question
from app.answering.short_answer import full_answer
from app.answering.support import THRESHOLD, Support, probability, support_of
from app.text import has_cjk, is_order, is_topic, items_after, leads_in, list_around, unnumbered
from app.types import Chunk, Document, Passage, Span, Store

MAX_SENTENCES = 3
"""An answer's sentences; only the headings of an outline may be more."""
MAX_TOPICS = 20
TOPIC_SENTENCE = 30
"""A sentence shorter than this (一是完善人才政策。) only names what the next ones say."""

OTHER_LANGUAGE = 0.7
"""How much of the reader's word counts for an English question on a Chinese passage, which it reads less well (its AUROC is .79)."""

Search = Callable[[str], Sequence[Passage]]
"""Question → ranked passages."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence that answers (a part of) a question. `highlights` are offsets inside the span."""

    document: Document
    span: Span
    chunk: Chunk
    highlights: tuple[tuple[int, int], ...]
    probability: float

    @property
    def text(self) -> str:
        return self.span.of(self.document.text)

    def highlighted(self) -> tuple[str, ...]:
        return tuple(self.text[start:end].strip() for start, end in self.highlights)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What speaks for a sentence and against it, and how likely that makes it an answer, 0 to 1."""

    support: Support
    answerable: float | None
    """The reader's logit for the passage, None without a reader."""
    confidence: float
    by_rules: float
    """The confidence of the rules alone, without the reader's word."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentences that answer, none where nothing does, and how likely the best evidence answers, 0 to 1."""

    findings: tuple[Finding, ...]
    confidence: float
    by_rules: float
    """The confidence of the rules alone, without the reader's word."""
    declined: tuple[Finding, ...] = ()
    """What would be shown if it were likelier to answer."""
    judgements: tuple[Judgement, ...] = ()
    """One for each part of the question whose answer was weighed; metadata and outlines need no weighing."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A sentence, what is weighed as its answer, and the judgement."""

    best: Evidence
    weighed: Evidence
    judgement: Judgement

    @property
    def confidence(self) -> float:
        return self.judgement.confidence


def find_answer(question: str, search: Search, similarity: Similarity, store: Store) -> Verdict:
    """Return the sentences that answer a question.

    Each part of the question is answered by itself; parts that nothing answers are left out.
    """
    parts = [_answer_part(part, search, similarity, store) for part in parse_parts(question)]
    if len(parts) == 1:
        return parts[0]
    findings: list[Finding] = []
    for part in parts:
        is_list = part.findings and leads_in(part.findings[0].text)
        for finding in part.findings if is_list else part.findings[: max(1, MAX_SENTENCES // len(parts))]:
            findings = _add(findings, finding)
    return Verdict(
        tuple(findings),
        max(part.confidence for part in parts),
        max(part.by_rules for part in parts),
        tuple(finding for part in parts for finding in part.declined),
        tuple(judgement for part in parts for judgement in part.judgements),
    )


def _add(findings: Sequence[Finding], new: Finding) -> list[Finding]:
    """Add a finding; one of the same sentence only adds its highlights."""
    for i, old in enumerate(findings):
        if old.document.id == new.document.id and old.span == new.span:
            highlights = tuple(dict.fromkeys(old.highlights + new.highlights))
            merged = Finding(old.document, old.span, old.chunk, highlights, max(old.probability, new.probability))
            return [*findings[:i], merged, *findings[i + 1 :]]
    return [*findings, new]


def _answer_part(question: Question, search: Search, similarity: Similarity, store: Store) -> Verdict:
    documents = store.documents
    passages = search(question.original)
    nearest = [documents[key] for key in dict.fromkeys(passage.chunk.document_id for passage in passages)]
    if fields := answer_from_fields(with_places(question, nearest), nearest):
        return Verdict(tuple(_plain_finding(f.document, f.field.span, store, f.field.value) for f in fields), 1.0, 1.0)
    if cited := cited_by_number(question.original, nearest):
        document, rest = cited
        question, nearest = parse_question(rest), [document]
        passages = [passage for passage in search(rest) if passage.chunk.document_id == document.id]
    question = with_places(question, nearest)
    if nearest and (topics := answer_from_outline(question, nearest[0])):
        return Verdict(tuple(_plain_finding(nearest[0], span, store) for span in topics[:MAX_TOPICS]), 1.0, 1.0)
    evidence = read(question, passages, similarity, documents)
    if not evidence:
        return Verdict((), 0.0, 0.0)
    judged = _judge(question, evidence[0], evidence, documents)
    if judged.confidence < THRESHOLD and question.kind in (FIGURE, DATE, PHONE) and judged.best.fit == 0:
        judged = _with_figure(question, judged.best, evidence, documents) or judged
    found = _quoted(question, judged, evidence, documents, store)
    confidence, by_rules = judged.confidence, judged.judgement.by_rules
    answers, declined = (found, ()) if confidence >= THRESHOLD else ((), found)
    return Verdict(answers, confidence, by_rules, declined, (judged.judgement,))


def _quoted(
    question: Question, judged: _Judged, evidence: Sequence[Evidence], documents: Mapping[str, Document], store: Store
) -> tuple[Finding, ...]:
    """Return the best sentence with those that belong to it, or with the next one if that is as likely the answer."""
    best, confidence = judged.best, judged.confidence
    document = documents[best.passage.chunk.document_id]
    points = _points_around(question, best.span, document.text) or _fellows(question, best, document.text)
    if points:
        return tuple(replace(_plain_finding(document, span, store), probability=confidence) for span in points)
    items = _items_under(question, best, document)
    following = [] if items else _companions(question, best, evidence)
    only_leads = items or judged.weighed is not best or (following and is_topic(best.text))
    chosen = [replace(best, highlights=()) if only_leads else best, *following]
    findings = [Finding(document, e.span, e.passage.chunk, _short_answer(question, e), confidence) for e in chosen]
    listed = [replace(_plain_finding(document, span, store), probability=confidence) for span in items]
    if len(findings) + len(listed) == 1 and (rival := _rival(question, judged, evidence, documents)):
        other = documents[rival.best.passage.chunk.document_id]
        findings += [replace(_plain_finding(other, rival.best.span, store), probability=rival.confidence)]
    return (*findings, *listed)


_ASKS_MEASURES = re.compile("措施|政策|举措|要求|做法|规定|优惠|扶持|安排|注意事项|流程|程序")


def _short_answer(question: Question, evidence: Evidence) -> tuple[tuple[int, int], ...]:
    """Return the short answer; what has no short one (a list, a way) is highlighted as far as the reader takes it to go, a list
    never to one item only, and measures to the end of the sentence."""
    if not evidence.highlights or question.kind not in (LIST, HOW, OPEN):
        return evidence.highlights
    chunk = evidence.passage.chunk
    inside = Span(evidence.span.start - chunk.span.start, evidence.span.end - chunk.span.start)
    first, last = evidence.highlights[0]
    start, end = full_answer(question.original, evidence.passage, inside) or (first, last)
    if question.kind == LIST and first <= start < end <= last and "、" not in evidence.text[start:end]:
        start, end = first, last
    return ((start, len(evidence.text.rstrip("。；;")) if _ASKS_MEASURES.search(question.text) else end),)


AS_LIKELY = 1.0
"""Where the next sentence's score is no further than this below the best one's, it is quoted, too: in 99 of 2,838 answers on the
documents in tests/other_documents and on the reply, of which 24 had the answer only there and 54 had it already."""


def _rival(
    question: Question, judged: _Judged, evidence: Sequence[Evidence], documents: Mapping[str, Document]
) -> _Judged | None:
    """Return the next sentence where it is as likely the answer as the best one, and says something else."""
    best, *others = evidence
    if judged.best is not best or not others or best.score - others[0].score > AS_LIKELY or is_order(others[0].text):
        return None
    rival = _judge(question, others[0], evidence, documents)
    return rival if rival.confidence >= THRESHOLD and squeeze(rival.best.text) != squeeze(best.text) else None


def _with_figure(
    question: Question, best: Evidence, evidence: Sequence[Evidence], documents: Mapping[str, Document]
) -> _Judged | None:
    """Return the next sentence of the passage that has a figure and surely answers, where the best one has none."""
    others = [e for e in evidence[1:WEIGHED] if e.fit > 0 and e.passage.chunk.id == best.passage.chunk.id]
    judged = (_judge(question, other, evidence, documents) for other in others)
    return next((one for one in judged if one.confidence > SURE), None)


SURE = 0.7
"""How likely a second choice must answer."""


def _judge(
    question: Question, best: Evidence, evidence: Sequence[Evidence], documents: Mapping[str, Document]
) -> _Judged:
    weighed = _with_members(question, best, evidence)
    support = support_of(question, weighed, documents[best.passage.chunk.document_id])
    answerable = _answerable(question, best.passage) if best.passage.reading else None
    judgement = Judgement(support, answerable, probability(support, answerable), probability(support))
    return _Judged(best, weighed, judgement)


def _answerable(question: Question, passage: Passage) -> float:
    """Return the reader's logit, which says little where question and passage are in different languages."""
    logit_of_reader = passage.reading.answerable if passage.reading else 0.0
    is_other_language = question.language == "en" and has_cjk(passage.chunk.text)
    return OTHER_LANGUAGE * logit_of_reader if is_other_language else logit_of_reader


def _items_under(question: Question, best: Evidence, document: Document) -> list[Span]:
    """Return the items of the list that the best sentence stands over, where a question asks for more than a fact."""
    is_over = leads_in(best.text) or (is_topic(best.text) and "、" not in unnumbered(best.text))
    asks_more = question.kind in (LIST, WHICH, WHO, HOW, OPEN)
    return items_after(document.text, best.span)[:MAX_TOPICS] if is_over and asks_more else []


NEXT_POINT = 3
"""Points in one row have fewer characters than this between them: a semicolon, a space."""
_POINT = re.compile(r"(?<=[：:；;。\n])[^\S\n]*([一二三四五六七八九]是[^。；;\n]+。?)")


def _points_around(question: Question, best: Span, text: str) -> list[Span]:
    """Return the points, one sentence each, among which the best sentence stands where a reason is asked for:
    一是…；二是…, or none."""
    if not WHY.search(question.text):
        return []
    start, end = text.rfind("\n", 0, best.start), text.find("\n", best.end)
    found = [Span(*match.span(1)) for match in _POINT.finditer(text, max(0, start), end if end > 0 else len(text))]
    rows: list[list[Span]] = []
    for span in found:
        if rows and span.start - rows[-1][-1].end < NEXT_POINT:
            rows[-1].append(span)
        else:
            rows.append([span])
    return next((row for row in rows if len(row) > 1 and best.start in [span.start for span in row]), [])


def _fellows(question: Question, best: Evidence, text: str) -> list[Span]:
    """Return all items of the list in which the best sentence stands, where the question asks for such a list: more of its
    words stand in the heading or the lead-in than in the item. None otherwise."""
    if question.kind != LIST or _OWN_LIST.search(best.text):
        return []
    head, items = list_around(text, best.span)
    asks_for_all = coverage(question.terms, squeeze(head)) > coverage(question.terms, squeeze(best.text))
    return items[:MAX_TOPICS] if asks_for_all and len(items) > 1 else []


_OWN_LIST = re.compile("下列|如下|以下(?:[各之]|情[形况]|条件|材料)")
"""An item with this has a list of its own: （三）有下列情形之一的不予受理：…."""


def _plain_finding(document: Document, span: Span, store: Store, value: str = "") -> Finding:
    """Return a finding that needs no weighing; `value` is highlighted in it."""
    start = span.of(document.text).find(value) if value else -1
    highlights = ((start, start + len(value)),) if start >= 0 else ()
    return Finding(document, span, store.chunk_at(document.id, span.start), highlights, 1.0)


def _companions(question: Question, best: Evidence, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sentences that belong to the best one where a question asks for more than a fact."""
    same = sorted((e for e in evidence if e.passage.chunk.id == best.passage.chunk.id), key=lambda e: e.span)
    following = [e for e in same if e.span.start > best.span.start]
    if question.kind in (LIST, WHICH):
        if members := _members_after(question, best, evidence):
            return [members]
        if is_topic(best.text) and "、" not in unnumbered(best.text):
            return following[: MAX_SENTENCES - 1]
        equal = [e for e in same if e.span != best.span and e.lexical >= max(0.7, 0.95 * best.lexical)]
        return equal[: MAX_SENTENCES - 1]
    if question.kind not in (HOW, OPEN):
        return []
    is_topic_sentence = len(best.text) < TOPIC_SENTENCE or is_topic(best.text)
    return following[: MAX_SENTENCES - 1 if is_topic_sentence else 1 if question.kind == HOW else 0]


_MEMBERS = re.compile(r"(?:主要|具体|其中)?(?:包括|包含|分为)|具体(?:为|如下)|分别[是为]")


def _members_after(question: Question, best: Evidence, evidence: Sequence[Evidence]) -> Evidence | None:
    """Return the sentence that lists the members of what the best one only names: …四类计划。包括甲、乙、丙。"""
    if question.kind not in (LIST, WHICH) or fit_of(question, best.text)[1]:
        return None
    after = [e for e in evidence if e.passage.chunk.id == best.passage.chunk.id and e.span.start >= best.span.end]
    following = min(after, key=lambda e: e.span, default=None)
    return following if following and _MEMBERS.match(following.text) else None


def _with_members(question: Question, best: Evidence, evidence: Sequence[Evidence]) -> Evidence:
    """Return what is weighed as the answer: the best sentence, or the members that follow it with its own words."""
    members = _members_after(question, best, evidence)
    if members is None:
        return best
    return replace(members, lexical=max(members.lexical, best.lexical), dense=max(members.dense, best.dense))
