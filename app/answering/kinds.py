"""Whether a text has a member of the kind that a question asks for: a district, a university, a title, a country."""

import re

import rjieba

from app.answering.lexicon import words
from app.answering.matching import match_term
from app.answering.question import Question

FIRM = 2.5
"""What the lack of a kind counts that every member shows: no university where one is asked for."""
LOOKS = {
    "区": re.compile(r"[\u3400-\u9fff](?![的各哪])[\u3400-\u9fff](?:新?区|县)(?!域|间|块)"),
    "县": re.compile(r"[\u3400-\u9fff](?![的各哪])[\u3400-\u9fff](?:区|县)(?!域|间)"),
    **dict.fromkeys(("高校", "大学"), re.compile(r"大学|学院|高等学校")),
    "学校": re.compile(r"大学|学院|学校|中学|小学"),
    **dict.fromkeys(("部委", "国家部委"), re.compile(r"[\u3400-\u9fff](?<![全内外各本])部(?![门分署队长件])")),
    "文号": re.compile(r"[\[(（〔]\d{4}[\])）〕]第?\d+号"),
    **dict.fromkeys(("电话", "号码", "手机"), re.compile(r"\d{5}|\d{4}[ -]\d{4}|(?<!\d)1[12]\d(?!\d)")),
    "邮箱": re.compile(r"@"),
    **dict.fromkeys(("网址", "官网"), re.compile(r"www|http")),
    "网站": re.compile(r"www|http|登[录陆]|平台|系统"),
    **dict.fromkeys(("排名", "名次"), re.compile(r"第[一二三四五六七八九十\d]+|[居列]")),
}
"""What every member of a kind looks like, where its name need not hold the kind's."""
_TITLED = {
    **dict.fromkeys(("文件", "报告", "政策", "法规", "办法", "规定", "条例", "书"), re.compile(r"《|号")),
    **dict.fromkeys(
        ("文章", "论文", "作品", "著作", "小说", "电影", "电视剧", "歌曲", "歌", "专辑", "节目", "漫画", "杂志", "期刊", "剧"),
        re.compile(r"《"),
    ),
}  # fmt: skip
"""What most members of a kind look like."""
_ASKS_WHICH = re.compile(r"哪[一几两\d]?[份部个项本条]")
_RULES = ("政策", "规定", "办法")
"""Asked for with 什么 and 哪些 they are what a text lays down, not its title."""


_PEOPLE = ("人才", "人员", "人士", "娃", "孩子")
_NUMBER_OF_PEOPLE = re.compile(r"[\d万千百]余?(?:人次|人|名|位)(?![均员才])")
_SUMS = ("奖金", "奖励", "补贴", "补助", "津贴", "费", "款", "资金", "经费", "钱")
_SUM = re.compile(r"\d[万亿余多]*元")
ONLY_KIND = 0.3
"""What the lack of 科技人才 counts beside 1万余人, and of 奖金 beside 5000元."""
_PAPERS = ("材料", "资料", "证件", "证明")
_ASKS_PAPERS = re.compile(r"提交|递交|交|携带|带|准备|需要?|申[请报领]|办理|提供|报名")
_PAPER = re.compile(r"[证书表]|发票|合同|凭证|复印件|报告|材料|资料|单据|协议|照片")
_ASKS_ONE = re.compile(r"哪一?[家所个](?:公司|银行|医院|学校|大学|高校|机构|企业|单位|部门|研究[院所])")


def missing_wanted(question: Question, near: str) -> float:
    """Return how much a squeezed text lacks of the kind that the answer must be of, 0 to 1, FIRM where its look is known."""
    wanted = question.wanted
    if wanted in _PAPERS and _ASKS_PAPERS.search(question.text):
        return 0.0 if _PAPER.search(near) else FIRM
    is_title = wanted in _TITLED and (wanted not in _RULES or _ASKS_WHICH.search(question.text) is not None)
    if not wanted or (wanted in {*_RULES, *words("any_kind")} and not is_title):
        return 0.0
    if pattern := LOOKS.get(wanted) or _TITLED.get(wanted):
        return 0.0 if pattern.search(near) else FIRM if wanted in LOOKS else 1.0
    if wanted == "国家" or wanted in words("place_kinds"):
        return float(not _has_place(question, near))
    return 1.0 if _is_generic(question, near) else _missing_noun(wanted, near)


def _has_place(question: Question, near: str) -> bool:
    """Tell a text with a country that the question does not name, or with a city, where one is asked for."""
    if question.wanted != "国家":
        return (
            any(place in near for place in words("places"))
            or re.search(r"[\u3400-\u9fff][市省县区镇]", near) is not None
        )
    places = (word for word, word_class in rjieba.tag(near) if word_class == "ns" and word not in question.text)
    return any(place.rstrip("省市区县") not in words("places") for place in places)


def _is_generic(question: Question, near: str) -> bool:
    """Tell a text that has the noun, but does not say which one: 合作银行 for 哪家银行."""
    if not (_ASKS_ONE.search(question.text) and question.wanted in near):
        return False
    before = re.findall(rf"(?=([\u3400-\u9fff]{{2}}){re.escape(question.wanted)})", near)
    return all(word in words("generic") for word in before)


def _missing_noun(wanted: str, near: str) -> float:
    """Return how much a text lacks of a noun, less where it has a figure of its kind: a sum, a number of people."""
    is_told = (wanted.endswith(_SUMS) and _SUM.search(near)) or (
        wanted.endswith(_PEOPLE) and _NUMBER_OF_PEOPLE.search(near)
    )
    return (ONLY_KIND if is_told else 1.0) * (1 - match_term(wanted, near))
