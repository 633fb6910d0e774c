"""Whether a sentence on the right thing lacks the attribute that is asked for: who does it, where, by how much it grew."""

import re
from collections.abc import Collection

import rjieba

from app.answering.choosing import Evidence
from app.answering.fitting import ASKS_RANK, BY_HOW_MUCH, GROWN, PARTS, PHONE_NUMBER, RANK, wanted_figures
from app.answering.matching import match_term, squeeze
from app.answering.numerals import find_numbers
from app.answering.others import ALMOST, NAMED_BODY
from app.answering.question import FIGURE, HOW, PHONE, WHERE, WHETHER, Question
from app.answering.spans import MONEY, find_lists
from app.types import Document


def lacks_body(question: Question, sentence: str) -> bool:
    """Tell a sentence that names no body but those of the question, where one is asked for: 二期已于3月开工 for 哪家公司施工."""
    if not _ASKS_BODY.search(question.text):
        return False
    if _ASKS_BANK.search(question.text) and not _BANK.search(sentence):
        return True
    bodies = (match.group() for match in _BODY.finditer(sentence))
    return all(body in question.text for body in bodies) and not _has_class(
        _NAMES, _without_words_of(question, sentence)
    )


_ASKS_BODY = re.compile(
    r"哪(?:一|几|两)?[家个所](?:公司|企业|银行|单位|部门|机构|集团|开发商|医院|学校|大学|高校|研究[院所]|协会|组织)"
)
_ASKS_BANK = re.compile("哪[一几两]?[家所]银行")
_BANK = re.compile(r"[\u3400-\u9fff]{2}(?<![的和与及由向从在各家])(?:银行|分行|支行)(?![贷账卡存业])")
"""A bank by its name, not 银行贷款."""
_BODY = re.compile(
    r"[\u3400-\u9fff]{2}(?:公司|集团|银行|大学|学院|学校|[中小]学|医院|中心|[局委厅院]|办公室|街道|政府|机关|平台|法院|联合体"
    r"|[办科处所会社厂店部署馆站校盟队园](?=[、，。；：（(）)和与及等]|$|牵头|负责|承[办担]|主办|组织|会同|联合|共同|运营|实施))|“"
)
_NAMES = ("nt", "nz", "nr", "nrt", "nrfg")


def names_nobody(question: Question, sentence: str) -> bool:
    """Tell a sentence with a body of the kind that is asked for, but not by name: 委托第三方机构 for 哪家第三方机构."""
    asked = _ASKS_KIND_OF_BODY.search(question.text)
    kind = asked.group(1) if asked else ""
    return bool(kind) and kind in sentence and not NAMED_BODY.search(sentence.replace(kind, ""))


_ASKS_KIND_OF_BODY = re.compile(
    r"哪[一两几]?[家个所]((?:第三方|专业|社会|有关|相关|中介|民营|国有|外资|合作)[\u3400-\u9fff]{0,2}"
    r"(?:机构|公司|企业|组织|单位|银行))"
)


def names_none(question: Question, sentence: str) -> bool:
    """Tell a sentence that counts those whose names are asked for, or names only those whom the question leaves out."""
    if _ASKS_NAMES.search(question.text):
        return _COUNTED.search(sentence) is not None and not _NAMED.search(_COUNTED_MEMBER.sub("", sentence))
    if _ASKS_BODIES.search(question.text) and not _NAMES_ANY.search(sentence):
        return True
    besides = _BESIDES.search(question.text)
    if besides is None:
        return False
    known = [term.text for term in question.terms if term.text in besides.group(1)]
    members = [squeeze(m) for start, end in find_lists(sentence) for m in re.split("[、和与及]", sentence[start:end])]
    return bool(members) and all(any(match_term(one, member) > ALMOST for one in known) for member in members)


