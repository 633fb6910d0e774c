"""Passages → an answer made of verbatim sentences, each with its citation, or a refusal. Needs no language model."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.answering.choosing import READ_PASSAGES, Evidence, sentences_of, told, weigh
from app.answering.conversation import parse_parts
from app.answering.fitting import fit_of
from app.answering.matching import coverage, squeeze
from app.answering.metadata import WHY, answer_from_fields, cited_by_number
from app.answering.others import is_contrary, is_repealed
from app.answering.outline import answer_from_outline
from app.answering.places import with_places
from app.answering.question import DATE, FIGURE, HOW, LIST, OPEN, PHONE, WHERE, WHICH, WHO, Question, parse_question
from app.answering.short_answer import full_answer
from app.answering.support import THRESHOLD, Support, logit, probability, support_of
from app.retrieval import standardise
from app.text import has_cjk, is_order, is_topic, items_after, leads_in, list_around, unnumbered
from app.types import Chunk, Document, Passage, Span, Store, Vectors

MAX_SENTENCES = 3
"""An answer's sentences; only the headings of an outline may be more."""
MAX_TOPICS = 20
COMPARED = 10
"""So many of the likeliest sentences are compared with the question by meaning: each costs an encoding."""
WEIGHED = 4
"""So many of these are then ordered with their support too: a sentence with no figure gives way to the next that has one."""
SUPPORT_WEIGHT, MOST_LOGIT = 0.3, 4.0
WEIGHED_LEAD = 10.0
"""Keeps those that were weighed in front of the others."""
DENSE_LEAD = 1.0
"""Keeps those that were compared in front of those that were not."""
READ_WEIGHT = 5.0
"""What the reader's word counts among the scores that order sentences: on its held-out articles the first sentence holds
the answer for .92 of the questions, without it for .80."""
PREFERRED_WEIGHT, LEAST_PREFERRED = 0.5, 0.0025
"""What the logarithm of the share counts that the reader gives a sentence among all that were read, and the least share: on
804 questions on documents that it was not trained on 736 first sentences hold the answer, without it 724."""
TOPIC_SENTENCE = 30
"""A sentence shorter than this (一是完善人才政策。) only names what the next ones say."""

FIT_WEIGHT = {FIGURE: 2.0, DATE: 2.0, WHERE: 3.5, PHONE: 3.5}
"""What it counts that a sentence holds the kind of answer that is asked for, where that can be told for sure."""

CONTRARY = 3.0
"""What it costs a sentence that it tells of the contrary (首套 where 二套 is asked for), or of what is out of force."""
ELSEWHERE = 3.0
"""What it costs a sentence that another one of its passage has the place that is asked about."""
MISLED = 0.4
"""How much of the reader's word counts for a figure where another one has MANY_MORE of the question's words (a share of
their weight) next to it. The reader takes the figure of another thing of the same paragraph for the answer."""
MANY_MORE, SURE_FIGURE = 0.3, 0.5

OTHER_LANGUAGE = 0.7
"""How much of the reader's word counts for an English question on a Chinese passage, which it reads less well (its AUROC is .79)."""

Similarity = Callable[[str, Sequence[str]], Vectors]
"""Cosines of a question and sentences, float32 (n,)."""
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


def read(
    question: Question, passages: Sequence[Passage], similarity: Similarity, documents: Mapping[str, Document]
) -> list[Evidence]:
    """Return the sentences of the best passages, the likeliest answer first."""
    located = [
        (passage, span, documents[passage.chunk.document_id])
        for passage in passages[:READ_PASSAGES]
        for span in sentences_of(passage, documents[passage.chunk.document_id])
    ]
    if not located:
        return []
    asked = {document.id: told(question, document) for _, _, document in located}
    evidence = [weigh(asked[document.id], passage, span, document) for passage, span, document in located]
    scores = rank_scores(question, evidence)
    closest = np.argsort(-scores, kind="stable")[:COMPARED]
    cosines = similarity(question.original, [evidence[int(i)].text for i in closest])
    scores[closest] += 0.4 * standardise(cosines) + DENSE_LEAD
    by_row = dict(zip(map(int, closest), map(float, cosines), strict=True))
    for row in map(int, np.argsort(-scores, kind="stable")[:WEIGHED]):
        one = replace(evidence[row], dense=by_row.get(row, 0.0))
        support = support_of(question, one, documents[one.passage.chunk.document_id])
        scores[row] += WEIGHED_LEAD + SUPPORT_WEIGHT * max(-MOST_LOGIT, min(MOST_LOGIT, logit(support)))
    order = np.argsort(-scores, kind="stable")
    return [replace(evidence[i], dense=by_row.get(i, 0.0), score=float(scores[i])) for i in map(int, order)]


def rank_scores(question: Question, evidence: Sequence[Evidence]) -> Vectors:
    """Return what orders sentences before they are compared by meaning, float32 (n,), higher is better."""
    fit_weight = FIT_WEIGHT.get(question.kind, 0.7)
    scores = [
        4.0 * e.lexical
        + e.context
        + 0.3 * e.passage.score
        + fit_weight * e.fit
        + 1.5 * e.year
        + e.time
        + 0.4 * e.opens
        + 2.0 * e.defines
        + 1.5 * e.of_kind
        + _word_of_reader(e, share) * (MISLED if _is_outdone(question, e, evidence) else 1)
        - CONTRARY * (is_contrary(question, squeeze(e.text)) or is_repealed(question, squeeze(e.text)))
        - ELSEWHERE * _is_of_another_place(question, e, evidence)
        for e, share in zip(evidence, _preferred(evidence), strict=True)
    ]
    return np.array(scores, dtype=np.float32)


def _word_of_reader(one: Evidence, share: float) -> float:
    """Return what a reader says for a sentence, 0 or more; `share` is what its passage has of all."""
    return READ_WEIGHT * one.read + PREFERRED_WEIGHT * math.log(max(1.0, share * one.located / LEAST_PREFERRED))


def _preferred(evidence: Sequence[Evidence]) -> Sequence[float]:
    """Return how likely the reader takes each sentence's passage for the one of all that answers, 0 to 1; 0 without one.

    It is the share that it was trained on: exp of one passage's logit among those of all.
    """
    logits = {e.passage.chunk.id: e.passage.reading.relevance for e in evidence if e.passage.reading}
    best = max(logits.values(), default=0.0)
    exponents = {key: math.exp(value - best) for key, value in logits.items()}
    total = sum(exponents.values())
    return [exponents.get(e.passage.chunk.id, 0.0) / total if total else 0.0 for e in evidence]


def _is_outdone(question: Question, one: Evidence, evidence: Sequence[Evidence]) -> bool:
    """Tell a sentence with a figure beside which another one of its passage has one and many more of the question's words."""
    return question.kind == FIGURE and any(
        other.passage.chunk.id == one.passage.chunk.id
        and other.lexical > one.lexical + MANY_MORE
        and other.fit > SURE_FIGURE
        for other in evidence
    )


def _is_of_another_place(question: Question, one: Evidence, evidence: Sequence[Evidence]) -> bool:
    """Tell a sentence without the place that is asked about, where another one of its passage has it: 桐溪区 for 柳浦区."""
    places = [term.text for term in question.terms if term.is_place]
    return any(
        place not in squeeze(one.text)
        and any(other.passage.chunk.id == one.passage.chunk.id and place in squeeze(other.text) for other in evidence)
        for place in places
    )


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
