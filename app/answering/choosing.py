"""Passages → the sentences that answer a question, with what speaks for and against each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.answering import spans
from app.answering.matching import coverage, match_term, squeeze
from app.answering.question import DATE, FIGURE, LATER, LIST, WHERE, WHICH, WHO, YEAR, Question, Term
from app.answering.short_answer import short_answer
from app.loading import fields as keys
from app.text import is_question, is_topic, items_after, leads_in, split_sentences, unnumbered
from app.types import Document, Passage, Span

READ_PASSAGES = 6
"""How many of the best passages are read sentence by sentence."""
MIN_CHARS = 6
"""Shorter sentences answer nothing by themselves (labels and lines of the document's fields are answered elsewhere)."""


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
    located: float = 0.0
    """How likely the reader finds the answer to start in this sentence, if its passage answers, 0 to 1."""

    @property
    def read(self) -> float:
        """How likely the reader takes the sentence for the answer, 0 to 1; 0 without a reader."""
        reading = self.passage.reading
        return reading.probability * self.located if reading else 0.0


def sentences_of(passage: Passage, document: Document) -> list[Span]:
    """Return the sentences and semicolon clauses of a passage, without the mark that ends a clause.

    Questions answer nothing, nor does what leads in anything but a list.
    """
    return [
        Span(span.start, span.end - 1) if document.text[span.end - 1] in "；;" else span
        for span in split_sentences(document.text, passage.chunk.span, clauses=True)
        if len(span.of(document.text)) >= MIN_CHARS
        and not is_question(span.of(document.text))
        and (not leads_in(span.of(document.text)) or items_after(document.text, span))
    ]


def weigh(question: Question, passage: Passage, span: Span, document: Document) -> Evidence:
    """Score one sentence of a passage; its cosine is set later, for the few that are worth an encoding."""
    question = replace(question, terms=telling(question.terms, document))
    text = span.of(document.text)
    headings = squeeze(" ".join((document.title, *passage.chunk.heading)))
    said = squeeze(text)
    before = _sentence_before(document.text, span, passage.chunk.span)
    if _POINTS_BACK.match(text) or is_question(before):
        said += squeeze(before)
    elif is_topic(before) or leads_in(before):
        headings += squeeze(before)
    fit, highlights = fit_of(question, text)
    inside = Span(span.start - passage.chunk.span.start, span.end - passage.chunk.span.start)
    return Evidence(
        passage=passage,
        span=span,
        text=text,
        lexical=_lexical(question.terms, said, headings),
        context=coverage(question.terms, squeeze(passage.chunk.text) + headings),
        dense=0.0,
        fit=fit,
        year=_year_match(question, squeeze(text), squeeze(document.title)),
        time=_time_match(question, text, passage.chunk.heading),
        highlights=_short_answers(question, text, short_answer(question.original, passage, inside), highlights, fit),
        opens=_opens(question, said),
        located=passage.reading.share(inside.start, inside.end) if passage.reading else 0.0,
    )


def _opens(question: Question, sentence: str) -> float:
    if not question.terms or question.terms[0].is_name:
        return 0.0
    first = question.terms[0].text
    return float(first in unnumbered(sentence)[: len(first) + 2])


LONGER = 8
"""A figure with so many more characters around it is no short answer any more."""


def _short_answers(
    question: Question,
    sentence: str,
    read: tuple[int, int] | None,
    found: tuple[tuple[int, int], ...],
    fit: float,
) -> tuple[tuple[int, int], ...]:
    """Return the reader's short answer or the rules'. Where a figure or a date is asked for, the rules know better which
    of several it is (the reply set: right for .82 against .54) and what unit it has, the reader better where a longer one
    ends, unless it takes in another figure. Where the reader's meets a list, the rules' is the list itself, whole and
    without what leads up to it."""
    if read is None:
        return found
    if question.kind == LIST and found and read[0] < found[0][1] and found[0][0] < read[1]:
        return found
    if question.kind not in (FIGURE, DATE) or not found:
        return (read,)
    start, end = found[0]
    is_mixed = read[0] <= start < end <= read[1] and len(spans.find_figures(sentence[read[0] : read[1]])) > 1
    if (start <= read[0] and read[1] <= end) or is_mixed:
        return found
    is_same = read[0] < end and start < read[1] and read[1] - read[0] <= end - start + LONGER
    return (read,) if len(found) == 1 and (is_same or fit < UNSURE) else found


UNSURE = 0.3
"""How far the question's words stand from a figure that only looks like the answer."""


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


_YEARS = re.compile(r"((?:19|20)\d{2})年?(?:[—–~-]|至|到)((?:19|20)\d{2})年?")


def _year_match(question: Question, sentence: str, title: str) -> float:
    """Return 1 for a sentence with the question's year, 0.8 for one without years in a document of that year, 0.3 for a
    span of years that holds it, -0.5 for other years."""
    if not question.years:
        return 0.0
    ranges = [(int(a), int(b)) for a, b in _YEARS.findall(sentence)]
    single = set(YEAR.findall(_YEARS.sub(" ", sentence)))
    if all(year in single or (year in sentence and len(question.years) > 1) for year in question.years):
        return 1.0
    if any(a <= int(year) <= b for year in question.years for a, b in ranges):
        return 0.3
    if single or ranges:
        return -0.5
    return 0.8 if all(year in title for year in question.years) else 0.0


_PLANNED = re.compile(r"(?<![集已])将(?!近)|拟(?!投|人|合)|力争|争取|准备|目标|下一?阶段|下一?步|到20\d\d年底?[，,前]")
_DONE = re.compile(r"已经?|做[了过]|取得|成效|成果|进展|目前|截至|至今|以来|[建办设]了")


def _time_match(question: Question, sentence: str, headings: Sequence[str]) -> float:
    is_plan = any(LATER.search(heading) for heading in headings) or bool(_PLANNED.search(sentence))
    if LATER.search(question.text):
        return 1.0 if is_plan else -1.0
    if is_plan and question.kind == FIGURE and not (question.years or _PLANNED.search(question.text)):
        return -0.6
    return -0.5 if is_plan and _DONE.search(question.text) else 0.0


def telling(terms: Sequence[Term], document: Document) -> tuple[Term, ...]:
    """Return the terms weighted by how well they tell one sentence of a document from another.

    The issuing body and its place, and words that stand in every other sentence, tell little; a place that begins a
    longer name (上海 of 上海技术交易所) does not count as the issuer's.
    """
    issuer = document.field(keys.ISSUER)
    home = squeeze(issuer.value) if issuer else ""
    sentences = max(1.0, len(document.text) / SENTENCE_CHARS)
    weighted = []
    for term, following in zip(terms, [*(term.text for term in terms[1:]), ""], strict=True):
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


WANTED_UNITS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"倍"), (spans.TIMES,)),
    (re.compile(r"周?岁"), (spans.AGE,)),
    (
        re.compile(r"年|天|个?月|个?小时|个?工作日|分钟|秒|周(?!岁)|星期|学期"),
        (spans.DURATION, spans.DATE, spans.FREQUENCY),
    ),
    (re.compile(r"人|名|位"), (spans.PEOPLE,)),
    (re.compile(r"钱|[万亿]?元|个?亿|资金|经费"), (spans.MONEY,)),
    (re.compile(r"成"), (spans.PERCENT,)),
    (re.compile(r"个百分点"), (spans.PERCENT,)),
    (re.compile(r"[个家所份项类种座款条件批次场大户届期道台套亩]"), (spans.COUNT, spans.PEOPLE)),
)
"""Which kinds of figure the counted thing behind 多少 or 几 asks for."""
_GROWN = r"(?:增[长加]|上升|上涨|下降|减少|降低|提[高升]|缩短|压缩)"
_BY_HOW_MUCH = re.compile(
    rf"{_GROWN}了?(?:多少|几)(?![\u3400-\u9fff]{{0,3}}[到至])|[多少涨升降]了(?:多少|几)|增[幅速]|[涨降]幅|同比|环比"
)
_AFTER_GROWN = re.compile(rf"(?:{_GROWN}了?|增[幅速]为?|同比|环比)\s*(?:约|近|超过?)?$")
WANTED_FIGURES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"多久.{0,8}次|频[率次]|隔多[久长]|几(?:年|个?月|天|周)[\u3400-\u9fff]{0,2}一次|\bhow often\b"), (spans.FREQUENCY, spans.DURATION)),
    (re.compile(r"倍|\btimes\b"), (spans.TIMES,)),
    (_BY_HOW_MUCH, (spans.PERCENT, spans.TIMES, spans.COUNT, spans.MONEY, spans.PEOPLE)),
    (re.compile(r"年龄|岁|年纪|多大年|\bage\b|\bhow old\b"), (spans.AGE,)),
    (re.compile(r"占|比例|比重|份额|百分|成分|几成|率|\bshare\b|\bpercent|\bproportion\b|\bratio\b"), (spans.PERCENT,)),
    (re.compile(r"多久|多长时间|多长(?!度)|几年|多少年|几天|多少天|几个月|\bhow long\b"), (spans.DURATION, spans.DATE, spans.FREQUENCY)),
    (re.compile(r"多少人|几人|几[名位]|多少[名位]|人数|人次|\bhow many (?:people|persons|talents|scientists|researchers|visits)\b"), (spans.PEOPLE,)),
    (re.compile(r"多少.{0,2}钱|几个亿|[万亿]?元|资金|经费|额|\bhow much\b|\bmoney\b|\bamount\b|\bvalue\b|\bfunding\b|\bcredit\b"), (spans.MONEY,)),
    (re.compile(r"规模|多大|\bsize\b|\bhow (?:big|large)\b|\bscale\b"), (spans.MONEY, spans.COUNT, spans.PEOPLE)),
)  # fmt: skip
"""Which kinds of figure the words of a question ask for; the first that matches decides."""