def only_counts(question: Question, text: str) -> bool:
    """Tell a sentence, given with what follows it, that goes on where it could name those whom a question counts, and has no
    list as long as that: 九城市协同组建…基金 for 哪九个城市."""
    asked = _ASKED_NUMBER.search(question.text) if _ASKS_WHICH_ONES.search(question.text) else None
    phrase = asked.group(1) if asked else ""
    said = squeeze(text)
    kind = next((phrase[:end] for end in range(len(phrase), 1, -1) if phrase[:end] in said), "")
    counts = rf"({_SOME}){_MEASURES}?(?:(?![两三四五六七八九十])[\u3400-\u9fff]){{0,8}}?{kind}[,。;]?(?:([\u3400-\u9fff]{{2}})|$)"
    counted = re.search(counts, said) if kind else None
    if counted is None or counted.group(2) in _NAMING:
        return False
    number = next(find_numbers(f"{counted.group(1)}个"), None)
    listed = max((said.count("、", start, end) + 1 for start, end in find_lists(said)), default=0)
    return number is not None and listed < float(number.value) - 1


_SOME = r"(?:\d+|[两三四五六七八九十]+)"
_ASKS_NAMES = re.compile(
    r"叫什么|叫啥|什么名字|啥名|名字(?:是|叫)|是哪[几些]|都有哪些|哪\d+[家个所]|(?:是|指的?)哪[两三四五六七八九十]+[家个所]"
    r"|(?:名字|名单)[\u3400-\u9fff]{0,3}[列报说]|列(?:出来|一[列下遍])|具体(?:都|各)?(?:是|叫)(?:什么|啥|谁|哪)"
)
_ASKS_BODIES = re.compile(
    r"[有是]哪些[\u3400-\u9fff]{0,4}(?:机构|企业|公司|医院|学校|大学|高校|银行|城市|县区?|区县|专家)[?？。]?$"
)
_NAMES_ANY = re.compile(r"[、“《：:和与及\n]|包括|分别|下列|如下|以下")
"""What a sentence has that names several."""
_ASKS_WHICH_ONES = re.compile(rf"{_ASKS_NAMES.pattern}|哪些|名单|名称|列出")
_MEASURES = "[家所个名人户座处项支]"
_COUNTED = re.compile(rf"(?:\d+|[两三四五六七八九十])(?:多|余)?{_MEASURES}(?![人月])")
_ASKED_NUMBER = re.compile(rf"{_SOME}多?{_MEASURES}([\u3400-\u9fff]{{2,8}})")
_NAMING = ("包括", "分别", "主要", "名单", "如下", "具体")
"""What leads from a number to names."""
_COUNTED_MEMBER = re.compile(rf"\d+{_MEASURES}[、和与]")
"""A member of a list that is counted and not named: 服务站5处、托育点2处."""
_NAMED = re.compile(r"[、“《和与]|包括|分别")
"""What a sentence has that names some, where a question asks for the names: 撤销5家 does not."""
_BESIDES = re.compile(r"除了?([^，,?？]{2,}?)(?:之外|以外|外)?[，,还].{0,12}(?:还|哪|什么)")


def lacks_person(question: Question, sentence: str) -> bool:
    """Tell a sentence that names nobody, where the holder of a post is asked for: 主任实行公开招聘 for 主任是谁; 由市长任组长
    says who, not his name."""
    asked = _ASKS_PERSON.search(question.text)
    if asked is None or (re.search("谁|who", asked.group()) and _HOLDS.search(sentence)):
        return False
    return not _LABELLED_NAME.search(sentence) and not _has_class(_NAMES[2:], _without_words_of(question, sentence))


_LABELLED_NAME = re.compile(r"^[\u3400-\u9fff]{2,8}:[\u3400-\u9fff]{2,4}(?:\(|$)")
"""分管领导：端木清远（副局长）, whatever the tagger makes of the name."""
_ASKS_PERSON = re.compile(
    r"(?:主任|校长|院长|局长|处长|科长|部长|市长|区长|县长|会长|理事长|秘书长|组长|所长|主席|负责人|领导|带头人|法人)(?:是谁|是哪位|叫什么|姓什么|的?名字)"
    r"|\b(?:who is|who was|name of) the (?:\w+ ){0,2}(?:director|head|chair(?:man|woman|person)?|president|mayor|dean|principal|secretary)\b"
)
_HOLDS = re.compile(r"由[^，。；]{1,14}[担兼]?任")


def lacks_number(question: Question, sentence: str) -> bool:
    """Tell a sentence without a phone number, a mailbox, a site or a rank where one is asked for."""
    if question.kind == PHONE and not PHONE_NUMBER.search(sentence):
        return True
    return any(asks.search(question.text) and not looks.search(sentence) for asks, looks in _LOOKS_OF_NUMBERS)


