"""Numbers of Chinese and English text with their units and bounds, for comparison. Pure.

「1 万余人」, 「一万多人」 and 「10,000 余人」 are one figure; 「不超过 50 岁」 is not 「超过 50 岁」.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext

from app.text import fold

_DIGITS = {"〇": 0, "零": 0, "两": 2} | {digit: i for i, digit in enumerate("一二三四五六七八九", start=1)}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ENGLISH_WORDS = {
    word: i + 2
    for i, word in enumerate(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
        ]
    )
} | {
    word: 10 * (i + 2)
    for i, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}

_UNITS = (
    "%|‰|人次|人|周岁|岁|周年|周|个百分点|个工作日|个月|年度|年|月份|月|工作日|[美欧日港]元|元|日|天|季度|世纪|学年|学期|小时"
    "|分钟|秒|平方公里|平方千米|平方米|立方米|公里|公顷|公斤|吨|亩|千瓦时|千瓦|千米|千克|米|号|级|等奖|届|期|章|条|款|倍|成|折"
    "|批次|个|次|名|位|家|项|件|种|类|所|座|台|套|辆|户|场|份|篇|批|轮|大|[a-z]+"
)
_NUMERAL = re.compile(
    r"(?:(?P<share>百|千|万)分之)?"
    r"(?P<run>\d+(?:\.\d+)*(?:[十百千万亿]+(?:零?\d+(?:\.\d+)?)?)*|[〇零一二两三四五六七八九十百千万亿]+(?:点[〇零一二三四五六七八九]+[万亿]*)?)"
    rf"(?P<about>[余多几]?)(?P<scale>(?:(?<=[余多几])[十百千万亿]+)?)(?P<more>[余多几]?)(?P<unit>(?:{_UNITS})?)"
)
_COUNTERS = frozenset(
    [
        "批次",
        "个",
        "次",
        "名",
        "位",
        "家",
        "项",
        "件",
        "条",
        "种",
        "类",
        "所",
        "座",
        "台",
        "套",
        "辆",
        "户",
        "场",
        "份",
        "篇",
        "款",
        "批",
        "轮",
    ]
)
_WORDS = re.compile(
    r"千方百计|万众|万一|千万不|百姓|百货|三是|四是|五是|六是|七是|八是|九是|十是|二是|一(?:是|方面|系列|些|定|般|直|样|起|致|步|旦|切|体|并|同|带一路|站式|手|把手|线|流|揽子|次性)"
)
_NO_COUNT_BEFORE = tuple("统唯单之逐划归合同专进")

GT, GE, LT, LE, NEAR, ABOUT = "more than", "at least", "less than", "at most", "nearly", "about"
_BOUNDS_BEFORE = (
    (GE, r"不少于|不低于|不小于|下限[是为]|(?:至少|最少|最低)[\u3400-\u9fff]{0,2}|at least|no less than|not less than|no fewer than|minimum of"),
    (LE, r"不[得能可会应]?超过|不高于|不大于|不多于|上限[是为]|(?:至多|最多|最高)[\u3400-\u9fff]{0,2}|at most|no more than|not more than|not exceeding|up to|maximum of"),
    (LT, r"不足|不到|未满|不满|低于|少于|小于|尚未达到|less than|fewer than|under|below"),
    (GT, r"超过?|逾|高于|大于|多于|突破|more than|over|above|exceeding|exceeds?|exceeded|greater than|surpass(?:ed|ing|es)?"),
    (NEAR, r"近|将近|接近|nearly|almost"),
    (ABOUT, r"约|大约|about|around|approximately|roughly"),
)  # fmt: skip
_BEFORE = [
    (bound, re.compile(rf"(?:{words})(?:了|至|到|达|为)?\s*(?:rmb|cny|¥)?\s*$")) for bound, words in _BOUNDS_BEFORE
]
_AFTER = [
    (GE, re.compile(r"\s*(?:及|或|\()*以上|\s*(?:or|and) (?:more|above|over|older)")),
    (LE, re.compile(r"\s*(?:及|或|\()*(?:以下|以内|之内)|\s*(?:or|and) (?:less|below|under|younger|fewer)")),
    (GT, re.compile(r"\s*(?:以外|之外)")),
    (ABOUT, re.compile(r"\s*(?:左右|上下)")),
]
HARD = frozenset({GE, LE, LT})
"""Bounds without which a figure means something else: 「32 周岁以下」 is not 「32 周岁」."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a plain text, at [start, end)."""

    start: int
    end: int
    value: str
    """Its one form; digits that are read one by one (0608) stay as they are."""
    unit: str
    bound: str
    is_rounded: bool
    """Tells 余, 多 and 几: the true figure is a little above."""

    @property
    def is_share(self) -> bool:
        return self.unit in ("%", "‰")


