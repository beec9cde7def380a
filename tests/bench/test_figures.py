"""Figures as the table shows them."""

import pytest

from bench.figures import milliseconds, percentile


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (75, 3.0), (99, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile([4.0, 2.0, 1.0, 3.0], percent) == expected


@pytest.mark.parametrize(("seconds", "text"), [(0.00512, "5.1 ms"), (0.2, "200 ms"), (1.2345, "1234 ms")])
def test_short_times_keep_a_digit_more(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text