_LOOKS_OF_NUMBERS = (
    (re.compile(r"(?:邮箱|电邮|邮件地址)(?:是什么|是?多少|[?？]?$)|\be-?mail (?:address|of)\b"), re.compile("@")),
    (
        re.compile(r"(?:网址|网站地址)(?:是什么|是?多少|[?？]?$)|\b(?:web address|website|url)\b"),
        re.compile(r"www|http|\.(?:cn|com|net|org)\b"),
    ),
    (ASKS_RANK, RANK),
)
"""How a mailbox, a site and a rank are asked for, and what they look like."""


def lacks_place(question: Question, sentence: str) -> bool:
    """Tell a sentence with no place but those of the question, where one is asked for: 8月举办首届嘉年华 for 在哪儿办."""
    if _ASKS_ADDRESS.search(question.text):
        return not _ADDRESS.search(_without_words_of(question, sentence))
    if question.kind != WHERE or not _ASKS_PLACE.search(question.text):
        return False
    rest = _without_words_of(question, sentence)
    return not _PLACE.search(rest) and not _has_class(("ns", "s", *_NAMES), rest)


_ASKS_ADDRESS = re.compile(r"哪条[路街]|门牌|(?<!网)地址(?=在哪|是|[?？]?$)")
_ADDRESS = re.compile(
    r"[\u3400-\u9fff](?:[路街巷弄村]|大道|大厦|广场)|[\d一二三四五六七八九十][号楼层室]|地址|@|www|http"
)
_ASKS_PLACE = re.compile(r"在哪|哪里|哪儿|何处|什么地方|啥地方|地址")
_PLACE = re.compile(
    r"[省市区县镇乡村州路街巷道号楼层室厅馆园场站港湾岛山湖河江校院所处局委办司会社店厂]|中心|平台|网|系统|小程序|公众号|窗口|基地|app|地|岸|片|带|走廊|国|《|“"
)


def is_only_title(question: Question, sentence: str, title: str) -> bool:
    """Tell a line of the title, which has a question's words and says neither how nor whether; a notice may have its first
    sentence for a title, and that may."""
    return question.kind in (HOW, WHETHER) and sentence in title and not sentence.endswith("。")


def lacks_growth(question: Question, sentence: str) -> bool:
    """Tell a sentence that compares nothing, where it is asked by how much something has changed."""
    return question.kind == FIGURE and bool(BY_HOW_MUCH.search(question.text)) and not _COMPARES.search(sentence)


_COMPARES = re.compile(
    rf"{GROWN.pattern}|同比|环比|翻[了一两番]|较|(?<!占)比(?![例重赛如])|[由从].+[至到为]|倍|[增升降涨跌减缩扩]|净|新增"
)


def is_growth_of_another(question: Question, evidence: Evidence, headings: str, document: Document) -> bool:
    """Tell a growth told of the thing in its own clause or the one before it, where the question asks for that of a thing
    in a clause still before, or elsewhere in the document: 企业142家，规模386亿元，同比增长17.4%."""
    asked = BY_HOW_MUCH.search(question.text)
    if question.kind != FIGURE or not evidence.highlights or asked is None:
        return False
    pieces = re.split("[，,；;。]", evidence.text[: evidence.highlights[0][0]])
    subject = next((i for i in range(len(pieces) - 1, 0, -1) if not _GOES_ON.match(pieces[i].strip() or "增")), 0)
    own, before = squeeze("，".join(pieces[subject:])), squeeze("，".join(pieces[:subject]))
    if (bare := _GROWS.sub("", squeeze(pieces[-1]))) and bare in squeeze(question.text):
        return False  # one of several under what is told of all: 工业增加值：高新区增长12.4%；北屿区增长10.1%
    nouns = [t.text for t in question.terms if t.weight >= 0.9 and not re.match(r"\d", t.text)]
    grown = [noun for noun in nouns if noun in question.text[: asked.start()] and noun not in _SAYS_LITTLE][-1:]
    if any(match_term(noun, own) >= ALMOST for noun in grown):
        return False
    if subject < len(pieces) - 1 and any(
        match_term(noun, own) < ALMOST and re.search(rf"{re.escape(noun)}[^，]{{0,6}}\d", before) for noun in nouns
    ):
        return True
    return any(match_term(noun, own + headings) < ALMOST and noun in squeeze(document.text) for noun in grown)


