"""Asking invented notices, replies, rules, reports, minutes and announcements, two at a time, and the reply in other words.

questions.tsv has a question and what its answer must hold (several parts with commas), or REFUSE, a line each. A
question behind >> follows up the one before it. A folder without documents asks the corpus of the project.
"""

from pathlib import Path

import pytest

from app.answering.matching import squeeze
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.types import Answer, Turn
from tests.test_assistant import check_promises

pytestmark = pytest.mark.model

PAIRS = sorted(path.parent for path in (Path(__file__).parent / "other_documents").glob("*/questions.tsv"))
REFUSE = "REFUSE"
EVERY = 10
"""Every tenth question is asked: all of them take eight minutes."""


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Answer]]:
    """What each question of a pair of documents must be answered with, and the answer."""
    corpus, index = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("index")
    own = [*request.param.glob("*.txt"), *request.param.glob("*.md")]
    for path in own or (Path(__file__).parent.parent / "corpus").glob("*〕*.txt"):
        (corpus / path.name).write_bytes(path.read_bytes())
    settings = Settings(corpus=str(corpus), index=str(index))
    build(settings)
    assistant = Assistant.open(settings)
    lines = (request.param / "questions.tsv").read_text(encoding="utf-8").splitlines()[::EVERY]
    answers = [(wanted, _ask(assistant, question)) for question, wanted in (line.split("\t") for line in lines)]
    for _, answer in answers:
        check_promises(answer, assistant)
    return answers


def _ask(assistant: Assistant, question: str) -> Answer:
    *earlier, last = question.split(">>")
    return assistant.ask(last, [Turn(text, assistant.ask(text).text) for text in earlier])


def is_right(wanted: str, answer: Answer) -> bool:
    if wanted == REFUSE:
        return answer.status == "refused"
    shown = squeeze(answer.text)
    return answer.status == "answered" and all(squeeze(part) in shown for part in wanted.split(","))


RIGHT: dict[str, list[bool]] = {}
"""Which of the questions of each pair were answered rightly, for the test of all together."""


def test_half_of_the_questions_are_answered_rightly_or_refused(
    asked: list[tuple[str, Answer]], request: pytest.FixtureRequest
) -> None:
    """A floor for each pair, of which few questions are asked."""
    wrong = [f"{answer.question} → {answer.text}" for wanted, answer in asked if not is_right(wanted, answer)]
    RIGHT[request.node.name] = [is_right(wanted, answer) for wanted, answer in asked]
    assert len(wrong) <= 0.5 * len(asked), "\n".join(wrong)


def test_most_questions_of_all_are() -> None:
    """A floor below what is measured: .90; at first sight, before anything was mended on a pair, .67 to .78."""
    if len(RIGHT) < len(PAIRS):
        pytest.skip("not all pairs were asked")
    right = [is_right for answers in RIGHT.values() for is_right in answers]
    assert sum(right) >= 0.85 * len(right)
