"""The short answers a sentence holds: figures with their units, dates, names, lists. Pure, over one sentence."""

import re
from dataclasses import dataclass, replace

import rjieba

from app.answering.lexicon import words
from app.text import fold

MONEY, PERCENT, TIMES, AGE, DATE, DURATION, FREQUENCY, CLOCK, PEOPLE, LENGTH, AREA, COUNT = (
    "money", "percent", "times", "age", "date", "duration", "frequency", "clock", "people", "length", "area", "count",
)  # fmt: skip

_DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
_NUMERAL = (
    rf"(?:第)?(?:{_DIGITS}|[一二两三四五六七八九十百千零〇]+)\s*(?:[多余几])?\s*(?:[十百千万亿]+)?\s*(?:[多余几])?"
)
_UNITS = {
    DATE: r"年(?:度)?(?:\s*\d{1,2}\s*月)?(?:\s*\d{1,2}\s*[日号])?(?:年?底|末|初)?(?:以来|起)?",
    PERCENT: r"[%‰]|个百分点|成(?![立果员为长功交])|折(?![扣旧算合价叠])",
    MONEY: r"(?:[万亿]\s*)?(?:[余多]\s*)?(?:美|欧|日|港)?元(?:人民币)?|[万亿]\s*(?:[余多]\s*)?(?=[，。；、)]|$)",
    TIMES: r"倍",
    AGE: r"周?岁(?:以[上下])?",
    DURATION: r"个?\s*(?:年(?!度|级)|个月|月(?!\d)|日|天|工作日|小时|分钟|秒|周(?!岁|年)|星期|学期|学年|季度)(?:以[上下内])?",
    LENGTH: r"(?:余|多)?\s*(?:公里|千米|海里|英里|毫米|厘米|米(?!粉|饭|线))",
    AREA: r"(?:余|多)?\s*(?:平方公里|平方千?米|公顷|亩)",
    PEOPLE: r"(?:余)?\s*(?:人次|人(?![才工民员均机])|名|位)",
}
_FIGURE = re.compile(_NUMERAL)
_DAY = re.compile(
    r"(?:\d{4}\s*年\s*)?\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号])?(?:\s*(?:至|到|—|-|~|和|及|、)\s*(?:\d{4}\s*年\s*)?(?:\d{1,2}\s*月)?\s*\d{1,2}\s*[日号])?"
)
"""A day or a span of days, with or without the year: 4月1日至5月31日."""
_PERCENT_WORD = re.compile(
    r"百分之[一二三四五六七八九十百零〇点\d.]+|[一二三四五六七八九十百千万]+分之[一二三四五六七八九]+|\d{1,2}\s*∶\s*\d{1,2}|(?<=按)\s*\d{1,2}\s*:\s*\d{1,2}|\d{1,2}\s*:\s*\d{1,2}(?=的?比例)|[过近超]半数?(?![年个天月])|(?:一半|半数)(?![天年个月])"
)
"""Shares in words, and ratios: 百分之五, 三分之一, 过半, 按6∶4."""
_EVERY = re.compile(
    r"每隔?(?:半|[一二两三四五六\d]+)?个?(?:学?年|季度?|月|周|星期|天|日|小时|学期)(?:(?:[一二两三四五六]|\d+)次)?"
    r"|按(?:年度?(?!龄)|季度?|月(?!份)|周(?!岁)|学期)(?=[\u3400-\u9fff])"
)
"""How often: 每半年, 每两年一次, 按季度."""
_TIME_OF_DAY = re.compile(
    r"(?:(?:上|下|中)午|早上|晚上?|凌晨|次日)?\s*(?:\d{1,2}[:：]\d{2}(?!\d)|\d{1,2}[点时](?!数|许|代|段)(?:\d{1,2}分?|半|整)?)"
)
_HALF = re.compile(r"半(?:年|个月|天|个?小时|学期|个?工作日|个?学年)(?:以[上下内])?")
_CLASSIFIER = re.compile(
    r"\s*(?:立方米|标准箱|公斤|千克|千瓦时?|兆瓦|课时|学时|学分|车次|架次|件次|户次|[a-z]{1,4}(?![a-z])|[\u3400-\u9fff])"
)
_AFTER = re.compile(r"\s*(?:左右|以[上下内外]|余[人项家个件])")
_NOT_A_FIGURE = re.compile(
    r"一次性|一(?:方面|体|批|是|系列|定|步|些|个|直|般|旦|样|起|致|流|揽|线|站|手|把|条龙|带一路)|三(?:是|角)|二是|[四五六七八九十]是|百分|千方百计|万众"
)


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """A typed piece of a sentence: `start` and `end` are offsets in the sentence."""

    kind: str
    start: int
    end: int
    unit: str = ""


