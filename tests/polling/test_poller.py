"""Permits for large answers: how many are in memory at once."""

from threading import BoundedSemaphore

import pytest

from shared.polling.poller import LargeAnswerPermit
from shared.polling.rules import AnswerPostponed


def permits(count: int, slots: int) -> list[LargeAnswerPermit]:
    """Permits that share the slots, and do not wait for one."""
    shared = BoundedSemaphore(slots)
    return [LargeAnswerPermit(shared, wait_seconds=0) for _ in range(count)]


def test_a_small_answer_leaves_room_for_a_large_one() -> None:
    small, large = permits(2, slots=1)
    with small:
        large.acquire()
    assert (small.used, large.used) == (False, True)


def test_no_more_large_answers_are_read_than_there_are_slots() -> None:
    first, second, third = permits(3, slots=2)
    first.acquire()
    second.acquire()
    with pytest.raises(AnswerPostponed):
        third.acquire()
    assert not third.used


def test_a_released_permit_makes_room_for_the_next() -> None:
    first, second = permits(2, slots=1)
    first.acquire()
    first.release()
    second.acquire()
    assert second.used


def test_acquiring_or_releasing_a_permit_twice_takes_one_slot_and_returns_one() -> None:
    first, second, third = permits(3, slots=2)
    first.acquire()
    first.acquire()
    second.acquire()
    first.release()
    first.release()
    third.acquire()
    assert third.used


def test_a_permit_waits_no_longer_than_the_poll_has_time() -> None:
    slots = BoundedSemaphore(1)
    LargeAnswerPermit(slots).acquire()
    with pytest.raises(AnswerPostponed):
        LargeAnswerPermit(slots, wait_seconds=3600).acquire(seconds_left=-1.0)
