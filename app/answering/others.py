"""Whether a sentence tells it of others than the question asks about: a sum of all, another item, the contrary."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from app.answering.choosing import Evidence
from app.answering.fitting import GROWN, PARTS
from app.answering.lexicon import contraries, words
from app.answering.matching import home_of, match_term, squeeze
from app.answering.question import DATE, FIGURE, Question, without_story
from app.answering.spans import find_lists
from app.answering.terms import PLACE_ENDS
from app.types import Document

SUM = re.compile(r"[共总](?![同享])|合计|全部|[两三四五六七八九十]类")
_SUMMED = re.compile(rf"{SUM.pattern}|累计")
_SINGLE = re.compile(
    r"单独|仅|只有|每[人个家项年月次位名]|各自|其中|平均|人均|单个|单笔|首[批单个台套家例件笔]|第[一二三四五六七八九十\d]+批|\b(?:each|alone|only|per|average)\b"
)
_MEAN = re.compile("[人户平]均")
_RATE = re.compile(r"每[人家个项名所户套件]|[最不]|以[上下]|标准|按|各(?![地类级县区市省方])|%")
"""What a clause says of each of several, not of all together."""
NAMED_BODY = re.compile(
    r"[\u3400-\u9fff]{1,12}?(?:大学|学院|医院|公司|银行|集团|中心|街道|[省市区县镇乡](?![\u3400-\u9fff]))"
)
ALIKE = 5
"""Names of one list differ in length by no more characters than this."""
_ITEM_HEAD = re.compile(
    r"^[^\S\n]*(?:[（(][一二三四五六七八九十\d]{1,3}[）)]|\d{1,2}[.．、])([^：:，。；\n]{2,14})[：:。]", re.MULTILINE
)
_COUNTED = re.compile(r"(?<![哪每这那同任])([一二三四五六七八九十]+[届次批类大轮期号居级星档层])(?!性)")


def is_sum_of_all(question: Question, sentence: str, near: str) -> bool:
    """Tell a sentence, or the clause of the answer, that gives a sum and says nothing of the one that is asked for."""
    asked = without_story(question.text)
    single = _SINGLE.search(asked)
    if single is None or (SUM.search(asked) and not _MEAN.match(single.group())):
        return False
    return any(_SUMMED.search(part) and single.group() not in part for part in (sentence, near))


def is_of_each(question: Question, clause: str) -> bool:
    """Tell a clause on each of several where the question asks what all came to: 每户最高补助4500元 for 补助总金额."""
    asks_total = _ASKS_TOTAL.search(question.text) is not None
    return asks_total and _OF_EACH.search(clause) is not None and not _SUMMED.search(clause)


_ASKS_TOTAL = re.compile(
    r"总(?:金额|额|投入|投资|经费|资金|费用|成本)|[一总]?共(?:投入|花|发|补|支出|资助|安排)[\u3400-\u9fff]{0,4}多少"
)
_OF_EACH = re.compile(r"每[人家个项户名套件张位所]|[户人]均|单[个户项]|平均")


def is_of_group(question: Question, evidence: Evidence, document: Document) -> bool:
    """Tell a number that is told of several together, of whom the question names one: 甲、乙两校招收800名."""
    if question.kind != FIGURE or not evidence.highlights or _RATE.search(evidence.clause) or "分别" in evidence.text:
        return False
    text = squeeze(question.text)
    home = home_of(document)
    names = tuple(term.text for term in question.terms if term.is_name and term.text not in home)
    start, _ = evidence.highlights[0]
    clause = evidence.clause
    for first, last in _lists_of_names(evidence.text):
        if "的" in (evidence.text[last - 1 : last], evidence.text[last : last + 1]):
            continue  # what is told of each of them: 诊所、医务室的，…
        listed = re.split("[、和与及]", squeeze(evidence.text[first:last]))
        members = [body.group() if (body := NAMED_BODY.match(member)) else member for member in listed]
        asked = [m for m in members if m.startswith(names) or m.endswith(names) or (len(m) > 2 and m in text)]
        asked = asked or [m for m in members if any(name[:-1] == m and name[-1] in PLACE_ENDS for name in names)]
        asked = [m for m in members if m in asked or (asked and m in text)]
        if len(asked) != 1 or len(members) == 1:
            continue
        (name,) = asked
        are_alike = all(abs(len(member) - len(name)) <= ALIKE for member in members)
        has_its_own = any(character.isdigit() for character in name)  # 语文3名、数学4名
        is_told_alone = evidence.text[first:last] not in clause and name in squeeze(clause)
        is_asked_with_others = re.search(rf"{re.escape(name)}[、和与及]", text) is not None
        is_inside = first <= start < last
        if are_alike and not (has_its_own or is_told_alone or is_asked_with_others or is_inside):
            return True
    return False


def _lists_of_names(sentence: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of lists without what counts their members: 甲、乙 of 甲、乙两校成交额合计15.2亿元."""
    for start, end in find_lists(sentence):
        counted = _COUNTED_GROUP.search(sentence, start, end)
        yield start, counted.start() if counted else end


