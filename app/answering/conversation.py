"""A follow-up question → a question that stands alone; a question of several parts → its parts. Rules, no model."""

import re
from collections.abc import Sequence
from dataclasses import replace

import rjieba

from app.answering.lexicon import contraries
from app.answering.metadata import asked_keys
from app.answering.question import FIGURE, OPEN, YEAR, Question, has_question_word, parse_question
from app.answering.terms import PLACE_ENDS, QUESTION_WORDS, Term
from app.loading.fields import DOCUMENT_NUMBER
from app.text import fold
from app.types import Turn

_LEADING = re.compile(
    r"^(?:那么?|然后|还有|另外|以及|再问一下|继续|再说说|接着|和|跟|与|同|and|what about|how about|then)+\s*[，,]?\s*",
    re.IGNORECASE,
)
_TRAILING = re.compile(r"(?:呢|呀|啊|吧)?[？?。!！\s]*$")
_PRONOUN = re.compile(
    r"这[方一]面|它们?|他们?|她们?|这[个些项家份]?(?!份答复|份文件|个答复|个文件)(?:基金|计划|项目|平台|机构|公司|中心|联盟|人)?|那[个些项家]|该(?:基金|计划|项目|平台|机构|公司|中心|联盟)?"
    r"|其(?!中|他)|两者|上述|\b(?:it|its|they|their|them|that|those|this one)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"^(?:具体|分别|其中|都|一共|总共|又|也|为什么|为何|怎么|如何|哪[一二三四五六七八九十几\d个些])"
)
_ENDS_ELLIPTIC = re.compile(r"呢[？?。!！\s]*$")
_ATTRIBUTE = re.compile(
    r"额|规模|人数|数量|比例|占比|比重|时间|日期|年龄|条件|金额|倍数?|次数|作用|功能|目标|对象|范围|单位|名称|内容|要求|标准|方式|来源"
)
_COMPARED = re.compile(r"比$|相比$|的话$|而言$|来说$")


SAYS_LITTLE = 1.6
"""A question whose words weigh less than this (one noun and no name) can't stand alone."""


def stand_alone(question: str, history: Sequence[Turn]) -> str:
    """Return the question with what it takes from the conversation put in; unchanged if it needs nothing.

    那总资助额呢？ after 四类计划共资助了多少人？ asks for the attribute of the same subject; 那启明星呢？ asks the same of
    another name; 它的规模多大？ points at the subject.
    """
    for turn in history:
        turn_question = turn.question.strip()
        if turn_question == question.strip():
            return question
    if not history or not _needs_history(question):
        return _of_same_document(question, history)
    previous = stand_alone(history[-1].question, history[:-1])
    core = _COMPARED.sub("", _TRAILING.sub("", _LEADING.sub("", question.strip())))
    asked = parse_question(core)
    if asked_keys(asked.text) and not _PRONOUN.search(core):
        return _of_same_document(core, history)
    if asked.kind == OPEN:
        return _with_attribute(core, previous) if _ATTRIBUTE.search(core) else _with_other_name(core, asked, previous)
    core = _PRONOUN.sub("", core).lstrip("的 ")
    own_words = [term for term in parse_question(core).terms if not _NUMERAL.match(term.text) and len(term.text) > 1]
    previous = _YEAR_SAID.sub("", previous) if asked.years else previous
    if not own_words:
        return f"{_content(previous)} {core}"
    subject = _subject(previous)
    counted = _COUNTED.search(previous)
    names_nothing = all(term.weight < 1 or term.text in asked.years for term in own_words)
    missing = counted.group(1) if counted and asked.kind == FIGURE and names_nothing else ""
    return f"{subject}{missing} {core}"


_YEAR_SAID = re.compile(rf"{YEAR.pattern}年?")
_COUNTED = re.compile(r"多少(?![\u3400-\u9fff]{0,2}[钱元人])([\u3400-\u9fff]{2,8})[？?。\s]*$")
"""What a question counts behind its question word: 发了多少消费券."""


