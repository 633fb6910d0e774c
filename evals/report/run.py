"""One run of a suite, and its JSON form."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import YouJuError
from evals.records import GoldQuestion, Record, Summary

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A suite's questions with their answers, and what was measured."""

    suite: str
    manifest: Mapping[str, Any]
    """How it was made: encoder, weights, date, seconds, cores, command, …"""
    records: Sequence[Record]
    summary: Mapping[str, Summary]
    """Headline metrics by name."""
    curve: Sequence[tuple[float, float]] = ()
    """(share of the questions answered, share of those that are right), as the score that suffices falls."""
    reliability: Sequence[tuple[float, float, int]] = ()
    """(mean score, share that is right, count) of the answers in each band of scores."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Texts of documents by id, where they are small enough to show evidence in its context."""


def is_right(record: Record) -> bool:
    """Tell whether nothing went wrong: answered rightly, or rightly refused."""
    return record.answer is not None and not record.fault


def state_of(record: Record) -> str:
    """Return `answered`, `refused` or `error`."""
    return str(record.answer["status"]) if record.answer is not None else "error"


def milliseconds_of(record: Record) -> float | None:
    """Return how long the answer took, if it came."""
    total = (record.answer or {}).get("timings_ms", {}).get("total")
    return None if total is None else float(total)


def write_json(run: Run, path: Path) -> None:
    """Write the whole run. A value that is not a number becomes null."""
    whole = {"format": FORMAT, **dataclasses.asdict(run)}
    text = json.dumps(without_nan(whole), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Run:
    """Read a run that `write_json` wrote. Raises YouJuError if it is none."""
    try:
        whole = json.loads(path.read_bytes())
        if whole.pop("format") != FORMAT:
            raise ValueError("another format")
        return _read_run(**whole)
    except OSError as error:
        raise YouJuError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise YouJuError(f"{path} is not a run of the evals ({error!r}); make one: python -m evals run") from error


def _read_run(
    *,
    suite: str,
    manifest: dict[str, Any],
    records: list[dict[str, Any]],
    summary: dict[str, dict[str, Any]],
    curve: list[list[float]],
    reliability: list[list[Any]],
    contexts: dict[str, str],
) -> Run:
    return Run(
        suite=suite,
        manifest=manifest,
        records=tuple(_read_record(**record) for record in records),
        summary={name: Summary(**_with_nan(metric)) for name, metric in summary.items()},
        curve=tuple((coverage, accuracy) for coverage, accuracy in curve),
        reliability=tuple((score, share, count) for score, share, count in reliability),
        contexts=contexts,
    )


def _read_record(
    *, gold: dict[str, Any], answer: dict[str, Any] | None, error: str, figures: dict[str, Any], fault: str
) -> Record:
    parts: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in gold.items()}
    parts["answers"] = tuple(tuple(alternatives) for alternatives in gold["answers"])
    return Record(GoldQuestion(**parts), answer, error, _with_nan(figures), fault)


def without_nan(value: Any) -> Any:
    """Return a value of plain lists, mappings and scalars with null for what JSON cannot say: NaN and the infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return value


def _with_nan(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in numbers.items()}


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, making the folder; half a surrogate pair is written as JSON's escape of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))