def is_same_number(number: Number, other: Number) -> bool:
    """Tell equal values of one unit; a number without a unit is any but a share."""
    if number.value != other.value:
        return False
    return number.unit == other.unit or (not number.unit and not other.is_share)


def plain(text: str) -> str:
    """Return the folded text without thousands separators and without spaces, but those that part two words or numbers.

    2024-05-27 becomes 2024年5月27日, 30 per cent 30%, 1.2 million 1200000.
    """
    folded = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", fold(text))
    folded = re.sub(r"(?<=\d)\s*(?:percent|per cent)\b", "%", folded)
    folded = re.sub(rf"(?<![\d.])(\d+(?:\.\d+)?)\s*({'|'.join(_ENGLISH_SCALES)})\b", _scaled, folded)
    folded = re.sub(r"\s+", _space, folded.strip())
    folded = _DATE.sub(lambda m: f"{m.group(1)}年{int(m.group(3))}月{int(m.group(4))}日", folded)
    return re.sub(r"(?<!\d)0(?=[1-9][月日])", "", folded)


_DATE = re.compile(r"(?<![\d.])((?:19|20)\d{2})([-/.])(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])(?!\.?\d)")


def _scaled(match: re.Match[str]) -> str:
    return f"{(Decimal(match.group(1)) * _ENGLISH_SCALES[match.group(2)]).normalize():f}"


