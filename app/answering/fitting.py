"""Whether a sentence holds the kind of answer that a question asks for, and where: a figure, a date, a list, a name."""

import re
from collections.abc import Sequence

import rjieba

from app.answering import spans
from app.answering.matching import ABBREVIATION, coverage, match_term, squeeze
from app.answering.question import DATE, FIGURE, LIST, PHONE, WHERE, WHICH, WHO, Question
from app.text import fold

WANTED_UNITS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"倍"), (spans.TIMES,)),
    (re.compile(r"周?岁"), (spans.AGE,)),
    (
        re.compile(r"年|天|个?月|个?小时|个?工作日|分钟|秒|周(?!岁)|星期|学期"),
        (spans.DURATION, spans.DATE, spans.FREQUENCY),
    ),
    (re.compile(r"名|位|个?(?:人|娃|孩子|学生|老人|老师|教师|病人|患者)"), (spans.PEOPLE,)),
    (re.compile(r"[万亿]?元|个?亿|.{0,3}(?:钱|资金|经费)"), (spans.MONEY,)),
    (re.compile(r"(?:工资|酬劳|报酬|劳务费|房租|租金|补贴|补助|津贴|奖金|奖励)"), (spans.MONEY, spans.PERCENT)),
    (re.compile(r"公里|千米|海里|英里|毫米|厘米|米"), (spans.LENGTH,)),
    (re.compile(r"平方|公顷|亩"), (spans.AREA,)),
    (re.compile(r"成|折|个?点(?![钟半多])"), (spans.PERCENT,)),
    (re.compile(r"个百分点"), (spans.PERCENT,)),
    (re.compile(r"[分个家所份项类种座款条件批次场大户届期道台套枚辆张餐顿回趟]"), (spans.COUNT, spans.PEOPLE)),
)
"""Which kinds of figure the counted thing behind 多少 or 几 asks for."""

YEARS = re.compile(r"((?:19|20)\d{2})年?(?:[—–~-]|至|到)((?:19|20)\d{2})年?")
"""A span of years: 2021年至2023年."""
_GROWN = r"(?:增[长加]|上升|上涨|下降|减少|降低|提[高升]|缩短|压缩)"
BY_HOW_MUCH = re.compile(
    rf"{_GROWN}了?(?:百分之)?(?:多少|几)(?![\u3400-\u9fff]{{0,3}}[到至])|[多少涨升降]了(?:多少|几)|增[幅速]|[涨降]幅|同比|环比"
)
"""Asks by how much something has changed, not what it came to."""
_AFTER_GROWN = re.compile(rf"(?:{_GROWN}了?|增[幅速]为?|同比|环比)\s*(?:约|近|超过?)?$")

