"""Promise 1 (docs/promises.md) in real time: two hosts tick every 59.7 seconds while manual checks race them."""

import random
import sys
import threading
import time

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of

pytestmark = pytest.mark.slow
TICKS = 6
TICK_SPACING_SECONDS = 59.7
CHECK_SPACING_SECONDS = 0.7


def test_no_job_is_polled_twice_in_a_minute_and_every_tick_polls_every_job(
    azurite: str, fresh_sandbox: Sandbox, table: JobsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = random.Random()  # noqa: S311 - another race every time
    environment = environment_of(fresh_sandbox, azurite, table.client.table_name)
    ticked = [fresh_sandbox.state.add_job(seconds=None) for _ in range(100)]
    checked = [fresh_sandbox.state.add_job(seconds=None) for _ in range(20)]
    for job_id in (*ticked, *checked):
        table.put(job_id)
    fresh_sandbox.state.set_latency(100)
    over = threading.Event()
    statuses: dict[int, int] = {}

    def keep_checking(app: App) -> None:
        while not over.wait(CHECK_SPACING_SECONDS):
            status = app.post(f"jobs/{choices.choice(checked)}/check").status_code
            statuses[status] = statuses.get(status, 0) + 1

    with App(environment) as one, App(environment) as other:
        checkers = [threading.Thread(target=keep_checking, args=[app]) for app in (one, other)]
        for checker in checkers:
            checker.start()
        began = time.monotonic()
        polls_after_each_tick = []
        for number in range(TICKS):
            over.wait(max(began + number * TICK_SPACING_SECONDS - time.monotonic(), 0))
            one.fire()
            other.fire()
            one.tick_ended()
            other.tick_ended()
            polls_after_each_tick.append({len(fresh_sandbox.state.status_requests(job_id)) for job_id in ticked})
        over.set()
        for checker in checkers:
            checker.join()

    spacing = fresh_sandbox.state.minimum_spacing_seconds()
    with capsys.disabled():
        sys.stdout.write(
            f"\nshortest spacing {spacing:.3f} s; polls by tick {polls_after_each_tick}; checks {statuses}"
        )
    assert spacing is not None
    assert spacing >= 60
    assert polls_after_each_tick == [{number + 1} for number in range(TICKS)]
    assert set(statuses) <= {200, 429}
