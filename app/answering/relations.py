"""Whether a sentence puts its facts together as its source does: negation, duty, direction, plan or deed, which figure is whose.

Words only, no parser: each check looks for one plain contradiction and lets pass what it cannot tell.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from app.answering.numerals import Number, find_numbers, plain

_IDIOMS = re.compile(
    r"不断|不仅|不但|不少(?!于)|不等|不同|不少于|不超过|不低于|不高于|不多于|不大于|不小于|不足|不到|不满|不得超过|未满|不动产|不良|不锈|不锈钢|不孕|不论|不管|不限|不[能会可应]超过"
    r"|无人机|无线|无锡|无论|无偿|无缝|无障碍|未来|未成年|非常|非遗|非洲|没收|免费|免疫|非公|非营利|非税|分不开|差不多|不可或缺|必不可少"
)
_NEGATED = re.compile(
    r"(?:不得|不能|不予|不可|不再|不会|不准|不是|不需|不用|没有|未能|尚未|从未|并未|禁止|严禁|无需|不|未|没|无|非|免(?=[收缴征交]))(?P<what>[\u3400-\u9fff]{1,2})"
)
_ENGLISH_NOT = re.compile(r"\b(?:not|no|never|without|neither|nor|cannot|prohibited|forbidden)\b|n't\b")
_CHINESE_NOT = re.compile(r"不|未|没|无|非|禁|免")


def wrong_negation(sentence: str, quotes: Sequence[str]) -> str:
    """Find what a sentence denies and the quotes do not, or the other way round."""
    said, cited = _without_idioms(sentence), "\n".join(map(_without_idioms, quotes))
    if re.search(r"[\u3400-\u9fff]", said) is None:
        is_denied = (
            bool(_ENGLISH_NOT.search(said)) and not _CHINESE_NOT.search(cited) and not _ENGLISH_NOT.search(cited)
        )
        return "否定了所引原文没有否定的事" if is_denied else ""
    denied, denied_there = _denied(said), _denied(cited)
    for what in denied:
        if not any(what[0] in other for other in denied_there):
            return f"否定了“{what}”，所引原文没有否定"
    for what in denied_there:
        is_affirmed = what in _affirmed(said) and what not in denied
        if len(what) > 1 and is_affirmed and what not in _affirmed(cited):
            return f"所引原文否定了“{what}”"
    return ""


def _without_idioms(text: str) -> str:
    return _IDIOMS.sub("", plain(text))


def _denied(text: str) -> set[str]:
    return {match["what"] for match in _NEGATED.finditer(text)}


def _affirmed(text: str) -> str:
    """Return the text without what is denied in it."""
    return _NEGATED.sub("|", text)


_OPPOSITES: tuple[tuple[str, str, str], ...] = (
    ("至少|最少|不少于|不低于", "至多|最多|不超过|不高于", "至少与至多"),
    ("施行|实施|生效|执行|启用", "废止|失效|终止|停止|停用", "施行与废止"),
    ("新增|增加|增长|上升|提高|提升|扩大|上涨|攀升|increas|rise|rose|grew|growth", "减少|下降|降低|缩小|下跌|回落|缩减|decreas|declin|fell|drop|reduc", "增减"),
    ("允许|可以|准予|may |allowed|permitted", "禁止|严禁|不得|不准|不允许|不可以|prohibit|forbid|must not", "许可与禁止"),
    ("必须|应当|须(?!知)|应(?=[当自于在向]|依法|及时)|must |shall ", "可以|鼓励|自愿|may |optional", "必须与可以"),
    ("公开(?!招|募|课)", "不公开|不予公开|依申请公开", "公开与否"),
    ("同意|批准|通过审", "不同意|驳回|不予批准|否决", "同意与否"),
    ("最高|最大|最多|highest|largest|most ", "最低|最小|最少|lowest|smallest|least ", "最高与最低"),
    ("早于|提前", "晚于|推迟|延后", "先后"),
    ("流入|引进|进口|import", "流出|输出|出口|export", "进出"),
    ("收入", "支出", "收支"),
    ("上半年|上旬|上限", "下半年|下旬|下限", "上下"),
)  # fmt: skip
_PAIRS = [(re.compile(a), re.compile(b), name) for a, b, name in _OPPOSITES]


def wrong_opposite(sentence: str, quotes: Sequence[str]) -> str:
    """Find a word whose opposite alone stands in the quotes: 减少 where they say 增加."""
    cited = plain("\n".join(quotes))
    reason = _opposite(plain(sentence), cited)
    there = [clause for clause in _BREAK.split(cited) if clause]
    for clause in _BREAK.split(plain(sentence)):
        closest = max(there, key=lambda other: _shared(clause, other), default="")
        if _shared(clause, closest) >= CLOSE:
            reason = reason or _opposite(clause, closest)
    return reason


_BREAK = re.compile(r"[,，;；。.\n]")
CLOSE = 0.4
"""Share of a clause's pairs of characters that make another clause its counterpart."""


