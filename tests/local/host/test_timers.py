"""The times at which a timer fires, and the data that its function gets."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from local.host.schedules import Schedule
from local.host.timers import run_timer, timer_payload
from tests.clock import FakeClock


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
