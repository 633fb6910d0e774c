"""One figure out of many values, and how far it can be trusted. All raise ValueError for no values."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 22
"""Draws at a time: 32 MB of indices."""


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return math.fsum(values) / len(_some(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` % (0 to 100) of the values do not exceed (nearest rank)."""
    if not 0 <= percent <= 100:
        raise ValueError(f"percentile {percent}: 0 to 100")
    return sorted(_some(values))[max(0, math.ceil(len(values) * percent / 100) - 1)]


def interval(values: Sequence[float], level: float = 0.95, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the low and high end of the mean's percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13)."""
    low, high = np.quantile(_resampled_means(values, resamples, seed), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], resamples: int = 10000, seed: int = 0
) -> tuple[float, float, float, float]:
    """Return how much higher b's mean is than a's, the ends of its 95 % interval, and the two-sided p-value.

    a and b are values of the same questions in the same order. p is the share of resampled differences that are as
    far from the one seen as that is from 0 (Efron & Tibshirani 1993, ch. 16; Sakai, SIGIR 2006), at least
    1 / (resamples + 1): the lower, the less likely mere chance.
    """
    differences = [after - before for before, after in zip(a, b, strict=True)]
    difference = mean(differences)
    means = _resampled_means(differences, resamples, seed)
    low, high = np.quantile(means, [0.025, 0.975])
    extreme = int(np.count_nonzero(np.abs(means - difference) >= abs(difference) - 1e-12))
    return difference, float(low), float(high), (extreme + 1) / (resamples + 1)


def _resampled_means(values: Sequence[float], resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the means of samples drawn with replacement, float64 (resamples,)."""
    numbers = np.asarray(_some(values), dtype=np.float64)
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // len(numbers))
    counts = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    drawn = [numbers[generator.integers(len(numbers), size=(count, len(numbers)))].mean(axis=1) for count in counts]
    return np.concatenate(drawn)


def _some(values: Sequence[float]) -> Sequence[float]:
    if not len(values):
        raise ValueError("no values to average")
    return values