_COUNTED_GROUP = re.compile(r"(?<=[\u3400-\u9fff]{2})(?:[两二三四五六七八九十]|\d+)(?=[市县区省校院所家地方])")


def is_of_whole(question: Question, evidence: Evidence, title: str) -> bool:
    """Tell the growth of the whole where the question asks for that of a part: 增长38.4% of 服务312万人次，比上年增长38.4%，
    其中送餐54万人次."""
    grown = GROWN.search(question.text)
    whole, _, part = evidence.text.partition(PARTS)
    if not (grown and part and GROWN.search(whole)) or GROWN.search(part):
        return False
    told = squeeze(whole) + title
    return any(len(t.text) > 1 and t.text in part and match_term(t.text, told) < ALMOST for t in question.terms)


ALMOST = 0.5
"""A word that a text holds less than this is not in it."""


def is_of_namesake(question: Question, sentence: str, document: Document) -> bool:
    """Tell a sentence on another thing of the same sort, where the document has the one that is asked about:
    科技成果转化基金 for 基础研究基金."""
    asked, told = _unquoted(question.text), _unquoted(sentence)
    whole = _unquoted(squeeze(document.text))
    for sort in _SORT.finditer(asked):
        end = sort.end()
        start = next((i for i in range(sort.start() - 1) if asked[i:end] in whole), end)
        name = asked[start:end]
        others = re.findall(
            rf"[\u3400-\u9fffa-z0-9]{{2}}(?<![该此本这年类个项的等]){sort.group()}(?!资金|经费|书|管理|中心|会|公司|办)",
            told,
        )
        shared = next((i for i in range(end - LONG_SORT + 1) if asked[i:end] in told), end)
        if shared < end and _has_another_in_front(asked[shared:end], asked[:shared], question, told, whole):
            return True
        if len(name) >= len(sort.group()) + 2 and name not in told and others and not _COUNTED.match(name):
            return not any(other in name for other in others)
    return any(_is_of_another_body(body.group(1), body.group(2), told) for body in _INSTITUTION.finditer(asked))


_INSTITUTION = re.compile(
    r"((?![\u3400-\u9fff]?[么哪多少几间座级类]|[从在到去往于由向被把让])[\u3400-\u9fff]{2})(?<![的家所个些几在是和与及间座])"
    r"(交易所|研究[院所]|实验室|大学|医院|银行)"
)


def _is_of_another_body(name: str, sort: str, told: str) -> bool:
    """Tell a sentence on another body of a sort, and nothing of the one asked about: 技术交易所 for 数据交易所."""
    others = re.findall(rf"([\u3400-\u9fff]{{2}})(?<![的家所个些几和与及等]){sort}", told)
    return bool(others) and match_term(name, told) < ALMOST


LONG_SORT = 4
"""So many characters shared by two names say that both are of one sort: 中试基地."""


