"""Numerals of Chinese text in one form: 一万余人, 1 万余人 and 10,000余人 are all 1万余人. Pure.

Characters are rewritten only where they count something: 一体化, 三省一市, 十四五 and 万众创新 stay as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext

from app.text import fold

_DIGITS = {"〇": 0, "零": 0, "两": 2} | {digit: i for i, digit in enumerate("一二三四五六七八九", start=1)}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_DIGIT, _SCALE = f"[{''.join(_DIGITS)}]", "(?:[十百万亿]|千(?![瓦米克伏]))"
_ARABIC = r"[0-9]+(?:\.[0-9]+)*"

_COUNTERS = "批次|个|次|名|位|家|项|件|条|种|类|所|座|台|套|辆|户|场|份|篇|款|批|轮"
_UNITS = (
    "%|‰|人次|人|周岁|岁|周年|周|个百分点|个月|年|月|工作日|[美欧日港]元|元|日|天|季度|世纪|学年|学期|小时|分钟|秒|平方公里|平方米"
    "|立方米|公里|公顷|公斤|吨|亩|千瓦时|千瓦|千米|千克|米|号|级|等奖|届|期|章|倍"
    f"|{_COUNTERS}|(?<!一)大(?!会|学|赛|家)|[a-z]+"
)
_COUNTER = re.compile(_COUNTERS)
_NUMERAL = re.compile(
    r"(?:(?P<share>[百千])分之)?"
    rf"(?P<run>{_ARABIC}(?:{_SCALE}+(?:零?{_ARABIC})?)*|(?:{_DIGIT}|{_SCALE})+(?:点{_DIGIT}+(?![十百千分])[万亿]*)?)"
    rf"(?P<about>[余多几]?)(?P<scale>(?:(?<=[余多几]){_SCALE}+)?)(?P<more>[余多几]?)(?P<unit>(?:{_UNITS})?)"
)
_SECTION = re.compile(
    r"(?:(?P<thousands>{0})千)?(?:零?(?P<hundreds>{0})百)?(?:零?(?P<tens>{0}|)(?P<ten>十))?(?:(?P<gap>零)?(?P<ones>{1}))?".format(
        r"[0-9]+(?:\.[0-9]+)?|[一二两三四五六七八九]", "[一二两三四五六七八九]"
    )
)
_YEAR = re.compile("[一二][〇零一二三四五六七八九]{3}")
_CODE = re.compile("(?=.*[〇零])[〇零一二三四五六七八九]{3,}")
"""Digits read out one by one: 二〇二四, 第〇六〇八号."""

_WORD = re.compile(r"一(?:次性|批(?!次)|家人|个劲|年一度|日千里|天到晚)")
_WORD_BEFORE = re.compile(r"(?:星期|礼拜|周|初)\Z")
_BEFORE_ONE = tuple("统唯单之逐划归合同专")
"""What 一 is the end of: 统一, 唯一."""
_BOUND = re.compile(r"(?:近|超过?|逾|约|达|过|(?<!以)上)\Z")
"""What may stand before a scale that is a number of its own: 近百项."""

_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_SPACE = re.compile(r"(?<=(.))\s+(?=(.))", re.DOTALL)
_ENGLISH_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ENGLISH = re.compile(rf"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)\s*({'|'.join(_ENGLISH_SCALES)})\b")
_PERCENT = re.compile(r"(?<=[0-9])\s*per ?cent\b")
_DATE = re.compile(r"(?<![0-9.])((?:19|20)[0-9]{2})([-/.])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])(?!\.?[0-9])")


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number of a tidied text, at [start, end), with what belongs to it."""

    start: int
    end: int
    value: str
    """Its one form: digits, with 万 or 亿 where that is shorter."""
    about: str
    """余, 多 or 几, where the number is rounded."""
    unit: str
    is_article: bool
    """Tells 一个, 一项 and the like, which rarely count anything."""

    @property
    def text(self) -> str:
        return self.value + self.about + self.unit


def tidy(text: str) -> str:
    """Return the folded text without white space and thousands separators; 2024-05-27 is 2024年5月27日, percent %, 10 billion its digits.

    A space stays where a number would run into what is next to it: 「2023 300」, 「in 2023」.
    """
    plain = _PERCENT.sub("%", fold(_THOUSANDS.sub(lambda match: match.group().replace(",", ""), text)).strip())
    plain = _ENGLISH.sub(_spelt_out, plain)
    joined = _SPACE.sub(lambda match: " " if _would_fuse(match.group(1), match.group(2)) else "", plain)
    return _DATE.sub(lambda match: f"{match.group(1)}年{int(match.group(3))}月{int(match.group(4))}日", joined)


def _spelt_out(match: re.Match[str]) -> str:
    """Return 10 billion in digits."""
    return f"{(Decimal(match.group(1)) * _ENGLISH_SCALES[match.group(2)]).normalize():f}"


def _would_fuse(left: str, right: str) -> bool:
    if left in "0123456789":
        return right in _DIGITS or (right.isascii() and right.isalnum())
    return right in "0123456789" and (left in _DIGITS or left in _SCALES or (left.isascii() and left.isalpha()))


