"""When a storage request is tried again."""

from collections.abc import Callable

import pytest

from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.retrying import DEFAULT_SECONDS, retried, retrying_for
from tests.storage.time_that_flies import TimeThatFlies


def failing(times: int, error: Exception) -> Callable[[], str]:
    errors = [error] * times

    def call() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return call


def test_storage_that_fails_for_a_moment_is_asked_again_with_growing_pauses() -> None:
    time = TimeThatFlies()
    assert retried(failing(3, StorageUnreachable("busy")), time.waiting) == "done"
    assert time.slept == [0.2, 0.4, 0.8]


def test_storage_that_stays_away_is_given_up_when_the_time_is_over() -> None:
    time = TimeThatFlies()
    with pytest.raises(StorageUnreachable):
        retried(failing(1000, StorageUnreachable("busy")), time.waiting)
    assert time.now <= DEFAULT_SECONDS


def test_a_caller_may_give_it_more_time_or_less() -> None:
    time = TimeThatFlies()
    with retrying_for(30, lambda: time.now), pytest.raises(StorageUnreachable):
        retried(failing(1000, StorageUnreachable("busy")), time.waiting)
    assert DEFAULT_SECONDS < time.now <= 30


def test_the_pause_that_storage_asks_for_is_kept() -> None:
    time = TimeThatFlies()
    retried(failing(1, StorageUnreachable("busy", retry_after_seconds=3)), time.waiting)
    assert time.slept == [3]


def test_a_longer_pause_than_there_is_time_for_ends_at_the_deadline_with_a_last_try() -> None:
    time = TimeThatFlies()
    assert retried(failing(1, StorageUnreachable("busy", retry_after_seconds=3600)), time.waiting) == "done"
    assert time.slept == [DEFAULT_SECONDS]


def test_a_lost_race_is_not_tried_again() -> None:
    time = TimeThatFlies()
    with pytest.raises(RowChanged):
        retried(failing(1, RowChanged("changed")), time.waiting)
    assert time.slept == []