def _has_another_in_front(sort: str, before: str, question: Question, told: str, whole: str) -> bool:
    """Tell a sentence on another one of a sort, where what stands in front of it in the question is in the document
    and not in the sentence: 新材料中试基地 for 生物医药中试基地."""
    nouns = (
        term.text for term in question.terms if term.weight >= 1 and not term.is_name and before.endswith(term.text)
    )
    field = next((noun for noun in nouns if noun not in words("any_kind") and not _COUNTED.match(noun)), "")
    others = re.findall(rf"([\u3400-\u9fff]{{2}})(?<![该此本这年类个项的等])(?<!{_SET_UP}){re.escape(sort)}", told)
    is_of_others = any(other not in question.text for other in others)
    return bool(field) and field in whole and match_term(field, told) < ALMOST and is_of_others


_SET_UP = "加强|完善|健全|建立|优化|开展|实施|建设|新建|共建|设立|组建|成立|建成|打造|布局|推进|加快|推动|支持|启动"


def is_of_another_field(question: Question, sentence: str) -> bool:
    """Tell a sentence on another field than the one that is asked about: 生物医药领域 for 新能源汽车领域."""
    asked = _FIELD.search(question.text)
    told = _FIELD.match(sentence)
    return asked is not None and told is not None and match_term(asked.group(1)[-4:], sentence) < ALMOST


_FIELD = re.compile(r"(?:[在对从]|^)?([\u3400-\u9fff]{2,8}?)领域")
_SORT = re.compile(
    r"计划(?!书|生育|单列)|项目|基金|专项(?!资金|经费|行动)|平台|工程|行动|联盟|机制|实验室|基地|试点|集群"
)
"""Nouns that end the names of what bodies set up."""


def _unquoted(text: str) -> str:
    return re.sub(r"[“”\"「」‘’]", "", text)


def is_of_another_item(question: Question, evidence: Evidence, document: Document) -> bool:
    """Tell an item of a list where the question asks of another one: （一）博士：…；（二）硕士：…."""
    heads = [(match.start(), squeeze(match.group(1))) for match in _ITEM_HEAD.finditer(document.text)]
    own = next((head for start, head in reversed(heads) if start <= evidence.span.start), "")
    text, sentence = squeeze(question.text), squeeze(evidence.text)
    named = [head for _, head in heads if len(head) > 3 and head in text]
    if named and own and own not in named and not any(head in sentence for head in named):
        return True
    if not _ITEM_HEAD.match(evidence.text):
        return False
    asked = [term.text for term in question.terms if len(term.text) > 1 and term.text not in sentence]
    return any(word in head for word in asked for _, head in heads)


def is_of_another_place(question: Question, evidence: Evidence, document: Document) -> bool:
    """Tell a figure in the clause of one place where another is asked about: 柏山市招收120名 for 东湖区."""
    home = home_of(document)
    names = [term.text for term in question.terms if term.is_place and term.text not in home]
    places = names if question.kind in (FIGURE, DATE) else []
    clause = squeeze(evidence.clause)
    told = _PLACE_FIRST.match(clause) or _OF_ALL_PLACES.match(clause) if evidence.highlights else None
    return bool(places and told) and not any(place in clause for place in places)


def is_of_more_places(question: Question, clause: str) -> bool:
    """Tell a clause without the place that a question asks about alone: 尚有1476个村 for 鹤坪县一个县, 长三角占30.5% for 光上海一个市."""
    alone = _ONE_PLACE.search(question.text)
    return alone is not None and alone.group(1) not in clause


_ONE_PLACE = re.compile(
    r"(?:^|[，,的在,]|光|单|就|只)[说算是]?((?:(?![哪每第这那同各全光单])[\u3400-\u9fff]){2,3}?)(?:[省市区县镇乡](?:一[省市区县镇乡家](?!级)|自己|单独)|[省市区县镇乡]?一个[省市区县镇乡](?!级))"
)
_OF_ALL_PLACES = re.compile(r"全[国省市区县]")
_PLACE_FIRST = re.compile(r"(?:其中)?[\u3400-\u9fff]{2,4}?[市县区](?![级直属内外])")


def is_per_another(question: Question, evidence: Evidence) -> bool:
    """Tell a figure for each of others than the question asks about: 每个地区补助80万元 for 每个学徒, or for 每人."""
    text, clause = squeeze(evidence.text), squeeze(evidence.clause)
    if _PER_PERSON.search(question.text) and _PER_THING.search(clause) and not _PEOPLE.search(clause):
        return True
    asked = _PER.search(question.text)
    told = _PER.findall(clause) or _PER.findall(text)
    return asked is not None and bool(told) and match_term(asked.group(1), text) < ALMOST


