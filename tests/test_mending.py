"""What only differs from its source in writing is put as the source has it; nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.mending import mend

PLANS = "包括面向 32 周岁以下青年科技人员的扬帆专项、面向 35 周岁以下青年科技人员的启明星项目"
FIRM = "通过项目经理制培育的芯三代半导体科技（苏州）股份有限公司成功开启 A 股 IPO 辅导"


@pytest.mark.parametrize(
    ("sentence", "quote", "mended"),
    [
        ("启明星项目面向35岁以下青年。", PLANS, "启明星项目面向35周岁以下青年。"),
        ("启明星项目面向 35 岁以下青年。", PLANS, "启明星项目面向 35 周岁以下青年。"),
        ("杨帆专项面向32周岁以下青年。", PLANS, "扬帆专项面向32周岁以下青年。"),
        ("新三代半导体科技开启 A 股 IPO 辅导。", FIRM, "芯三代半导体科技开启 A 股 IPO 辅导。"),
        ("应当在十五日内提交。", "应当在十五个工作日内提交材料。", "应当在十五个工作日内提交。"),
    ],
)
def test_puts_it_as_the_source_has_it(sentence: str, quote: str, mended: str) -> None:
    assert mend(sentence, [quote]) == mended


@pytest.mark.parametrize(
    ("sentence", "quotes"),
    [
        ("启明星项目面向45岁以下青年。", [PLANS]),
        ("满35岁的人和35周岁的人。", [PLANS, "满35岁的人。"]),
        ("总额 26 亿美元。", ["总额 26 亿元。"]),
        ("远航专项面向32周岁以下青年。", [PLANS]),
        ("公民的权利义务和公民的权力义务。", ["公民的权利义务", "公民的权力义务"]),
        ("長三角區域協同。", ["长三角区域协同。"]),
    ],
)
def test_leaves_the_rest_alone(sentence: str, quotes: list[str]) -> None:
    assert mend(sentence, quotes) == sentence


@given(st.text(alphabet="扬杨帆专项35周岁 。", max_size=30), st.text(alphabet="扬杨帆专项35周岁 。", max_size=30))
def test_a_source_is_never_changed_by_itself(sentence: str, other: str) -> None:
    assert mend(sentence, [sentence, other]) == sentence
