"""Questions made by rule from a passage: what the reader trains on where nobody wrote questions.

Two families. Cloze questions take a figure, date, name, title or quoted term out of a sentence and ask for it (Lewis,
Denoyer & Riedel, ACL 2019: half of the way to supervised reading). Patterns of regulations ask for a definition, a
purpose, who is responsible, a duty, a ban, a penalty, a list. `reword` then says the same in other words.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import rjieba

from app.text import split_sentences
from app.types import Span


@dataclass(frozen=True, slots=True)
class Draft:
    """A question and the offsets of its answer in the passage; start = end where only the passage is known."""

    question: str
    start: int
    end: int


_UNITS = (
    "平方公里|立方米|平方米|公里|千米|公顷|公斤|千克|毫克|毫米|厘米|海里|人次|工作日|小时|分钟|个月|周岁|美元|日元|港元|"
    "[万亿]?元|亿|万|人|名|位|个|家|项|种|米|吨|岁|天|日|年|倍|次|场|座|条|届|所|集|部|枚|分|艘|架|辆|层|级|届|度|票|件|份|支|队|套|幅|首|张|间|户|亩|秒|周|门"
)
_FIGURE = re.compile(
    rf"(?:约|近|超过|不超过|不少于|不低于)?(?:\d[\d,.]*|[一二三四五六七八九十百千两]+)(?:余|多)?[百千万亿]*(?:余|多)?(?:个(?=工作日|月|小时))?(?P<unit>{_UNITS})|\d[\d.]*[%％]|百分之[一二三四五六七八九十百]+"
)
_DATE = re.compile(
    r"(?:公元前?)?\d{1,4}年(?:\d{1,2}月(?:\d{1,2}日)?|底|初|代)?|\d{1,2}月\d{1,2}日|(?:公元前)?\d{1,2}世纪"
)
_TITLE = re.compile(r"《[^》]{2,30}》")
_QUOTED = re.compile(r"[“「][^”」]{2,20}[”」]")
_OFFICE = re.compile(
    r"(?:本市|市|区|县|国家|有关|各级|乡、镇)[^\s，。；、：]{1,12}?(?:部门|机构|人民政府|委员会|办公室|管理局)"
)
_ARTICLE = re.compile(r"^第[一二三四五六七八九十百零\d]+[条章节][\s　]*")
_LIST_MARK = re.compile(r"^[（(]?[一二三四五六七八九十\d]{1,3}[）)、.．]\s*")

ASKED_DURATION = ("多久", "多长时间", "几{unit}", "多少{unit}")
ASKED_MONEY = ("多少钱", "多少{unit}", "多少")
ASKED_SHARE = ("百分之多少", "多大比例", "多少")
ASKED_COUNT = ("多少{unit}", "几{unit}", "多少")
ASKED_DATE = ("什么时候", "何时", "哪一年", "哪年", "什么时间")
ASKED_PERSON = ("谁", "哪位", "哪个人", "什么人")
ASKED_PLACE = ("哪里", "什么地方", "哪个地方", "何处", "哪儿")
ASKED_OFFICE = ("哪个部门", "谁", "哪个单位", "什么部门", "哪些部门")
ASKED_BODY = ("哪个机构", "哪个组织", "什么机构", "谁", "哪家单位")
ASKED_TITLE = ("什么", "哪部作品", "哪个文件", "哪部法规", "什么文件")
ASKED_TERM = ("什么", "什么")
_DURATIONS = ("年", "天", "日", "月", "小时", "分钟", "周", "工作日", "秒")

COLLOQUIAL = tuple(
    line.split()
    for line in [
        "",
        "应当 应该 要 得",
        "期限 时限 时间",
        "机动车 汽车 车",
        "非机动车 电动车 自行车",
        "未成年人 孩子 小孩",
        "用人单位 公司 单位 老板",
        "劳动者 员工 职工",
        "消费者 顾客 客人",
        "经营者 商家 店家",
        "房屋 房子 住房",
        "承租人 租客 租房的人",
        "出租人 房东",
        "业主 房主",
        "物业服务企业 物业 物业公司",
        "公安机关 警察 公安",
        "人民法院 法院",
        "人民政府 政府",
        "缴纳 交 付",
        "申请 申办 办理",
        "逾期 过期 超期",
        "违反 违背",
        "赔偿 赔",
        "子女 孩子 儿女",
        "父母 爸妈 家长",
        "老年人 老人",
        "购买 买",
        "出售 卖",
        "销售 卖",
        "死亡 去世",
        "患者 病人",
        "医疗机构 医院",
        "饲养 养",
        "罚款 罚钱",
        "处罚 罚",
        "驾驶 开",
        "告知 通知 告诉",
        "协助 帮助 帮忙",
        "禁止 不准 不许",
        "擅自 私自",
        "损坏 弄坏",
        "拆除 拆掉",
        "垃圾 废物",
        "居民 市民 老百姓",
        "制定 出台 制订",
        "设立 成立 建立",
        "位于 在 坐落于",
        "担任 当 出任",
        "举行 举办 召开",
        "创立 创办 成立",
        "出生 生于",
        "毕业 毕业于",
        "获得 得到 取得",
        "建造 修建 建设",
        "使用 用 采用",
        "称为 叫做 叫",
        "认为 觉得",
        "负责 主管 管",
        "包括 包含 含有",
        "增加 提高 上升",
        "减少 降低 下降",
        "帮助 扶持 支持",
        "企业 公司",
        "职责 责任 任务",
        "条件 要求",
        "措施 办法 做法",
        "材料 资料 文件",
        "补贴 补助",
        "",
    ]
    if line
)
"""Words of official style and what people say instead."""
_OTHERWISE = {word: [other for other in group if other != word] for group in COLLOQUIAL for word in group[:1]}
_OPENINGS = ("请问", "请问一下，", "想问一下，", "我想知道", "你好，", "")


def cloze_questions(text: str, title: str, chance: random.Random, most: int) -> list[Draft]:
    """Return up to `most` questions for figures, dates, names, titles and terms of a passage."""
    drafts = []
    for span in split_sentences(text):
        sentence = span.of(text)
        skipped = _leading_mark(sentence)
        for start, end, asked in _answers(sentence):
            place = Span(max(0, start - skipped), end - skipped) if start >= skipped else None
            if place and (question := _ask(sentence[skipped:], place, asked, title, chance)):
                drafts.append(Draft(question, span.start + start, span.start + end))
    chance.shuffle(drafts)
    return drafts[:most]


def _leading_mark(sentence: str) -> int:
    """Return how many characters 第三条 or （一） take at the start of a sentence."""
    match = _ARTICLE.match(sentence) or _LIST_MARK.match(sentence)
    return match.end() if match else 0


def _answers(sentence: str) -> Iterator[tuple[int, int, Sequence[str]]]:
    """Yield what can be asked for in a sentence: offsets and the words that ask for it; none overlaps another."""
    taken: list[tuple[int, int]] = []
    for start, end, asked in _all_answers(sentence):
        if end - start < len(sentence) - 4 and all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
            yield start, end, asked


def _all_answers(sentence: str) -> Iterator[tuple[int, int, Sequence[str]]]:
    for pattern, words in ((_TITLE, ASKED_TITLE), (_QUOTED, ASKED_TERM), (_DATE, ASKED_DATE)):
        yield from ((*match.span(), words) for match in pattern.finditer(sentence))
    for match in _FIGURE.finditer(sentence):
        yield *match.span(), _asked_figure(match.group("unit") or "%")
    yield from ((*match.span(), ASKED_OFFICE) for match in _OFFICE.finditer(sentence))
    position = 0
    for word, word_class in rjieba.tag(sentence):
        start, position = position, position + len(word)
        if len(word) > 1 and (asked := _ASKED_CLASS.get(word_class)):
            yield start, position, asked
        elif len(word) > 2 and word_class in ("n", "nz", "l", "eng"):
            yield start, position, ASKED_TERM


_ASKED_CLASS = {
    "nr": ASKED_PERSON,
    "nrt": ASKED_PERSON,
    "nrfg": ASKED_PERSON,
    "ns": ASKED_PLACE,
    "nt": ASKED_BODY,
}


def _asked_figure(unit: str) -> Sequence[str]:
    if unit in "%％":
        return ASKED_SHARE
    kinds: Sequence[str] = ASKED_COUNT
    if "元" in unit:
        kinds = ASKED_MONEY
    elif unit in _DURATIONS:
        kinds = ASKED_DURATION
    return [kind.format(unit=unit) for kind in kinds]


def _ask(sentence: str, place: Span, asked: Sequence[str], title: str, chance: random.Random) -> str:
    """Return a question whose answer stands at a place of a sentence; empty if the sentence says too little."""
    start, end = place.start, place.end
    left, right = _window(sentence, start, end, chance)
    before, after = sentence[left:start], sentence[end:right].rstrip("。；，;,！!？?：:")
    word = chance.choice(asked)
    if len(before) + len(after) < 6:
        return ""
    style = chance.random()
    if style < 0.5:
        question = thin(before, chance, 0.1) + word + thin(after, chance, 0.1)
    elif style < 0.75:
        question = thin(before + after, chance, 0.15).rstrip("，、是为在于") + chance.choice(("是", "，是", "")) + word
    else:
        words = [w for w, c in rjieba.tag(before + after) if c[0] in "nvaltjims" and chance.random() < 0.8]
        turn = chance.randrange(len(words) + 1) if chance.random() < 0.3 else 0
        question = "".join(words[turn:] + words[:turn]) + word
    if title and title not in question and chance.random() < 0.5:
        question = (
            chance.choice((f"{title}的", f"{title}", f"{title}，", f"在{title}中，", f"关于{title}，")) + question
        )
    return question.strip("，、；： ") + chance.choice(("？", "？", "?", "", "呢？"))


def _window(sentence: str, start: int, end: int, chance: random.Random) -> tuple[int, int]:
    """Return the clause around an answer, or two, or up to 70 characters."""
    cuts = [0, *(i + 1 for i, character in enumerate(sentence) if character in "，；;："), len(sentence)]
    clause = max(i for i, cut in enumerate(cuts[:-1]) if cut <= start)
    first = max(0, clause - chance.choice((0, 0, 1, 1, 2)))
    last = clause + 1
    while cuts[last] < end or (last < len(cuts) - 1 and chance.random() < 0.3):
        last += 1
    while first < clause and cuts[last] - cuts[first] > 70:
        first += 1
    return cuts[first], cuts[last]


def thin(text: str, chance: random.Random, rate: float) -> str:
    """Return a text without some of its words, small ones first of all."""
    kept = []
    for word, word_class in rjieba.tag(text):
        odds = rate * (2 if word_class[0] in "udc" else 0.3 if word_class[0] in "nvms" else 1)
        if chance.random() >= odds:
            kept.append(word)
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence form: group `a` of the pattern answers the questions, whose {x}, {y}, {t} are groups and the title."""

    pattern: re.Pattern[str]
    questions: tuple[str, ...]


