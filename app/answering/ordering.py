"""The sentences of the passages that are read, the likeliest answer first."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.answering.choosing import READ_PASSAGES, Evidence, sentences_of, told, weigh
from app.answering.matching import squeeze
from app.answering.others import is_contrary, is_repealed
from app.answering.question import DATE, FIGURE, PHONE, WHERE, Question
from app.answering.support import logit, support_of
from app.retrieval import standardise
from app.types import Document, Passage, Vectors

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


Similarity = Callable[[str, Sequence[str]], Vectors]
"""Cosines of a question and sentences, float32 (n,)."""


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
