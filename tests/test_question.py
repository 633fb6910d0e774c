"""Reading a question: its kind, what it counts, the words that evidence must match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answering.places import with_places
from app.answering.question import DATE, FIGURE, HOW, LIST, OPEN, PHONE, WHERE, WHETHER, WHICH, WHO, parse_question
from app.answering.terms import language_of, search_words
from app.loading import make_document


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("专项资金一共多少？", FIGURE),
        ("基金多大", FIGURE),
        ("高校占比", FIGURE),
        ("年龄上限是什么？", FIGURE),
        ("哪份报告提到占全国比重超过三成？", WHICH),
        ("什么时候开始实施？", DATE),
        ("申报截止日期", DATE),
        ("网上报名是哪几天？", DATE),
        ("哪些高校参与共建？", LIST),
        ("有哪四大联盟？", LIST),
        ("谁可以申请？", WHO),
        ("新工厂设在哪里？", WHERE),
        ("如何加强人才引进？", HOW),
        ("下一步有什么打算", HOW),
        ("平台叫什么？", WHICH),
        ("是否收费", WHETHER),
        ("人才政策", OPEN),
        ("这条线2010年改名为什么？", WHICH),
        ("这条线为什么改名？", HOW),
        ("How many patents were filed?", FIGURE),
        ("平台打不开，该打哪个电话？", PHONE),
        ("What is the flood duty hotline?", PHONE),
        ("打哪年起成了国家战略？", DATE),
        ("几个省市要一起出资办什么基金？", WHICH),
        ("有几个项目拿到钱？", FIGURE),
        ("是一次建成还是分几批？", FIGURE),
        ("企业分几类？", LIST),
        ("四类计划分别叫啥？", LIST),
        ("白岳峰打什么位置？", WHICH),
        ("从什么时间开始开通服务热线？", DATE),
        ("一年接到多少个电话", FIGURE),
        ("When was it founded?", DATE),
        ("Which universities take part?", LIST),
        ("Who may apply?", WHO),
    ],
)
def test_reads_the_kind_of_answer_a_question_wants(question: str, kind: str) -> None:
    assert parse_question(question).kind == kind


@pytest.mark.parametrize(
    ("question", "unit", "wanted"),
    [
        ("资助了多少人？", "人", "人"),
        ("哪些高校参与？", "", "高校"),
        ("每年招收多少名研究生？", "名研究生", "研究生"),
        ("一共多少？", "", ""),
        ("有哪些国家制造业创新中心？", "", "中心"),
        ("哪些高校建设国家学院？", "", "高校"),
        ("有多少家独角兽企业？", "家独角兽", "独角兽"),
        ("从哪年开始参加国家试点？", "", ""),
        ("“三联通”是指哪三项？", "", ""),
        ("大家最不满的是哪三样？", "", ""),
        ("评审要走哪几步？", "步", ""),
        ("新校区花了多少钱盖的？", "钱盖", "钱"),
        ("How many night markets are there?", "", "markets"),
        ("How many of them took part?", "", ""),
    ],
)
def test_reads_what_is_counted_or_chosen(question: str, unit: str, wanted: str) -> None:
    parsed = parse_question(question)
    assert (parsed.unit, parsed.wanted) == (unit, wanted)


def test_keeps_words_that_say_something_and_drops_what_asks() -> None:
    terms = [term.text for term in parse_question("请问扬帆专项的年龄上限是多少周岁？").terms]
    assert terms == ["扬帆", "专项", "年龄", "上限", "周岁"]


@pytest.mark.parametrize(
    ("question", "term"), [("兑付要交什么单据？", "交"), ("以前送血要多久？", "送血"), ("企业能级如何提升？", "能级")]
)
def test_a_modal_verb_is_no_part_of_a_word(question: str, term: str) -> None:
    assert term in [found.text for found in parse_question(question).terms]


def test_words_are_told_apart_from_the_year_and_the_head_behind_them() -> None:
    assert [term.text for term in parse_question("2025年青堰区发了多少创新券？").terms] == [
        "2025",
        "青堰区",
        "发",
        "创新券",
    ]
    assert [term.text for term in parse_question("2023年底换了多少公里管网").terms][-1] == "管网"
    assert not any(term.is_name for term in parse_question("换了多少公里？市跟区各出几成？").terms)


def test_folds_traditional_characters_and_full_width_digits() -> None:
    parsed = parse_question("２０２３年資助了多少人？")
    assert parsed.years == ("2023",)
    assert "资助" in [term.text for term in parsed.terms]


def test_tells_years_from_other_numbers() -> None:
    parsed = parse_question("2022年的48项任务")
    assert (parsed.years, parsed.numbers) == (("2022",), ("48",))
    assert parse_question("22年到现在发布了多少？").years == ("2022",)
    assert parse_question("要有20年以上经验吗").years == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("基金多大？", "zh"),
        ("G60", "zh"),
        ("How big?", "en"),
        ("38", "zh"),
        ("G60基金", "zh"),
        ("A股IPO的辅导券商", "zh"),
        ("How large is the Blue Bay (蓝湾) fund?", "en"),
    ],
)
def test_answers_in_the_language_of_the_question(text: str, language: str) -> None:
    assert language_of(text) == language


def test_english_questions_are_searched_with_their_translations_too() -> None:
    assert search_words("Which universities take part?").startswith("Which universities take part?")
    assert "大学" in search_words("Which universities take part?")
    assert search_words("哪些大学参与？") == "哪些大学参与？"


def test_the_longest_phrase_of_the_glossary_is_one_term() -> None:
    terms = [term.text for term in parse_question("the Yangtze River Delta").terms]
    assert terms == ["yangtze river delta"]


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80))
def test_reads_any_text(text: str) -> None:
    parsed = parse_question(text)
    assert all(term.text and term.weight > 0 for term in parsed.terms)
    assert len({term.text for term in parsed.terms}) == len(parsed.terms)


@pytest.mark.parametrize(
    ("question", "term"),
    [
        ("2024年澜浦的榜单", "澜浦"),
        ("报澜浦的计划", "澜浦"),
        ("渡口县有几个站点", "渡口县"),
        ("东屿市的仪器有多少台", "东屿市"),
    ],
)
def test_names_that_no_dictionary_has_stand_without_what_is_glued_to_them(question: str, term: str) -> None:
    assert term in [term.text for term in parse_question(question).terms]


def test_a_county_is_a_name_and_a_zone_is_none() -> None:
    names = {term.text: term.is_name for term in parse_question("清渠市和开发区的医院").terms}
    assert names["清渠市"]
    assert not names.get("开发区", False)


def test_a_name_written_in_chinese_too_counts_once_and_what_is_counted_may_be_a_unit() -> None:
    parsed = parse_question("Within how many hours must the Rising Star (启明星) operator come?")
    assert [term.text for term in parsed.terms if term.is_name] == ["启明星"]
    assert (parsed.unit, parsed.wanted) == ("小时", "")


@pytest.mark.parametrize(
    ("question", "kind"),
    [("什么叫核定投资额？", "which"), ("那几类人以什么形式得到支持？", "which"), ("几类人得到支持？", "figure")],
)
def test_what_a_figure_is_asked_for_with(question: str, kind: str) -> None:
    assert parse_question(question).kind == kind


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("2024年稷安市共接报火灾多少起？", "稷安市"),
        ("在稷安买技术补多少？", "稷安"),
        ("桐溪区接报火灾多少起？", "桐溪区"),
    ],
)
def test_a_place_that_no_dictionary_has_is_a_name_with_what_kind_of_place_it_is(question: str, place: str) -> None:
    documents = [make_document("a.txt", "稷安市消防救援支队\n稷消〔2025〕6号\n\n火灾情况的通报\n\n全年火灾下降。")]
    assert [term.text for term in with_places(parse_question(question), documents).terms if term.is_name] == [place]