_GROWS = re.compile(rf"(?:[比较](?:上一?年|去年|\d{{4}}年)|同比)?(?:{GROWN.pattern})了?$")
_SAYS_LITTLE = frozenset(
    ("人数", "金额", "数量", "总额", "总数", "数额", "规模", "同比", "环比", "去年", "上年", "同期")
)


def lacks_part(question: Question, sentence: str, near: str) -> bool:
    """Tell a clause that has nothing of the part of a number that is asked for (76人里女的有几个), or a sentence that has
    not all of the words for the part whose share is (揭榜方中民营企业的占比)."""
    if asked := _ASKS_PART.search(question.text):
        part = asked.group("part")
        words = [term.text for term in question.terms if term.text in part] or [part]
        return all(match_term(word, near) < ALMOST for word in words)
    if asked := _ASKS_SHARE_OF.search(question.text):
        part = asked.group("part")
        words = [term.text for term in question.terms if term.text in part and len(term.text) > 1]
        is_told = part[0] in "女男" and part[0] in sentence
        return not is_told and any(match_term(word, sentence) < ALMOST for word in words)
    return False


_ASKS_PART = re.compile(
    r"\d[万亿]?余?[人家名个项件位所户套张](?:[\u3400-\u9fff]{0,6})?(?:里头?|里面|中|当中)[，,]?(?:有多少)?(?P<part>[\u3400-\u9fff]{1,6}?)(?:的|企业)?(?:有|占|是)(?:多少|几|百分)"
)
_ASKS_SHARE_OF = re.compile(
    r"(?:里头?|里面|中|当中)[，,]?(?P<part>[\u3400-\u9fff]{2,8}?)的?(?:占比|比例|比重|占(?:多少|几|百分))"
)


def is_other_money(question: Question, near: str) -> bool:
    """Tell a sum of another sort than is asked for: 交易额1.3亿元 for 掏了多少钱."""
    asked = next((sort for sort in _SORTS_OF_MONEY if sort.search(question.text)), None)
    if question.kind != FIGURE or wanted_figures(question)[0] != MONEY or asked is None or asked.search(near):
        return False
    return any(sort.search(near) for sort in _SORTS_OF_MONEY if sort is not asked)


_SORTS_OF_MONEY = (
    re.compile(r"交易额|成交|撮合"),
    re.compile(r"产值|营业?收入?|销售额|零售额|利润|增加值"),
    re.compile(r"授信|贷款|融资|借款"),
    re.compile(r"规模"),
    re.compile(r"掏|花了?|造价|耗资|成本|投了|投入|投资|出资|经费|预算|拨款|拨付|安排|财政|补|资助|奖|资金"),
)
"""Sums that nobody takes for one another: traded, earned, lent, raised, spent."""


def is_total_for_part(question: Question, sentence: str, near: str) -> bool:
    """Tell a figure that stands behind what a sentence lists, where the question asks for that of one of these:
    其中汽车券900万元、家电券600万元，总核销率91.6%; 其中公办11所、民办3所，在校生3.26万人."""
    _, found, parts = sentence.partition(PARTS)
    if not found or near not in parts or "总" in question.text or _GOES_ON.match(near):
        return False
    listed = parts[: parts.index(near)]
    members = [member for member in re.split("[、，]", listed) if re.search(r"\d", member)]
    asked = [term.text for term in question.terms if len(term.text) > 1 and term.text not in near]
    return len(members) > 1 and any(re.match(rf"{re.escape(word)}[^\d]{{0,4}}\d", m) for word in asked for m in members)


_GOES_ON = re.compile(r"[约共]?占|[同环]比|[比较]|增|下降|上升|减少|其中|分别|达")
"""How a clause begins that says more of the one before it."""


def _has_class(classes: Collection[str], text: str) -> bool:
    return any(word_class in classes and len(word) > 1 for word, word_class in rjieba.tag(text))


def _without_words_of(question: Question, sentence: str) -> str:
    """Return a squeezed sentence without the words of the question."""
    for term in sorted(question.terms, key=lambda term: -len(term.text)):
        sentence = sentence.replace(term.text, " ")
    return sentence