def _shared(clause: str, other: str) -> float:
    own = {clause[i : i + 2] for i in range(len(clause) - 1)}
    return sum(pair in other for pair in own) / max(1, len(own))


def _opposite(said: str, cited: str) -> str:
    for first, second, name in _PAIRS:
        for mine, other in ((first, second), (second, first)):
            says = mine.search(other.sub("|", said))
            has_opposite, has_same = other.search(cited), mine.search(other.sub("|", cited))
            if says and has_opposite and not has_same and not other.search(said):
                return f"“{says.group().strip()}”与所引原文相反（{name}）"
    return ""


_DONE = re.compile(
    r"已经|已(?=[\u3400-\u9fff])(?!知)|目前|实际|完成了|建成了|设立了|成立了|\b(?:has|have) (?:already )?been\b|\balready\b"
)
_PLANNED = re.compile(
    r"拟(?=[\u3400-\u9fff])|(?:还|仍|即)?将(?!近|军|来)(?=[\u3400-\u9fff])|计划(?=[于在到建设])|力争|争取|预计|下阶段|下一步"
)
_DEED = re.compile(r"已|了|截至|累计|实现|达到|达成|突破")
_TO_COME = re.compile(r"拟([\u3400-\u9fff]{1,2})")


def wrong_time(sentence: str, quotes: Sequence[str]) -> str:
    """Find a plan that is told as done."""
    cited = plain("\n".join(quotes))
    is_told_as_done = bool(_DONE.search(plain(sentence))) and not _PLANNED.search(plain(sentence))
    if is_told_as_done and _PLANNED.search(cited) and not _DEED.search(cited):
        return "把计划说成了已经做到的事"
    for deed in _TO_COME.findall(cited):
        if re.search(rf"(?<!拟){deed[0]}了", plain(sentence)):
            return f"原文是“拟{deed}”，没有说已经“{deed[0]}了”"
    return ""


_LIST = re.compile(r"[^,，;；。:：、]+(?:、[^,，;；。:：、]+)+")
_POINT = re.compile(r"[一二三四五六七八九十]是|[(（]?[一二三四五六七八九十\d][)）.、]|分别|包括")


def wrong_list(sentence: str, quotes: Sequence[str]) -> str:
    """Find neighbours in a list that a quote holds in different clauses: 「甲、乙」 of 「构建甲，打造乙」."""
    for match in _LIST.finditer(plain(sentence)):
        items = match.group().split("、")
        for first, second in pairwise(items):
            apart = [
                _break_between(_core(first, source, from_end=True), _core(second, source), source)
                for source in map(plain, quotes)
            ]
            known = [is_apart for is_apart in apart if is_apart is not None]
            if known and all(known):
                return f"“{second}”在所引原文中不与“{first}”并列"
    return ""


def _core(item: str, source: str, from_end: bool = False) -> str:
    """Return the longest end, or beginning, of an item that a quote holds, three characters or more."""
    pieces = [item[i:] if from_end else item[: len(item) - i] for i in range(len(item) - 2)]
    return next((piece for piece in pieces if piece in source), "")


def _break_between(first: str, second: str, source: str) -> bool | None:
    """Tell whether a clause ends between two pieces wherever the quote holds both; None where it does not hold them."""
    if not first or not second:
        return None
    gaps = []
    for one in re.finditer(re.escape(first), source):
        for other in re.finditer(re.escape(second), source):
            left, right = sorted([one.span(), other.span()])
            gaps.append(source[left[1] : right[0]])
    return all(re.search(r"[,，;；。]", gap) and not _POINT.search(gap) for gap in gaps)


_CLAUSE = re.compile(r"[,，、;；。:：()（）和与]")


