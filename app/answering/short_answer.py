"""The short answer inside a sentence: what the reader finds, without the question's words, set right by the rules."""

import math
import re

import numpy as np
import rjieba

from app.answering import spans
from app.answering.fitting import ANY_FIGURE, is_given, wanted_figures
from app.answering.question import DATE, FIGURE, LIST, Question
from app.text import BRACKETS, fold
from app.types import Passage, Span

SURE = math.log(0.1)
"""A short answer that the reader finds less likely than this (log) is left to the rules."""
_LEADING = frozenset((
    "是", "为", "在", "于", "有", "由", "以", "即", "达", "叫", "叫做", "称", "称为", "包括", "例如", "如", "分别", "也", "则", "曾", "被",
    "主要", "目前", "应", "应当", "可", "可以", "能", "生于", "位于",
))  # fmt: skip
"""Words that lead up to an answer and are none of it."""
_MARKS = "：:，,、；;。）)”’」』》 \n"
"""Marks that no answer begins with."""


def short_answer(question: str, passage: Passage, inside: Span) -> tuple[int, int] | None:
    """Return the offsets, within a sentence of a passage, of what the reader takes for the answer; None if it is unsure.

    `inside` is where the sentence stands in the passage's text.
    """
    if passage.reading is None:
        return None
    start, end, likelihood = passage.reading.best_span(inside.start, inside.end)
    if likelihood <= SURE:
        return None
    start, end = trim(question, passage.chunk.text, start, end)
    return max(start, inside.start) - inside.start, min(end, inside.end) - inside.start


def full_answer(question: str, passage: Passage, inside: Span) -> tuple[int, int] | None:
    """Return the offsets, within a sentence of a passage, of the answer whose expected F1 by characters is highest, None without
    a reader. It is as long as the reader is unsure where a longer answer begins and ends: a clause rather than a word of it.

    The likeliest answers are weighed against each other (minimum Bayes risk: Kumar & Byrne, HLT-NAACL 2004).
    """
    reading = passage.reading
    if reading is None:
        return None
    begins, ends, likelihoods = reading.likeliest_spans(inside.start, inside.end, WEIGHED_MARKS)
    if not len(begins):
        return None
    weights = np.exp((likelihoods - likelihoods.max()) / SOFTENED)
    lengths = ends - begins
    shared = np.maximum(0, np.minimum(ends[:, None], ends) - np.maximum(begins[:, None], begins))
    best = int(np.argmax((2 * shared / (lengths[:, None] + lengths)) @ weights))
    start, end = trim(question, passage.chunk.text, int(begins[best]), int(ends[best]))
    return max(start, inside.start) - inside.start, min(end, inside.end) - inside.start


WEIGHED_MARKS = 12
"""So many of the likeliest beginnings and ends are combined."""
SOFTENED = 2.0
"""By what the reader's log-likelihoods are divided there: it learnt from short answers and is too sure of them. With 1.5 to 2.5 the
highlighted answers to questions for lists, ways and whatever has no known kind gain on five of five sets, with 3 on four."""


def trim(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out what an answer repeats from its question at the start, and marks at the end: 2400米 of 途程2400米。

    On 150 questions of cmrc2018 as many more answers are exact as before: .44 → .50.
    """
    asked = fold(question)
    answer = fold(text[start:end].rstrip("。；，、;, \n"))
    skipped = 0
    for word, word_class in rjieba.tag(answer):
        is_repeated = word in asked and word_class[0] != "m"
        if not (word in _LEADING or word in _MARKS or is_repeated or word.isspace()):
            break
        skipped += len(word)
    begin = start + skipped if len(answer) - skipped >= 2 else start
    limit = _AGE_LIMIT.search(text, max(0, begin - LONGEST_LIMIT), begin)
    return _whole(text, limit.start() if limit else begin, start + len(answer))


_AGE_LIMIT = re.compile(r"(?:年龄在)?(?:\d+ ?[至到—~-] ?)?\d+ ?周?岁(?:及?以[上下内]|以内)的?$")
"""How old somebody must be is part of who it is: 32周岁以下青年科技人员."""
LONGEST_LIMIT = 20


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Take in the mark next to an answer that holds only the other one of a pair, or leave that one out: “1+7+N”."""
    for opening, closing in BRACKETS.items():
        answer = text[start:end]
        unopened = answer.count(closing) - answer.count(opening)
        if unopened > 0 and text[:start].endswith(opening):
            start -= 1
        elif unopened > 0 and answer.endswith(closing):
            end -= 1
        elif unopened < 0 and text.startswith(closing, end):
            end += 1
        elif unopened < 0 and answer.startswith(opening):
            start += 1
    return start, end


_COUNTED = re.compile(r"[两二三四五六七八九十\d]+[个种类项大家]")
"""A reader's short answer that only counts what the list names: 三种语言."""
_SAYS_MORE = re.compile(r"[^\W的]")
LONGER = 8
"""A figure with so many more characters around it is no short answer any more."""


def agreed(
    question: Question,
    sentence: str,
    read: tuple[int, int] | None,
    found: tuple[tuple[int, int], ...],
    fit: float,
) -> tuple[tuple[int, int], ...]:
    """Return the reader's short answer or the rules'. Where a figure or a date is asked for, the rules know better which
    of several it is (the reply set: right for .82 against .54) and what unit it has, the reader better where a longer one
    ends, unless it takes in another figure, or only marks. Where the reader's meets a list, the rules' is the list itself, whole and
    without what leads up to it."""
    if read is None:
        return found
    words = sentence[read[0] : read[1]]
    is_given_or_misread = (question.kind == FIGURE and is_given(question, words)) or (
        found and is_misread(question, words)
    )
    if is_given_or_misread:
        return found
    if question.kind == LIST and found and (_COUNTED.match(words) or (read[0] < found[0][1] and found[0][0] < read[1])):
        return found
    if question.kind not in (FIGURE, DATE) or not found:
        return (read,)
    start, end = found[0]
    is_around = read[0] <= start < end <= read[1]
    is_mixed = is_around and (
        len(spans.find_figures(words)) > 1 or not _SAYS_MORE.search(words.replace(sentence[start:end], ""))
    )
    if (start <= read[0] and read[1] <= end) or is_mixed:
        return found
    is_same = read[0] < end and start < read[1] and read[1] - read[0] <= end - start + LONGER
    return (read,) if len(found) == 1 and (is_same or fit < UNSURE) else found


UNSURE = 0.3
"""How far the question's words stand from a figure that only looks like the answer."""


_FIRM_KINDS = (spans.MONEY, spans.PERCENT, spans.AGE)
"""Kinds of figure that nothing but one of them can be."""


def is_misread(question: Question, read: str) -> bool:
    """Tell what the reader takes for a sum, a share or an age and is a figure of another kind."""
    wanted = wanted_figures(question) if question.kind == FIGURE else ANY_FIGURE
    kinds = {figure.kind for figure in spans.find_figures(read)}
    return wanted[0] in _FIRM_KINDS and bool(kinds) and not kinds & set(wanted)
