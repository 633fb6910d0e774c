"""The gate: a figure may not fall below the baseline by more than the baseline's interval."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.errors import YouJuError
from evals.records import Summary
from evals.report.run import Run

BASELINE = Path(__file__).parent / "baseline.json"
GATED = (
    "correct", "cited", "citation precision", "figures", "short f1", "f1", "s@1", "mrr", "ndcg@10", "r@10", "p2",
    "quotes", "answered", "refused", "refusal accuracy",
)  # fmt: skip
"""Figures that are held; all are better when higher."""
ROUNDING = 1e-4
"""How exactly the baseline is written."""
PROMISES = ("p2", "quotes")
SLICES = ("ncp_dev", "cmrc2018", "drcd_refuse")
SLICE_QUESTIONS = 60


class GateError(YouJuError):
    """The baseline is absent or malformed."""


def falls(runs: Sequence[Run], baseline: Mapping[str, Any]) -> list[str]:
    """Return a line for each figure that fell out of the baseline's interval, and for each that is gone."""
    lines = []
    for run in runs:
        for name, old in baseline.get(run.suite, {}).items():
            new = run.summary.get(name)
            if new is None:
                lines.append(f"{run.suite}: {name} is not measured any more (was {old['value']:.3f})")
            elif new.value < old["low"] - ROUNDING:
                lines.append(
                    f"{run.suite}: {name} fell from {old['value']:.3f} to {new.value:.3f} (floor {old['low']:.3f})"
                )
        lines += [f"{run.suite}: {run.summary['errors'].value:.0f} errors"] if run.summary["errors"].value else []
    return lines


def read_baseline(path: Path = BASELINE) -> dict[str, Any]:
    """Return the baseline, suite → figure → value, low, high. Raises GateError."""
    try:
        baseline: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise GateError(f"{path} cannot be read ({error}); make one: python -m evals baseline") from error
    return baseline


def write_baseline(runs: Sequence[Run], path: Path = BASELINE) -> None:
    """Make the runs' figures the baseline; suites that were not run keep theirs."""
    old = read_baseline(path) if path.exists() else {}
    new = {run.suite: {name: _row(name, run.summary[name]) for name in GATED if name in run.summary} for run in runs}
    path.write_text(json.dumps(old | new, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def changes(runs: Sequence[Run], baseline: Mapping[str, Any]) -> list[str]:
    """Return a line for each gated figure: before, after, difference."""
    lines = []
    for run in runs:
        for name in GATED:
            if name in run.summary:
                before = baseline.get(run.suite, {}).get(name, {}).get("value")
                after = run.summary[name].value
                was = "    –    " if before is None else f"{before:8.3f}  {after - before:+.3f}"
                lines.append(f"{run.suite:20} {name:20} {after:8.3f}  was {was}")
    return lines


def _row(name: str, summary: Summary) -> dict[str, float]:
    """Return a figure as the baseline keeps it.

    Where every question succeeded the bootstrap has no width; the floor is then 3/n lower (the rule of three, Hanley &
    Lippman-Hand, JAMA 1983), but for the promises, which have no tolerance.
    """
    low = summary.low
    if name not in PROMISES and summary.low == summary.value:
        low = summary.value - 3 / summary.count
    return {"value": round(summary.value, 4), "low": round(low, 4), "high": round(summary.high, 4)}
