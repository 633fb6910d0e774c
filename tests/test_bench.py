"""The benchmark's own arithmetic."""

import pytest

from evals.bench import percentile


@pytest.mark.parametrize(("percent", "value"), [(50, 3), (95, 5), (100, 5), (1, 1), (20, 1), (21, 2)])
def test_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile([5, 1, 4, 2, 3], percent) == value