_C = r"[^，。；：\n]"
_PATTERNS = (
    _Pattern(re.compile(rf"所称(?:的)?(?P<x>{_C}{{2,25}})，?是指(?P<a>[^。；]{{6,160}})"),
             ("什么是{x}？", "{x}是什么？", "{x}是什么意思？", "{x}指的是什么？", "{x}是指什么", "怎么理解{x}？", "哪些属于{x}？", "{t}所说的{x}是指什么？")),
    _Pattern(re.compile(r"(?P<a>为了?[^。]{8,150}?)，(?:根据|依据|依照|按照|结合|制定|遵循)[^。]*制定本"),
             ("为什么要制定{t}？", "制定{t}的目的是什么？", "{t}是为了什么制定的？", "出台{t}有什么目的？")),
    _Pattern(re.compile(r"(?:根据|依据|依照)(?P<a>[^。]{4,120}?)，(?:结合[^，。]*，)?制定本"),
             ("{t}是根据什么制定的？", "制定{t}的依据是什么？", "{t}依据哪些法律制定？")),
    _Pattern(re.compile(r"本(?:条例|办法|规定|细则)自(?P<a>[^。，]{4,16})起(?:施行|实施)"),
             ("{t}什么时候施行？", "{t}从什么时候开始生效？", "{t}何时起实施？", "{t}的施行日期是哪天？")),
    _Pattern(re.compile(rf"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<a>{_C}{{2,24}}?(?:部门|机构|政府|委员会|局|处|机关))(?:依法|具体)?(?:负责|主管|承担)(?P<x>{_C}{{4,50}})"),
             ("谁负责{x}？", "哪个部门负责{x}？", "{x}由谁负责？", "{x}归哪个部门管？", "{x}找哪个部门？", "{x}的主管部门是哪个？")),
    _Pattern(re.compile(rf"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<x>{_C}{{2,24}}?)(?:依法)?(?:负责|主管|承担|履行)(?P<a>{_C}{{6,80}})"),
             ("{x}负责什么？", "{x}的职责是什么？", "{x}有哪些职责？", "{x}主要做什么？")),
    _Pattern(re.compile(rf"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<x>{_C}{{2,24}}?)(?P<a>应当[^。；]{{8,150}})"),
             ("{x}应当怎么做？", "{x}应该做什么？", "{x}有什么义务？", "对{x}有什么要求？", "{x}要做哪些事？", "{x}怎么做？", "{t}对{x}有什么规定？")),
    _Pattern(re.compile(rf"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<x>{_C}{{4,40}}?)(?:的)?，(?P<a>(?:{_C}{{0,20}})应当[^。；]{{6,150}})"),
             ("{x}怎么办？", "{x}应该怎么做？", "{x}要做什么？", "{x}，应当如何处理？", "如果{x}怎么办？", "{x}时有什么要求？", "{x}有什么规定？")),
    _Pattern(re.compile(rf"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<a>(?P<x>{_C}{{2,24}}?)不得(?P<y>[^。；]{{4,80}}))"),
             ("{x}可以{y}吗？", "{x}能不能{y}？", "{x}能{y}吗？", "{x}{y}合法吗？", "{x}不能做什么？", "{x}不得有什么行为？")),
    _Pattern(re.compile(r"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<a>禁止(?P<y>[^。；]{4,60}))"),
             ("可以{y}吗？", "能不能{y}？", "{y}违法吗？", "{t}禁止什么？", "允许{y}吗？")),
    _Pattern(re.compile(r"(?:违反本[^，。]*，)(?P<x>[^。；]{6,90}?)的，(?P<a>(?:由|责令|处|给予|没收|依法|可以|应当)[^。]{6,150})"),
             ("{x}会受到什么处罚？", "{x}怎么处罚？", "{x}会罚多少钱？", "{x}有什么后果？", "{x}要承担什么责任？", "{x}会怎么样？", "对{x}如何处罚？", "{x}违法吗？")),
    _Pattern(re.compile(r"(?P<x>[^。；，]{4,60}?)的，(?P<a>[^。；]{0,30}?(?:罚款|警告|没收|吊销|行政处分|刑事责任)[^。；]{0,60})"),
             ("{x}会受到什么处罚？", "{x}怎么处罚？", "{x}罚多少？", "{x}有什么法律责任？", "{x}的法律后果是什么？", "{x}怎么办？")),
    _Pattern(re.compile(r"(?P<x>[^。；，]{4,60}?)的，由(?P<a>[^。；，]{3,30}?)(?:责令|给予|处以?|予以|依法)"),
             ("{x}由谁处罚？", "{x}归谁管？", "{x}找哪个部门？", "{x}由哪个部门处理？", "谁来处罚{x}？")),
    _Pattern(re.compile(r"(?:^|[。\n；])(?:第\S+?条\s*)?(?P<x>[^。；\n]{4,60}?)(?:应当|须|需)?(?:包括|具备|符合|提交|提供|载明|遵守|有|按照)(?:下列|以下)(?P<y>[^。；：，\n]{2,10})：(?P<a>[\s\S]{10,300})"),
             ("{x}包括哪些{y}？", "{x}需要哪些{y}？", "{x}要符合什么{y}？", "{x}有哪些{y}？", "{x}的{y}是什么？", "{x}需要什么？")),
    _Pattern(re.compile(rf"(?P<x>[^。；\n]{{4,60}}?)(?:的)?，(?P<a>(?:{_C}{{0,16}})(?:可以|有权)[^。；]{{4,120}})"),
             ("{x}可以怎么办？", "{x}有什么权利？", "{x}能做什么？", "{x}怎么办？", "{x}可以做什么？")),
    _Pattern(re.compile(r"(?:由于|因为)(?P<a>[^，。；]{4,60})，(?P<x>[^，。；]{5,60})"),
             ("为什么{x}？", "{x}的原因是什么？", "{x}是因为什么？", "{x}是什么原因造成的？", "为何{x}？")),
    _Pattern(re.compile(r"(?P<a>(?:通过|采取|利用|运用)[^，。；]{4,60})，(?P<x>[^，。；]{5,60})"),
             ("如何{x}？", "通过什么方式{x}？", "怎么{x}？", "{x}采取什么办法？", "靠什么{x}？")),
    _Pattern(re.compile(r"为(?:了)?(?P<x>[^，。；]{5,40})，(?P<a>[^。；]{8,120})"),
             ("为{x}，采取了什么措施？", "如何{x}？", "为了{x}，怎么做？", "{x}有哪些举措？", "怎样{x}？")),
    _Pattern(re.compile(r"(?P<x>[^，。；：]{4,40})(?:包括|包含|分为|含有|主要有|由)(?P<a>[^，。；：]{2,20}(?:、[^，。；：、]{1,20}){1,}[^，。；：]{0,12})"),
             ("{x}包括哪些？", "{x}有哪些？", "{x}分为哪几种？", "{x}由什么组成？", "{x}包括什么？")),
)  # fmt: skip


