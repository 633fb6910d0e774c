"""What a question asks for: its parts, the kind of answer each wants, and the words the evidence must match."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import rjieba

from app.answering.lexicon import translations, words
from app.text import fold, has_cjk

FIGURE, DATE, WHO, WHERE, LIST, WHICH, HOW, WHETHER, OPEN = (
    "figure", "date", "who", "where", "list", "which", "how", "whether", "open",
)  # fmt: skip

ASKING: tuple[tuple[str, re.Pattern[str]], ...] = (
    (LIST, re.compile(r"哪些|分[为成]?几|哪[两二三四五六七八九十几\d]+|有哪|有啥|都有|名单|列举|列出|哪几|几部分组成|分别(?:是|为|叫)?(?:什么|谁|哪)|包括(?:什么|啥)"
                      r"|\b(?:which|what) (?:are|were|\w+(?:ies|[^s]s)\b)|\blist\b|\bname the\b")),
    (DATE, re.compile(r"什么时(?:候|间)|何时|哪一?[天年月日]|几月|几号(?!提案|建议)|几[时点]|啥时候|\bwhen\b|\b(?:what|which) (?:date|year|day|month)\b")),
    (FIGURE, re.compile(r"多少|(?<![那这好前后近])几[^乎何]|多[大高长久远重宽深]|几成|几[?？]?$|\bhow (?:many|much|large|big|long|old|often|far)\b")),
    (WHERE, re.compile(r"哪里|哪儿|何处|在哪(?![些个家所份项类种座位年])|什么地方|啥地方|[到往去放]哪(?![些个家所份项类种座位年])|\bwhere\b")),
    (WHO, re.compile(r"谁|哪位|什么人|哪个人|哪类人|哪种人|\bwho(?:m|se)?\b")),
    (HOW, re.compile(r"如何|怎[么样]|怎|咋|(?<![名称译定评选分])为什么(?!时)|为何|为啥|何以|哪方面|什么(?:措施|做法|打算|作用|方式|办法|举措|安排|计划|考虑|规划|思路)|通过什么|靠什么|\bhow\b|\bwhy\b")),
    (WHICH, re.compile(r"哪|什么|啥|\bwhich\b|\bwhat\b")),
)  # fmt: skip
"""What asks for each kind of answer, tried in this order."""
NAMED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (DATE, re.compile(r"(?:日期|时间|年份|期限)(?:是|为|:)?(?:什么|多少)?[?？。]?$|截[止至](?:到)?(?:时间|日期)|\b(?<!previous )(?<!per )(?<!last )(?<!each )(?<!every )(?<!a )(?:date|year|deadline)\b")),
    (FIGURE, re.compile(r"(?:占比|比例|比重|份额|总?额|总数|总量|总?人数|数量|金额|额度|规模|年龄|倍数|次数|门槛|上限|下限|数|率|价)(?:要求|限制)?(?:是|为|有|:)?(?:什么|多大)?[?？。]?$|百分之"
                        r"|占比|比重|\bnumber of\b|^what (?:is|are|was|were) the (?:[\w&-]+ ){0,3}(?:rate|intensity|mark|score|fee|price|cost|salary|budget|area|length|height|depth|weight|bonus|limit|capacity|volume|output|revenue|population|duration|quota|ceiling|threshold)\b|\bpercent|\bshare of\b|\bwhat share\b|\bproportion\b|\bsize\b|\bamount\b|\bage\b|\btotal\b|\bratio\b|\btimes\b")),
    (HOW, re.compile(r"措施|做法|打算|作用$|举措")),
    (WHETHER, re.compile(r"吗[？?。]?$|是否|是不是|有没有|能不能|可不可以|能否|可否|^(?:is|are|does|do|did|has|have|can|will|was|were)\b")),
)  # fmt: skip
"""What is asked for by its noun; decides where no question word does, or only 什么."""


QUESTION_WORDS = re.compile(
    r"请问一?下?|麻烦问?一?下?|我?想(?:问|知道|了解|咨询)一?下?|能不能(?:告诉|帮|给)?我?们?(?:看看)?|告诉我|帮我?(?:查|看|找)一?[下查看]*|你好|您好"
    r"|是?多少个?|百分之几|第几|几成|几|最多|最少|多[长少]时间|多[大高长久远]|是?什么时候|什么|是?哪[些个家所份项类种座位里儿年天月日几一]?|是?谁|如何|怎么样?|怎样|咋|为什么|为何|为啥|啥|是否|有没有|是不是"
    r"|分别|具体|一共|总共|[吗呢呀啊嘛吧啦]+(?=[？?。!！]|$)|\bhow (?:many|much|large|big|long|old|often|far)\b|\b(?:what|which|who|whom|whose|when|where|why|how|many|much|is|are|was|were|do|does|did|the|an?|of|in|on|to|for"
    r"|by|with|at|from|has|have|had|be|been|it|its|this|that|there|and|or|can|could|please|tell|me|will|would|as|than)\b"
)
"""What asks, and what is only polite: carries nothing that evidence could match."""


LATER = re.compile(
    r"下一?阶段|下一?步|今后|接下来|(?<!岁)以后(?!的)|未来|将来|后续|打算|\bnext (?:step|stage|phase)s?\b|\bfuture\b|\bplan(?:s|ned)? to\b"
)
"""What a question or a heading says of things to come."""
YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?=\s*(?:年|[-—~至到/]|\b))")
COMPARED_WITH = re.compile(r"(?:比|较|相比|相较)于?(?:19|20)\d{2}年?(?:同期)?(?!年|的|同期)|是(?:19|20)\d{2}年的?(?=[\d.]+倍)")
"""The year that a figure is only compared with: 比2022年下降4.1%."""
NUMBER = re.compile(r"\d+(?:\.\d+)?%?")
LATIN = re.compile(r"[a-z][a-z0-9+.&-]*[a-z0-9+]|[a-z]", re.ASCII)
QUOTED = re.compile(r"[《“「『‘\"]([^》”」』’\"]{2,60})[》”」』’\"]")
NAME_CLASSES = ("nr", "ns", "nt", "nz", "nrt", "nrfg")


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the question that evidence should match. `weight` grows with how much it says, from 0.3 to about 2."""

    text: str
    weight: float
    is_name: bool = False
    """A place, person, organisation or other proper name."""


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
    folded = fold(text).strip()
    language = language_of(text)
    years = tuple(dict.fromkeys(YEAR.findall(folded)))
    numbers = tuple(number for number in dict.fromkeys(NUMBER.findall(folded)) if number not in years)
    kind = _kind(folded)
    terms = _english_terms(text) if language == "en" else _terms(folded)
    return Question(
        text,
        folded,
        kind,
        tuple(term for term in terms if term.text not in OF_TIME) or terms if kind == DATE else terms,
        years,
        numbers,
        _english_unit(folded) if language == "en" else _unit(folded),
        _english_wanted(folded) if language == "en" else _wanted(folded),
        language,
    )


