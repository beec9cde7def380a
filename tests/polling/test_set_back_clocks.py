"""A cycle whose clock has been set back since the rows were written: each job waits once more, and is polled then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently
from shared.jobs.job import LONGEST_POLL_SPACING
from tests.instance import Instance

HOURS_BACK = [0.1, 3, 23, 24, 25, 100]


@pytest.fixture
def job_id(instance: Instance, fresh_sandbox: Sandbox) -> str:
    """A registered job that does not end."""
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    return job_id


def minutes_until_polled(instance: Instance, sandbox: Sandbox, job_id: str) -> int:
    """How many ticks, a minute apart, it takes until the job is polled again."""
    before = len(sandbox.state.status_requests(job_id))
    for minutes in range(40):
        instance.tick()
        if len(sandbox.state.status_requests(job_id)) > before:
            return minutes
        instance.clock.advance(60)
    raise AssertionError("the job is not polled")


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_job_polled_before_the_clock_was_set_back_is_polled_a_minute_after_the_next_tick(
    instance: Instance, fresh_sandbox: Sandbox, job_id: str, hours: float
) -> None:
    instance.tick()
    instance.clock.advance(-hours * 3600)
    assert minutes_until_polled(instance, fresh_sandbox, job_id) == 1


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_job_that_was_never_polled_does_not_wait_for_the_hour_at_which_it_was_registered(
    instance: Instance, fresh_sandbox: Sandbox, job_id: str, hours: float
) -> None:
    instance.clock.advance(-hours * 3600)
    assert minutes_until_polled(instance, fresh_sandbox, job_id) <= LONGEST_POLL_SPACING.total_seconds() / 60


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_claim_of_a_process_that_died_before_the_clock_was_set_back_ends_within_minutes(
    instance: Instance, fresh_sandbox: Sandbox, job_id: str, hours: float
) -> None:
    instance.pending.claim(instance.pending_rows(), until=instance.clock.now() + timedelta(seconds=104))
    instance.clock.advance(-hours * 3600)
    assert minutes_until_polled(instance, fresh_sandbox, job_id) <= LONGEST_POLL_SPACING.total_seconds() / 60


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_retry_after_is_waited_for_from_the_first_tick_after_the_clock_was_set_back(
    instance: Instance, fresh_sandbox: Sandbox, job_id: str, hours: float
) -> None:
    fresh_sandbox.state.fault("too_many_requests", route="product-ingestion", retry_after_seconds=1200, count=1)
    instance.tick()
    instance.clock.advance(-hours * 3600)
    assert minutes_until_polled(instance, fresh_sandbox, job_id) == 20


def test_a_check_by_hand_after_the_clock_was_set_back_waits_for_the_minute(instance: Instance, job_id: str) -> None:
    instance.tick()
    instance.clock.advance(-3 * 3600)
    with pytest.raises(AskedTooRecently):
        instance.manual_check.check(job_id)
    instance.tick()
    instance.clock.advance(61)
    assert instance.manual_check.check(job_id).poll_count == 2


def test_the_job_counts_as_registered_when_the_clock_was_set_back(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.clock.advance(50 * 86_400)
    instance.register(job_id)
    instance.clock.advance(-50 * 86_400)
    for _ in range(3):
        instance.tick()
        instance.clock.advance(60)
    assert instance.job(job_id).poll_count >= 1
    assert not instance.job(job_id).stalled


@pytest.mark.usefixtures("job_id")
def test_of_two_instances_that_find_the_clock_set_back_at_once_one_stores_it(instance: Instance) -> None:
    instance.tick()
    instance.clock.advance(-3 * 3600)
    [row] = instance.pending_rows()
    assert row.ahead
    [mended] = instance.row_repair.in_present([row])
    assert (mended.ahead, mended.job) == (False, row.job)
    assert instance.row_repair.in_present([row]) == []
    assert instance.pending_rows() == [replace(mended, etag=mended.etag)]


@pytest.mark.usefixtures("job_id")
def test_a_wait_of_the_longest_regular_kind_is_no_sign_of_a_clock_that_was_set_back(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.fault("server_error", route="product-ingestion")
    for _ in range(6):
        instance.tick()
        instance.clock.advance(LONGEST_POLL_SPACING.total_seconds() + 1)
    instance.tick()
    [row] = instance.pending_rows()
    assert not row.ahead
    assert row.job.next_poll_at == instance.clock.now() + LONGEST_POLL_SPACING
