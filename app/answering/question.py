"""What a question asks for: its parts, the kind of answer each wants, and the words the evidence must match."""

import re
from dataclasses import dataclass
from itertools import pairwise, product

from app.answering.lexicon import general_words, translations, words
from app.answering.terms import Term, chinese_terms, counted_in_english, english_terms, language_of, tagged
from app.loading.fields import LABELS
from app.text import fold, is_cjk

FIGURE, DATE, WHO, WHERE, LIST, WHICH, HOW, WHETHER, PHONE, OPEN = (
    "figure", "date", "who", "where", "list", "which", "how", "whether", "phone", "open",
)  # fmt: skip

ASKING: tuple[tuple[str, re.Pattern[str]], ...] = (
    (PHONE, re.compile(r"(?<!有)(?:哪个|什么|啥)(?:电话|热线|号码)|[打拨](?:(?:什么|啥)号|哪个(?:号|$|[?？])|哪[里儿]?[?？。]?$|几号)"
                       r"|\b(?:phone|telephone|hotline)\b(?! bill| fee)|\bnumber .{0,16}\bcall\b")),
    (LIST, re.compile(r"哪些|分[为成]?几(?![批次期轮年天个])|哪[两二三四五六七八九十几\d]+(?![天日号])|有哪|有啥|都有|名单(?!.{0,4}(?:哪一?[天年月]|什么时|何时|啥时|几[号月])|.{0,6}(?:在哪|哪里|哪儿))|列举|列出|哪几(?![天日号])|几部分组成|分别(?:是|为|叫)?(?:什么|谁|哪|啥)|包括(?:什么|啥)"
                      r"|\b(?:which|what) (?:are|were|\w+(?:ies|[^s]s)\b)|\blist\b|\bname the\b")),
    (DATE, re.compile(r"什么时(?:候|间)|何时|哪一?段(?:时间|日子)|哪[一两三几]?[天日号]|哪一?[年月]|几月|几号(?!提案|建议)|几[时点]|啥时候|\bwhen\b|\b(?:what|which) (?:date|year|day|month)\b")),
    (FIGURE, re.compile(r"多少|(?<![那这好前后近])几[^乎何]|多[大高长久远重宽深]|几成|几[?？]?$|\bhow (?:many|much|large|big|long|old|often|far)\b")),
    (WHERE, re.compile(r"哪里|哪儿|何处|在哪(?![些个家所份项类种座位年])|什么地方|啥地方|[到往去放]哪(?![些个家所份项类种座位年])|\bwhere\b")),
    (WHO, re.compile(r"谁|哪位|什么人|哪个人|哪类人|哪种人|\bwho(?:m|se)?\b")),
    (HOW, re.compile(r"如何|怎[么样]|怎|咋|(?<![名称译定评选分])为什么(?!时)|为何|为啥|何以|哪方面|什么(?:措施|做法|打算|作用|方式|办法|举措|安排|计划|考虑|规划|思路)|通过什么|靠什么|\bhow\b|\bwhy\b")),
    (WHICH, re.compile(r"哪|什么|啥|\bwhich\b|\bwhat\b")),
)  # fmt: skip
"""What asks for each kind of answer, tried in this order."""
NAMED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (DATE, re.compile(r"(?:日期|时间|年份|期限)(?:是|为|:)?(?:什么|多少)?[?？。]?$|截[止至](?:到)?(?:时间|日期)|\b(?<!previous )(?<!per )(?<!last )(?<!each )(?<!every )(?<!a )(?:date|year|deadline)\b")),
    (FIGURE, re.compile(r"(?:占比|比例|比重|份额|总?额|总数|总量|总?人数|数量|金额|额度|投资|造价|预算|成本|经费|规模|年龄|倍数|次数|门槛|上限|下限|数|率|价)(?:要求|限制)?(?:是|为|有|:)?(?:什么|多大)?[?？。]?$|百分之"
                        r"|占比|比重|\bnumber of\b|^what (?:is|are|was|were) the (?:[\w&-]+ ){0,3}(?:rate|intensity|mark|score|fee|price|cost|salary|budget|area|length|height|depth|weight|bonus|limit|capacity|volume|output|revenue|population|duration|quota|ceiling|threshold)\b|\bpercent|\bshare of\b|\bwhat share\b|\bproportion\b|\bsize\b|\bamount\b|\bage\b|\btotal\b|\bratio\b|\btimes\b")),
    (HOW, re.compile(r"措施|做法|打算|作用$|举措")),
    (WHETHER, re.compile(r"吗[？?。]?$|是否|是不是|有没有|能不能|可不可以|能否|可否|^(?:is|are|does|do|did|has|have|can|will|was|were)\b")),
)  # fmt: skip
"""What is asked for by its noun; decides where no question word does, or only 什么."""