def wanted_figures(question: Question) -> tuple[str, ...]:
    """Return the kinds of figure that a question may be answered with."""
    by_unit = (
        next((kinds for pattern, kinds in WANTED_UNITS if pattern.match(question.unit)), None)
        if question.unit
        else None
    )
    if by_unit:
        return by_unit
    for pattern, kinds in WANTED_FIGURES:
        if pattern.search(question.text):
            return kinds
    return (spans.COUNT, spans.PEOPLE, spans.MONEY, spans.PERCENT, spans.TIMES)


_DAY = re.compile(r"几[月号日]|哪一?[天日年月]|截[止至]|日期|年份|\b(?:date|year|day|deadline)\b")
"""Asks for a date, which no duration is."""


def fit_of(question: Question, sentence: str) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Return how well a sentence holds the kind of answer asked for, 0 to 1, and where that answer stands."""
    if question.kind == FIGURE:
        return _figure_fit(question, sentence, wanted_figures(question))
    if question.kind == DATE:
        is_day = _DAY.search(question.text) is not None
        return _figure_fit(question, sentence, (spans.DATE,) if is_day else (spans.DATE, spans.DURATION))
    if question.kind in (LIST, WHO, WHICH, WHERE):
        return _name_fit(question, sentence)
    return 0.5, ()


def _figure_fit(question: Question, sentence: str, wanted: Sequence[str]) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Find the figure of a wanted kind that stands closest to the question's words."""
    found = spans.find_figures(sentence) + spans.find_counted(sentence, question.wanted)
    figures = [figure for figure in found if figure.kind in wanted]
    figures = [figure for figure in figures if not _is_given(question, sentence[figure.start : figure.end])]
    if "第" not in question.text:
        figures = [figure for figure in figures if not sentence.startswith("第", figure.start)]
    figures = _of_unit(question, figures)
    if not figures:
        return 0.0, ()
    scores = [_figure_score(question, sentence, figure, wanted) for figure in figures]
    best = max(scores)
    chosen = [_come_to(question, sentence, figures[scores.index(best)], figures)]
    if len(question.years) > 1:
        chosen = _one_a_year(question, sentence, figures) or chosen
    return max(0.05, min(1.0, best)), tuple((figure.start, figure.end) for figure in chosen)


