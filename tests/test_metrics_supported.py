"""Promise P2 as the evals check it: what a sentence states stands in what it cites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import split_sentences
from app.types import Document
from evals.metrics import needed, normalise, supported

QUOTE = "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。"


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("到2023年底共资助一万余人、二十六亿元。[1]", QUOTE),
        ("到２０２３年底共資助10,000餘人", QUOTE),
        ("这是一个好计划", QUOTE),
        ("占百分之三十点五", "占 30.5%"),
        ("于二〇二四年五月二十七日印发", "2024 年 5 月 27 日印发"),
        ("沪科提复（2024）38号是答复", "上海市科学技术委员会\n沪科提复〔2024〕38号"),
        ("根据沪科提复〔2024〕38号办理", "沪科提复 〔2024〕 38 号"),
        ("建立“揭榜挂帅”机制", "建立跨区域「揭榜挂帅」机制"),
        ("体温超过37.3℃的乘客", "对体温超过37.3℃的乘客"),
        ("《中国区域科技创新评价报告2023》", "根据《中国区域科技创新评价报告 2023》"),
        ("发挥G60走廊和innomatch的作用", "长三角 G60 科创走廊，InnoMatch 平台"),
        ("It supported 10,000 people with 2.6 billion yuan by InnoMatch.", "InnoMatch 资助 1 万人，26 亿元"),
        ("It is 30.5 percent", "占 30.5%"),
        ("第3047条", "第3047条"),
    ],
)
def test_the_same_facts_in_other_words_are_supported(sentence: str, quote: str) -> None:
    assert supported(sentence, [quote])


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("到2022年底共资助一万余人", QUOTE),
        ("共资助10万余人", QUOTE),
        ("总资助额26万余元", QUOTE),
        ("共资助1万余家", QUOTE),
        ("3个指标", "13 个指标"),
        ("占 5%", "占 30.5%"),
        ("30.5", "3 0.5"),
        ("占 34 个百分点", "占 34%"),
        ("共 34", "占 34%"),
        ("2024年5月27日", "2023年5月27日印发，2024年实施"),
        ("沪科提复〔2024〕38号", "沪科提复〔2024〕39号"),
        ("沪科提复〔2024〕38号", "沪教提复〔2024〕38号"),
        ("依据沪科提复〔2024〕38号", "沪科提复〔2023〕38号，2024年"),
        ("建立“揭榜挂帅”机制", "建立揭榜机制"),
        ("《上海市评价报告》", "《中国评价报告》"),
        ("G6走廊", "G60 走廊"),
        ("CMO平台", "平台"),
        ("The InnoMatch platform", "平台"),
        ("平台投产", ""),
        ("平台投产", "。"),
    ],
)
def test_a_changed_fact_is_not_supported(sentence: str, quote: str) -> None:
    assert not supported(sentence, [quote])


def test_without_a_quote_nothing_is_supported() -> None:
    assert not supported("平台投产", [])
    assert needed("平台投产", []) == ()


def test_facts_may_come_from_several_quotes_but_no_fact_from_two() -> None:
    assert supported("资助1万余人、26亿余元", ["资助1万余人", "总额26亿余元"])
    assert not supported("共1200人", ["共1", "200人"])
    assert not supported("“揭榜挂帅”", ["揭榜", "挂帅"])


def test_a_quote_is_needed_where_the_sentence_falls_without_it() -> None:
    sentence = "资助1万余人、26亿余元"
    assert needed(sentence, ["资助1万余人", "总额26亿余元", "连续5年"]) == (True, True, False)
    assert needed(sentence, ["资助1万余人", "连续5年"]) == (False, False)
    # As in ALCE, quotes that each support the sentence by themselves are no fault.
    assert needed(sentence, ["资助1万余人、26亿余元"] * 2) == (True, True)
    assert needed(sentence, ["资助1万余人、26亿余元", "资助1万余人"]) == (True, False)


def test_every_sentence_of_the_reply_supports_itself_and_no_changed_figure(reply: Document) -> None:
    sentences = [span.of(reply.text) for span in split_sentences(reply.text)]
    assert all(supported(sentence, [sentence]) for sentence in sentences)
    swapped = [sentence for sentence in sentences if supported(sentence.replace("2", "7"), [sentence])]
    assert all("2" not in sentence for sentence in swapped)


@given(st.text(alphabet="上海资助平台一两三十万亿年月日个余多0123456789.，。%", max_size=25), st.text(max_size=20))
def test_a_text_supports_itself_and_more_quotes_never_hurt(text: str, more: str) -> None:
    assert supported(text, [text]) == bool(normalise(text))
    assert supported(text, [text, more]) >= supported(text, [text])