def pattern_questions(text: str, title: str, chance: random.Random, most: int) -> list[Draft]:
    """Return up to `most` questions by the forms of official sentences."""
    drafts = []
    for form in _PATTERNS:
        for match in form.pattern.finditer(text):
            start, end = match.span("a")
            while end > start and text[end - 1] in "。；，\n ":
                end -= 1
            parts = {name: _plain(part, chance) for name, part in match.groupdict().items() if name != "a" and part}
            question = chance.choice(form.questions).format(**({"x": "", "y": "", "t": title} | parts))
            if 5 <= len(question) <= 110 and end > start:
                drafts.append(Draft(_with_title(question, title, chance), start, end))
    chance.shuffle(drafts)
    return drafts[:most]


def _plain(part: str, chance: random.Random) -> str:
    part = _LIST_MARK.sub("", _ARTICLE.sub("", part)).strip("，、 \n")
    return thin(part, chance, 0.07) or part


def _with_title(question: str, title: str, chance: random.Random) -> str:
    topic = re.sub(r"^(?:上海市|中华人民共和国)|(?:管理|若干|保护|促进)?(?:条例|办法|规定|细则)$", "", title)
    if title in question or chance.random() < 0.55:
        return question
    return (
        chance.choice((f"{title}中，", f"根据{title}，", f"{title}规定，", f"{topic}方面，", f"关于{topic}，"))
        + question
    )


