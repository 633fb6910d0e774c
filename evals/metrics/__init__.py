"""What is measured, as pure functions: answers' texts, rankings, citations, refusals, and means with their intervals."""

from evals.metrics.citations import citation_precision, citation_recall, needed, supported
from evals.metrics.ranking import ndcg_at, recall_at, reciprocal_rank, success_at
from evals.metrics.refusal import (
    area_under_coverage,
    auroc,
    coverage_curve,
    expected_calibration_error,
    precision_recall_f1,
    reliability,
)
from evals.metrics.summary import interval, mean, paired_bootstrap, percentile
from evals.metrics.text import char_f1, contains, exact_match, figure_accuracy, normalise, rouge_l

__all__ = [
    "area_under_coverage",
    "auroc",
    "char_f1",
    "citation_precision",
    "citation_recall",
    "contains",
    "coverage_curve",
    "exact_match",
    "expected_calibration_error",
    "figure_accuracy",
    "interval",
    "mean",
    "ndcg_at",
    "needed",
    "normalise",
    "paired_bootstrap",
    "percentile",
    "precision_recall_f1",
    "recall_at",
    "reciprocal_rank",
    "reliability",
    "rouge_l",
    "success_at",
    "supported",
]
