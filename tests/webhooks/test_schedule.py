"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.webhooks.delivery import MAX_ATTEMPTS, next_attempt_at

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def wait_after(attempts_made: int, retry_after: str | None = None, random: float = 0) -> timedelta | None:
    next_at = next_attempt_at(attempts_made, NOW, retry_after=retry_after, random=lambda: random)
    return None if next_at is None else next_at - NOW


def test_the_waits_grow_from_a_minute_to_a_day_and_then_the_delivery_is_dead() -> None:
    waits = [wait_after(attempts_made) for attempts_made in range(1, MAX_ATTEMPTS + 1)]
    assert waits == [
        MINUTE,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
        None,
    ]


def test_jitter_adds_up_to_a_tenth() -> None:
    assert wait_after(1, random=0.5) == timedelta(seconds=63)
    assert wait_after(1, random=1) == timedelta(seconds=66)


@pytest.mark.parametrize("header", ["600", "Fri, 20 Nov 2026 09:10:00 GMT"])
def test_retry_after_is_obeyed_when_it_is_longer(header: str) -> None:
    assert wait_after(1, retry_after=header) == 10 * MINUTE


@pytest.mark.parametrize("header", ["1", "Fri, 20 Nov 2026 08:00:00 GMT", "soon", "-5", ""])
def test_a_retry_after_that_is_shorter_or_unreadable_changes_nothing(header: str) -> None:
    assert wait_after(1, retry_after=header) == MINUTE


def test_retry_after_holds_for_a_day_at_most() -> None:
    assert wait_after(1, retry_after="9999999999") == 24 * HOUR


def test_retry_after_does_not_bring_a_dead_delivery_back() -> None:
    assert wait_after(MAX_ATTEMPTS, retry_after="60") is None
