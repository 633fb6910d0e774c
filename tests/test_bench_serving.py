"""The load generator: it asks what it is told to, tells what it saw, and keeps to its bounds."""

import asyncio
from itertools import islice

import pytest

from app.api import create_app
from app.config import Settings
from evals.bench.load import Load, phrased, run
from evals.bench.serving import _rows
from tests.fake_assistant import FakeAssistant
from tests.serving import serving

pytestmark = pytest.mark.server

QUESTIONS = ("资助了多少人？", "基金多大？", "写一首诗")


def test_every_answer_is_seen_whole_with_its_times() -> None:
    with serving(create_app(FakeAssistant(), Settings(chat_page=0))) as url:
        exchanges = asyncio.run(run(Load(int(url.rpartition(":")[2]), 5, 20, QUESTIONS, answers=30)))
    assert 30 <= len(exchanges) <= 35
    for exchange in exchanges:
        assert (exchange.status, exchange.is_whole) == (200, True)
        assert 0 < exchange.first_byte <= exchange.first_event <= exchange.whole
    rows = dict(_rows("load", 2.0, exchanges))
    assert rows["  answers a second"] == f"{len(exchanges) / 2:.0f}"
    assert (rows["  errors"], rows["  sent away with 503 or 429"]) == ("0", "0")


def test_who_is_sent_away_is_told_from_an_error() -> None:
    settings = Settings(chat_page=0, answers_at_once=1, answers_waiting=0)
    with serving(create_app(FakeAssistant(), settings)) as url:
        port = int(url.rpartition(":")[2])
        exchanges = asyncio.run(run(Load(port, 30, 1, QUESTIONS)))
    sent_away = [exchange for exchange in exchanges if exchange.status == 503]
    assert sent_away
    assert all(exchange.retry_after > 0 for exchange in sent_away)
    assert dict(_rows("load", 1.0, exchanges))["  sent away with 503 or 429"] == str(len(sent_away))
    (failed,) = asyncio.run(run(Load(port, 1, 0.1, QUESTIONS)))
    assert (failed.status, failed.is_whole) == (0, False)


def test_no_question_is_repeated_for_twenty_rounds() -> None:
    asked = list(islice(phrased(QUESTIONS), 20 * len(QUESTIONS)))
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize(("clients", "seconds"), [(0, 1.0), (5000, 1.0), (10, 0.0), (10, 4000.0)])
def test_a_load_is_bounded(clients: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        Load(1, clients, seconds, QUESTIONS)