_PER = re.compile(
    r"每[个名家户位所](?![给补发奖付交能可要得有是会最多少]|月|年|季|周|星期|礼拜|学期|学年|小时|钟头|工作日)([\u3400-\u9fff]{2})"
)
_PER_PERSON = re.compile(r"每[人名位]")
_PER_THING = re.compile(r"每(?:[家户所套台辆亩间]|个(?!月|工作日|学期|小时))")
_PEOPLE = re.compile(r"[人名位员生者]")


def is_not_denied(question: Question, sentence: str) -> bool:
    """Tell a sentence without a no where the question has one: 已有63家开设 for 还有几家没有开设."""
    return _ASKS_DENIED.search(without_story(question.text)) is not None and not _DENIES.search(sentence)


_ASKS_DENIED = re.compile(r"(?<!有)(?:还没|没有|尚未|仍未|未(?!来|成年))[\u3400-\u9fff]{2}(?!.*吗)")
_DENIES = re.compile(r"[没未无不非尚暂]")


def is_of_another_kind(question: Question, context: str) -> bool:
    """Tell a passage that has those whom a question is about, but not the word that says which of them: 初中 of 初中教师."""
    return any(
        not word.is_name
        and not question.unit.startswith(word.text)
        and word.text[0] not in "一每各几"
        and word.text + who.text in question.text
        and who.text in words("whom")
        and who.text in context
        and match_term(word.text, context) < 0.3
        for word, who in pairwise(question.terms)
    )


def is_contrary(question: Question, sentence: str) -> bool:
    """Tell a sentence that says the contrary: 上半年 where the question says 下半年."""
    return any(
        any(word in sentence for word in excluded) and not any(word in sentence for word in asked)
        for asked, excluded in _contraries_of(question.text)
    )


@lru_cache(maxsize=256)
def _contraries_of(text: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Return the words of a question that exclude others, with those."""
    asked = [frozenset(word for word in group if word in text) for group in contraries()]
    return tuple((said, group - said) for said, group in zip(asked, contraries(), strict=True) if said)


def is_repealed(question: Question, sentence: str) -> bool:
    """Tell a sentence on what a rule puts out of force, where the question does not ask of it: …的《暂行办法》同时废止."""
    return "同时废止" in sentence and _ASKS_REPEALED.search(question.text) is None


_ASKS_REPEALED = re.compile(r"废止|失效|作废|有效|[原旧]|以前|之前|过去|取代|代替|repeal|replace|\b(?:old|former)\b")


def counts_otherwise(question: Question, context: str) -> bool:
    """Tell a passage that has another number of the same things: 一次, or 首次, where the question says 二次."""
    context = context.replace("首", "一")
    return any(
        counted not in context and re.search(rf"[一二三四五六七八九十]{counted[-1]}(?!性)", context) is not None
        for counted in _COUNTED.findall(question.text.replace("首", "一"))
    )


def is_of_another_in_row(question: Question, sentence: str) -> bool:
    """Tell a sentence on another one of those that a number in their names tells apart: 第二污水处理厂 for 第一污水处理厂."""
    return any(
        number + name not in sentence and re.search(rf"第[一二三四五六七八九十]+{name}", sentence) is not None
        for number, name in _NUMBERED.findall(question.text)
    )


_NUMBERED = re.compile(r"(第[一二三四五六七八九十]+)([\u3400-\u9fff]{2})")


def is_part_of_total(question: Question, sentence: str) -> bool:
    """Tell a sentence on a part where the question asks for the whole: 其中，市本级支出5.92亿元 for 全市支出总额."""
    return sentence.startswith(PARTS) and PARTS not in question.text and _ASKS_WHOLE.search(question.text) is not None


_ASKS_WHOLE = re.compile(r"全[省市区县国校](?!性)|总[数额量]|总(?:金额|人数|规模|面积)|[一总]共")