def _space(match: re.Match[str]) -> str:
    """Keep a space between two words or numbers that would run into one."""
    text = match.string
    left, right = text[match.start() - 1], text[match.end()]
    if left.isascii() and right.isascii() and (left.isalnum() or left == "%") and right.isalnum():
        return " "
    return " " if (left.isdigit() and right in _DIGITS) or (left in _DIGITS and right.isdigit()) else ""


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a plain text in order. Digits of a name (G60) and words like 一体 and 统一 are none."""
    position = 0
    while match := _NUMERAL.search(text, position):
        number = _read(match)
        position = number.end if number else match.end("run")
        if number:
            yield number
    for match in re.finditer(rf"\b({'|'.join(_ENGLISH_WORDS)})\b(?!-)", text):
        yield Number(match.start(), match.end(), str(_ENGLISH_WORDS[match.group()]), "", "", False)


def rewrite(text: str) -> str:
    """Return a plain text with its numbers in their one form, and without punctuation: 「2024年5月27日」, 「1+7+n」 is 「1|7n」."""
    parts, position = [], 0
    for number in sorted(find_numbers(text), key=lambda number: number.start):
        if number.start >= position and number.unit != "万分之":
            parts += [text[position : number.start], " ", number.value, number.unit.removeprefix("第"), " "]
            position = number.end + (0 if text[number.end : number.end + 1] != number.unit else 1)
    joined = "".join([*parts, text[position:]])
    return _DROPPED.sub(_bar, joined)


_DROPPED = re.compile(r"(?:[^\w.%‰]|_|(?<!\d)\.|\.(?!\d))+")


def _bar(match: re.Match[str]) -> str:
    before, after = match.string[max(0, match.start() - 1) : match.start()], match.string[match.end() : match.end() + 1]
    return "|" if before.isdigit() and after.isdigit() else ""


def holds(text: str, part: str) -> bool:
    """Tell whether a rewritten text holds a rewritten part whose outer numbers are whole."""
    left = r"(?<!\d)(?<!\d\.)" if part[:1].isdigit() else ""
    right = r"(?!\.?\d|[万亿%‰])" if part[-1:].isdigit() else ""
    return bool(part) and re.search(left + re.escape(part) + right, text) is not None


def uncounted(text: str) -> Iterator[str]:
    """Yield the runs of numerals that are no number by themselves, with the character behind: 三角, 十四五规."""
    position = 0
    while match := _NUMERAL.search(text, position):
        number = _read(match)
        position = number.end if number else match.end("run")
        run = match["run"]
        is_idiom = run == "一" or _WORDS.match(text, match.start()) or text.startswith(("两者", "百分"), match.start())
        if number is None and not is_idiom and not _follows_letter(match):
            yield text[match.start() : match.end("run") + 1]


def _follows_letter(match: re.Match[str]) -> bool:
    before = match.string[match.start() - 1 : match.start()]
    return match["run"][0].isascii() and before.isascii() and before.isalpha()


def _read(match: re.Match[str]) -> Number | None:
    run, unit, share, text = match["run"], match["unit"], match["share"], match.string
    if not share and not _counts(match):
        return None
    value = _value(run, match["scale"])
    if value is None:
        return None
    end = match.end()
    if share:
        unit, end = {"百": "%", "千": "‰", "万": "万分之"}[share], match.start("unit")
    elif not unit and text[end : end + 1] not in _OPEN_ENDS:
        unit = text[end]
    if text[max(0, match.start() - 1) : match.start()] == "第":
        unit = f"第{unit}"
    is_rounded = bool(match["about"] + match["more"])
    return Number(match.start(), end, value, unit, _bound(text, match.start(), end), is_rounded)


_OPEN_ENDS = frozenset(" ，。；：、！？,;:!?()（）[]〔〕【】《》“”‘’「」\"'的和与及至到或~—-+*/\n.") | {""}
"""What may follow a number that has no unit."""


def _counts(match: re.Match[str]) -> bool:
    """Tell a run that counts something from one that is part of a name or a word."""
    run, unit, text, start = match["run"], match["unit"], match.string, match.start()
    before = text[max(0, start - 1) : start]
    if run[0].isascii():
        return not _follows_letter(match)
    if before != "第" and (_WORDS.match(text, start) or (run[0] in _SCALES and before in tuple("几数"))):
        return False
    if run[0] in "百千万亿":
        return bool(unit) and before in tuple("近超过逾约达上")
    if len(run) > 1 or before == "第":
        return True
    if run == "一" and (before in _NO_COUNT_BEFORE or unit in _COUNTERS or unit in ("大", "")):
        return False
    return bool(unit or match["scale"])


def _bound(text: str, start: int, end: int) -> str:
    before = text[max(0, start - 20) : start]
    for bound, pattern in _BEFORE:
        if pattern.search(before):
            return bound
    return next((bound for bound, pattern in _AFTER if pattern.match(text, end)), "")


def _value(run: str, scale: str) -> str | None:
    """Return the one form of a run; None if it is no number: 十四五, 1.2.3."""
    if re.fullmatch("[〇零一二三四五六七八九]{3,}", run) and (re.search("[〇零]", run) or len(run) == 4):
        run = "".join(str(_DIGITS[digit]) for digit in run)
    if len(run) > 40 or run.count(".") > 1:
        return None
    if not scale and run.isascii() and re.match(r"0\d|\d+\.\d*0$", run):
        return run
    with localcontext(prec=100):
        number = _parse(run)
        for character in scale:
            number = number and number * _SCALES[character]
        return None if number is None else f"{number.normalize():f}"


def _parse(run: str) -> Decimal | None:
    """Return the value of digits and characters; None where they are put together in no proper way."""
    if re.fullmatch(r"\d+(?:\.\d+)?", run):
        return Decimal(run)
    for scale in "亿万千百十":
        head, found, rest = run.rpartition(scale)
        if found:
            return _combine(head, scale, rest)
    whole, point, decimals = run.partition("点")
    if len(whole) != 1 or whole not in _DIGITS:
        return None
    return Decimal(_DIGITS[whole]) + (Decimal("0." + "".join(str(_DIGITS[d]) for d in decimals)) if point else 0)


def _combine(head: str, scale: str, rest: str) -> Decimal | None:
    """Return head × scale + rest; a missing head is 1 before 十; 三百二 leaves a scale out and has no value."""
    factor = _parse(head) if head else Decimal(1)
    smaller = _rest(rest, scale)
    if factor is None or smaller is None or smaller >= _SCALES[scale]:
        return None
    return factor * _SCALES[scale] + smaller


def _rest(rest: str, scale: str) -> Decimal | None:
    whole, point, _ = rest.partition("点")
    if not rest:
        return Decimal(0)
    if scale != "十" and not point and len(whole) == 1:
        return None
    return _parse(rest.lstrip("零〇") if len(rest) > 1 else rest)