WANTED_FIGURES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"多久.{0,8}次|频[率次]|隔多[久长]|几(?:年|个?月|天|周)[\u3400-\u9fff]{0,2}一次|\bhow often\b"), (spans.FREQUENCY, spans.DURATION)),
    (re.compile(r"倍|\btimes\b"), (spans.TIMES,)),
    (BY_HOW_MUCH, (spans.PERCENT, spans.TIMES, spans.COUNT, spans.MONEY, spans.PEOPLE)),
    (re.compile(r"年龄|几周?岁|多少周?岁|岁数|年纪|多大年|\bage\b|\bhow old\b"), (spans.AGE,)),
    (re.compile(r"占|比例|比重|份额|百分|成分|几成|率|\bshare\b|\bpercent|\bproportion\b|\bratio\b"), (spans.PERCENT,)),
    (re.compile(r"总数|总量|数量"), (spans.COUNT, spans.PEOPLE, spans.LENGTH, spans.AREA)),
    (re.compile(r"面积|多少平|几平[米方]|[一每]套[\u3400-\u9fff]{0,4}多大|\barea\b"), (spans.AREA,)),
    (re.compile(r"多[高宽深远]|[长高宽深]度|里程|距离|\bhow (?:far|high|wide|deep)\b|\blength\b"), (spans.LENGTH, spans.COUNT)),
    (re.compile(r"多长(?!时间|期)"), (spans.DURATION, spans.DATE, spans.FREQUENCY, spans.LENGTH)),
    (re.compile(r"多久|多长时间|几年|多少年|几天|多少天|(?:几|多少)个?(?:工作)?日|几个月|\bhow long\b"), (spans.DURATION, spans.DATE, spans.FREQUENCY)),
    (re.compile(r"(?:机|工|课|学|用|耗)时|时长"), (spans.DURATION, spans.COUNT, spans.FREQUENCY)),
    (re.compile(r"(?:生|人员|者|员工|职工|户籍人口)(?:一共|总共|共)?有?多少|多少人|几人|几[名位]|多少[名位]|人数|名额|人次|\bhow many (?:people|persons|talents|scientists|researchers|visits)\b"), (spans.PEOPLE,)),
    (re.compile(r"多少.{0,2}钱|几个亿|[万亿]?元|资金|经费|(?<!名)额|造价|价格|单价|售价|租金|工资|薪|成本|费用|费(?:标准)?(?=是|为|有?多少)|\bhow much(?= (?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|must|may|per|each|in)\b|[?.]?$)|\bmoney\b|\bamount\b|\bvalue\b|\bfunding\b|\bcredit\b"), (spans.MONEY,)),
    (re.compile(r"(?:产值|营收|收入|支出|开支|利润|税收)(?:了|是|有|为)?多少(?![个家项人名])"), (spans.MONEY,)),
    (re.compile(r"(?:投资|出资)(?:(?:了|是|有|为)*多少(?![个家项人名])|[?？]?$)"), (spans.MONEY,)),
    (re.compile(r"(?:投入|销售|进口|出口)(?:了|是|有|为)?多少(?![个家项人名])"), (spans.MONEY, spans.COUNT, spans.PEOPLE)),
    (re.compile(r"(?:每|一)[人户名位家](?:补贴|补助|资助|奖励|津贴)(?:了|是|有|为)?多少(?![个家项人名])"), (spans.MONEY, spans.PERCENT)),
    (re.compile(r"(?:补贴|补助|资助|津贴|奖励|奖金)(?:了|是|有|为)?多少(?![个家项人名])"), (spans.MONEY, spans.COUNT, spans.PEOPLE, spans.PERCENT)),
    (re.compile(r"[挣赚]了?多少(?![个家项人名])|收多少钱"), (spans.MONEY,)),
    (re.compile(r"[补奖罚赔]了?多少(?![个家项人名])"), (spans.MONEY, spans.PERCENT)),
    (re.compile(r"规模|多大|\bsize\b|\bhow (?:big|large)\b|\bscale\b"), (spans.MONEY, spans.COUNT, spans.PEOPLE, spans.AREA, spans.LENGTH)),
)  # fmt: skip
"""Which kinds of figure the words of a question ask for; the first that matches decides."""


ANY_FIGURE = (spans.COUNT, spans.PEOPLE, spans.MONEY, spans.PERCENT, spans.TIMES, spans.LENGTH, spans.AREA)


def wanted_figures(question: Question) -> tuple[str, ...]:
    """Return the kinds of figure that a question may be answered with."""
    if "第几" in question.text:
        return ANY_FIGURE
    by_unit = (
        next((kinds for pattern, kinds in WANTED_UNITS if pattern.match(question.unit)), None)
        if question.unit
        else None
    )
    if by_unit:
        return by_unit
    asked = _GIVEN_FIGURE.sub("", question.text)
    for pattern, kinds in WANTED_FIGURES:
        if pattern.search(asked):
            return kinds
    return ANY_FIGURE


_GIVEN_FIGURE = re.compile(r"\d[\d,.]*\s*(?:[十百千万亿]*(?:[美欧港日]?元|[块钱])|%|％)")
"""What a question says itself asks for nothing: 原值500万元以上的仪器一年不得少于多少机时."""