_OPEN_ENDINGS = (
    "有什么规定？", "怎么规定的？", "有哪些措施？", "采取了哪些措施？", "有什么要求？", "有哪些要求？", "是怎么做的？", "怎么办？", "情况如何？",
    "做了什么？", "有哪些举措？", "有什么安排？", "是怎么回事？", "如何处理？", "有什么作用？", "有何特点？", "是什么样的？", "有什么政策？", "如何？",
)  # fmt: skip
_CLAUSE_STARTS = ("如何", "怎么", "怎样")


def open_questions(text: str, title: str, chance: random.Random, most: int) -> list[Draft]:
    """Ask for whole sentences by a few of their words (inverse cloze, Lee, Chang & Toutanova, ACL 2019).

    「企业复工有哪些措施？」: what such a question wants is a sentence or two, not a figure or a name.
    """
    spans = [span for span in split_sentences(text) if span.end - span.start >= 12]
    drafts = []
    for span in chance.sample(spans, min(most, len(spans))):
        sentence = span.of(text)
        start = _leading_mark(sentence)
        question = _few_words(sentence[start:], chance)
        end = span.end - (sentence[-1] in "。；")
        if len(question) >= 6:
            drafts.append(Draft(_with_topic(question, title, chance), span.start + start, end))
    return drafts


