"""Running a suite: scored, resumed after a break, errors counted; the gate sees what breaks."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.assistant import Assistant
from app.config import Settings
from evals import gate, runner
from evals.records import GoldQuestion
from evals.report.run import Run
from evals.runner import run_suite
from evals.suites import Suite, load_suite
from evals.summary import compare

pytestmark = pytest.mark.model
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "WORK", tmp_path)


@pytest.fixture(scope="module")
def suite() -> Suite:
    whole = load_suite("reply", Path("nowhere"), ROOT / "corpus")
    return dataclasses.replace(whole, questions=whole.questions[::3])


def asking(assistant: Assistant) -> runner.Ask:
    return lambda gold: assistant.ask(gold.question).to_json()


def broken(answer: Mapping[str, Any], change: str) -> dict[str, Any]:
    """Return the answer with one thing broken."""
    copy: dict[str, Any] = json.loads(json.dumps(answer))
    if change == "span":
        for citation in copy["citations"]:
            citation["start"] += 1
    if change == "number" and len(copy["citations"]) > 1:
        for sentence in copy["sentences"]:
            sentence["citations"] = [len(copy["citations"]) + 1 - number for number in sentence["citations"]]
    return copy


def baseline_of(run: Run, path: Path) -> dict[str, Any]:
    gate.write_baseline([run], path)
    return gate.read_baseline(path)


def test_every_figure_of_a_run_is_there_and_promises_hold(suite: Suite, assistant: Assistant) -> None:
    run = run_suite(suite, asking(assistant), {})
    assert run.summary["p2"].value == run.summary["quotes"].value == 1.0
    assert {"correct", "s@1", "ndcg@10", "refused", "auroc", "p95 ms", "errors"} <= run.summary.keys()
    assert run.summary["correct"].low <= run.summary["correct"].value <= run.summary["correct"].high


@pytest.mark.parametrize(("change", "figure"), [("span", "quotes"), ("number", "p2")])
def test_the_gate_sees_a_broken_answer(
    change: str, figure: str, suite: Suite, assistant: Assistant, tmp_path: Path
) -> None:
    baseline = baseline_of(run_suite(suite, asking(assistant), {}), tmp_path / "baseline.json")
    run = run_suite(suite, lambda gold: broken(assistant.ask(gold.question).to_json(), change), {"broken": change})
    assert any(line.startswith(f"reply: {figure} fell") for line in gate.falls([run], baseline))


def test_the_gate_passes_what_is_unchanged(suite: Suite, assistant: Assistant, tmp_path: Path) -> None:
    run = run_suite(suite, asking(assistant), {})
    assert gate.falls([run], baseline_of(run, tmp_path / "baseline.json")) == []


def test_an_interrupted_run_goes_on_where_it_stopped(suite: Suite, assistant: Assistant) -> None:
    asked: list[str] = []

    def counting(gold: GoldQuestion) -> Mapping[str, Any]:
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(gold.id)
        return asking(assistant)(gold)

    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, counting, {}, limit=8)
    asked.append("after the break")
    run = run_suite(suite, counting, {}, limit=8)
    assert asked.count("after the break") == 1
    assert [record.gold.id for record in run.records] == [question.id for question in suite.questions[:8]]
    assert len(asked) == 9


def test_a_question_on_which_the_answerer_raises_is_an_error_and_the_run_goes_on(
    suite: Suite, assistant: Assistant
) -> None:
    bad = suite.questions[1].id

    def failing(gold: GoldQuestion) -> Mapping[str, Any]:
        if gold.id == bad:
            raise ValueError("no model")
        return asking(assistant)(gold)

    run = run_suite(suite, failing, {}, limit=4)
    assert run.summary["errors"].value == 1
    assert [record.error for record in run.records if record.error] == ["ValueError: no model"]
    assert gate.falls([run], {}) == ["reply: 1 errors"]


def test_a_comparison_names_the_questions_that_flipped(suite: Suite, assistant: Assistant) -> None:
    a = run_suite(suite, asking(assistant), {}, limit=30)
    wrong = a.records[0].gold.id

    def refusing(gold: GoldQuestion) -> Mapping[str, Any]:
        return asking(assistant)(dataclasses.replace(gold, question="今天天气怎么样？") if gold.id == wrong else gold)

    b = run_suite(suite, refusing, {"other": 1}, limit=30)
    (row,) = [row for row in compare(a.records, b.records) if row.name == "correct"]
    assert row.flipped == (wrong,)
    assert row.difference == pytest.approx(-1 / 30)


def test_the_index_of_a_suite_is_built_once(suite: Suite, tmp_path: Path) -> None:
    settings = Settings(corpus=str(suite.corpus))
    reports: list[str] = []

    def report(stage: str) -> Any:
        reports.append(stage)
        return lambda done, total: None

    runner.open_local(suite, settings, report)
    first = len(reports)
    runner.open_local(suite, settings, report)
    assert first > 0
    assert len(reports) == first
