"""Metrics of refusals, confidence and averages: values worked out by hand, scikit-learn and SciPy as second opinions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, ttest_rel
from sklearn.calibration import calibration_curve  # type: ignore[import-untyped]
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score  # type: ignore[import-untyped]

from evals.metrics import (
    area_under_coverage,
    auroc,
    coverage_curve,
    expected_calibration_error,
    interval,
    mean,
    paired_bootstrap,
    percentile,
    precision_recall_f1,
    reliability,
)

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)
SCORED = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=30)
VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=20)


def test_refusals_by_hand() -> None:
    # 3 refused, 2 of them rightly; 4 should have been: 2/3, 2/4, 2 · 2 / (3 + 4).
    refused = [True, True, True, False, False, False]
    should = [True, True, False, True, True, False]
    assert precision_recall_f1(refused, should) == pytest.approx((2 / 3, 1 / 2, 4 / 7))
    assert precision_recall_f1([], []) == precision_recall_f1([False], [False]) == (0, 0, 0)
    with pytest.raises(ValueError, match="shorter"):
        precision_recall_f1([True], [])


@given(FLAGS)
def test_refusals_agree_with_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    refused, should = [a for a, _ in pairs], [b for _, b in pairs]
    expected = precision_recall_fscore_support(should, refused, average="binary", zero_division=0)[:3]
    assert precision_recall_f1(refused, should) == pytest.approx(expected)


def test_auroc_by_hand() -> None:
    # Of the pairs (.9, .8), (.9, .6), (.7, .8), (.7, .6) three are in order.
    assert auroc([0.9, 0.8, 0.7, 0.6], [True, False, True, False]) == 0.75
    assert auroc([0.5, 0.5, 0.1], [True, False, False]) == 0.75  # a tie is half a pair
    for labels in ([True, True], [False, False]):
        with pytest.raises(ValueError, match="true and false"):
            auroc([0.1, 0.2], labels)


@given(SCORED)
def test_auroc_agrees_with_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    scores, labels = [0.5, 0.5, *(s for s, _ in pairs)], [True, False, *(label for _, label in pairs)]
    assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    assert auroc([-score for score in scores], labels) == pytest.approx(1 - auroc(scores, labels))


def test_coverage_by_hand() -> None:
    # 1 of 1; with the two tied 2 of 3; all 2 of 4. Area: 1/4 · 1 + 2/4 · 2/3 + 1/4 · 1/2 = 17/24.
    curve = coverage_curve([0.8, 0.9, 0.1, 0.8], [False, True, False, True])
    assert curve == [(0.25, 1), (0.75, pytest.approx(2 / 3)), (1, 0.5)]
    assert area_under_coverage(curve) == pytest.approx(17 / 24)
    assert coverage_curve([], []) == []
    assert area_under_coverage([]) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_area_is_the_mean_of_the_selective_accuracies(correct: list[bool]) -> None:
    scores = [-float(rank) for rank in range(len(correct))]
    accuracies = [sum(correct[:count]) / count for count in range(1, len(correct) + 1)]
    assert area_under_coverage(coverage_curve(scores, correct)) == pytest.approx(mean(accuracies))


@given(SCORED)
def test_coverage_grows_to_one_and_ends_at_the_accuracy(pairs: list[tuple[float, bool]]) -> None:
    scores, correct = [score for score, _ in pairs], [is_correct for _, is_correct in pairs]
    curve = coverage_curve(scores, correct)
    assert curve == coverage_curve(scores[::-1], correct[::-1])
    assert [coverage for coverage, _ in curve] == sorted({coverage for coverage, _ in curve})
    assert curve[-1] == pytest.approx((1, sum(correct) / len(correct)))
    assert 0 <= area_under_coverage(curve) <= 1 + 1e-9


def test_reliability_by_hand() -> None:
    scores, correct = [0.05, 0.15, 0.18, 1.0], [False, True, False, True]
    assert reliability(scores, correct) == [(0.05, 0, 1), (pytest.approx(0.165), 0.5, 2), (1, 1, 1)]
    # (1 · 0.05 + 2 · 0.335 + 1 · 0) / 4
    assert expected_calibration_error(scores, correct) == pytest.approx(0.18)
    assert reliability([0.5], [True], bins=2) == [(0.5, 1, 1)]
    assert (reliability([], []), expected_calibration_error([], [])) == ([], 0)
    with pytest.raises(ValueError, match=r"score 1\.5"):
        reliability([1.5], [True])


def test_reliability_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(5)
    scores = generator.random(500)
    correct = generator.random(500) < scores
    shares, means = calibration_curve(correct, scores, n_bins=10)
    bins = reliability(scores.tolist(), correct.tolist())
    assert [score for score, _, _ in bins] == pytest.approx(means)
    assert [share for _, share, _ in bins] == pytest.approx(shares)
    assert expected_calibration_error(scores.tolist(), correct.tolist()) < 0.1  # these scores are calibrated


def test_percentiles_are_nearest_ranks() -> None:
    values = [15, 20, 35, 40, 50]  # the textbook's example: ranks ceil(n · p / 100)
    assert [percentile(values, p) for p in (0, 5, 30, 40, 50, 100)] == [15, 15, 20, 20, 35, 50]
    assert percentile(values[::-1], 95) == 50


def test_averages_of_nothing_are_errors() -> None:
    assert mean([1, 2, 6]) == 3
    for average in (
        mean,
        interval,
        lambda values: percentile(values, 50),
        lambda values: paired_bootstrap(values, values),
    ):
        with pytest.raises(ValueError, match="no values"):
            average([])
    with pytest.raises(ValueError, match="0 to 100"):
        percentile([1], 101)


@given(VALUES, st.floats(0, 100))
def test_a_percentile_is_a_value_that_enough_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values) - 1e-6
    assert 100 * sum(value < found for value in values) <= percent * len(values) + 1e-6


def test_an_interval_by_hand() -> None:
    # Two draws of {0, 1} have the mean 0, 1/2, 1 with chances 1/4, 1/2, 1/4.
    assert interval([0, 1], level=0.95) == (0, 1)
    assert interval([0, 1], level=0.4) == (0.5, 0.5)
    assert interval([0.3]) == (0.3, 0.3)


def test_an_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(7).exponential(size=200)
    other = bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=1).confidence_interval
    assert interval(values.tolist(), resamples=20000) == pytest.approx((other.low, other.high), abs=0.01)


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(11).random((400, 50))  # uniform: the true mean is 1/2
    intervals = [interval(sample.tolist(), resamples=500, seed=i) for i, sample in enumerate(samples)]
    covered = sum(low <= 0.5 <= high for low, high in intervals) / len(intervals)
    assert 0.91 < covered < 0.98  # 95 % ± 1.1 % by chance, less a little that the bootstrap lacks at n = 50


@given(VALUES)
def test_an_interval_lies_within_the_values_and_is_repeatable(values: list[float]) -> None:
    low, high = interval(values, resamples=50)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == interval(values, resamples=50)
    assert interval(values, level=0.5, resamples=50)[0] >= low


def test_the_seed_changes_the_draws() -> None:
    values = [float(i) for i in range(30)]
    assert interval(values, seed=1) != interval(values, seed=2)


def test_large_samples_are_drawn_in_blocks() -> None:
    low, high = interval([0.0, 1.0] * 50_000, resamples=200)
    assert 0.49 < low < 0.5 < high < 0.51  # 1/2 ± 2 · 0.5 / √100,000


def test_paired_differences_by_hand() -> None:
    assert paired_bootstrap([1, 0, 1], [1, 0, 1]) == (0, 0, 0, 1)
    assert paired_bootstrap([0] * 5, [1] * 5) == (1, 1, 1, 1 / 10001)
    # Differences 1 and 0: means 0, 1/2, 1; half of them are as far from 1/2 as that is from 0.
    difference, low, high, p_value = paired_bootstrap([0, 0], [1, 0])
    assert (difference, low, high) == (0.5, 0, 1)
    assert p_value == pytest.approx(1 / 2, abs=0.02)
    # Three of four differ: only a mean of 0, chance 1/256, is 3/4 away from 3/4.
    assert paired_bootstrap([0] * 4, [1, 1, 1, 0])[3] == pytest.approx(1 / 256, abs=0.002)
    with pytest.raises(ValueError, match="shorter"):
        paired_bootstrap([1, 2], [1])


def test_paired_differences_agree_with_the_t_test() -> None:
    generator = np.random.default_rng(13)
    a = generator.normal(size=300)
    b = a + generator.normal(loc=0.1, size=300)
    difference, low, high, p_value = paired_bootstrap(a.tolist(), b.tolist())
    test = ttest_rel(b, a)
    assert difference == pytest.approx(float(np.mean(b - a)))
    assert (low, high) == pytest.approx(tuple(test.confidence_interval(0.95)), abs=0.01)
    assert p_value == pytest.approx(test.pvalue, abs=0.02)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=15))
def test_a_comparison_turned_round_is_its_mirror_image(pairs: list[tuple[float, float]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    difference, low, high, p_value = paired_bootstrap(a, b, resamples=200)
    turned = paired_bootstrap(b, a, resamples=200)
    assert turned == pytest.approx((-difference, -high, -low, p_value), abs=1e-9)
    assert 0 < p_value <= 1
