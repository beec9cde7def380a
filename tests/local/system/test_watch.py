"""When `make run ONCE=1` fires a tick."""

from datetime import UTC, datetime, timedelta

from local.system.monitor_api import JobRow
from local.system.samples import SampleJob
from local.system.watch import is_tick_due

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
