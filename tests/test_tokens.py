"""Tokens counted as numbers: always those that `search_tokens` gives, whatever the texts."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.stores.tokens import CHARACTER_BITS, MAX_COUNT, WORD, TokenCounts, code_of, count_tokens
from app.text import search_tokens

OFFICIAL = "四類人才計劃共資助了1萬餘人，總資助額26億餘元（G60科創走廊，〔2024〕38號）。"
ODD = [
    "",
    "！？……",
    "ＩｎｎｏＭａｔｃｈ　１０３１１項，４６．３％。",
    "二〇二四年、𠀀𠮷𪚥𠀀、㐀䶵、〇〇",
    "\ud842\udfb7\ud800人才\udfff",
    "2024-05-27 23:59 http://a.b/c_d+e 1,000.5% .5 5. a--b %",
    "人\n才\r\n人才\u2028人\u0085才\x00人",
    "Ω K Å ǅ ﬁ ① Ⅷ ㍿ ﾊﾝ 한 かな é İ ß",
]
CHARACTERS = st.characters(exclude_categories=()) | st.sampled_from(
    "人才科技創新〇𠀀𠮷ＡＢaZ０9％%.,:/+_- \n\ud842\udfb7"
)


def token_of(code: int, counted: TokenCounts) -> str:
    if code >= WORD:
        return counted.words[code ^ WORD]
    first, second = divmod(code, 1 << CHARACTER_BITS)
    return (chr(first) if first else "") + chr(second)


def counters(counted: TokenCounts) -> list[Counter[str]]:
    """Return the tokens of each text as a Counter."""
    found = [Counter[str]() for _ in counted.lengths]
    for i, code in enumerate(counted.codes.tolist()):
        part = slice(counted.starts[i], counted.starts[i + 1])
        for row, count in zip(counted.rows[part].tolist(), counted.counts[part].tolist(), strict=True):
            found[row][token_of(code, counted)] = count
    return found


def assert_counts_are_those_of_search_tokens(texts: Sequence[str]) -> None:
    counted = count_tokens(texts)
    expected = [search_tokens(text) for text in texts]
    assert counters(counted) == [Counter(tokens) for tokens in expected]
    assert counted.lengths.tolist() == [len(tokens) for tokens in expected]
    assert counted.codes.tolist() == sorted(set(counted.codes.tolist()))
    assert sorted(counted.words) == sorted({token for tokens in expected for token in tokens if token.isascii()})


@settings(max_examples=200)
@given(st.lists(st.text(CHARACTERS, max_size=20), max_size=6))
@example([])
@example([""])
@example(["", "", "人才", ""])
@example(["人", "才", "a", "b"])
def test_counts_of_any_texts_are_those_of_search_tokens(texts: list[str]) -> None:
    assert_counts_are_those_of_search_tokens(texts)


@pytest.mark.parametrize("text", [OFFICIAL, *ODD], ids=ascii)
def test_counts_of_odd_texts_are_those_of_search_tokens(text: str) -> None:
    assert_counts_are_those_of_search_tokens([text])


def test_texts_do_not_run_into_each_other() -> None:
    assert_counts_are_those_of_search_tokens([OFFICIAL, *ODD, OFFICIAL])


def test_a_document_and_its_parts(reply_lines: list[str]) -> None:
    assert_counts_are_those_of_search_tokens(reply_lines)


@pytest.fixture
def reply_lines(request: pytest.FixtureRequest) -> list[str]:
    return [*request.getfixturevalue("reply").text.split("\n"), request.getfixturevalue("reply").text]


@pytest.mark.parametrize("text", [OFFICIAL, *ODD], ids=ascii)
def test_a_token_of_a_question_has_the_code_that_was_counted(text: str) -> None:
    counted = count_tokens([text])
    numbers = {word: number for number, word in enumerate(counted.words)}
    codes = {code_of(token, numbers) for token in search_tokens(text)}
    assert codes == set(counted.codes.tolist())
    assert code_of("never-seen", numbers) is None


def test_a_text_of_one_token_over_and_over_is_counted_up_to_the_limit() -> None:
    counted = count_tokens(["科" * 300, "科" * 255, "科" * 254])
    assert counters(counted) == [
        Counter({"科": MAX_COUNT, "科科": MAX_COUNT}),
        Counter({"科": 255, "科科": 254}),
        Counter({"科": 254, "科科": 253}),
    ]
    assert counted.lengths.tolist() == [599, 509, 507]