OF_TIME = frozenset(("截止", "截至", "开始", "结束", "时间", "日期", "期限"))
"""Words by which a question asks for a date and that the sentence with the date need not hold."""


_ASKS_MEANING = re.compile(r"什么叫|何谓|(?:是|指)的?什么意思|[怎如][么何样]定义|的?(?:含义|定义)(?:是|$|[?？])|意味着什么")


def _kind(folded: str) -> str:
    if _ASKS_MEANING.search(folded):
        return WHICH
    asking = next((kind for kind, pattern in ASKING if pattern.search(folded)), OPEN)
    if asking not in (OPEN, WHICH) or (asking == WHICH and "哪" in folded):
        return asking
    return next((kind for kind, pattern in NAMED if pattern.search(folded)), asking)


def has_question_word(text: str) -> bool:
    """Tell whether a text asks for something of a known kind."""
    return _kind(fold(text)) != OPEN


def language_of(text: str) -> str:
    """Return the language to answer in: `en` for English sentences, also with a Chinese name in them, else `zh`."""
    words_of_text = re.findall(r"[A-Za-z]{2,}", text)
    if not has_cjk(text):
        return "en" if words_of_text else "zh"
    return "en" if len(words_of_text) > 2 and _ENGLISH_GRAMMAR.search(text) else "zh"


