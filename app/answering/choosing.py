"""Passages → the sentences that answer a question, with what speaks for and against each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.answering.fitting import CLAUSE_MARKS, YEARS, around, fit_of
from app.answering.kinds import LOOKS, missing_wanted
from app.answering.matching import coverage, match_term, squeeze
from app.answering.question import COMPARED_WITH, FIGURE, LATER, YEAR, Question
from app.answering.short_answer import agreed, is_misread, short_answer
from app.answering.spans import find_lists
from app.answering.terms import QUOTED, Term
from app.loading import fields as keys
from app.text import fold, is_question, is_topic, items_after, lead_of, leads_in, split_sentences, unnumbered
from app.types import Document, Passage, Span

READ_PASSAGES = 6
"""How many of the best passages are read sentence by sentence."""
MIN_CHARS = 6
"""Shorter sentences answer nothing by themselves (labels and lines of the document's fields are answered elsewhere)."""
LEAD_CHARS = 40
"""What leads in (现将有关事项通知如下：) says something itself if it is longer: who decided it, on what grounds."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that may answer. Every score is higher for better evidence."""

    passage: Passage
    span: Span
    text: str
    lexical: float
    """Share of the question's words in the sentence and its headings, 0 to 1."""
    context: float
    """The same in the whole passage, 0 to 1."""
    dense: float
    """Cosine of question and sentence."""
    fit: float
    """Whether it holds the kind of answer asked for, 0 to 1."""
    year: float
    """1 if it is about the years of the question, less for a span of years, below 0 if about others."""
    time: float
    """1 if plans are asked for and it tells plans, -1 if it does not, -0.5 if it tells plans and what was done is asked for."""
    highlights: tuple[tuple[int, int], ...]
    """Offsets of the short answer inside the sentence."""
    opens: float = 0.0
    """1 if it begins with the thing, no name, that the question begins with: 租金按… for 租金怎么算."""
    defines: float = 0.0
    """1 if it says who, or what, the thing is that the question asks about: …（以下简称“运营机构”） for 运营机构是谁."""
    of_kind: float = 1.0
    """1 if it has the noun, or the look, of what is asked for (短板 of 有什么短板), down to 0."""
    located: float = 0.0
    """How likely the reader finds the answer to start in this sentence, if its passage answers, 0 to 1."""
    score: float = 0.0
    """What orders it among the others that were read."""

    @property
    def clause(self) -> str:
        """The clause of the short answer; the sentence if there is none."""
        return around(self.text, *self.highlights[0], CLAUSE_MARKS) if self.highlights else self.text

    @property
    def read(self) -> float:
        """How likely the reader takes the sentence for the answer, 0 to 1; 0 without a reader."""
        reading = self.passage.reading
        return reading.probability * self.located if reading else 0.0


def sentences_of(passage: Passage, document: Document) -> list[Span]:
    """Return the sentences and semicolon clauses of a passage, without the mark that ends a clause.

    Questions answer nothing, nor does what only leads in, but for a list.
    """
    return [
        Span(span.start, span.end - 1) if document.text[span.end - 1] in "；;" else span
        for span in split_sentences(document.text, passage.chunk.span, clauses=True)
        if len(span.of(document.text)) >= MIN_CHARS
        and not is_question(span.of(document.text))
        and (
            not leads_in(span.of(document.text))
            or len(span.of(document.text)) > LEAD_CHARS
            or items_after(document.text, span)
        )
    ]


def weigh(question: Question, passage: Passage, span: Span, document: Document) -> Evidence:
    """Score one sentence of a passage for a question `told` for the document.

    The cosine is set later, for the few that are worth an encoding.
    """
    text = span.of(document.text)
    headings = squeeze(" ".join((document.title, *passage.chunk.heading)))
    said = squeeze(text) + _seen(question, text)
    before = _sentence_before(document.text, span, passage.chunk.span)
    if _POINTS_BACK.match(text) or is_question(before):
        said += squeeze(before)
    elif is_topic(before) or leads_in(before):
        headings += squeeze(before)
    else:
        headings += squeeze(lead_of(document.text, span))
    inherited = _inherited_years(document.text, span) if question.years else ()
    if question.years and set(question.years) <= set(inherited):
        said += "".join(inherited)
    fit, highlights = fit_of(question, text)
    defines, called = _defined(question, text)
    inside = Span(span.start - passage.chunk.span.start, span.end - passage.chunk.span.start)
    read = short_answer(question.original, passage, inside)
    return Evidence(
        passage=passage,
        span=span,
        text=text,
        lexical=_lexical(question.terms, said, headings),
        context=coverage(question.terms, squeeze(passage.chunk.text) + headings),
        dense=0.0,
        fit=fit,
        year=_year_match(question, squeeze(text), squeeze(document.title), inherited),
        time=_time_match(question, text, passage.chunk.heading),
        highlights=called or agreed(question, text, read, highlights, fit),
        opens=_opens(question, said),
        defines=defines,
        of_kind=1 - min(1.0, missing_wanted(question, said)),
        located=_located(question, passage, inside, text[read[0] : read[1]] if read else ""),
    )


def _located(question: Question, passage: Passage, inside: Span, read: str) -> float:
    """Return the reader's share of a sentence, little where what it `read` is a figure of another kind than is asked for."""
    share = passage.reading.share(inside.start, inside.end) if passage.reading else 0.0
    return share * MISREAD if is_misread(question, read) else share


MISREAD = 0.1
"""How much of the reader's word counts where it points at a figure of another kind."""


def _seen(question: Question, sentence: str) -> str:
    """Return the noun that is asked for where a sentence has what looks like one: 网站 for www.…."""
    look = LOOKS.get(question.wanted)
    return question.wanted if look and look.search(squeeze(sentence)) else ""


def _opens(question: Question, sentence: str) -> float:
    if not question.terms or question.terms[0].is_name:
        return 0.0
    first = question.terms[0].text
    return float(first in unnumbered(sentence)[: len(first) + 2])


_ASKS_WHAT_IS = re.compile(r"^(?:什么|谁)是(.{2,12}?)[?？]?$|^(.{2,12}?)(?:是|指)的?(?:谁|什么|哪|指|啥)")
_DEFINES = "(?:以下)?(?:统?简称|称|所称)为?[“「]?{thing}|{thing}[”」]?[（(，,]?(?:[（(][^）)]*[）)])?[，,]?是?指"


def _defined(question: Question, sentence: str) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Return 1 for a sentence that says who or what the thing is that a question asks about, and who is called so, or the list
    in front of its name: 任务、资金、管理“三联通”."""
    asked = _ASKS_WHAT_IS.match(question.text)
    named = (asked.group(1) or asked.group(2)) if asked else ""
    quoted = QUOTED.search(named)
    name = quoted.group(1) if quoted else named
    if name and (listed := _list_in_front(name, sentence)):
        return 1.0, (listed,)
    thing = re.escape(squeeze(name))
    if not thing or not re.search(_DEFINES.format(thing=thing), squeeze(sentence)):
        return 0.0, ()
    called = re.search(rf"([^，,。；;、：:（(\s]{{2,40}})[（(](?:以下)?统?简?称为?[“「]?{thing}", sentence)
    return 1.0, (called.span(1),) if called else ()


def _list_in_front(name: str, sentence: str) -> tuple[int, int] | None:
    """Return the list right in front of a quoted name, None if there is none."""
    start = fold(sentence).find(f"“{name}”")
    begins = (first for first, end in find_lists(sentence) if first < start <= end)
    return next(((first, start) for first in begins if "、" in sentence[first:start]), None)


_POINTS_BACK = re.compile(
    r"违反|违者|否则|前款|其中|该|此|其[他余]?|上述|这|两者|(?:主要|具体)?(?:包括|包含)|具体(?:为|如下)|分别[是为]"
)
"""How a sentence begins whose subject stands in the one before it."""


def _sentence_before(text: str, span: Span, chunk: Span) -> str:
    """Return the sentence in front of a span, or the beginning of its own."""
    before = [other for other in _sentences(text, chunk) if other.start < span.start]
    return text[before[-1].start : min(before[-1].end, span.start)] if before else ""


@lru_cache(maxsize=64)
def _sentences(text: str, within: Span) -> list[Span]:
    return split_sentences(text, within)


def _inherited_years(text: str, span: Span) -> tuple[str, ...]:
    """Return the years of the nearest sentence in front, within the paragraph, that names some; none if the sentence
    itself does: 2023年，化肥施用量为4万吨；农药使用量为612吨."""
    if YEAR.search(COMPARED_WITH.sub(" ", squeeze(span.of(text)))):
        return ()
    line = text[text.rfind("\n", 0, span.start) + 1 : span.start]
    sentences = [squeeze(piece) for piece in re.split("[。；;]", line)]
    found = (YEAR.findall(COMPARED_WITH.sub(" ", sentence)) for sentence in reversed(sentences))
    return tuple(next((years for years in found if years), ()))


def _year_match(question: Question, sentence: str, title: str, inherited: Sequence[str]) -> float:
    """Return 1 for a sentence with the question's year, 0.8 for one without years behind one of that year or in a document
    of it, 0.3 for a span of years that holds it, -0.5 for other years."""
    if not question.years:
        return 0.0
    sentence = COMPARED_WITH.sub(" ", sentence)
    ranges = [(int(a), int(b)) for a, b in YEARS.findall(sentence)]
    single = set(YEAR.findall(YEARS.sub(" ", sentence)))
    if all(year in single or (year in sentence and len(question.years) > 1) for year in question.years):
        return 1.0
    if any(a <= int(year) <= b for year in question.years for a, b in ranges):
        return 0.3
    if single or ranges:
        return -0.5
    return 0.8 if all(year in title or year in inherited for year in question.years) else 0.0


_PLANNED = re.compile(r"(?<![集已])将(?!近)|拟(?!投|人|合)|力争|争取|准备|目标|下一?阶段|下一?步|到20\d\d年底?[，,前]")
_DONE = re.compile(r"已经?|做[了过]|取得|成效|成果|进展|目前|截至|至今|以来|[建办设]了")


def _time_match(question: Question, sentence: str, headings: Sequence[str]) -> float:
    is_plan = any(LATER.search(heading) for heading in headings) or bool(_PLANNED.search(sentence))
    if LATER.search(question.text):
        return 1.0 if is_plan else -1.0
    if is_plan and question.kind == FIGURE and not (question.years or _PLANNED.search(question.text)):
        return -2.0
    return -0.5 if is_plan and _DONE.search(question.text) else 0.0


def told(question: Question, document: Document) -> Question:
    """Return a question with its terms weighted for one document."""
    return replace(question, terms=telling(question.terms, document))


def telling(terms: Sequence[Term], document: Document) -> tuple[Term, ...]:
    """Return the terms weighted by how well they tell one sentence of a document from another.

    The issuing body and its place, and words that stand in every other sentence, tell little; a place that begins a
    longer name (上海 of 上海技术交易所) does not count as the issuer's.
    """
    issuer = document.field(keys.ISSUER)
    home = squeeze(issuer.value) if issuer else ""
    sentences = max(1.0, len(document.text) / SENTENCE_CHARS)
    weighted = []
    for term, following in zip(terms, [*(term.text for term in terms), ""][1:], strict=True):
        share = min(1.0, document.text.count(term.text) / sentences)
        is_home = term.text in home and not (following and term.text + following in document.text)
        factor = 0.3 if is_home else 1 - 0.7 * share
        weighted.append(replace(term, weight=term.weight * factor))
    return tuple(weighted)


SENTENCE_CHARS = 80
"""Length of a sentence of official prose, about."""


def _lexical(terms: Sequence[Term], sentence: str, headings: str) -> float:
    """Return the weighted share of the terms in a sentence; one that only the headings hold counts half."""
    total = sum(term.weight for term in terms)
    found = sum(
        term.weight * max(match_term(term.text, sentence), 0.5 * match_term(term.text, headings)) for term in terms
    )
    return found / total if total else 0.0
