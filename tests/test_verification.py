"""Which sentences of a draft may be shown: a table made by hand, and any draft at all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.answering.verification import verify
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
