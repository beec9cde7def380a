"""Retries of requests to storage."""

from collections.abc import Callable

import pytest

from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.retrying import (
    DEFAULT_SECONDS,
    ending_within,
    in_its_own_time,
    retried,
    retrying_for,
    seconds_left,
)
from tests.storage.time_that_flies import TimeThatFlies


def failing(times: int, error: Exception) -> Callable[[], str]:
    errors = [error] * times

    def call() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return call


def test_a_brief_failure_is_retried_with_growing_pauses() -> None:
    time = TimeThatFlies()
    assert retried(failing(3, StorageUnreachable("busy")), time.waiting) == "done"
    assert time.slept == [0.2, 0.4, 0.8]


def test_retries_end_with_their_time() -> None:
    time = TimeThatFlies()
    with pytest.raises(StorageUnreachable):
        retried(failing(1000, StorageUnreachable("busy")), time.waiting)
    assert time.now <= DEFAULT_SECONDS


def test_a_caller_may_allow_more_time() -> None:
    time = TimeThatFlies()
    with retrying_for(30, lambda: time.now), pytest.raises(StorageUnreachable):
        retried(failing(1000, StorageUnreachable("busy")), time.waiting)
    assert DEFAULT_SECONDS < time.now <= 30


def test_the_pause_that_storage_asks_for_is_kept() -> None:
    time = TimeThatFlies()
    retried(failing(1, StorageUnreachable("busy", retry_after_seconds=3)), time.waiting)
    assert time.slept == [3]


def test_a_pause_beyond_the_deadline_ends_there_with_a_last_try() -> None:
    time = TimeThatFlies()
    assert retried(failing(1, StorageUnreachable("busy", retry_after_seconds=3600)), time.waiting) == "done"
    assert time.slept == [DEFAULT_SECONDS]


def test_a_lost_race_is_not_retried() -> None:
    time = TimeThatFlies()
    with pytest.raises(RowChanged):
        retried(failing(1, RowChanged("changed")), time.waiting)
    assert time.slept == []


def test_no_retry_begins_after_the_end_of_the_enclosing_block() -> None:
    time = TimeThatFlies()
    with ending_within(3, lambda: time.now), retrying_for(30, lambda: time.now), pytest.raises(StorageUnreachable):
        retried(failing(1000, StorageUnreachable("busy")), time.waiting)
    assert time.now <= 3


def test_work_that_outlives_the_block_that_started_it_has_time_of_its_own() -> None:
    time = TimeThatFlies()
    with ending_within(0, lambda: time.now), pytest.raises(StorageUnreachable):
        seconds_left(time.waiting)
    with ending_within(0, lambda: time.now), in_its_own_time():
        assert seconds_left(time.waiting) > DEFAULT_SECONDS
        assert retried(failing(1, StorageUnreachable("busy")), time.waiting) == "done"
