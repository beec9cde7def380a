"""Registering, finding, listing and removing jobs."""

import uuid

from sandbox.server import Sandbox
from shared.jobs.job import JobState, Operation
from tests.instance import Instance


def test_a_new_job_may_be_asked_at_once(instance: Instance) -> None:
    job = instance.register(str(uuid.uuid4()))
    assert job.pending
    assert job.next_poll_at == instance.clock.now()


def test_a_job_already_known_is_returned_and_nothing_changes(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.register(job_id)
    again, is_new = instance.registry.register(job_id, operation=Operation.DELETE, label="other", external_id=None)
    assert not is_new
    assert again.label == "a label"
    assert instance.job(job_id).operation is Operation.CREATE


def test_a_finished_job_registered_again_stays_finished(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    assert instance.register(job_id).state is JobState.SUCCEEDED
    assert instance.pending.get(job_id, instance.clock.now()) is None


def test_a_row_that_is_no_job_does_not_keep_its_job_from_being_registered(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id, "pollCount": "many"})
    assert instance.register(job_id).pending
    assert instance.job(job_id).label == "a label"
    assert len(list(instance.table.rows("PartitionKey eq 'setaside'"))) == 1


def test_a_removed_pending_job_is_forgotten_and_polled_no_more(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
    instance.tick()
    assert fresh_sandbox.state.status_requests(job_id) == []
    assert not instance.registry.remove(job_id)


def test_a_removed_finished_job_leaves_nothing_but_a_note_of_it(instance: Instance, fresh_sandbox: Sandbox) -> None:
    big = {"id": "private-offer/big", "notes": "x" * 100_000}
    job_id = fresh_sandbox.state.add_job(resources=[big])
    instance.register(job_id)
    instance.tick()
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
    left = instance.table.rows("PartitionKey ne 'asked'")
    assert [row["RowKey"] for row in left] == ["day~2026-11-20", f"job~{job_id}", f"removed~{job_id}"]


def test_a_job_removed_and_registered_again_within_its_minute_is_not_asked_twice(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.registry.remove(job_id)
    instance.clock.advance(10)
    instance.register(job_id)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
    instance.clock.advance(50)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2


def test_a_finished_job_removed_and_registered_again_within_its_minute_is_not_asked_twice(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.registry.remove(job_id)
    instance.register(job_id)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