def find_figures(sentence: str) -> list[ShortAnswer]:
    """Return the numbers of a sentence with their units, in order. Dates and durations are figures too."""
    folded = fold(sentence)
    figures = [ShortAnswer(PERCENT, *match.span(), "%") for match in _PERCENT_WORD.finditer(folded)]
    figures += [ShortAnswer(DATE, *match.span(), "日") for match in _DAY.finditer(folded) if "个" not in match.group()]
    figures += [ShortAnswer(CLOCK, *match.span()) for match in _TIME_OF_DAY.finditer(folded)]
    figures += [ShortAnswer(FREQUENCY, *match.span()) for match in _EVERY.finditer(folded)]
    taken = [(figure.start, figure.end) for figure in figures]
    figures += [
        ShortAnswer(DURATION, *match.span(), match.group()[1:])
        for match in _HALF.finditer(folded)
        if not any(a <= match.start() < b for a, b in taken)
    ]
    taken = [(figure.start, figure.end) for figure in figures]
    for match in _FIGURE.finditer(folded):
        start, end = match.start(), len(folded[: match.end()].rstrip())
        is_part_of_word = (start and re.match(r"[a-z+.\-/〔\[]", folded[start - 1])) or re.match(
            r"[\]〕+]", folded[end : end + 1]
        )
        is_number_of_item = not folded[:start].strip() and re.match(r"\s*[.、](?!\d)", folded[end:])
        if (
            is_number_of_item
            or is_part_of_word
            or _NOT_A_FIGURE.match(folded, start)
            or any(a <= start < b for a, b in taken)
        ):
            continue
        if figure := _with_unit(folded, start, end):
            figures.append(figure)
            taken.append((figure.start, figure.end))
    return sorted((_with_bound(folded, figure) for figure in figures), key=lambda figure: figure.start)


def find_counted(sentence: str, noun: str) -> list[ShortAnswer]:
    """Return the numbers that stand right before a noun, without a measure word: 九城市 for 城市."""
    counted = re.compile(rf"(?:[两二三四五六七八九十百]+|\d+)\s*{re.escape(noun)}")
    return [ShortAnswer(COUNT, *match.span()) for match in counted.finditer(sentence)] if noun else []


_BOUND = re.compile(r"(?:近|约|超过?|逾|不超过|不低于|不少于|至少|最多)\s*$")


def _with_bound(folded: str, figure: ShortAnswer) -> ShortAnswer:
    """Return the figure with the word in front that bounds it: 近百项, 超 2 万项."""
    bound = _BOUND.search(folded, 0, figure.start)
    return replace(figure, start=bound.start()) if bound and figure.kind != DATE else figure


