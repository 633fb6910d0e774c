"""Follow-up questions stand alone after the rule; questions of several parts are cut."""

import pytest

from app.answering.conversation import split_parts, stand_alone
from app.types import Turn


@pytest.mark.parametrize(
    ("earlier", "question", "full"),
    [
        ("四类人才计划一共资助了多少人？", "那总资助额呢？", "四类人才计划一共资助了 总资助额"),
        ("扬帆专项的年龄上限是多少？", "启明星呢", "启明星专项的年龄上限是多少？"),
        ("技术交易额是2020年的几倍？", "和2018年比呢？", "技术交易额是2018年的几倍？"),
        ("长三角科技成果转化基金是谁组建的？", "它的总规模是多少？", "长三角科技成果转化基金 总规模是多少"),
        ("集成电路领域的产业布局是怎么优化的？", "那生物医药呢？", "生物医药领域的产业布局是怎么优化的？"),
        ("孩子上小学，一学期托管最多交多少钱？", "那初中呢？", "孩子上初中，一学期托管最多交多少钱？"),
        ("2024年给船公司发了多少航线补贴？", "2023年发了多少？", "给船公司发了 航线补贴 2023年发了多少"),
        ("这份答复的联系人是谁？", "电话呢", "电话"),
        ("沪科提复〔2024〕38号的联系人是谁？", "电话呢", "沪科提复〔2024〕38号 电话"),
        ("沪科提复〔2024〕38号是哪天印发的？", "抄送给谁了？", "沪科提复〔2024〕38号 抄送给谁了？"),
        ("基金多大？", "为什么扬帆专项取消了？", "为什么扬帆专项取消了？"),
        ("基金多大？", "市教委推进了哪些高校成立母基金？", "市教委推进了哪些高校成立母基金？"),
    ],
)
def test_takes_what_is_missing_from_the_conversation(earlier: str, question: str, full: str) -> None:
    assert stand_alone(question, [Turn(earlier)]) == full


def test_without_history_a_question_is_unchanged() -> None:
    assert stand_alone("那总资助额呢？", []) == "那总资助额呢？"


def test_a_chain_of_follow_ups_leads_back_to_the_first_question() -> None:
    history = [Turn("扬帆专项的年龄上限是多少？"), Turn("启明星呢？")]
    assert stand_alone("那浦江呢？", history) == "浦江专项的年龄上限是多少？"


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("共资助了多少人，总额是多少？", ["共资助了多少人", "总额是多少？"]),
        ("汇聚需求多少项？其中达成意向的有多少？", ["汇聚需求多少项", "其中达成意向的有多少？"]),
        ("高新技术企业和科创板企业各占全国多少？", ["高新技术企业占全国多少？", "科创板企业占全国多少？"]),
        ("这份答复的文号和日期？", ["这份答复的文号和日期？"]),
        ("绍兴、宁波和无锡有哪些项目？", ["绍兴、宁波和无锡有哪些项目？"]),
        ("基金多大？", ["基金多大？"]),
        ("城市的转化基金和将来的研究基金，分别由谁设立？", ["城市的转化基金由谁设立？", "将来的研究基金由谁设立？"]),
        ("甲专项和乙项目，年龄上限分别是多少？", ["甲专项年龄上限是多少？", "乙项目年龄上限是多少？"]),
        ("基础研究和应用研究经费各是多少", ["基础研究经费是多少", "应用研究经费是多少"]),
        ("2025年和2027年产值目标各是多少", ["2025年产值目标是多少", "2027年产值目标是多少"]),
        ("江苏和浙江高企数量分别是多少", ["江苏高企数量是多少", "浙江高企数量是多少"]),
        ("试讲和面试各占多少？", ["试讲占多少？", "面试占多少？"]),
    ],
)
def test_cuts_a_question_into_its_parts(question: str, parts: list[str]) -> None:
    assert split_parts(question) == parts


def test_asks_at_most_three_parts() -> None:
    assert len(split_parts("基金多大？谁设立的？多少项目？哪年成立？")) == 3
