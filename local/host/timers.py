"""Timer triggers: NCRONTAB schedules, each timer by itself, never two runs of one at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from croniter import CroniterError, croniter

from local.host.errors import HostError


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Schedule:
    """An NCRONTAB expression: second, minute, hour, day, month, day of week; or five fields without seconds. UTC."""

    def __init__(self, expression: str) -> None:
        """Check `expression`; raises HostError if it is not one."""
        self.expression = expression
        fields = expression.split()
        # NCRONTAB wants both the day of month and the day of week to match; classic cron, either.
        if len(fields) not in (5, 6) or not _is_valid(expression):
            raise HostError(
                f"The schedule {expression!r} is no NCRONTAB expression: six fields, seconds first,"
                ' such as "0 */5 * * * *".'
            )

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment` (aware)."""
        dates = croniter(self.expression, moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        occurrence: datetime = dates.get_next(datetime)
        return occurrence


def _is_valid(expression: str) -> bool:
    try:
        croniter(expression, utc_now(), second_at_beginning=True, day_or=False).get_next(datetime)
    except (CroniterError, ValueError):
        return False
    return True


def timer_payload(schedule: Schedule | None, last: datetime | None, *, is_past_due: bool) -> str:
    """The JSON that a timer function is given."""
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

    As on Azure the next run starts after the last one has ended. Occurrences that passed meanwhile are made up for by
    one run at once, past due, not one by one.
    """
    occurrence = schedule.next_after(now())
    is_past_due = False
    while True:
        # The event loop's clock and the wall clock differ a little: never start early.
        while (wait_seconds := (occurrence - now()).total_seconds()) > 0:
            await sleep(wait_seconds)
        await fire(occurrence, is_past_due)
        ended = now()
        following = schedule.next_after(occurrence)
        is_past_due = following <= ended
        occurrence = ended if is_past_due else following