def _with_unit(folded: str, start: int, end: int) -> ShortAnswer | None:
    """Return the number at [start, end) with the unit behind it."""
    number = folded[start:end]
    is_digits = number[0].isdigit()
    for kind, pattern in _UNITS.items():
        if kind == DATE and not re.fullmatch(
            r"(?:1\d|20)\d{2}|[一二]\s*[〇零九]\s*[〇零一二三四五六七八九]{2}", number.strip()
        ):
            continue
        unit_match = re.compile(rf"\s*(?:{pattern})").match(folded, end)
        if unit_match and unit_match.group().strip():
            return ShortAnswer(kind, start, unit_match.end(), unit_match.group().strip())
        if (
            kind == MONEY
            and re.search(r"[万亿]\s*[余多]?$", number)
            and re.match(r"\s*(?:[，。；、)]|$)", folded[end:])
        ):
            return ShortAnswer(MONEY, start, end, number[-1])
    classifier = _CLASSIFIER.match(folded, end)
    if classifier and (is_digits or len(number) > 1 or re.match(r"\s*[个项家条件所种类次场座户届批大]", folded[end:])):
        return ShortAnswer(COUNT, start, classifier.end(), classifier.group().strip())
    return ShortAnswer(COUNT, start, end) if is_digits else None


GROUP_TOTAL = re.compile(
    r"(?:[两三四五六七八九十\d]+[类个项家所种批]|各[类个项家地])[\u3400-\u9fff]{0,8}(?:[共总](?![同享])|合计|累计)"
    r"|全[国省市区县](?:[\u3400-\u9fff]{0,6}[共总](?![同享])|[\u3400-\u9fff]{0,12}\d)"
)
"""A sentence that says what several come to together: 四类计划共资助…"""


_LIST = re.compile(r"[^，。；：:、!?()（）]{1,40}(?:、[^，。；：:、!?]{1,60}){1,}")
_PAIR = re.compile(
    r"(?:^|[，,；;：:扣即为是])([^，,、；;：:]{2,12}[和与][^，,、；;：:]{2,12}?)(?=[两二]\s*[个大项家类所种])"
)
_TITLE = re.compile(r"《[^》]+》|“[^”]{2,40}”")
_LAST_ITEM_END = re.compile(r"等(?!级|待|于)|[两二三四五六七八九十\d]+\s*[大个项家类所种](?=[\u3400-\u9fff])")


def find_lists(sentence: str) -> list[tuple[int, int]]:
    """Return the spans of enumerations 「甲、乙、丙」, without the verb before the first item and what follows the last."""
    spans = [(match.start(1) + _head_length(match.group(1)), match.end(1)) for match in _PAIR.finditer(sentence)]
    for match in _LIST.finditer(sentence):
        start, end = match.span()
        start += _head_length(sentence[start : sentence.index("、", start)])
        last = sentence.rindex("、", start, end) + 1
        if cut := _LAST_ITEM_END.search(sentence, last + 1, end):
            end = cut.start()
        if end > start:
            spans.append((start, end))
    return spans


def _head_length(first: str) -> int:
    """Return how much in front of the first item is not part of it: all up to its last introducing word."""
    position, cut = 0, 0
    for word, _ in rjieba.tag(fold(first)):
        position += len(word)
        if word in words("list_heads") and position < len(first.rstrip()):
            cut = position
    return cut + len(first[cut:]) - len(first[cut:].lstrip())


def find_titles(sentence: str) -> list[tuple[int, int]]:
    """Return the spans of 《titles》 and “quoted” terms."""
    return [match.span() for match in _TITLE.finditer(sentence)]


_ADDRESSEES = re.compile(r"(?:面向|针对|适用于|仅限于?|限于|适合|资助对象为|对象为|对象是)\s*([^，,。；;、：:]{2,40})")


def find_addressees(sentence: str) -> list[tuple[int, int]]:
    """Return the spans of those whom something is meant for: 「32 周岁以下青年科技人员」 of 「面向……的扬帆专项」."""
    spans = []
    for match in _ADDRESSEES.finditer(sentence):
        people = re.match(
            r".+(?:人员|人才|人士|企业|单位|机构|者|人|学生|教师|青年|团队|群众|居民|职工|家庭)(?=的|$|[^\w])",
            match.group(1),
        )
        end = match.start(1) + (people.end() if people else len(match.group(1)))
        spans.append((match.start(1), end))
    return spans
