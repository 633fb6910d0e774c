"""Sentences, lists, folding and search tokens."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text import fold, is_cjk, is_topic, items_after, lead_of, list_around, search_tokens, split_sentences
from app.types import Document, Span

CHINESE = st.text(alphabet="上海科技一是。，；：！？.!?;:\n“”‘’（）()《》【】「」\"' \u3000aG60%…", max_size=120)
TEXTS = st.one_of(CHINESE, st.text(max_size=120))


def sentences(text: str, clauses: bool = False) -> list[str]:
    return [span.of(text) for span in split_sentences(text, clauses=clauses)]


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.booleans())
def test_sentences_are_in_order_apart_and_leave_only_white_space(text: str, clauses: bool) -> None:
    end = 0
    for span in split_sentences(text, clauses=clauses):
        assert end <= span.start < span.end <= len(text)
        assert not text[end : span.start].strip()
        assert span.of(text) == span.of(text).strip()
        end = span.end
    assert not text[end:].strip()


@settings(deadline=None, max_examples=200)
@given(TEXTS, st.data())
def test_a_part_of_a_text_is_cut_within_its_bounds(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    spans = split_sentences(text, Span(start, end))
    assert all(start <= span.start and span.end <= end for span in spans)
    assert "".join("".join(span.of(text) for span in spans).split()) == "".join(text[start:end].split())


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_no_sentence_goes_over_a_line_end(text: str) -> None:
    assert all("\n" not in sentence for sentence in sentences(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "基金规模100亿元。区域间交易额是2018年5.8倍！是吗？",
            ["基金规模100亿元。", "区域间交易额是2018年5.8倍！", "是吗？"],
        ),
        ("上海市科委\n2024年5月27日", ["上海市科委", "2024年5月27日"]),
        ("什么？！真的……", ["什么？！", "真的……"]),
        ("占30.5%。集聚47%的企业", ["占30.5%。", "集聚47%的企业"]),
        ("", []),
        (" \n　\n", []),
        ("。。。", ["。。。"]),
    ],
)
def test_cuts_chinese_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The fund has 10 billion yuan. It covers nine cities. ",
            ["The fund has 10 billion yuan.", "It covers nine cities."],
        ),
        ("It grew 3.8 times. Mr. Li of No. 5 said so.", ["It grew 3.8 times.", "Mr. Li of No. 5 said so."]),
        ("U.S. firms vs. Co. Ltd. firms", ["U.S. firms vs. Co. Ltd. firms"]),
        ("1. 关于人才的建议。2. 关于转化的建议。", ["1. 关于人才的建议。", "2. 关于转化的建议。"]),
        ('He said "we agree." in May.', ['He said "we agree." in May.']),
        ("He left in 2023. The rest stayed.", ["He left in 2023.", "The rest stayed."]),
        ('"We agree." They signed.', ['"We agree."', "They signed."]),
        ("见 https://kw.sh.gov.cn/a?b=1 处。下载 v1.2.3", ["见 https://kw.sh.gov.cn/a?b=1 处。", "下载 v1.2.3"]),
        ("好吗?好!A股", ["好吗?", "好!", "A股"]),
    ],
)
def test_a_dot_ends_only_english_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "你们提出的“加大力度。完善机制。”的建议收悉。现答复如下。",
            ["你们提出的“加大力度。完善机制。”的建议收悉。", "现答复如下。"],
        ),
        ("（见附件（一）。以及《办法。》）一并施行。完。", ["（见附件（一）。以及《办法。》）一并施行。", "完。"]),
        ("“企业出题。”是原则。", ["“企业出题。”是原则。"]),
        ("他说：“企业出题。”会议结束。", ["他说：“企业出题。”", "会议结束。"]),
        ("他说：“企业出题。”，并离开。", ["他说：“企业出题。”，并离开。"]),
        ('他说了。"你好。"是问候。', ["他说了。", '"你好。"是问候。']),
    ],
)
def test_a_quoted_sentence_stays_in_the_one_around_it(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("（见附件（一）。第二句。第三句。", ["（见附件（一）。", "第二句。", "第三句。"]),
        ("“长三角“是什么。第二句。“科创”好。", ["“长三角“是什么。", "第二句。", "“科创”好。"]),
        ("未完的“引文。第二句。\n下一行”。完。", ["未完的“引文。", "第二句。", "下一行”。", "完。"]),
        ("（“交错）。第二句”。完。", ["（“交错）。", "第二句”。", "完。"]),
    ],
)
def test_a_bracket_that_is_never_closed_holds_nothing_together(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_closing_marks_belong_to_the_sentence_before() -> None:
    assert sentences("收悉。”）下面答复。") == ["收悉。”）", "下面答复。"]


def test_clauses_are_cut_at_semicolons_too() -> None:
    text = "集聚了47%的企业；交易额超过2000亿元;协同日益紧密。"
    assert sentences(text) == [text]
    assert sentences(text, clauses=True) == ["集聚了47%的企业；", "交易额超过2000亿元;", "协同日益紧密。"]


def test_the_reply_is_cut_into_its_sentences(reply: Document) -> None:
    section = next(section for section in reply.sections if section.path[-1] == "三是" and "人才" in section.path[0])
    assert [span.of(reply.text) for span in split_sentences(reply.text, section.span)] == [
        "三是增加人才交流。",
        "长三角 G60 科创走廊人才流动五年累计突破 38 万人次，连续 5 年举办人才峰会。",
    ]


@pytest.mark.parametrize("text", ["（" * 200_000, "“（" * 60_000 + "）”" * 60_000, "a. A. " * 60_000, "“”" * 100_000])
def test_a_long_line_of_brackets_or_dots_takes_no_quadratic_time(text: str) -> None:
    # With a search to the line end for each bracket the first would take an hour.
    assert len(split_sentences(text)) == 1


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_folding_keeps_every_offset(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert all(fold(character) == other for character, other in zip(text, folded, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("長三角科技創新共同體", "长三角科技创新共同体"),
        ("ＩｎｎｏＭａｔｃｈ　２０２４％", "innomatch 2024%"),
        ("沪科提复〔2024〕38号【】", "沪科提复[2024]38号[]"),
        ("《办法》，“引号”。", "《办法》,“引号”。"),
        ("⻓⾓見⾒", "⻓角见见"),
        ("㎏ﬁ½…", "㎏ﬁ½…"),
        ("İSTANBUL", "İstanbul"),
    ],
)
def test_folds_traditional_full_width_and_capital_characters(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_chinese_is_searched_by_characters_and_bigrams() -> None:
    assert search_tokens("四大產業鏈") == ["四", "大", "产", "业", "链", "四大", "大产", "产业", "业链"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("G60基金", ["g60", "基", "金", "基金"]),
        ("占30.5%，10,311 项", ["占", "30.5%", "10,311", "项"]),
        ("InnoMatch platform, 2024-05-27", ["innomatch", "platform", "2024-05-27"]),
        ("１＋７＋Ｎ", ["1+7+n"]),
        ("二〇二四", ["二", "〇", "二", "四", "二〇", "〇二", "二四"]),
        ("！？😀——", []),
        ("A股", ["a", "股"]),
    ],
)
def test_numbers_and_words_are_searched_whole(text: str, expected: list[str]) -> None:
    assert search_tokens(text) == expected


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_every_ideograph_can_be_found(text: str) -> None:
    tokens = set(search_tokens(text))
    assert {character for character in fold(text) if is_cjk(character)} <= tokens
    assert all(token == fold(token) and token for token in tokens)


@pytest.mark.parametrize(
    "sentence", ["三是加强服务。", "（二）优化流程。", "3.推广网上办理。", "一、总则", "逾期申报怎么办？”"]
)
def test_a_topic_only_names_what_follows(sentence: str) -> None:
    assert is_topic(sentence)


@pytest.mark.parametrize(
    "sentence", ["3.5亿元已经拨付。", "加强服务。", "一、" + "加强服务" * 10 + "。", "一共资助20人。"]
)
def test_a_sentence_that_says_something_is_no_topic(sentence: str) -> None:
    assert not is_topic(sentence)


HEADED = """三、申报材料
申报单位须提交下列材料：
1.申请表；
2.审计报告。须加盖公章。
（1）2023年度；
（2）2024年度；
3.信用承诺书。
四、其他
4.不在其列。"""


@pytest.mark.parametrize("lead", ["三、申报材料", "申报单位须提交下列材料："])
def test_the_items_of_a_list_stand_behind_its_heading_or_lead_in(lead: str) -> None:
    start = HEADED.index(lead)
    items = items_after(HEADED, Span(start, start + len(lead)))
    assert [item.of(HEADED) for item in items] == ["1.申请表", "2.审计报告。", "3.信用承诺书。"]


@pytest.mark.parametrize(
    ("item", "head", "size"),
    [
        ("2.审计报告。", "申报单位须提交下列材料：", 3),
        ("3.信用承诺书。", "申报单位须提交下列材料：", 3),
        ("（1）2023年度", "", 0),
        ("须加盖公章。", "", 0),
    ],
)
def test_an_item_has_its_list_around_it(item: str, head: str, size: int) -> None:
    start = HEADED.index(item)
    found, items = list_around(HEADED, Span(start, start + len(item)))
    assert (found, len(items)) == (head, size)


@pytest.mark.parametrize(
    ("text", "lead", "expected"),
    [
        ("措施有两个方面：一是减税。范围广。二是降费。以上。", "措施有两个方面：", ["一是减税。", "二是降费。"]),
        ("不得使用：（一）检测；（二）检验。\n第八条", "不得使用：", ["（一）检测", "（二）检验。"]),
        ("（二）条件：\n①年满18周岁；\n②有学历。\n（三）程序", "（二）条件：", ["①年满18周岁", "②有学历。"]),
        ("现通知如下：\n请各单位办理。", "现通知如下：", []),
        ("三、材料", "三、材料", []),
    ],
)
def test_lists_of_every_style_end_where_they_end(text: str, lead: str, expected: list[str]) -> None:
    assert [item.of(text) for item in items_after(text, Span(0, len(lead)))] == expected


def test_an_item_has_the_line_that_leads_in_its_list() -> None:
    text = "企业应当符合下列条件：\n（一）在本市注册；\n（二）有人员。\n其他：\n1.不限。"
    leads = {line: lead_of(text, Span(text.index(line), text.index(line) + len(line))) for line in text.split("\n")}
    assert leads == {
        "企业应当符合下列条件：": "",
        "（一）在本市注册；": "企业应当符合下列条件：",
        "（二）有人员。": "企业应当符合下列条件：",
        "其他：": "",
        "1.不限。": "其他：",
    }
    assert lead_of("（一）甲。\n（二）乙。", Span(6, 11)) == ""


@given(st.text(alphabet="一二、是1.（）：；。\n甲 "), st.data())
def test_items_lie_behind_their_lead_and_do_not_overlap(text: str, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(text)))
    items = items_after(text, Span(0, end))
    assert all(a.end <= b.start for a, b in pairwise(items))
    assert all(end <= item.start < item.end <= len(text) for item in items)
