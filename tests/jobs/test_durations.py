"""How long jobs took, as it fits into a column."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.jobs.finish_counts import MOST_DIFFERENT, MOST_SECONDS, Durations, durations_in
from shared.storage.rows import HIGHEST_COUNT, BadRow

LONGEST_COLUMN_CHARACTERS = 32 * 1024
# From a second to a year, as many different ones as it takes to make them too many.
MANY = st.builds(
    lambda seed, number: [1 + (seed * place * place) % 31_536_000 for place in range(number)],
    st.integers(1, 10**6),
    st.integers(0, 4_000),
)


def test_without_any_there_is_neither_median_nor_percentile() -> None:
    assert (Durations().median, Durations().percentile(95)) == (None, None)


def test_the_median_is_the_middle_one_or_the_mean_of_the_two_in_the_middle() -> None:
    assert Durations().plus([60, 300, 61]).median == 61
    assert Durations().plus([60, 300, 61, 62]).median == 61.5
    assert Durations().plus([60, 60, 60, 300]).median == 60


def test_the_95th_percentile_is_the_time_of_the_job_of_the_nearest_rank() -> None:
    assert Durations().plus(range(1, 101)).percentile(95) == 95
    assert Durations().plus(range(1, 22)).percentile(95) == 20
    assert Durations().plus([7]).percentile(95) == 7


def test_times_are_whole_seconds_and_none_is_negative_or_endless() -> None:
    assert Durations().plus([59.6, -5, 10.0**12]).counts == {60: 1, 0: 1, MOST_SECONDS: 1}


@given(st.lists(st.integers(0, MOST_SECONDS), max_size=300))
def test_a_text_holds_every_second_exactly(seconds: list[int]) -> None:
    durations = Durations().plus(seconds)
    assert durations_in(durations.text) == durations
    assert durations.counts == Counter(seconds)


@settings(deadline=None, max_examples=30)
@given(MANY)
def test_any_number_of_different_times_fits_into_a_column_and_stays_exact_to_a_percent(seconds: list[int]) -> None:
    durations = Durations()
    for start in range(0, len(seconds), 50):
        durations = durations_in(durations.plus(seconds[start : start + 50]).text)
    assert len(durations.counts) <= MOST_DIFFERENT
    assert len(durations.text) <= LONGEST_COLUMN_CHARACTERS
    assert durations.total == len(seconds)
    if seconds:
        exact = Durations(Counter(seconds))
        assert durations.percentile(95) == pytest.approx(exact.percentile(95), rel=0.01)
        assert durations.median == pytest.approx(exact.median, rel=0.01)


def test_the_longest_numbers_fit_into_a_column() -> None:
    assert len(Durations({MOST_SECONDS - place: 2**31 - 2 for place in range(MOST_DIFFERENT)}).text) <= 30_000


@pytest.mark.parametrize("text", ["x", "60", "60:", "60:0", "60:-1", "60:1,", "60:1;61:1", "٦:1", f"1:{'9' * 11}"])
def test_a_text_that_is_something_else_is_bad(text: str) -> None:
    with pytest.raises(BadRow):
        durations_in(text)


def test_a_text_with_more_times_than_ever_written_is_rounded() -> None:
    text = ",".join(f"{seconds}:1" for seconds in range(1000, 6000))
    assert len(durations_in(text).counts) <= MOST_DIFFERENT


def test_the_95th_percentile_of_a_thousand_is_the_950th() -> None:
    assert Durations().plus(range(1, 1001)).percentile(95) == 950


def test_as_many_different_times_as_fit_into_a_column_stay_exact() -> None:
    times = range(1_000, 1_000 + MOST_DIFFERENT)
    assert list(Durations().plus(times).counts) == list(times)


def test_times_of_less_than_200_seconds_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.finish_counts.MOST_DIFFERENT", 3)
    counts = Durations().plus([198, 199, 220, 221]).counts
    assert (counts[198], counts[199], len(counts)) == (1, 1, 3)


def test_times_of_200_seconds_and_more_are_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.finish_counts.MOST_DIFFERENT", 3)
    assert Durations().plus([199, 200, 220, 221]).counts[199] == 2


def test_steps_grow_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.finish_counts.MOST_DIFFERENT", 120)
    # A factor of ten has 231 steps of 1 %, 116 of 2 % and 59 of 4 %.
    assert 110 < len(Durations().plus(range(1_000, 10_000)).counts) <= 120


def test_times_that_are_rounded_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.finish_counts.MOST_DIFFERENT", 1)
    durations = Durations().plus([10_000, 10_000, 10_010])
    assert list(durations.counts.values()) == [3]
    assert durations.median == pytest.approx(10_000, rel=0.005)


def test_no_time_is_rounded_to_more_than_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.jobs.finish_counts.MOST_DIFFERENT", 1)
    for below in range(0, 1_000_000, 50_000):
        durations = Durations().plus([MOST_SECONDS - below, MOST_SECONDS - below - 1])
        assert max(durations.counts) <= MOST_SECONDS


def test_the_counts_of_a_time_that_is_in_a_text_twice_add_up() -> None:
    assert durations_in("60:1,61:1,60:2").counts == {60: 3, 61: 1}


@pytest.mark.parametrize(("count", "fits"), [(HIGHEST_COUNT - 1, True), (HIGHEST_COUNT, False)])
def test_a_count_is_no_higher_than_a_column_holds(*, count: int, fits: bool) -> None:
    if fits:
        assert durations_in(f"60:{count}").counts == {60: count}
    else:
        with pytest.raises(BadRow):
            durations_in(f"60:{count}")
