"""When `make run ONCE=1` fires a tick, and how `make run` waits for a run of the watch."""

from datetime import UTC, datetime, timedelta

import pytest

from local.system.monitor_api import JobRow, MonitorApi, MonitorUnavailableError, TimerRun
from local.system.samples import SampleJob
from local.system.watch import is_tick_due, wait_for_run

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SAMPLES = [SampleJob(job_id, "create", "", "", "succeeded", expects_private_offer=True) for job_id in "12"]


def _pending(job_id: str, due: datetime | None) -> JobRow:
    return JobRow(job_id, job_id, "create", "pending", None, 1, due, "")


def test_no_tick_while_no_job_may_be_polled() -> None:
    later = NOW + timedelta(seconds=1)
    assert not is_tick_due(SAMPLES, [_pending("1", later), _pending("2", later)], now=NOW)


def test_a_tick_as_soon_as_one_job_may_be_polled() -> None:
    assert is_tick_due(SAMPLES, [_pending("1", NOW), _pending("2", NOW + timedelta(seconds=50))], now=NOW)


def test_a_job_put_straight_into_the_table_and_not_listed_yet_may_be_polled() -> None:
    assert is_tick_due(SAMPLES, [_pending("1", NOW + timedelta(seconds=50))], now=NOW)


def test_a_job_never_polled_may_be_polled() -> None:
    assert is_tick_due(SAMPLES[:1], [_pending("1", None)], now=NOW)


class Timer(MonitorApi):
    """An app whose timer function reports each run as soon as it is started."""

    def __init__(self, *failures: str | None) -> None:
        super().__init__("http://unused", key="local", master_key="master", receiver_url="http://unused")
        self.started: list[str] = []
        self._failures = failures

    def fire(self, function: str) -> None:
        """Run at once."""
        self.started.append(function)

    def last_run(self, function: str) -> TimerRun | None:
        """The report of the last start; the app had run once before."""
        del function
        runs = len(self.started)
        return TimerRun(NOW + timedelta(minutes=runs), self._failures[runs - 1]) if runs else TimerRun(NOW, None)


def test_a_run_is_started_and_waited_for() -> None:
    timer = Timer(None)
    wait_for_run(timer, "watch_offers")
    assert timer.started == ["watch_offers"]


def test_a_run_that_fails_ends_the_wait_with_its_reason() -> None:
    with pytest.raises(MonitorUnavailableError, match="A run of watch_offers failed: upstream is away"):
        wait_for_run(Timer("upstream is away"), "watch_offers")