def _of_unit(question: Question, figures: list[spans.ShortAnswer]) -> list[spans.ShortAnswer]:
    """Return the figures with the unit that the question counts in (公里 of 多少公里), all of them where none has it."""
    if not question.unit or question.unit[0] in "个种":
        return figures
    return [figure for figure in figures if figure.unit and question.unit.startswith(figure.unit)] or figures


_FORMER = re.compile(r"原[来先本]?|以前|之前|此前|过去|从多|由多|从几|由几|起初|\bbefore\b|\boriginal")
_FROM = re.compile(r"[由从](目前|现在|当前|原来|上年|去年|\d{4}年)?的?\s*$")
_CAME_TO = re.compile(r"\s*[\u3400-\u9fff]{0,4}?[至到为]\s*$")


def _come_to(
    question: Question, sentence: str, figure: spans.ShortAnswer, figures: Sequence[spans.ShortAnswer]
) -> spans.ShortAnswer:
    """Return what a figure came to, unless the former one is asked for: 46人 of 由52人降至46人."""
    after = next((other for other in figures if other.start >= figure.end and other.kind == figure.kind), None)
    former = _FROM.search(sentence, 0, figure.start)
    if not (after and former and _CAME_TO.fullmatch(sentence, figure.end, after.start)):
        return figure
    asks_former = _FORMER.search(question.text) or (former.group(1) or "—") in question.text
    return figure if asks_former else after


