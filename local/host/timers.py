"""Timer triggers. Timers run independently, but runs of one timer never overlap."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from local.host.schedules import Schedule


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def timer_payload(schedule: Schedule | None, last: datetime | None, *, is_past_due: bool) -> str:
    """The JSON that a timer function gets."""
    status = {}
    if schedule is not None and last is not None:
        status = {"Last": last.isoformat(), "Next": schedule.next_after(last).isoformat()}
    return json.dumps({"IsPastDue": is_past_due, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": status})


async def run_timer(
    schedule: Schedule,
    fire: Callable[[datetime, bool], Awaitable[None]],
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Call `fire(occurrence, is_past_due)` at each occurrence, for ever.

    As on Azure, the next run starts after the last one has ended. A single run, past due, makes up for all
    occurrences missed in between.
    """
    occurrence = schedule.next_after(now())
    is_past_due = False
    while True:
        # The event loop's clock and the wall clock differ a little, so check again: a timer must not start early.
        while (wait_seconds := (occurrence - now()).total_seconds()) > 0:
            await sleep(wait_seconds)
        await fire(occurrence, is_past_due)
        ended = now()
        following = schedule.next_after(occurrence)
        is_past_due = following <= ended
        occurrence = ended if is_past_due else following
