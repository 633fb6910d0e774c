"""Greetings, refusals and the questions they suggest."""

import pytest

from app.answering.replies import is_greeting, suggestions
from app.types import Document


@pytest.mark.parametrize("text", ["你好", "您好！", "hi", "Hello!", "早上好，谢谢", "你是谁？", "在吗"])
def test_knows_a_greeting(text: str) -> None:
    assert is_greeting(text)


@pytest.mark.parametrize(
    "text", ["你好，基金多大？", "谢谢，再问一下电话", "好的基金", "帮助企业的政策有哪些", "hi-tech firms"]
)
def test_a_question_behind_a_greeting_is_a_question(text: str) -> None:
    assert not is_greeting(text)


def test_suggests_questions_from_figures_headings_and_fields(reply: Document) -> None:
    assert suggestions([reply], limit=4) == (
        "长三角全社会研发经费投入全国占比是多少？",
        "“加大人才培养引进力度”方面有哪些措施？",
        "联系人是谁？",
        "区域间技术交易额是多少？",
    )
    assert suggestions([]) == ()
