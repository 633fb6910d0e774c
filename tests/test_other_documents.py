"""Asking invented notices, replies, rules, reports, minutes and announcements, two at a time, and the reply in other words.

The reader was trained on the questions in read_documents and on none in other_documents. questions.tsv has a question and what its answer must hold (several parts with commas), or REFUSE, a line each. A
question behind >> follows up the one before it. A folder without documents asks the corpus of the project.
"""

from pathlib import Path

import pytest

from app.answering.matching import squeeze
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.types import Answer, Turn
from evals.records import GoldQuestion
from evals.suites import plain_suite
from tests.test_assistant import check_promises

pytestmark = pytest.mark.model

TESTS = Path(__file__).parent
PAIRS = [
    *sorted(path.parent for path in TESTS.glob("other_documents/*/questions.tsv")),
    *sorted(path.parent for path in TESTS.glob("read_documents/*/questions.tsv"))[::3],
]
CORPUS = TESTS.parent / "corpus"
EVERY = 10
"""Every tenth question is asked: all of them take eight minutes."""


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[GoldQuestion, Answer]]:
    """The questions of a pair of documents and their answers."""
    suite = plain_suite(request.param, CORPUS)
    settings = Settings(corpus=str(suite.corpus), index=str(tmp_path_factory.mktemp("index")))
    build(settings)
    assistant = Assistant.open(settings)
    answers = [(gold, _ask(assistant, gold)) for gold in suite.questions[::EVERY]]
    for _, answer in answers:
        check_promises(answer, assistant)
    return answers


def _ask(assistant: Assistant, gold: GoldQuestion) -> Answer:
    return assistant.ask(gold.question, [Turn(text, assistant.ask(text).text) for text in gold.history])


def is_right(gold: GoldQuestion, answer: Answer) -> bool:
    if not gold.answerable:
        return answer.status == "refused"
    shown = squeeze(answer.text)
    return answer.status == "answered" and all(squeeze(part) in shown for (part,) in gold.answers)


RIGHT: dict[str, list[bool]] = {}
"""Which of the questions of each pair were answered rightly, for the test of all together."""


def test_no_pair_fails(asked: list[tuple[GoldQuestion, Answer]], request: pytest.FixtureRequest) -> None:
    """A floor for each pair, of which only six to ten questions are asked: on the hardest, 53, .67 of all are right."""
    wrong = [f"{answer.question} → {answer.text}" for gold, answer in asked if not is_right(gold, answer)]
    RIGHT[request.node.name] = [is_right(gold, answer) for gold, answer in asked]
    assert len(wrong) <= 0.7 * len(asked), "\n".join(wrong)


def test_most_questions_of_all_are() -> None:
    """A floor below what is measured: .90; at first sight, before anything was mended on a pair, .67 to .79."""
    if len(RIGHT) < len(PAIRS):
        pytest.skip("not all pairs were asked")
    right = [is_right for answers in RIGHT.values() for is_right in answers]
    assert sum(right) >= 0.85 * len(right)
