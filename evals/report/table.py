"""Runs as a table for the terminal: a line for each metric, a column for each suite."""

import math
import unicodedata
from collections.abc import Iterable, Sequence

from evals.records import Summary
from evals.report.glossary import Term, sort_names, term_of
from evals.report.run import Run, is_right

WIDTH = 120
"""Columns that a terminal is taken to have; suites that do not fit go below."""


def table(runs: Sequence[Run]) -> str:
    """Return all suites and metrics with their 95 % intervals, aligned also where characters are wide."""
    names = sort_names({name for run in runs for name in run.summary})
    labels = ["", *(f"{term_of(name).chinese} {name}".strip() for name in names), "答对／题数 right / questions"]
    columns = [_column(run, names) for run in runs]
    blocks = [_lay_out(labels, block) for block in _fit(labels, columns)]
    return "\n\n".join([*blocks, "[ ] = 95 % 置信区间 interval"]) if runs else "没有可显示的评测 no runs"


def _column(run: Run, names: Sequence[str]) -> list[str]:
    cells = [_cell(term_of(name), run.summary[name]) if name in run.summary else "-" for name in names]
    return [run.suite, *cells, f"{sum(map(is_right, run.records))}/{len(run.records)}"]


def _cell(term: Term, metric: Summary) -> str:
    if not math.isfinite(metric.value):
        return "-"
    value = term.show(metric.value)
    if not has_interval(metric):
        return value
    return f"{value} [{term.show(metric.low, bare=True)}, {term.show(metric.high, bare=True)}]"


def has_interval(metric: Summary) -> bool:
    """Tell whether a metric's bounds say something: rates and percentiles may come without."""
    return math.isfinite(metric.low) and math.isfinite(metric.high) and metric.low < metric.high


def _fit(labels: Sequence[str], columns: Iterable[list[str]]) -> list[list[list[str]]]:
    """Group the columns so that each group, beside the labels, fits the terminal."""
    blocks: list[list[list[str]]] = []
    used = WIDTH
    for column in columns:
        width = max(map(columns_of, column)) + 2
        if used + width > WIDTH:
            blocks.append([])
            used = max(map(columns_of, labels))
        blocks[-1].append(column)
        used += width
    return blocks


def _lay_out(labels: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    lines = [_pad(labels)]
    lines += [_pad(column) for column in columns]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*lines, strict=True))


def _pad(cells: Sequence[str]) -> list[str]:
    width = max(map(columns_of, cells))
    return [cell + " " * (width - columns_of(cell)) for cell in cells]


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide and full-width characters take two."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