_DAY = re.compile(r"几[月号日]|哪一?[天日月]|截[止至]|\b(?:day|deadline)\b")
"""Asks for a day or a month, which no year alone is."""
_ONLY_YEAR = re.compile(r"(?:19|20)\d{2}\s*年度?")
_POINT_IN_TIME = re.compile(rf"{_DAY.pattern}|日期|\bdate\b")
"""Asks for a date, which no duration is."""


PHONE_NUMBER = re.compile(
    r"(?<![\d.])(?:\d{3,4}[-—– ]?)?\d{3,4} ?\d{4}(?![\d年])|(?<![\d.])(?!(?:19|20)\d\d-)\d{4}-\d{4}(?![\d年])|(?<![\d.])1[12]\d{3}(?![\d年.%万亿元人名个家项])|(?<![\d.])1[12]\d(?![\d.%]|[\u3400-\u9fff])"
)
"""021-23112495, 8316 2047, 8316-2047, 12345."""


def fit_of(question: Question, sentence: str) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Return how well a sentence holds the kind of answer asked for, 0 to 1, and where that answer stands."""
    if question.kind == FIGURE:
        return _figure_fit(question, sentence, wanted_figures(question))
    if question.kind == DATE and re.search(r"几[点时]", question.text):
        return _figure_fit(question, sentence, (spans.CLOCK,))
    if question.kind == DATE:
        asks_point = _POINT_IN_TIME.search(question.text) is not None
        return _figure_fit(question, sentence, (spans.DATE,) if asks_point else (spans.DATE, spans.DURATION))
    if question.kind == PHONE:
        number = PHONE_NUMBER.search(sentence)
        return (1.0, (number.span(),)) if number else (0.0, ())
    if question.kind in (LIST, WHO, WHICH, WHERE):
        return _name_fit(question, sentence)
    return 0.5, ()


def _figure_fit(question: Question, sentence: str, wanted: Sequence[str]) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Find the figure of a wanted kind that stands closest to the question's words."""
    found = spans.find_figures(sentence) + spans.find_counted(sentence, question.wanted)
    figures = _of_unit(question, [f for f in found if f.kind in wanted and _may_answer(question, sentence, f)])
    ordinal = [f for f in figures if sentence[f.start] == "第"] if "第几" in question.text else []
    if not ordinal and ASKS_RANK.search(question.text):
        rank = RANK.search(sentence)
        return (0.5, (rank.span(),)) if rank else (0.0, ())
    grown = (
        [f for f in figures if _AFTER_GROWN.search(sentence, 0, f.start)] if BY_HOW_MUCH.search(question.text) else []
    )
    figures = ordinal or grown or figures
    if not figures:
        free = _FREE.search(sentence) if spans.MONEY in wanted and _ASKS_SUM.search(question.text) else None
        return (0.3, (free.span(),)) if free else (0.0, ())
    scores = [_figure_score(question, sentence, figure, wanted) for figure in figures]
    best = max(scores)
    likeliest = figures[scores.index(best)]
    chosen = [_respectively(question, sentence, figures) or _come_to(question, sentence, likeliest, figures)]
    if len(question.years) > 1:
        chosen = _one_a_year(question, sentence, figures) or chosen
    return max(0.05, min(1.0, best)), tuple((figure.start, figure.end) for figure in chosen)


ASKS_RANK = re.compile(r"(?:排名?|名列|位[列居])[\u3400-\u9fff]{0,6}第几|第几[名位]")
RANK = re.compile(r"第[一二三四五六七八九十\d]+|首位|榜首|前[列茅\d一二三四五六七八九十]+[名位强]?")
"""What a rank may be told by without a figure; no other figure is one: 13个 is none for 排第几."""
_FREE = re.compile(
    r"免费|免(?:收|交|缴)[\u3400-\u9fff]{0,4}费|(?:不|无需|无须|不得|不再)(?:另)?(?:收取?|缴纳?|交纳?|支付)(?:任何)?[\u3400-\u9fff]{0,2}费用?|全额|据实"
)
"""What a sum may be told by without a figure: 不收取费用, 全额."""
_ASKS_SUM = re.compile(r"钱|费|价|收|多少(?![个家项人名])")


