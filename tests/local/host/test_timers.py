"""When a timer fires next."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.host.errors import HostError
from local.host.timers import Schedule, run_timer, timer_payload
from tests.clock import FakeClock


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 * * * * *", "2026-11-20T09:00:00", "2026-11-20T09:01:00"),
        ("0 * * * * *", "2026-11-20T09:00:59.999", "2026-11-20T09:01:00"),
        ("30 * * * * *", "2026-11-20T09:00:00", "2026-11-20T09:00:30"),
        ("30 * * * * *", "2026-11-20T09:00:30", "2026-11-20T09:01:30"),
        ("*/10 * * * * *", "2026-12-31T23:59:55", "2027-01-01T00:00:00"),
        ("0 */5 * * * *", "2026-11-20T09:01:00", "2026-11-20T09:05:00"),
        ("*/5 * * * *", "2026-11-20T09:01:00", "2026-11-20T09:05:00"),
        ("0 0 9 * * MON-FRI", "2026-11-20T09:00:00", "2026-11-23T09:00:00"),
        ("0 0 0 13 * 5", "2026-01-01T00:00:00", "2026-02-13T00:00:00"),
    ],
)
def test_the_next_occurrence(expression: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert Schedule(expression).next_after(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_schedules_are_in_utc_whatever_the_zone_asked_in() -> None:
    local = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert Schedule("0 0 4 * * *").next_after(local) == datetime(2026, 11, 21, 4, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["", "60 * * * * *", "* * * *", "@hourly", "00:01:00", "0 0 0 30 2 *"])
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(HostError, match="no NCRONTAB expression"):
        Schedule(expression)


def test_a_run_that_outlasts_its_next_occurrences_is_followed_by_one_past_due_run() -> None:
    clock = FakeClock(datetime(2026, 11, 20, 9, 0, 30, tzinfo=UTC))
    fired: list[tuple[str, bool]] = []

    async def fire(occurrence: datetime, is_past_due: bool) -> None:
        fired.append((occurrence.strftime("%H:%M:%S"), is_past_due))
        if len(fired) == 1:
            clock.advance(150)
        elif len(fired) == 3:
            raise asyncio.CancelledError

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run_timer(Schedule("0 * * * * *"), fire, now=clock.now, sleep=sleep))
    assert fired == [("09:01:00", False), ("09:03:30", True), ("09:04:00", False)]


def test_a_timer_that_wakes_early_waits_on() -> None:
    clock = FakeClock(datetime(2026, 11, 20, 9, 0, 30, tzinfo=UTC))
    slept: list[float] = []

    async def fire(_occurrence: datetime, _is_past_due: bool) -> None:
        raise asyncio.CancelledError

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(min(seconds, 29))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run_timer(Schedule("0 * * * * *"), fire, now=clock.now, sleep=sleep))
    assert slept == [30, 1]


def test_a_timer_function_is_told_when_it_runs_next() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    payload = json.loads(timer_payload(Schedule("0 * * * * *"), noon, is_past_due=True))
    assert payload["IsPastDue"] is True
    assert payload["ScheduleStatus"]["Next"] == "2026-11-20T12:01:00+00:00"
