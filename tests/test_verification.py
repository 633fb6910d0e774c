"""Which sentences of a draft may be shown: a table made by hand, and any draft at all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.answering.facts import Context
from app.answering.verification import clean, find_fault, verify
from evals.metrics import supported

TABLE = Path(__file__).parent / "verification_cases.txt"
MARK = re.compile(r"\[(\d+)\]")


def read_table() -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Yield (sentence, passages, whether it may be shown)."""
    passages: list[str] = []
    is_head = False
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            passages = [*passages, line[2:]] if is_head else [line[2:]]
            is_head = True
        elif line.startswith(("+ ", "- ")):
            is_head = False
            yield line[2:], tuple(passages), line[0] == "+"


CASES = list(read_table())


def cited(sentence: str) -> tuple[int, ...]:
    return tuple(int(number) for number in MARK.findall(sentence))


@pytest.mark.parametrize(("sentence", "passages"), [(s, p) for s, p, may_be_shown in CASES if may_be_shown])
def test_shows_what_the_passages_say(sentence: str, passages: tuple[str, ...]) -> None:
    checked = verify(sentence, cited(sentence), passages)
    assert checked.reason == ""
    assert supported(checked.text, [passages[number - 1] for number in checked.cited])


@pytest.mark.parametrize(("sentence", "passages"), [(s, p) for s, p, may_be_shown in CASES if not may_be_shown])
def test_drops_what_they_do_not_say(sentence: str, passages: tuple[str, ...]) -> None:
    assert verify(sentence, cited(sentence), passages).reason != ""


PASSAGES = tuple(dict.fromkeys(passage for _, passages, _ in CASES for passage in passages))
FRAGMENTS = sorted({part for passage in PASSAGES for part in re.split(r"(?<=[，。、；])|\s", passage) if part})
TWISTS = (
    "1", "3", "38", "100", "0.5", "二", "两", "十", "三十", "百", "千", "万", "亿", "亿元", "%", "‰", "倍", "年", "月", "日", "号", "人", "个", "家", "项", "第",
    "余", "多", "几", "近", "超", "不", "未", "以上", "以下", "“", "”", "《", "》", "〔", "〕", "(", ")", "[2024]", "-", "—", "至", ".", ",", " ", "0",
    "million", "billion", "GDP", "G6", "percent", "百分之", "千分之", "点", "〇", "零", "一", "大", "成",
)  # fmt: skip
DRAFTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(TWISTS)), min_size=1, max_size=6).map("".join)


@pytest.mark.slow
@settings(max_examples=800)
@given(DRAFTS, st.lists(st.sampled_from(PASSAGES), min_size=1, max_size=3))
def test_what_is_shown_holds_promise_2_as_the_evals_see_it(draft: str, passages: list[str]) -> None:
    checked = verify(draft, (), passages)
    if checked.stands:
        assert supported(checked.text, [passages[number - 1] for number in checked.cited])


@given(st.text(max_size=60), st.lists(st.text(max_size=40), max_size=3))
def test_any_text_is_checked_without_error(draft: str, passages: list[str]) -> None:
    checked = verify(draft, (1, 2, 99), passages)
    if checked.stands:
        assert supported(checked.text, [passages[number - 1] for number in checked.cited])


@given(st.sampled_from([passage for passage in PASSAGES if re.search("[一-鿿]{4}", passage)]))
def test_a_passage_supports_itself(passage: str) -> None:
    assert verify(passage, (1,), [passage]).reason == ""


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ("- **基金总规模** 100 亿元[1]。", "基金总规模 100 亿元。"),
        ("1. 根据资料，基金总规模 100 亿元。[1]", "基金总规模 100 亿元。"),
        ("答案：基金总规模 100 亿元 。", "基金总规模 100 亿元。"),
        ("1.5 亿元", "1.5 亿元"),
        ("（二是）基金总规模 100 亿元。", "基金总规模 100 亿元。"),
    ],
)
def test_a_sentence_is_freed_of_what_only_dresses_it(draft: str, expected: str) -> None:
    assert clean(draft) == expected


def test_a_name_may_stand_in_the_title_of_the_cited_document_alone() -> None:
    passages = ["1989年毕业于北京大学法律系，获硕士学位。", "天禧初年担任韶州知州。"]
    contexts = [Context(headings="王天成"), Context(headings="许申")]
    assert verify("王天成1989年毕业于北京大学法律系。", (1,), passages, contexts).cited == (1,)
    assert not verify("许申1989年毕业于北京大学法律系。", (1, 2), passages, contexts).stands
    contexts[0] = Context(headings="王天成1990年")
    assert not verify("王天成1990年毕业于北京大学法律系。", (1,), passages, contexts).stands


def test_the_place_of_the_issuer_is_what_it_calls_this_city() -> None:
    passages = ["本市建立四大产业链联盟。", "江苏建立四大产业链联盟。"]
    contexts = [Context(issuer="上海市科学技术委员会")] * 2
    assert verify("上海建立四大产业链联盟。", (1, 2), passages, contexts).cited == (1,)
    assert not verify("上海建立四大产业链联盟。", (2,), passages[1:], contexts[1:]).stands
    assert not verify("浙江建立四大产业链联盟。", (1,), passages, contexts).stands


def test_the_sum_of_several_is_not_one_of_them_by_the_name_of_its_paragraph() -> None:
    quote = "四类计划共资助了1万余人，总资助额26亿余元。"
    paragraph = f"包括面向青年的扬帆专项和启明星项目等人才计划。{quote}"
    for name, claim in (("扬帆", "扬帆专项资助了1万余人。"), ("启明星", "启明星项目总资助额26亿余元。")):
        context = Context(paragraphs=paragraph, question=f"{name}资助了多少人？总资助额多少？")
        assert name in find_fault(claim, [quote], context)
    assert not find_fault("四类人才计划共资助了1万余人。", [quote], Context(paragraphs=paragraph))


def test_a_doer_and_a_deed_of_different_quotes_are_not_put_together() -> None:
    quotes = ["支持科技型骨干企业牵头组建跨区域创新联合体。", "三省一市科技厅还将共同设立基础研究基金。"]
    assert find_fault("由三省一市科技厅牵头组建跨区域创新联合体。", quotes)
    assert not find_fault("由科技型骨干企业牵头组建跨区域创新联合体。", quotes)
    assert not find_fault("由三省一市科技厅共同设立基础研究基金。", quotes)