_ENGLISH_GRAMMAR = re.compile(
    r"\b(?:the|of|in|for|is|are|was|were|does|did|how|what|which|who|when|where|why)\b", re.IGNORECASE
)


_UNIT = re.compile(r"(?:多少|几)\s*([^\s，。？?！的了在,.]{1,4})")
_NO_UNIT = re.compile(r"^(?:占|成|是|呢|吗|啊|呀)")


def _unit(folded: str) -> str:
    match = _UNIT.search(folded)
    return match.group(1) if match and not _NO_UNIT.match(match.group(1)) else ""


_MEASURE = (
    "个|家(?![庭长属])|所(?!有)|份(?!额)|项(?!目)|类(?![别型])|种(?![类子植])|座(?![位谈])|位(?!置)|款(?!项)|名(?![单称字额])|条(?![件例款])"
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


_HOW_MANY = re.compile(r"\bhow many ((?:[a-z-]+ ?){1,3})")


def _english_wanted(folded: str) -> str:
    """Return the plural behind how many, if the glossary has it: markets of how many night markets are there."""
    noun = _counted_in_english(folded)
    return "" if _english_unit(folded) else noun


def _english_unit(folded: str) -> str:
    """Return the unit behind how many, in Chinese: 小时 for how many hours."""
    return next((word for word in translations().get(_counted_in_english(folded), ()) if word in _UNITS_OF_MEASURE), "")


def _counted_in_english(folded: str) -> str:
    match = _HOW_MANY.search(folded)
    plurals = [word for word in match.group(1).split() if word.endswith("s") and len(word) > 3] if match else []
    return next((word for word in plurals if word in translations()), "")


_UNITS_OF_MEASURE = frozenset("吨 小时 分钟 天 日 个月 年 周 公里 千米 米 平方米 亩 公顷 千瓦 元 周岁 岁 倍 人次 次".split())


_NO_NOUN = frozenset((*"年月日天个家所份项类种座位款条大名件批次场", "天内", "日内", "课时", "学时", "学分", "点", "公里", "平方米", "立方米", "吨", "千瓦", "元", "万元", "年内", "小时", "小时内", "分钟", "月内", "岁", "周岁"))
"""What may stand behind 哪 without a noun: 哪年, 哪三项."""


_ENGLISH_WORD = re.compile(r"[a-z0-9][a-z0-9&.+'-]*[a-z0-9]|[a-z0-9]", re.ASCII)
_LONGEST_PHRASE = 5
_NAMED_IN_CHINESE = re.compile(r"(?:[A-Z][\w-]*\s+)+[(（]([\u3400-\u9fff]{2,})[)）]")
"""A name and how it is written in Chinese, which alone counts: Rising-Star (启明星)."""


def _english_terms(text: str) -> tuple[Term, ...]:
    """Return the words and phrases of an English question; those with a translation weigh more than those without."""
    text = _NAMED_IN_CHINESE.sub(r" \1 ", text)
    words = _ENGLISH_WORD.findall(QUESTION_WORDS.sub(" | ", fold(text)).replace("'s", " "))
    capitals = {word.lower() for word in re.findall(r"(?<=[a-z,] )[A-Z][A-Za-z-]+", text)}
    terms: dict[str, Term] = {}
    i = 0
    while i < len(words):
        spans = (" ".join(words[i : i + n]) for n in range(min(_LONGEST_PHRASE, len(words) - i), 0, -1))
        phrase = next((span for span in spans if span in translations()), words[i])
        if phrase in translations():
            terms.setdefault(phrase, Term(phrase, 1.0))
        elif not phrase.isdigit() and len(phrase) > 1:
            terms.setdefault(phrase, Term(phrase, 0.6, is_name=phrase in capitals))
        i += len(phrase.split(" "))
    chinese = (Term(name, _weight(name, "nz"), is_name=True) for name in re.findall(r"[\u3400-\u9fff]{2,}", text))
    return (*terms.values(), *chinese)


def search_words(text: str) -> str:
    """Return what BM25 searches for a question: its own words, and their translations if it is English."""
    if language_of(text) != "en":
        return text
    return " ".join([text, *(word for term in _english_terms(text) for word in translations().get(term.text, ())[:2])])


def _terms(folded: str) -> tuple[Term, ...]:
    """Return the words that carry meaning, in order, each once."""
    quoted = QUOTED.findall(folded)
    rest = QUESTION_WORDS.sub(" ", _NEXT_STEP.sub(" ", folded))
    terms: dict[str, Term] = {}
    for word, word_class in _with_bodies(tagged(rest)):
        if (
            word in words("stop_words")
            or word_class in ("x", "uj", "ul", "uz", "ug", "y", "e", "o", "p", "c", "r")
            or not word.strip()
        ):
            continue
        if not any(character.isalnum() for character in word):
            continue
        is_name = (word_class in NAME_CLASSES and not _SUM_OR_RATE.search(word)) or word_class == "eng"
        is_name = is_name or _is_place(word) or word in quoted
        terms.setdefault(word, Term(word, _weight(word, word_class), is_name))
    return tuple(terms.values())


_NEXT_STEP = re.compile(r"下一?阶段|下一?步|接下来")
"""Asks for plans, in words that the plans themselves need not have."""
_PLACE_CLASSES = ("n", "ns", "nr", "nz", "nrt")
_UNITS = ("市", "县", "区")
_BODY = re.compile(r"(?:师范|理工|科技|医科|农业|工业|中医药?)?(?:大学|学院|医院|银行|公司|集团|研究[院所]|中学|小学)")


def _with_bodies(phrase: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the words, a name and the body or the unit behind it as one: 中山医院, 东屿市."""
    following = iter([*phrase[1:], ("", "")])
    is_taken = False
    for word, word_class in phrase:
        after, _ = next(following)
        if is_taken:
            is_taken = False
        elif word_class in ("ns", "nz", "nr") and _BODY.fullmatch(after):
            is_taken = True
            yield word + after, "nt"
        elif len(word) > 1 and word_class in _PLACE_CLASSES and after in _UNITS and word not in words("any_kind"):
            is_taken = True
            yield word + after, "ns"
        else:
            yield word, word_class


def _is_place(word: str) -> bool:
    """Tell a word that no dictionary has and that ends as places do: 清渠市, not 开发区."""
    return len(word) > 2 and word[-1] in _UNITS and len(rjieba.cut(word, False)) > 1


_SUM_OR_RATE = re.compile(r"[费款金率额量价券税]$")
"""How words end that the tagger may take for names: 安家费, 不良率."""
_ONE_OF = re.compile(r"一[年月天周次份条趟个家项人台辆名件场户亩套]")
"""What something is told for each of, which documents say as 每年 or not at all."""


def _weight(word: str, word_class: str) -> float:
    if _ONE_OF.fullmatch(word):
        return 0.35
    base = 1.3 if word_class in NAME_CLASSES or word_class == "eng" else 1.0 if word_class[0] in "nijlm" else 0.7
    return base * (0.5 if len(word) == 1 else min(len(word), 4) ** 0.5 / 1.4)


@lru_cache(maxsize=4096)
def tagged(text: str) -> tuple[tuple[str, str], ...]:
    """Return the words of a folded text with their classes (jieba's set)."""
    return tuple((_without_glued(word.strip()), word_class) for word, word_class in rjieba.tag(text))


_BEFORE_WORDS = frozenset("要能会可需须应得想年月日里对报类搞从向给被把跟和与到在持查问请让由使按将那这该本各每某前后来去领")
_BEHIND_WORDS = frozenset("要能会可有是说的了吗呢")


def _without_glued(word: str) -> str:
    """Return a word that jieba only guessed without the verbs and particles it took in: 交 of 要交, 澜浦 of 年澜浦."""
    pieces = rjieba.cut(word, False)
    if len(pieces) < 2:
        return word
    start, end = int(pieces[0] in _BEFORE_WORDS), len(pieces) - int(pieces[-1] in _BEHIND_WORDS)
    return "".join(pieces[start:end]) or word