def rewrite_numerals(tidied: str) -> str:
    """Return a tidied text with each numeral in its one form; what is not a numeral stays."""
    rewritten, position = "", 0
    for numeral in find_numerals(tidied):
        rewritten += tidied[position : numeral.start]
        rewritten += (" " if rewritten[-1:].isdigit() else "") + numeral.text
        position = numeral.end
    return rewritten + tidied[position:]


def find_numerals(tidied: str) -> Iterator[Numeral]:
    """Yield the numerals of a tidied text in order. The digits of a name like G60 are none."""
    position, month_end = 0, -1
    while match := _NUMERAL.search(tidied, position):
        numeral = _read(match, is_day=match.start() == month_end)
        position = numeral.end if numeral else match.end("run")
        if numeral:
            month_end = numeral.end if numeral.unit == "月" else -1
            yield numeral


def _read(match: re.Match[str], is_day: bool) -> Numeral | None:
    """Return the numeral of a match, None if it is part of a word or no number."""
    run, unit, share = match["run"], match["unit"], match["share"]
    before = match.string[max(0, match.start() - 2) : match.start()]
    if not share and not _counts(match, before):
        return None
    value = _value(run, match["scale"], unit or share or "")
    if value is None:
        return None
    if unit in ("月", "日", "号") and len(value) == 2:
        value = value.removeprefix("0")
    if unit == "号" and is_day:
        unit = "日"
    end = match.start("unit") if share else match.end()
    unit = {"百": "%", "千": "‰"}[share] if share else unit
    is_article = run == "一" and _COUNTER.fullmatch(unit) is not None and not before.endswith("第")
    return Numeral(match.start(), end, value, match["about"] + match["more"], unit, is_article)


def _counts(match: re.Match[str], before: str) -> bool:
    """Tell a run that counts something from one that is part of a name or a word."""
    run, unit = match["run"], match["unit"]
    if run[0].isascii():
        return not (before[-1:].isascii() and before[-1:].isalpha())
    if run[0] in _SCALES and before[-1:] in tuple("几数"):
        return False
    if run[0] in "百千万亿":
        return bool(unit) and _BOUND.search(before) is not None
    if len(run) > 1 and "点" not in run:
        return True
    is_word = _WORD.match(match.string, match.start()) is not None and not before.endswith("第")
    is_end = _WORD_BEFORE.search(before) is not None or (run == "一" and before.endswith(_BEFORE_ONE))
    return bool(unit or match["scale"]) and not is_word and not is_end


def _value(run: str, scale: str, unit: str) -> str | None:
    """Return the one form of a run, None if it is no number: 十四五, 1.2.3."""
    if _CODE.fullmatch(run) or (unit == "年" and _YEAR.fullmatch(run)):
        run = "".join(str(_DIGITS[digit]) for digit in run)
    is_literal = run.isascii() and not scale and (re.match("0[0-9]", run) or ("." in run and not unit))
    if len(run) > 40 or re.search(r"\.[0-9]+\.", run):
        return None
    if is_literal:
        return run
    with localcontext(prec=100):
        number = _parse("一" + run if run[0] in "百千万亿" else run)
        for character in scale:
            number = number and number * _SCALES[character]
        return None if number is None else _shortest(number)


def _shortest(number: Decimal) -> str:
    """Return a number with digits only, in 万 or in 亿, whichever is shortest; the first of these if two are."""
    scaled = [(number / _SCALES[scale], scale) for scale in "万亿" if number >= _SCALES[scale]]
    return min((f"{value.normalize():f}{scale}" for value, scale in [(number, ""), *scaled]), key=len)


def _parse(run: str) -> Decimal | None:
    """Return the value of digits and characters, read strictly: 一百二, 三四十 and 十四五 have none."""
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", run):
        return Decimal(run)
    for scale in "亿万":
        head, found, rest = run.rpartition(scale)
        if found:
            return _sum(_parse(head), _SCALES[scale], rest)
    whole, point, decimals = run.partition("点")
    number = _section(whole)
    if not point or number is None:
        return number
    return number + Decimal("0." + "".join(str(_DIGITS[digit]) for digit in decimals))


def _sum(head: Decimal | None, scale: int, rest: str) -> Decimal | None:
    """Return head × scale + rest; None for 三万五, which leaves a scale out."""
    smaller = _parse(rest.removeprefix("零")) if rest else Decimal(0)
    if not head or smaller is None or smaller >= scale or len(rest) == 1:
        return None
    return head * scale + smaller


def _section(run: str) -> Decimal | None:
    """Return the value of a numeral below 万, or of one digit."""
    match = _SECTION.fullmatch(run)
    if not match or not run:
        return None
    leaves_out = match["ones"] and not match["ten"] and (match["thousands"] or match["hundreds"])
    if bool(leaves_out) != bool(match["gap"] and not match["ten"]):
        return None
    total = Decimal(0)
    for name, scale in (("thousands", 1000), ("hundreds", 100), ("tens", 10), ("ones", 1)):
        digit = match[name] or ("1" if name == "tens" and match["ten"] else "0")
        total += Decimal(_DIGITS.get(digit, digit)) * scale
    return total