def _may_answer(question: Question, sentence: str, figure: spans.ShortAnswer) -> bool:
    """Tell a figure from one that the question gives, an ordinal (第二产业), the number of a list that stands in front
    of it (甲、乙、丙三个), one in a title, one of other things, a year where a day is asked for, and the date that a count
    was taken (截至) where a beginning is asked for."""
    text = sentence[figure.start : figure.end]
    is_ordinal = text.startswith("第") and "第几" not in question.text
    is_in_title = any(
        start < figure.start < end for start, end in spans.find_titles(sentence) if sentence[start] == "《"
    )
    is_of_list = question.unit[:1] != text[-1] and any(end == figure.start for _, end in spans.find_lists(sentence))
    asks_day = question.kind == DATE and _DAY.search(question.text) is not None
    return not (
        is_given(question, text)
        or is_ordinal
        or is_in_title
        or is_of_list
        or (figure.kind == spans.PEOPLE and _counts_things(question))
        or (text.endswith("折") and not _ASKS_DISCOUNT.search(question.text))
        or (figure.kind == spans.COUNT and _excludes(question.unit[:1], figure.unit[:1]))
        or (figure.unit == "个" and _is_of_other_things(question, sentence[figure.end :]))
        or ((asks_day or _asks_years(question)) and _ONLY_YEAR.fullmatch(text))
        or (_ASKS_BEGINNING.search(question.text) and _AS_OF.search(sentence, 0, figure.start))
    )


def _counts_things(question: Question) -> bool:
    """Tell a question for a number of things, which no number of people is: 多少个团队."""
    return (
        question.unit[:1] in ("个", "家", "所", "项")
        and bool(question.wanted)
        and question.wanted[-1] not in _OF_PEOPLE
    )


_OF_PEOPLE = "人员者生师手友民士众才家娃孩童户长医警工徒客干授"
_ASKS_DISCOUNT = re.compile(r"折|优惠|便宜|减免")
_ASKS_BEGINNING = re.compile(
    r"(?:时候|何时|[哪几]一?[年月天日]).*?(?:开始|启动|起步|发起|[成设建创]立|始于)|从(?:什么时候|何时|哪|几[年月])"
)
_AS_OF = re.compile(r"截至\s*$")


def _asks_years(question: Question) -> bool:
    """Tell a question for a number of years (读几年) from one for a year (西元几年)."""
    return question.unit.startswith("年") and re.search(r"(?:[西公]元|[于在是])几年", question.text) is None


_MEASURES = (
    "家户所间座处栋", "项件条宗起份篇", "辆台部架艘套", "张枚块", "场次期届批回趟", "只头匹", "棵株", "餐顿", "分",
)  # fmt: skip
"""Measure words of one group may stand for each other, and 个 for all of them."""


def _excludes(asked: str, told: str) -> bool:
    """Tell measure words of which one never stands for the other: 辆 and 处."""
    groups = [next((group for group in _MEASURES if unit and unit in group), "") for unit in (asked, told)]
    return "" not in groups and groups[0] != groups[1]


def _is_of_other_things(question: Question, behind: str) -> bool:
    """Tell a figure with 个 before a noun that the question does not have, where it asks in 家 or 辆: 76个项目."""
    if not any(question.unit.startswith(tuple(group)) for group in _MEASURES):
        return False
    noun, word_class = next(iter(rjieba.tag(fold(behind[:6]).lstrip())), ("", "x"))
    return word_class == "n" and len(noun) > 1 and match_term(noun, squeeze(question.text)) == 0