def _one_a_year(question: Question, sentence: str, figures: Sequence[spans.ShortAnswer]) -> list[spans.ShortAnswer]:
    """Return the figures that stand in one item with a year of the question."""
    items = [squeeze(_around(sentence, figure.start, figure.end, ITEM_MARKS)) for figure in figures]
    return [figure for figure, item in zip(figures, items, strict=True) if any(y in item for y in question.years)]


ITEM_MARKS = "，,、；;：:（(）)。"
"""What bounds an item of a list; CLAUSE_MARKS bound a clause."""
CLAUSE_MARKS = "，,；;。"


def _is_given(question: Question, figure: str) -> bool:
    """Tell whether a figure stands in the question itself, so that it can't be the answer."""
    squeezed = squeeze(figure)
    return squeezed in squeeze(question.text) and any(character.isdigit() for character in squeezed)


NEAR = 8
"""Characters on either side of a figure that speak most for what it counts."""


def _figure_score(question: Question, sentence: str, figure: spans.ShortAnswer, wanted: Sequence[str]) -> float:
    """Return how close the question's words stand to a figure: in its own item of a list, its clause, the one before."""
    item = squeeze(_around(sentence, figure.start, figure.end, ITEM_MARKS))
    clause = squeeze(_around(sentence, figure.start, figure.end, CLAUSE_MARKS))
    clause_start = max((sentence.rfind(mark, 0, figure.start) for mark in CLAUSE_MARKS), default=-1)
    is_apart = clause_start >= 0 and sentence[clause_start] in "；;。"
    wider = clause if is_apart else squeeze(_around(sentence, max(0, clause_start - 1), figure.end, CLAUSE_MARKS))
    terms = tuple(term for term in question.terms if term.text not in (question.unit, figure.unit))
    score = 0.4 * coverage(terms, item) + 0.3 * coverage(terms, clause) + 0.3 * coverage(terms, wider)
    if question.unit and figure.unit and (question.unit.startswith(figure.unit) or figure.unit in question.unit):
        score += 0.15
    elif question.unit and figure.unit and question.unit[0] not in "个种" and figure.kind == spans.COUNT:
        score -= 0.15
    if any(year in item for year in question.years):
        score += 0.2
    if _BY_HOW_MUCH.search(question.text) and _AFTER_GROWN.search(sentence, 0, figure.start):
        score += 0.6
    nearest = squeeze(sentence[max(0, figure.start - NEAR) : figure.end + NEAR])
    return (
        score + 0.15 * coverage(terms, nearest) - (0.3 if question.kind == DATE else 0.05) * wanted.index(figure.kind)
    )


def _around(sentence: str, start: int, end: int, marks: str) -> str:
    """Return the piece of a sentence between the marks next to [start, end)."""
    left = max((sentence.rfind(mark, 0, start) for mark in marks), default=-1) + 1
    right = min((cut for mark in marks if (cut := sentence.find(mark, end)) >= 0), default=len(sentence))
    return sentence[left:right]


def _surroundings(sentence: str, start: int, end: int) -> str:
    """Return a piece of a sentence with what stands next to it, up to the next clause."""
    before = re.split(r"[，,；;。]", sentence[max(0, start - 25) : start])[-1]
    after = re.split(r"[，,、；;。]", sentence[end : end + 20])[0]
    return before + sentence[start:end] + after


_ASKS_FOR_NAME = re.compile(
    r"标题|题目|名称|名字|叫|称|哪一?[份部本个项]?(?:报告|文件|法|条例|规划|办法|规定|通知|意见|方案|细则|标准)"
)


def _name_fit(question: Question, sentence: str) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Find the list, 《title》 or “term” that stands closest to the question's words."""
    is_list = question.kind == LIST
    titles = spans.find_titles(sentence) if question.kind != WHO else []
    found = (spans.find_lists(sentence) or (titles if len(titles) > 1 else [])) if is_list else titles
    if question.kind == WHO:
        found += spans.find_addressees(sentence)
    fresh = [
        (start, end)
        for start, end in found
        if squeeze(sentence[start:end].strip("“”《》")) not in squeeze(question.text)
    ]
    if not fresh:
        return (0.3 if is_list else 0.5), ()
    closeness = [coverage(question.terms, squeeze(_surroundings(sentence, start, end))) for start, end in fresh]
    best = max(closeness)
    if question.kind == WHO and best < 0.3:
        return 0.5, ()
    if is_list or _ASKS_FOR_NAME.search(question.text):
        return 0.4 + 0.6 * best, (fresh[closeness.index(best)],)
    return 0.5, (fresh[closeness.index(best)],) if best > 0.5 else ()