def _few_words(sentence: str, chance: random.Random) -> str:
    """Return a question in one to five words of a sentence, or 如何 with one of its clauses."""
    clauses = [clause for clause in re.split(r"[，；：。]", sentence) if 4 <= len(clause) <= 22]
    if clauses and chance.random() < 0.35:
        return chance.choice(_CLAUSE_STARTS) + thin(chance.choice(clauses), chance, 0.1) + "？"
    words = [w for w, c in rjieba.tag(sentence) if c[0] in "nvltj" and len(w) > 1]
    first = chance.randrange(max(1, len(words) - 3))
    chosen = words[first : first + chance.randint(2, 6)]
    kept = [word for word in chosen if chance.random() < 0.75] or chosen[:1]
    joint = chance.choice(("", "", "的")) if len(kept) > 1 else ""
    return "".join(kept[:-1]) + joint + "".join(kept[-1:]) + chance.choice(_OPEN_ENDINGS)


def _with_topic(question: str, title: str, chance: random.Random) -> str:
    """Put the title or what it is about in front of a question that names no subject."""
    topic = re.sub(r"^(?:上海市|中华人民共和国)|(?:管理|若干|保护|促进)?(?:条例|办法|规定|细则)$", "", title)
    form = chance.choice(
        (
            "",
            "",
            "{title}",
            "{title}中，",
            "{topic}",
            "{topic}方面，",
            "关于{topic}，",
            "在{topic}工作中，",
            "上海市",
            "根据{title}，",
        )
    )
    return form.format(title=title, topic=topic) + question


def reword(question: str, chance: random.Random) -> str:
    """Say a question in other words: everyday ones, a polite opening, now and then a word less."""
    for formal, others in _OTHERWISE.items():
        if formal in question and chance.random() < 0.4:
            question = question.replace(formal, chance.choice(others), 1)
    if chance.random() < 0.15:
        question = thin(question, chance, 0.08) or question
    if chance.random() < 0.1:
        question = chance.choice(_OPENINGS) + question
    return question