def _of_same_document(question: str, history: Sequence[Turn]) -> str:
    """Return a question for a field (抄送给谁了) with the document that the conversation named last."""
    if not asked_keys(fold(question)) or _NAMES_DOCUMENT.search(question):
        return question
    named = [match.group() for turn in history if (match := _NAMES_DOCUMENT.search(turn.question))]
    return f"{named[-1]} {question}" if named else question


_NAMES_DOCUMENT = re.compile(rf"{DOCUMENT_NUMBER.pattern}|《[^》]+》")
_NUMERAL = re.compile(r"[\d一二三四五六七八九十几]")


def _needs_history(question: str) -> bool:
    text = question.strip()
    if _ENDS_ELLIPTIC.search(text) or _LEADING.match(text):
        return True
    asked = parse_question(text)
    says_little = sum(term.weight for term in asked.terms) < SAYS_LITTLE and not asked_keys(asked.text)
    has_subject = len(asked.terms) > 3 or any(term.is_name for term in asked.terms)
    return bool(_PRONOUN.search(text)) or says_little or (bool(_POINTS_BACK.match(text)) and not has_subject)


_SUBJECT_END = re.compile(r"是(?!否)|由|有(?!关)|在(?!线)|为(?!了)|多少|多大|几|哪|谁|什么|啥|如何|怎|何时|呢")


def _subject(question: str) -> str:
    """Return what a question is about: its words up to the verb or the question word."""
    match = _SUBJECT_END.search(question)
    subject = question[: match.start()] if match else question
    return subject.strip("，,？? ") if len(subject.strip()) >= 4 else _content(question)


def _content(question: str) -> str:
    """Return a question without its question words."""
    return " ".join(QUESTION_WORDS.sub(" ", _TRAILING.sub("", question)).split())


def _with_attribute(core: str, previous: str) -> str:
    return f"{_subject(previous)}的{_PRONOUN.sub('', core).lstrip('的 ')}是多少？"


def _with_other_name(core: str, asked: Question, previous: str) -> str:
    """Put a new name, year or subject in the place of the previous question's."""
    if asked.years and (old := YEAR.search(previous)):
        return previous.replace(old.group(1), asked.years[0])
    if _YEAR_BEFORE.fullmatch(core) and (old := YEAR.search(previous)):
        return previous.replace(old.group(1), str(int(old.group(1)) - 1))
    if _THEN.fullmatch(core):
        return _THEN.sub(core, previous, count=1) if _THEN.search(previous) else core + previous
    terms = [term for term in parse_question(previous).terms if not _OF_EACH.match(term.text)]
    is_place = fold(core)[-1:] in PLACE_ENDS
    names = [term for term in terms if term.is_name and (is_place or term.text[-1] not in PLACE_ENDS)] or terms
    target = _contrary(core, terms) or _most_alike(core, names)
    start = fold(previous).find(target.text) if target else -1
    if target is None or start < 0:
        return f"{core} {_content(previous)}"
    return previous[:start] + core + previous[start + len(target.text) :]


_YEAR_BEFORE = re.compile(r"[上前去]一?年度?|(?:the )?(?:year before|previous year)", re.IGNORECASE)
_THEN = re.compile(r"以前|之前|此前|过去|原来|原先|早先|当时|现在|目前|眼下|如今|今后|以后|将来|未来")
"""A time that is no year."""


_OF_EACH = re.compile(r"[单每各一]")
"""What no name stands in the place of: 单个 of 单个企业."""


def _contrary(core: str, terms: Sequence[Term]) -> Term | None:
    """Return the word that the new one excludes: 小学 for 初中."""
    excluded = {word for group in contraries() if core in group for word in group}
    return next((term for term in terms if term.text in excluded), None)


def _most_alike(core: str, names: Sequence[Term]) -> Term | None:
    """Return the name that the new one most likely replaces: one of its ending, else the first."""
    same_ending = [term for term in names if core and term.text[-1] == fold(core)[-1]]
    return next(iter(same_ending or names), None)


