"""Status requests that are remembered for jobs without a pending row, and races between them."""

from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently
from shared.jobs.job import Job
from shared.storage.errors import RowChanged
from tests.clock import FakeClock
from tests.instance import Instance

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def test_only_one_of_two_claims_succeeds(instance: Instance, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=95)
    assert instance.poll_spacing.claim(JOB_ID, clock.now(), until) is not None
    assert instance.poll_spacing.claim(JOB_ID, clock.now(), until) is None
    assert instance.poll_spacing.recent(clock.now()) == {JOB_ID: until}


def test_remembering_an_earlier_moment_ends_a_claim_without_shortening_the_wait(
    instance: Instance, clock: FakeClock
) -> None:
    until = clock.now() + timedelta(seconds=95)
    claim = instance.poll_spacing.claim(JOB_ID, clock.now(), until)
    assert claim is not None
    instance.poll_spacing.remember(JOB_ID, clock.now() + timedelta(seconds=60), clock.now())
    with pytest.raises(RowChanged):
        instance.poll_spacing.confirm(claim)
    with pytest.raises(RowChanged):
        instance.poll_spacing.answered(claim, clock.now(), None)
    known = instance.poll_spacing.get(JOB_ID, clock.now())
    assert known is not None
    assert known.next_poll_at == until


def test_a_job_polled_and_removed_during_a_look_up_is_not_asked_about_again(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up already has its claim, and no longer finds the job."""
    job_id = fresh_sandbox.state.add_job(seconds=None)
    find = instance.registry.find
    looks: list[str] = []

    def find_late(wanted: str) -> Job | None:
        looks.append(wanted)
        if len(looks) == 2:
            row = instance.pending.get(job_id, instance.clock.now())
            assert row is not None
            instance.pending.claim([row], until=instance.clock.now() + timedelta(seconds=95))
            instance.poller.poll(
                row.job, answer_by=instance.clock.now() + timedelta(seconds=10), permit=instance.poller.permit()
            )
            assert instance.registry.remove(job_id)
        return find(wanted) if len(looks) > 1 else None

    instance.register(job_id)
    monkeypatch.setattr(instance.registry, "find", find_late)
    with pytest.raises(AskedTooRecently):
        instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