def _of_unit(question: Question, figures: list[spans.ShortAnswer]) -> list[spans.ShortAnswer]:
    """Return the figures with the unit that the question counts in (公里 of 多少公里), all of them where none has it."""
    if not question.unit or question.unit[0] in "个种":
        return figures
    return [figure for figure in figures if figure.unit and question.unit.startswith(figure.unit)] or figures


_FORMER = re.compile(r"原[来先本]?|以前|之前|此前|过去|从多|由多|从几|由几|起初|\bbefore\b|\boriginal")
_FROM = re.compile(r"[由从](目前|现在|当前|原来|上年|去年|\d{4}年)?[^，,。；;、\d]{0,6}$")
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


def _respectively(question: Question, sentence: str, figures: Sequence[spans.ShortAnswer]) -> spans.ShortAnswer | None:
    """Return the figure in the place of the one that is asked for: 6课时 of 小学、初中分别不少于4课时、6课时."""
    at = sentence.find("分别")
    before = (
        [part for part in re.split("[，,。；;]", sentence[:at])[-2:] if "、" in part or "和" in part] if at > 0 else []
    )
    behind = [figure for figure in figures if figure.start > at]
    members = re.split("[、和与及]", squeeze(before[-1])) if before else []
    names = tuple(term.text for term in question.terms)
    asked = [i for i, member in enumerate(members) if member.startswith(names)]
    return behind[asked[0]] if len(asked) == 1 and len(behind) == len(members) > 1 else None


def _one_a_year(question: Question, sentence: str, figures: Sequence[spans.ShortAnswer]) -> list[spans.ShortAnswer]:
    """Return the figures that stand in one item with a year of the question."""
    items = [squeeze(around(sentence, figure.start, figure.end, ITEM_MARKS)) for figure in figures]
    return [figure for figure, item in zip(figures, items, strict=True) if any(y in item for y in question.years)]


ITEM_MARKS = "，,、；;：:（(）)。"
"""What bounds an item of a list; CLAUSE_MARKS bound a clause."""
CLAUSE_MARKS = "，,；;。"


def is_given(question: Question, figure: str) -> bool:
    """Tell whether a figure stands in the question itself, so that it can't be the answer."""
    asked, squeezed = squeeze(question.text), squeeze(figure)
    large = re.search(r"\d[\d.]*[万亿]", squeezed)
    return (squeezed in asked and any(character.isdigit() for character in squeezed)) or (
        large is not None and re.search(rf"(?<![\d.]){re.escape(large.group())}", asked) is not None
    )


_CONDITION = re.compile(r"\s*(?:以[上下内])?的[\u3400-\u9fff]")
_LIMIT = re.compile(r"以[上下内]|超过|不足|达到|满")
"""1000人以上的学校 only says which schools, unless that is asked for."""
NEAR = 8
"""Characters on either side of a figure that speak most for what it counts."""


