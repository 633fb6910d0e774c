"""Records of a run → its headline figures with intervals, its curves, and the comparison of two runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals import metrics
from evals.records import Record, Summary

MEANS = (
    "correct", "contains", "cited", "citation precision", "citation recall", "figures", "exact match", "short f1", "f1",
    "rouge-l", "s@1", "s@5", "r@10", "mrr", "ndcg@10", "p2", "quotes", "characters", "written", "kept", "tokens read", "tokens written",
)  # fmt: skip
"""Figures whose mean over the questions they apply to is reported."""
LATENCIES = (50, 95, 99)


def summarise(records: Sequence[Record]) -> dict[str, Summary]:
    """Return the headline figures by name. Those that no question of the set has are absent."""
    summary: dict[str, Summary] = {}
    answerable = [record for record in records if record.gold.answerable]
    for name in MEANS:
        rows = answerable if name == "correct" else records
        values = [record.figures[name] for record in rows if name in record.figures]
        if values:
            summary[name] = _mean(values)
    if answerable:
        summary["answered"] = _mean([1 - record.figures.get("refused", 1.0) for record in answerable])
    summary |= _refusal(records)
    times = [record.figures["milliseconds"] for record in records if "milliseconds" in record.figures]
    for percent in LATENCIES if times else ():
        value = metrics.percentile(times, percent)
        summary[f"p{percent} ms"] = Summary(value, value, value, len(times))
    if times:
        rate = 1000 * len(times) / sum(times)
        summary["answers/s"] = Summary(rate, rate, rate, len(times))
    first = [record.figures["first ms"] for record in records if "first ms" in record.figures]
    for percent in LATENCIES[:2] if first else ():
        value = metrics.percentile(first, percent)
        summary[f"first p{percent} ms"] = Summary(value, value, value, len(first))
    errors = [float(record.answer is None) for record in records]
    summary["errors"] = Summary(sum(errors), sum(errors), sum(errors), len(errors))
    return summary


def _mean(values: Sequence[float]) -> Summary:
    low, high = metrics.interval(values)
    return Summary(sum(values) / len(values), low, high, len(values))


def _refusal(records: Sequence[Record]) -> dict[str, Summary]:
    """Return how well the set's unanswerable questions are told from the others."""
    rows = [record for record in records if record.answer is not None]
    should = [not record.gold.answerable for record in rows]
    if not any(should) or all(should):
        return {}
    refused = [bool(record.figures["refused"]) for record in rows]
    precision, _, f1 = metrics.precision_recall_f1(refused, should)
    unanswerable = [record.figures["refused"] for record in rows if not record.gold.answerable]
    area = metrics.auroc([record.figures["confidence"] for record in rows], [not s for s in should])
    right = [float(r == s) for r, s in zip(refused, should, strict=True)]
    count = len(rows)
    return {
        "refused": _mean(unanswerable),
        "refusal precision": Summary(precision, precision, precision, sum(refused)),
        "refusal f1": Summary(f1, f1, f1, count),
        "refusal accuracy": _mean(right),
        "auroc": Summary(area, area, area, count),
    }


def curve(records: Sequence[Record]) -> list[tuple[float, float]]:
    """Return coverage and accuracy as the most confident answers are let through first."""
    scores, right = _confidences(records)
    return metrics.coverage_curve(scores, right)


def reliability(records: Sequence[Record]) -> list[tuple[float, float, int]]:
    """Return mean confidence, share right and count of ten bins."""
    return metrics.reliability(*_confidences(records))


def _confidences(records: Sequence[Record]) -> tuple[list[float], list[bool]]:
    """Return the confidence of each question and whether answering it with the best evidence is right."""
    rows = [record for record in records if record.answer is not None]
    right = [record.gold.answerable and bool(record.figures.get("correct")) for record in rows]
    return [record.figures["confidence"] for record in rows], right


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of two runs over the same questions; the difference is B − A."""

    name: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    flipped: tuple[str, ...]
    """Ids of the questions whose value changed."""


def compare(a: Sequence[Record], b: Sequence[Record]) -> list[Comparison]:
    """Compare two runs question by question (paired bootstrap); only questions that both have count."""
    by_id = {record.gold.id: record for record in b}
    pairs = [(record, by_id[record.gold.id]) for record in a if record.gold.id in by_id]
    comparisons = []
    for name in (*MEANS, "milliseconds"):
        both = [(x, y) for x, y in pairs if name in x.figures and name in y.figures]
        if not both:
            continue
        first, second = [x.figures[name] for x, _ in both], [y.figures[name] for _, y in both]
        difference, low, high, p_value = metrics.paired_bootstrap(first, second)
        flipped = tuple(x.gold.id for x, y in both if name == "correct" and x.figures[name] != y.figures[name])
        mean_a, mean_b = sum(first) / len(first), sum(second) / len(second)
        comparisons.append(Comparison(name, mean_a, mean_b, difference, low, high, p_value, flipped))
    return comparisons
