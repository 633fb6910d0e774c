"""How well a text holds the words of a question."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.matching import (
    ABBREVIATION,
    PARTIAL,
    SOUND,
    SYNONYM,
    _abbreviates,
    coverage,
    match_number,
    match_term,
    squeeze,
)
from app.answering.terms import Term


@pytest.mark.parametrize(
    ("term", "text", "score"),
    [
        ("总资助额", "总资助额 26 亿余元", 1.0),
        ("2020年", "是 2020 年 3.8 倍", 1.0),
        ("芯片", "支持集成电路企业", SYNONYM),
        ("universities", "上海交通大学", SYNONYM),
        ("交大", "上海交通大学", ABBREVIATION),
        ("杨帆", "扬帆专项", SOUND),
        ("inomatch", "构建集成InnoMatch平台", SOUND),
        ("yangfan", "扬帆专项", SOUND),
        ("扬帆计划", "扬帆专项", PARTIAL / 2),
        ("天气", "科技成果转化", 0.0),
        ("小学", "高等学校在校学生", 0.0),
    ],
)
def test_counts_a_match_by_how_literal_it_is(term: str, text: str, score: float) -> None:
    assert match_term(term, squeeze(text)) == pytest.approx(score)


def test_words_for_sums_match_by_what_is_paid_for() -> None:
    assert match_term("培训费", "给予培训补贴50万元") == ABBREVIATION
    assert match_term("报名费", "体检费用由单位承担") == 0


def test_a_number_matches_only_as_a_whole() -> None:
    assert match_number("1", "共1项")
    assert not match_number("1", "2018年")
    assert not match_number("46", "46.3%")


def test_coverage_is_the_weighted_share_of_the_terms() -> None:
    terms = (Term("基金", 3.0), Term("天气", 1.0))
    assert coverage(terms, "基金总规模") == pytest.approx(0.75)
    assert coverage((), "基金") == 0.0


@given(st.text("交通大学a1，", min_size=2, max_size=4), st.text("交通大学a1，", max_size=30))
def test_an_abbreviation_is_found_as_the_expression_finds_it(term: str, text: str) -> None:
    expression = r"[\u3400-\u9fff]{0,3}".join(map(re.escape, term))
    assert _abbreviates(term, text) is (re.search(expression, text) is not None)


def test_everyday_words_match_what_documents_call_the_same_thing() -> None:
    assert match_term("毛病", "发现问题57个") == SYNONYM
    assert match_term("掏钱", "由市财政出资") == SYNONYM


def test_a_short_synonym_begins_or_ends_a_word_of_the_text() -> None:
    assert match_term("高新技术企业", "认定高企12家") == SYNONYM
    assert match_term("高新技术企业", "提高企业效益") < SYNONYM