def _figure_score(question: Question, sentence: str, figure: spans.ShortAnswer, wanted: Sequence[str]) -> float:
    """Return how close the question's words stand to a figure: in its own item of a list, its clause, the one before."""
    item = squeeze(around(sentence, figure.start, figure.end, ITEM_MARKS))
    clause = squeeze(around(sentence, figure.start, figure.end, CLAUSE_MARKS))
    clause_start = max((sentence.rfind(mark, 0, figure.start) for mark in CLAUSE_MARKS), default=-1)
    is_apart = clause_start >= 0 and sentence[clause_start] in "；;。"
    wider = clause if is_apart else squeeze(around(sentence, max(0, clause_start - 1), figure.end, CLAUSE_MARKS))
    terms = tuple(term for term in question.terms if term.text not in (question.unit, figure.unit))
    score = 0.4 * coverage(terms, item) + 0.3 * coverage(terms, clause) + 0.3 * coverage(terms, wider)
    if question.unit and figure.unit and (question.unit.startswith(figure.unit) or figure.unit in question.unit):
        score += 0.15
    elif question.unit and figure.unit and question.unit[0] not in "个种" and figure.kind == spans.COUNT:
        score -= 0.15
    if any(year in YEARS.sub(" ", item) for year in question.years):
        score += 0.2
    if any(sentence[: figure.start].rstrip().endswith(term.text) for term in terms):
        score += 0.1
    if _CONDITION.match(sentence, figure.end):
        score += 0.3 if _LIMIT.search(question.text) else -0.3
    if question.kind == DATE and any(sentence.startswith(t.text, figure.end) for t in terms if len(t.text) > 1):
        score += 0.3
    score += PART * _is_of_part(question, sentence, figure)
    if BY_HOW_MUCH.search(question.text) and _AFTER_GROWN.search(sentence, 0, figure.start):
        score += 0.6
    nearest = squeeze(sentence[max(0, figure.start - NEAR) : figure.end + NEAR])
    second_choice = 0.3 if question.kind == DATE else 0.05
    return score + 0.15 * coverage(terms, nearest) - second_choice * wanted.index(figure.kind)


def _is_of_part(question: Question, sentence: str, figure: spans.ShortAnswer) -> int:
    """Return 1 for a figure behind 其中 where the question asks for what stands only there, -1 for one before, else 0."""
    whole, part = map(squeeze, sentence.split(PARTS, 1)) if PARTS in sentence else ("", "")
    asks_part = any(
        len(t.text) > 1 and t.text in part and match_term(t.text, whole) < ABBREVIATION for t in question.terms
    )
    return (1 if figure.start > sentence.find(PARTS) else -1) if asks_part else 0


PART = 0.3
"""What it counts that a figure is of the part, not of the whole, that is asked for."""
PARTS = "其中"
GROWN = re.compile(_GROWN)


def around(sentence: str, start: int, end: int, marks: str) -> str:
    """Return the piece of a sentence between the marks next to [start, end)."""
    left = max((sentence.rfind(mark, 0, start) for mark in marks), default=-1) + 1
    right = min((cut for mark in marks if (cut := sentence.find(mark, end)) >= 0), default=len(sentence))
    return sentence[left:right]


def _surroundings(sentence: str, start: int, end: int) -> str:
    """Return a piece of a sentence with what stands next to it, up to the next clause."""
    before = re.split(r"[，,；;。]", sentence[max(0, start - 25) : start])[-1]
    after = re.split(r"[，,、；;。]", sentence[end : end + 20])[0]
    return before + sentence[start:end] + after


_ASKS_WHERE_TO_APPLY = re.compile(r"申[领请报办]|报名|办理|提交|登录|查询|下载|预约|领取|注册|受理")
_SITE = re.compile(
    r"(?:通过|登录|登陆|进入|关注|访问|[在到])([^，,。；;、：:（）()]{0,4}[“「《][^”」》]{2,20}[”」》][^，,。；;、：:（）()]{0,8}?(?:平台|系统|网站|官网|小程序|公众号|窗口|APP)?"
    r"|[^，,。；;、：:（）()]{2,20}?(?:平台|系统|网站|官网|小程序|公众号|窗口|APP))"
)
"""Where one applies for something: 通过“一网通办”平台."""
_ASKS_FOR_NAME = re.compile(
    r"标题|题目|名称|名字|叫|称|哪一?[份部本个项]?(?:报告|文件|法|条例|规划|办法|规定|通知|意见|方案|细则|标准)"
)


def _name_fit(question: Question, sentence: str) -> tuple[float, tuple[tuple[int, int], ...]]:
    """Find the list, 《title》 or “term” that stands closest to the question's words."""
    if question.kind == WHERE and _ASKS_WHERE_TO_APPLY.search(question.text):
        site = _SITE.search(sentence)
        return (1.0, (site.span(1),)) if site else (0.1, ())
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
