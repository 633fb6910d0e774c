"""The short answers in a sentence: figures with units, lists, titles, whom something is for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answering import spans


def figures(sentence: str) -> list[tuple[str, str]]:
    return [(sentence[figure.start : figure.end], figure.kind) for figure in spans.find_figures(sentence)]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("共资助了 1 万余人，总额 26 亿余元。", [("1 万余人", "people"), ("26 亿余元", "money")]),
        (
            "是 2020 年 3.8 倍、2018 年 5.8 倍",
            [("2020 年", "date"), ("3.8 倍", "times"), ("2018 年", "date"), ("5.8 倍", "times")],
        ),
        ("占比 46.3%，百分之三十", [("46.3%", "percent"), ("百分之三十", "percent")]),
        ("约占全国的三分之一，参与率过半", [("三分之一", "percent"), ("过半", "percent")]),
        ("面向 32 周岁以下青年", [("32 周岁以下", "age")]),
        ("实现交易额 29.11 亿。", [("29.11 亿", "money")]),
        ("2024 年 5 月 27 日印发", [("2024 年 5 月 27 日", "date")]),
        ("首批 500 多项、超 2 万项专利", [("500 多项", "count"), ("超 2 万项", "count")]),
        ("连续五年、累计 38 万人次", [("五年", "duration"), ("38 万人次", "people")]),
        ("补贴 1,200 元/人", [("1,200 元", "money")]),
        ("一方面推进一体化，一是优化布局", []),
        ("发挥 G60 科创走廊“1+7+N”体系", []),
        (
            "每半年报送，按季度公示，半年内办结",
            [("每半年", "frequency"), ("按季度", "frequency"), ("半年", "duration")],
        ),
        ("3.面试合格线为75分", [("75分", "count")]),
        (
            "出生率为6.1‰，道路2030公里，绿地9.0平方米",
            [("6.1‰", "percent"), ("2030公里", "length"), ("9.0平方米", "area")],
        ),
        ("按年龄分组，每两年1次", [("每两年1次", "frequency")]),
    ],
)
def test_finds_figures_with_their_units(sentence: str, expected: list[tuple[str, str]]) -> None:
    assert figures(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "本市建立集成电路、生物医药、新能源汽车、人工智能四大产业链联盟，推动融合",
            ["集成电路、生物医药、新能源汽车、人工智能"],
        ),
        ("支持企业在绍兴、宁波、无锡、嘉善等地开展建设；", ["绍兴、宁波、无锡、嘉善"]),
        ("紧扣一体化和高质量两个关键词，", ["一体化和高质量"]),
        ("没有并列的内容。", []),
    ],
)
def test_finds_lists_without_the_words_around_them(sentence: str, expected: list[str]) -> None:
    assert [sentence[start:end] for start, end in spans.find_lists(sentence)] == expected


def test_finds_a_number_that_stands_before_its_noun() -> None:
    sentence = "长三角九城市协同组建，共 13 个城市"
    assert [sentence[f.start : f.end] for f in spans.find_counted(sentence, "城市")] == ["九城市"]
    assert spans.find_counted(sentence, "") == []


def test_finds_titles_and_quoted_terms() -> None:
    sentence = "根据《评价报告 2023》，打造“生物医药专板”"
    assert [sentence[a:b] for a, b in spans.find_titles(sentence)] == ["《评价报告 2023》", "“生物医药专板”"]


def test_finds_whom_something_is_meant_for() -> None:
    sentence = "包括面向 35 周岁以下青年科技人员的启明星项目"
    assert [sentence[a:b] for a, b in spans.find_addressees(sentence)] == ["35 周岁以下青年科技人员"]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789.,%一二三十百万亿余多元人年月日倍岁、，。；等的和在 AG《》“”", max_size=60))
def test_spans_lie_inside_any_sentence(sentence: str) -> None:
    found = [(figure.start, figure.end) for figure in spans.find_figures(sentence)]
    found += spans.find_lists(sentence) + spans.find_titles(sentence) + spans.find_addressees(sentence)
    assert all(0 <= start < end <= len(sentence) for start, end in found)
