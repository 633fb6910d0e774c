"""Numerals in one form: figures and characters alike where something is counted, words untouched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.numerals import find_numerals, rewrite_numerals, tidy

SCALES = [(10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")]


def rewritten(text: str) -> str:
    return rewrite_numerals(tidy(text))


def spell(number: int) -> str:
    """Write a number in characters as one learns it at school: 10,205 is 一万零二百零五."""
    if number < 10:
        return "零一二三四五六七八九"[number]
    scale, name = next(pair for pair in SCALES if number >= pair[0])
    head, rest = divmod(number, scale)
    gap = "零" if 0 < rest < scale // 10 else ""
    return spell(head) + name + gap + (spell(rest) if rest else "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("一万余人", "1 万余人"), ("10000余人", "1万余人"), ("10,000余人", "1万余人"), ("１万余人", "1万余人"),
        ("2600000000元", "26亿元"), ("二十六亿元", "26亿元"), ("26亿余元", "二十六亿余元"),
        ("百分之三十", "30%"), ("百分之三十点五", "30.5%"), ("百分之百", "100％"), ("百分之30", "30.0%"), ("千分之三", "3‰"),
        ("二〇二四年", "2024年"), ("二零二四年", "2024 年"), ("一九九八年", "1998年"), ("五年", "5年"),
        ("二〇二四年五月二十七日", "2024-05-27"), ("2024年05月07日", "2024/5/7"), ("2024.5.27", "2024年5月27号"),
        ("第〇六〇八号", "第0608号"), ("1,200", "1200"), ("十四届二次会议", "14届2次会议"), ("第十条", "第10条"),
        ("十几万", "10几万"), ("二十多万人", "20多万人"), ("20余万人", "20万余人"), ("近百项", "近100项"), ("超过百万人次", "超过100万人次"),
        ("1万5千", "15000"), ("3亿5000万元", "350000000元"), ("1.2万亿元", "一万二千亿元"), ("三点五倍", "3.5倍"), ("3.50元", "3.5元"),
        ("两个百分点", "2个百分点"), ("四大产业链联盟", "4大产业链联盟"), ("三萬五千戶", "35000户"), ("30万千瓦", "三十万千瓦"),
    ],
)  # fmt: skip
def test_forms_of_one_number_become_one(one: str, other: str) -> None:
    assert rewritten(one) == rewritten(other)


@pytest.mark.parametrize(
    ("text", "form"),
    [("一万余人", "1万余人"), ("二千六百万", "2600万"), ("12500", "12500"), ("12000", "1.2万"), ("120000", "12万"), ("29.11亿", "29.11亿")],
)  # fmt: skip
def test_the_form_is_the_shortest(text: str, form: str) -> None:
    assert rewritten(text) == form


@pytest.mark.parametrize(
    "word",
    [
        "一体化", "三省一市", "万众创新", "长三角", "一带一路", "千方百计", "一次性", "一批企业", "统一", "唯一", "第一产业", "十分重要",
        "三三两两", "一五一十", "九三学社", "十四五规划", "数百家", "几十万人", "一百二", "三万五", "三四十人", "百分点", "零距离",
        "星期三日报", "统一个人所得税", "一方面", "芯三代", "三联通", "三分之二", "百家争鸣", "3.10版", "1.2.3", "g60科创走廊",
    ],
)  # fmt: skip
def test_words_stay(word: str) -> None:
    assert rewritten(word) == word


@pytest.mark.parametrize(
    ("one", "other"),
    [("0608", "608"), ("1，200", "1200"), ("2023 300", "2023300"), ("三、五年", "35年"), ("十五年", "五年"), ("3月", "3个月")],
)  # fmt: skip
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert rewritten(one) != rewritten(other)


def test_a_numeral_has_its_place_value_and_unit() -> None:
    text = tidy("截至 2023 年底，共资助了一万余人，是一个计划，占 30.5%。")
    found = [(text[n.start : n.end], n.value, n.about, n.unit, n.is_article) for n in find_numerals(text)]
    assert found == [
        ("2023年", "2023", "", "年", False),
        ("一万余人", "1万", "余", "人", False),
        ("一个", "1", "", "个", True),
        ("30.5%", "30.5", "", "%", False),
    ]


def test_only_an_article_is_one_thing() -> None:
    articles = [
        numeral.is_article for text in ("一个", "第一个", "1个", "一年") for numeral in find_numerals(tidy(text))
    ]
    assert articles == [True, False, False, False]


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_any_number_reads_the_same_in_characters_and_digits(number: int) -> None:
    characters = spell(number).removeprefix("一") if 10 <= number < 20 else spell(number)
    assert rewritten(f"{characters}人") == rewritten(f"{number}人") == rewritten(f"{number:,} 人")


@given(st.text(alphabet="〇零一二两三四五六七八九十百千万亿点余多几年月日号个人第分之%0123456789., ，a"))
def test_any_text_keeps_what_is_between_its_numerals(text: str) -> None:
    tidied = tidy(text)
    rewritten_text = rewrite_numerals(tidied)
    position = kept = 0
    for numeral in find_numerals(tidied):
        assert position <= numeral.start < numeral.end <= len(tidied)
        between = tidied[position : numeral.start]
        kept = rewritten_text.index(between, kept) + len(between)
        position = numeral.end
    assert rewritten_text.endswith(tidied[position:])


@given(st.text())
def test_text_without_digits_and_numerals_only_folds(text: str) -> None:
    plain = "".join(character for character in tidy(text) if not character.isnumeric() and character != "两")
    assert rewrite_numerals(plain) == plain