LATER = re.compile(
    r"下一?阶段|下一?步|今后|接下来|(?<!岁)以后(?!的)|未来|将来|后续|打算|\bnext (?:step|stage|phase)s?\b|\bfuture\b|\bplan(?:s|ned)? to\b"
)
"""What a question or a heading says of things to come."""
YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?=\s*(?:年|[-—~至到/]|\b))")
_LABELS = tuple(label for labels in LABELS.values() for label in labels if len(label) > 3)


def _with_labels_mended(folded: str) -> str:
    """Return a folded question with a mistyped character of a document's labels put right: 联系电活."""
    for label, start in product(_LABELS, range(len(folded) - 3)):
        window = folded[start : start + len(label)]
        wrong = [place for place, (own, other) in enumerate(zip(window, label, strict=False)) if own != other]
        if len(window) == len(label) and len(wrong) == 1 and window not in _LABELS and is_cjk(window[wrong[0]]):
            around = window[max(0, wrong[0] - 1) : wrong[0] + 2]
            if all(a + b not in general_words() for a, b in pairwise(around)):
                return folded.replace(window, label)
    return folded


_SHORT_YEAR = re.compile(r"(?<![\d.第近过满整共前后])([12]\d)(?=年(?:[到至底末初春秋]|以来|[上下]半年|\d{1,2}月))")
"""A year said by its last two digits: 22年到现在, 23年底."""
COMPARED_WITH = re.compile(
    r"(?:比|较|相比|相较)于?(?:19|20)\d{2}年?(?:同期)?(?!年|的|同期)|(?:19|20)\d{2}年的?(?=[\d.]+倍)"
)
"""The year that a figure is only compared with: 比2022年下降4.1%."""
NUMBER = re.compile(r"\d+(?:\.\d+)?%?")
LATIN = re.compile(r"[a-z][a-z0-9+.&-]*[a-z0-9+]|[a-z]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, or one part of one."""

    original: str
    text: str
    """The question folded for search."""
    kind: str
    terms: tuple[Term, ...]
    years: tuple[str, ...]
    numbers: tuple[str, ...]
    unit: str
    """What is counted, as the question says it: 「人」 of 「多少人」; empty if it doesn't."""
    wanted: str
    """The noun that the answer must be one of: 「高校」 of 「哪些高校」, 「研究生」 of 「多少名研究生」; empty if none is named."""
    language: str


def parse_question(text: str) -> Question:
    """Read a question. It is folded; nothing in it is taken as an instruction."""
    folded = _with_labels_mended(_SHORT_YEAR.sub(r"20\1", fold(text).strip()))
    language = language_of(text)
    years = tuple(dict.fromkeys(YEAR.findall(folded)))
    numbers = tuple(number for number in dict.fromkeys(NUMBER.findall(folded)) if number not in years)
    asked = _SEVERAL.sub(" ", folded)
    kind = _kind(asked)
    terms = english_terms(text) if language == "en" else chinese_terms(folded)
    return Question(
        text,
        folded,
        kind,
        tuple(term for term in terms if term.text not in OF_TIME) or terms if kind == DATE else terms,
        years,
        numbers,
        _english_unit(folded) if language == "en" else _unit(asked),
        _english_wanted(folded) if language == "en" else _wanted(asked),
        language,
    )


_SEVERAL = re.compile(r"几[个家位名项座所](?=[\u3400-\u9fff]{2,}?(?:什么|哪|谁|多少|怎|如何|咋|啥))")
"""Says several, where another word asks: 几个省市一起出资的是什么基金."""
OF_TIME = frozenset(("截止", "截至", "开始", "结束", "时间", "日期", "期限"))
"""Words by which a question asks for a date and that the sentence with the date need not hold."""


_ASKS_MEANING = re.compile(
    r"什么叫|何谓|(?:是|指)的?什么意思|[怎如][么何样]定义|的?(?:含义|定义)(?:是|$|[?？])|意味着什么"
)


_PHONE_AT_THE_END = re.compile(
    r"(?<![少几打拨么啥些])(?<![少几][个部条台])(?:电话|热线|手机|座机)(?:号码?)?(?:是|为)?(?:什么|多少|几号|哪个|啥)?[?？。]?$"
)


def _kind(folded: str) -> str:
    if _ASKS_MEANING.search(folded):
        return WHICH
    if (named := _PHONE_AT_THE_END.search(folded)) and _kind(folded[: named.start()]) in (OPEN, WHO):
        return PHONE
    asking = next((kind for kind, pattern in ASKING if pattern.search(folded)), OPEN)
    if asking not in (OPEN, WHICH) or (asking == WHICH and "哪" in folded):
        return asking
    return next((kind for kind, pattern in NAMED if pattern.search(folded)), asking)


def has_question_word(text: str) -> bool:
    """Tell whether a text asks for something of a known kind."""
    return _kind(fold(text)) != OPEN


def without_story(text: str) -> str:
    """Return a folded question without what somebody tells of himself before asking: 我手里只有管线，没有厂房，能贷什么款."""
    if not ONESELF.search(text):
        return text
    return "，".join(clause for clause in re.split("[，,；;。!]", text) if _kind(clause) != OPEN) or text


ONESELF = re.compile(r"我|咱|本人|俺|家里")
_UNIT = re.compile(r"(?:多少|几)\s*([^\s，。？?！的了在,.]{1,4})")
_NO_UNIT = re.compile(r"^(?:占|成|是|呢|吗|啊|呀)")


def _unit(folded: str) -> str:
    match = _UNIT.search(folded)
    return match.group(1) if match and not _NO_UNIT.match(match.group(1)) else ""


_MEASURE = (
    "个|块|家(?![庭长属])|所(?!有)|份(?!额)|项(?!目)|类(?![别型])|种(?![类子植])|座(?![位谈])|位(?!置)|款(?!项)|名(?![单称字额])|条(?![件例款])"
    "|件(?!数)|批(?![准发])|次(?!数)|场(?![所馆地景])|大(?![学赛会型])"
)
"""Measure words that are not the head of a noun: 项 of 哪项政策, not of 哪些项目."""
_WANTED = re.compile(
    rf"(?:哪(?![里儿])(?:些|[一两二三四五六七八九十几\d]+)?(?:{_MEASURE})?|什么样?的?|啥|多少(?:{_MEASURE})?|几(?:{_MEASURE}))"
    r"([\u3400-\u9fff]{1,12})"
)


_HEADS = re.compile(
    r"(?:中心|平台|计划|项目|工程|基金|机制|体系|学院|联盟|机构|企业|单位|部门|人才|人员|产业|政策|任务|领域|成果|方案|标准|服务|资金|活动)$"
)
"""Nouns that verbs go before as they are: 创新中心, 研发平台."""


def _wanted(folded: str) -> str:
    """Return the head of the noun phrase behind the question word: 中心 of 「哪些国家制造业创新中心」.

    Where the head says little, what stands before it is returned: 独角兽 of 「多少家独角兽企业」.
    """
    match = _WANTED.search(folded)
    phrase = tagged(match.group(1)) if match else ()
    if match and match.group(1).startswith("钱"):  # 花了多少钱盖的: the tagger takes 钱盖 for a name
        phrase = (("钱", "n"), *tagged(match.group(1)[1:]))
    if not phrase or phrase[0][0] in _NO_NOUN:
        return ""
    head, is_object = "", match is not None and match.group().startswith(("什么", "啥"))
    for (word, word_class), (following, _) in pairwise((*phrase, ("", ""))):
        is_noun = word_class[0] in "nsltj" and word not in words("stop_words")
        is_deed = word_class[0] == "v" and not _HEADS.search(following)
        if not is_noun and (word_class[0] not in "abvm" or (is_deed and (head or is_object))):
            break
        says_more = word_class != "ns" and (not head or word not in words("any_kind"))
        head = word if is_noun and says_more else head
    return head


_NO_NOUN = frozenset(
    (
        *"年月日天个家所份项类种座位款条大名件批次场点吨元岁样步关道档轮回", "段时间", "天内", "日内", "年内", "月内", "小时", "小时内", "分钟", "周岁",
        "课时", "学时", "学分", "公里", "平方米", "立方米", "千瓦", "万元",
    )
)  # fmt: skip
"""What may stand behind 哪 and 多少 without a noun: 哪年, 哪三项, 多少课时."""


_UNITS_OF_MEASURE = frozenset(
    (*"吨天日年周米亩元岁倍次", "小时", "分钟", "个月", "公里", "千米", "平方米", "公顷", "千瓦", "周岁", "人次")
)


def _english_wanted(folded: str) -> str:
    """Return the noun behind how many: markets of how many night markets are there."""
    return "" if _english_unit(folded) else counted_in_english(folded)


def _english_unit(folded: str) -> str:
    """Return the unit behind how many, in Chinese: 小时 for how many hours."""
    return next((word for word in translations().get(counted_in_english(folded), ()) if word in _UNITS_OF_MEASURE), "")