_BETWEEN_QUESTIONS = re.compile(r"[？?；;]+\s*(?=\S)")
_BETWEEN_CLAUSES = re.compile(
    r"[，,]\s*(?:另外|还有|以及|同时|并且|并|又|和|and\b)?\s*|\s*(?:以及|还有|另外)\s*|\band\b", re.IGNORECASE
)
_PAIR = re.compile(
    r"^(?P<first>[^，,。]{2,30}?)(?:和|与|、|及|以及)(?P<second>[^，,。]{2,30}?)(?:[，,](?P<about>[^，,。]{2,12}?)?)?(?:各自?|分别)(?P<rest>.{2,})$"
)


def _without_request(text: str) -> str:
    """Return a question without what only asks to be told: 具体是哪些，列一下."""
    said = [clause for clause in re.split("[，,]", text) if not _ASKS_TO_TELL.match(clause.strip())]
    return "，".join(said) if any(has_question_word(clause) for clause in said) else text


_ASKS_TO_TELL = re.compile(
    r"^(?:请|麻烦|帮我|帮忙|给我|都|逐一|一一)*(?:列出来|列出(?:名称|名字|名单|来)?|给[个出我]*(?:名单|清单)|列一[列下遍]|列举(?:出来|一下)?|说说|说一[说下]|讲讲|讲一下|告诉我|说清楚)[吧啊呀下]?[。!！]?$"
)
MAX_PARTS = 3


def split_parts(question: str) -> list[str]:
    """Return the questions that one text asks, at most three; the later ones carry on from the first."""
    said = [part.strip() for part in _BETWEEN_QUESTIONS.split(question) if part.strip()]
    asked = [_without_request(part) for part in said if not _ASKS_TO_TELL.match(part)]
    parts: list[str] = []
    for text in asked:
        clauses = [clause for clause in _BETWEEN_CLAUSES.split(text) if clause and clause.strip()]
        if len(clauses) > 1 and all(has_question_word(clause) and len(clause) > 2 for clause in clauses):
            parts += clauses
        elif (pair := _PAIR.match(text)) and bool(asked_keys(fold(pair["first"]))) != bool(
            asked_keys(fold(pair["second"]))
        ):
            parts += [pair["first"], pair["second"] + pair["rest"]]
        elif pair and not asked_keys(fold(text)):
            rest = (pair["about"] or "") + pair["rest"]
            shared = "" if pair["about"] else _shared_by_both(pair["first"], pair["second"])
            parts += [pair["first"] + shared + rest, pair["second"] + rest]
        else:
            parts.append(text)
    parts = [part for part in parts if parse_question(part).terms or asked_keys(fold(part))]
    return parts[:MAX_PARTS] if len(parts) > 1 else [question]


def _shared_by_both(first: str, second: str) -> str:
    """Return what stands behind the second of a pair and belongs to both: 经费 of 基础研究和应用研究经费."""
    if "的" in second and "的" not in first:
        return second[second.index("的") :]
    ends = [i for i in range(1, len(second)) if second[i - 1] == first[-1] and abs(i - len(first)) <= 2]
    nearest = min(ends, key=lambda i: abs(i - len(first)), default=None)
    return second[nearest:] if nearest else second[len(rjieba.cut(second)[0]) :] if len(rjieba.cut(first)) == 1 else ""


def parse_parts(question: str) -> list[Question]:
    """Return the parsed parts of a question; a part without a subject of its own takes over the first one's words."""
    questions = [parse_question(part) for part in split_parts(question)]
    first = questions[0]
    return [first, *(_with_subject(later, first) for later in questions[1:])]


def _with_subject(later: Question, first: Question) -> Question:
    own = {term.text for term in later.terms}
    if sum(term.weight for term in later.terms) >= 2.5 and not later.text.startswith(("其中", "其", "它", "总")):
        return later
    borrowed = tuple(Term(t.text, t.weight * 0.4, t.is_name) for t in first.terms if t.text not in own)
    return replace(later, terms=later.terms + borrowed, years=later.years or first.years)
