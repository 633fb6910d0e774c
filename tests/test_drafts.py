"""A draft that comes in pieces becomes whole sentences with what they cite."""

from collections.abc import Generator, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.drafts import MAX_SENTENCES, Draft, read_drafts


def drafts_of(pieces: Iterable[str]) -> Iterator[Draft]:
    return filter(None, read_drafts(pieces))


def in_pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("总额26亿余元。[1]资助1万余人。[2]", [("总额26亿余元[1]。", (1,)), ("资助1万余人[2]。", (2,))]),
        ("总额26亿余元[1]。资助1万余人[2]。", [("总额26亿余元[1]。", (1,)), ("资助1万余人[2]。", (2,))]),
        ("总额26亿余元。 [1][3] 资助1万余人。", [("总额26亿余元 [1][3]。", (1, 3)), ("资助1万余人。", ())]),
        ("总额26亿余元【1】。\n- 资助1万余人[1, 2]", [("总额26亿余元【1】。", (1,)), ("- 资助1万余人[1, 2]", (1, 2))]),
        ("It was 30.5 percent.[1] It grew.[2]", [("It was 30.5 percent[1].", (1,)), ("It grew[2].", (2,))]),
        ("<think>想一想。</think>总额26亿余元。[1]", [("总额26亿余元[1]。", (1,))]),
        ("文号是沪科提复〔2024〕38号。[1]", [("文号是沪科提复〔2024〕38号[1]。", (1,))]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_sentences_are_the_same_whatever_the_pieces(
    written: str, expected: list[tuple[str, tuple[int, ...]]], size: int
) -> None:
    drafts = [(draft.text, draft.cited) for draft in drafts_of(in_pieces(written, size))]
    assert drafts == expected


def test_a_sentence_comes_as_soon_as_the_next_one_begins() -> None:
    given_out = 0

    def pieces() -> Generator[str]:
        nonlocal given_out
        for piece in ("总额26亿余元。", "[1]", "资", "助1万余人。"):
            given_out += 1
            yield piece

    first = next(drafts_of(pieces()))
    assert (first.text, given_out) == ("总额26亿余元[1]。", 3)


def test_there_is_a_sign_of_life_after_each_piece() -> None:
    assert [draft and draft.text for draft in read_drafts(["总额", "", "26亿余元。", "共"])] == [
        None,
        None,
        None,
        "总额26亿余元。",
        None,
        "共",
    ]


def test_a_model_that_repeats_itself_is_not_heard_to_the_end() -> None:
    heard = 0

    def pieces() -> Generator[str]:
        nonlocal heard
        while True:
            heard += 1
            yield "总额26亿余元。[1]"

    assert len(list(drafts_of(pieces()))) == 1
    assert heard < 5


def test_a_model_that_goes_on_is_stopped() -> None:
    assert len(list(drafts_of(f"第{n}句话。" for n in range(1000)))) == MAX_SENTENCES
    assert list(drafts_of("没有句号" for _ in range(10**9))) == []


@pytest.mark.parametrize(
    "text",
    [
        "资料中未提及。",
        "资料中没有提到具体金额。",
        "文件未明确说明这一点。",
        "The documents do not mention this.",
        "无法确定。",
    ],
)
def test_knows_a_sentence_that_says_nothing(text: str) -> None:
    assert Draft(text, ()).says_nothing


@pytest.mark.parametrize("text", ["总额26亿余元。", "未成年人不得进入。", "申请人没有提交材料的，不予受理。"])
def test_a_sentence_that_denies_something_says_something(text: str) -> None:
    assert not Draft(text, ()).says_nothing


@given(st.text(alphabet="额12.。！[]3,，\n “”a ", max_size=80), st.integers(1, 7))
def test_any_draft_is_cut_without_error_and_nothing_is_added(written: str, size: int) -> None:
    drafts = list(drafts_of(in_pieces(written, size)))
    assert all(draft.text.strip() for draft in drafts)
    assert set("".join(draft.text for draft in drafts)) <= set(written)
