"""Questions about a document's parts are answered with its headings, and only those."""

import pytest

from app.answering.outline import answer_from_outline
from app.answering.question import parse_question
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


@pytest.mark.parametrize(
    "question", ["下阶段五项重点工作分别是什么", "哪些高校参与？", "教育改革方面有哪些措施？", "基金规模多大？"]
)
def test_says_nothing_where_no_part_is_meant(question: str, reply: Document) -> None:
    assert topics(question, reply) == []