def wrong_owner(sentence: str, quotes: Sequence[str]) -> str:
    """Find a figure that the sentence gives to what another figure of that unit belongs to in the quote.

    「47% 的上市企业」 does not carry 「34% 的上市企业」 either, whatever stands before the figure.

    In 「面向 32 周岁以下的扬帆专项、面向 35 周岁以下的启明星项目」 each figure has its surroundings; what only one of them has
    (扬帆, 启明星) tells whose it is. A figure fails if its own surroundings there share none of this with the sentence,
    and those of another share two pieces or more.
    """
    text = _QUOTED.sub("", plain(sentence))
    numbers = sorted(find_numbers(text), key=lambda number: number.start)
    if _RESPECTIVELY.search(text):
        return _wrong_order(numbers, [plain(quote) for quote in quotes])
    for number in numbers:
        sides = (_pieces(text, number, numbers), _pieces(text, number, numbers, only_behind=True))
        holding = [source for source in map(plain, quotes) if _has(number, source)]
        if holding and all(
            _is_misplaced(number, sides[0], source) or _is_misplaced(number, sides[1], source, only_behind=True)
            for source in holding
        ):
            return f"“{text[number.start : number.end]}”在所引原文中说的是别的"
    return ""


_QUOTED = re.compile(r"“[^”]*”|《[^》]*》|\"[^\"]*\"")
"""What is quoted is looked up as a whole."""
_RESPECTIVELY = re.compile(r"分别|各[占为是有达]")


def _wrong_order(numbers: Sequence[Number], quotes: Sequence[str]) -> str:
    """Find that the figures of 「甲和乙分别为 34% 和 47%」 come in another order than in every quote that holds them."""
    said = [(number.value, number.unit) for number in numbers if number.unit != "年"]
    for quote in quotes:
        there = [(other.value, other.unit) for other in sorted(find_numbers(quote), key=lambda other: other.start)]
        rest = iter(there)
        if all(figure in rest for figure in said):
            return ""
    return "数字的次序与所引原文不同" if len(said) > 1 else ""


def _has(number: Number, quote: str) -> bool:
    return any(other.value == number.value and other.unit == number.unit for other in find_numbers(quote))


def _is_misplaced(number: Number, around: set[str], quote: str, only_behind: bool = False) -> bool:
    everything = sorted(find_numbers(quote), key=lambda other: other.start)
    rivals = [other for other in everything if other.unit == number.unit]
    pieces = [_pieces(quote, other, everything, only_behind) for other in rivals]
    own = foreign = 0
    for i, other in enumerate(rivals):
        telling = pieces[i] - set().union(*(pieces[j] for j in range(len(rivals)) if j != i))
        shared = sum(2 if piece[0].isdigit() else 1 for piece in telling & around)
        if other.value == number.value:
            own = max(own, shared)
        else:
            foreign = max(foreign, shared)
    return own == 0 and foreign >= 2


def _pieces(text: str, number: Number, numbers: Sequence[Number], only_behind: bool = False) -> set[str]:
    """Return the pairs of characters and the other figures in the part of a text that belongs to a figure, or behind it."""
    left = max((match.end() for match in _CLAUSE.finditer(text, 0, number.start)), default=0)
    stop = _CLAUSE.search(text, number.end)
    right = stop.start() if stop else len(text)
    same = [other for other in numbers if other.unit == number.unit and other is not number]
    left = max([left, *(other.end for other in same if other.end <= number.start)])
    right = min([right, *(other.start for other in same if other.start >= number.end)])
    left = number.start if only_behind else left
    inside = [other for other in numbers if left <= other.start < right and other.unit != number.unit]
    pieces = {f"{other.value}{other.unit}" for other in inside}
    for words in re.findall(r"[\u3400-\u9fff]{2,}", text[left : number.start] + "|" + text[number.end : right]):
        pieces |= {words[i : i + 2] for i in range(len(words) - 1)}
    return pieces | set(re.findall(r"[a-z]{3,}|[a-z]+\d+", text[left:right]))


Check = Callable[[str, Sequence[str]], str]
CHECKS: tuple[Check, ...] = (wrong_negation, wrong_opposite, wrong_time, wrong_owner, wrong_list)
"""Each returns why a sentence contradicts the quotes, or nothing."""
CHECKS_OF_CLOSEST: tuple[Check, ...] = (wrong_opposite, wrong_time)
"""Those that the passage most like the sentence has to pass alone: another one may not talk it round."""
