"""Whether the right questions are refused, and whether the answers' scores say how sure one can be."""

from collections.abc import Sequence
from itertools import groupby, pairwise


def precision_recall_f1(refused: Sequence[bool], should_refuse: Sequence[bool]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the refusals, each 0 to 1, higher is better; 0 where there is nothing to share out."""
    right = sum(is_refused and should for is_refused, should in zip(refused, should_refuse, strict=True))
    made, due = sum(refused), sum(should_refuse)
    return right / made if made else 0.0, right / due if due else 0.0, 2 * right / (made + due) if made + due else 0.0


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the chance that a true one scores above a false one, ties half: 0 to 1, 0.5 is chance, higher is better.

    The Mann-Whitney U statistic over the number of pairs (Hanley & McNeil 1982). Raises ValueError where one class is missing.
    """
    ranked = sorted(zip(scores, labels, strict=True))
    positives = sum(labels)
    negatives = len(ranked) - positives
    if not positives or not negatives:
        raise ValueError("AUROC needs true and false ones")
    below = wins = 0.0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        tied = [label for _, label in group]
        wins += sum(tied) * (below + (len(tied) - sum(tied)) / 2)
        below += len(tied) - sum(tied)
    return wins / (positives * negatives)


def coverage_curve(scores: Sequence[float], correct: Sequence[bool]) -> list[tuple[float, float]]:
    """Return (coverage, accuracy) at each score as the threshold, from the surest answers to all of them, each 0 to 1.

    Coverage is the share of questions answered, accuracy the share of those that are right; answers of one score
    come together. Selective accuracy as in Geifman & El-Yaniv 2017 (arXiv:1705.08500).
    """
    ranked = sorted(zip(scores, correct, strict=True), reverse=True)
    curve = []
    answered = right = 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        tied = [is_correct for _, is_correct in group]
        answered, right = answered + len(tied), right + sum(tied)
        curve.append((answered / len(ranked), right / answered))
    return curve


def area_under_coverage(curve: Sequence[tuple[float, float]]) -> float:
    """Return the mean accuracy over all coverages, 0 to 1, higher is better; 0 for no curve.

    1 - AURC, the area under the risk-coverage curve (Geifman & El-Yaniv 2017), as the sum over its steps.
    """
    coverages = [0.0, *(coverage for coverage, _ in curve)]
    steps = zip(pairwise(coverages), curve, strict=True)
    return sum((end - start) * accuracy for (start, end), (_, accuracy) in steps)


def reliability(scores: Sequence[float], correct: Sequence[bool], bins: int = 10) -> list[tuple[float, float, int]]:
    """Return (mean score, share correct, count) of each bin that is not empty, from the lowest scores up.

    The bins are equally wide over 0 to 1; a score on an edge is in the upper one. A calibrated score equals the share
    (reliability diagram, DeGroot & Fienberg 1983). Raises ValueError for a score outside 0 to 1.
    """
    members: dict[int, list[tuple[float, bool]]] = {}
    for score, is_correct in zip(scores, correct, strict=True):
        if not 0 <= score <= 1:
            raise ValueError(f"score {score}: reliability needs probabilities, 0 to 1")
        members.setdefault(min(int(score * bins), bins - 1), []).append((score, is_correct))
    return [
        (sum(score for score, _ in pairs) / len(pairs), sum(right for _, right in pairs) / len(pairs), len(pairs))
        for _, pairs in sorted(members.items())
    ]


def expected_calibration_error(scores: Sequence[float], correct: Sequence[bool], bins: int = 10) -> float:
    """Return the mean gap between score and share correct over the bins, weighted by count: 0 to 1, lower is better.

    Naeini et al. 2015, as in Guo et al. 2017 (arXiv:1706.04599). 0 for no scores.
    """
    gaps = [abs(score - share) * count for score, share, count in reliability(scores, correct, bins)]
    return sum(gaps) / len(scores) if gaps else 0.0
