"""Runs of the watch after the clock has been set back: what happens then is announced then, and once."""

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState, Operation
from tests.instance import Instance
from tests.watch.runs import LISTED, baseline, run, told

HOURS_BACK = [0.2, 3, 30]


@pytest.fixture
def offer_ids(instance: Instance, fresh_sandbox: Sandbox) -> list[str]:
    """Three offers of which the watch has a baseline."""
    found = [fresh_sandbox.state.add_private_offer() for _ in range(3)]
    baseline(instance)
    return found


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_change_after_the_clock_was_set_back_is_announced_once_in_the_next_run(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], hours: float
) -> None:
    instance.clock.advance(-hours * 3600 - 900)
    fresh_sandbox.state.accept_private_offer(offer_ids[0])
    fresh_sandbox.state.change_private_offer(offer_ids[1], end="2028-06-30")
    run(instance)
    assert sorted(told(instance)) == sorted([("accepted", offer_ids[0]), ("changed", offer_ids[1])])
    for _ in range(3):
        run(instance)
    assert len(told(instance)) == 2


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_jobs_own_change_after_the_clock_was_set_back_is_told_by_its_job_alone(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], hours: float
) -> None:
    offer = fresh_sandbox.state.private_offers.find(offer_ids[0])
    assert offer is not None
    instance.clock.advance(-hours * 3600 - 900)
    job_id = fresh_sandbox.state.add_job(private_offer={**offer, "end": "2028-06-30"})
    instance.register(job_id, Operation.UPDATE)
    instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    for _ in range(3):
        run(instance)
    assert instance.announcer.types == ["job.succeeded"]


@pytest.mark.parametrize("hours", HOURS_BACK)
def test_a_pause_that_upstream_asked_for_does_not_grow(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], hours: float
) -> None:
    fresh_sandbox.state.change_private_offer(offer_ids[0], end="2028-06-30")
    fresh_sandbox.state.fault("too_many_requests", route=LISTED, retry_after_seconds=60, count=1)
    assert run(instance).reason is not None
    instance.clock.advance(-hours * 3600 - 900)
    run(instance)
    assert told(instance) == [("changed", offer_ids[0])]
