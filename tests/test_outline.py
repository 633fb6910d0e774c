"""Questions about a document's parts are answered with its headings, and only those."""

import pytest

from app.answering.outline import answer_from_outline
from app.answering.question import parse_question
from app.loading import make_document
from app.types import Document


def topics(question: str, document: Document) -> list[str]:
    return [span.of(document.text) for span in answer_from_outline(parse_question(question), document)]


@pytest.mark.parametrize(
    ("question", "first", "count"),
    [
        ("这份答复回应了提案的哪三方面建议？", "1. 关于“加大人才培养引进力度”的建议。", 3),
        ("下阶段三项重点工作分别是什么", "一是强化科技人才工作统筹。", 3),
        ("“完善科技成果转化机制”方面有哪些措施？", "一是建立完善的科技成果转化中介服务体系。", 3),
        ("“加大人才培养引进力度”方面有哪些措施？", "一是强化创新人才培养", 3),
    ],
)
def test_lists_the_topic_sentence_of_each_part(question: str, first: str, count: int, reply: Document) -> None:
    found = topics(question, reply)
    assert (found[0], len(found)) == (first, count)


EXPLAINED = make_document(
    "plan.md",
    """# 实施方案政策解读

## 一、出台背景是什么？

为抢抓机遇，制定本方案。

## 二、重点任务包括哪些方面？

方案提出两方面任务。一是完善基础设施，建设服务中心。二是拓展应用场景，支持开展业务。""",
)


def test_the_heading_that_is_asked_lists_its_points() -> None:
    assert topics("重点任务有哪几个方面？", EXPLAINED) == [
        "一是完善基础设施，建设服务中心。",
        "二是拓展应用场景，支持开展业务。",
    ]


def test_headings_that_ask_are_no_parts() -> None:
    assert topics("方案有哪些部分？", EXPLAINED) == []


def test_what_a_proposal_suggests_is_told_by_one_sentence() -> None:
    advice = "贵委提出的建立副校长制度、开放实验室等建议很有价值。"
    text = f"关于提案的答复\n{advice}\n一、关于师资\n已有教师。\n二、关于经费\n已有安排。"
    assert topics("提案提了哪些建议？", make_document("reply.txt", text)) == [advice]


@pytest.mark.parametrize(
    "question", ["下阶段五项重点工作分别是什么", "哪些高校参与？", "教育改革方面有哪些措施？", "基金规模多大？"]
)
def test_says_nothing_where_no_part_is_meant(question: str, reply: Document) -> None:
    assert topics(question, reply) == []
