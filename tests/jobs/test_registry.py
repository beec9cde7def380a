"""Registering, finding, listing and removing jobs."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import Job, JobState, Operation
from shared.storage.errors import RowChanged
from tests.commits import recorded_commits
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
    assert instance.pending.get(job_id) is None


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


def register_as(instance: Instance, job_id: str, operation: Operation, label: str | None) -> tuple[Job, bool]:
    return instance.registry.register(job_id, operation=operation, label=label, external_id="crm-7")


def test_what_another_system_left_empty_is_filled_in_by_a_registration(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id, "label": "theirs"})
    instance.clock.advance(5)
    job, is_new = register_as(instance, job_id, Operation.UPDATE, "ours")
    assert (is_new, job.operation, job.label, job.external_id) == (False, Operation.UPDATE, "theirs", "crm-7")
    assert instance.job(job_id) == job
    assert job.updated_at == instance.clock.now()


def test_what_is_empty_of_a_finished_job_is_filled_in_by_a_registration(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.registry.register(job_id, operation=Operation.UNKNOWN, label=None, external_id=None)
    instance.tick()
    job, is_new = register_as(instance, job_id, Operation.UPDATE, "ours")
    assert (is_new, job.operation, job.label, job.state) == (False, Operation.UPDATE, "ours", JobState.SUCCEEDED)
    assert instance.job(job_id).external_id == "crm-7"


def test_a_registration_keeps_what_the_caller_said(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    job, is_new = register_as(instance, job_id, Operation.WITHDRAW, "ours")
    assert (is_new, job.operation, job.label, job.external_id) == (True, Operation.WITHDRAW, "ours", "crm-7")
    assert instance.job(job_id).registered_at == instance.clock.now()


def test_of_two_registrations_at_once_one_is_new(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = str(uuid.uuid4())
    register, other = instance.pending.register, instance.another()

    def register_after_another(job: Job) -> bool:
        register_as(other, job_id, Operation.UPDATE, "theirs")
        return register(job)

    monkeypatch.setattr(instance.pending, "register", register_after_another)
    job, is_new = register_as(instance, job_id, Operation.DELETE, "ours")
    assert (is_new, job.operation, job.label) == (False, Operation.UPDATE, "theirs")


def test_of_two_registrations_at_once_the_second_fills_in_what_the_first_left_empty(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = str(uuid.uuid4())
    register, other = instance.pending.register, instance.another()

    def register_after_another(job: Job) -> bool:
        other.registry.register(job_id, operation=Operation.UNKNOWN, label=None, external_id=None)
        return register(job)

    monkeypatch.setattr(instance.pending, "register", register_after_another)
    job, is_new = register_as(instance, job_id, Operation.DELETE, "ours")
    assert (is_new, job.operation, job.label, job.external_id) == (False, Operation.DELETE, "ours", "crm-7")


def relabelled(job: Job) -> Job:
    return replace(job, label="new")


def test_a_change_of_a_pending_job_is_stored_with_its_time(instance: Instance) -> None:
    job_id = instance.register(str(uuid.uuid4())).job_id
    instance.clock.advance(7)
    changed = instance.registry.change(job_id, relabelled)
    assert changed == instance.job(job_id)
    assert changed is not None
    assert (changed.label, changed.updated_at) == ("new", instance.clock.now())


def test_a_change_to_what_a_job_says_already_writes_nothing(instance: Instance) -> None:
    job_id = instance.register(str(uuid.uuid4())).job_id
    with recorded_commits(instance.table) as commits:
        assert instance.registry.change(job_id, lambda job: job) == instance.job(job_id)
    assert commits == []


def test_a_change_of_a_job_on_its_way_to_the_history_is_made_there(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    instance.registry.change(job_id, relabelled)
    assert instance.announcer.types == ["job.succeeded"]
    assert [job.label for job in instance.finished()] == ["new"]


def test_a_job_that_is_not_known_is_neither_changed_nor_removed(instance: Instance) -> None:
    assert instance.registry.change(str(uuid.uuid4()), relabelled) is None
    assert not instance.registry.remove(str(uuid.uuid4()))


def losing(instance: Instance, monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> None:
    """The first calls of a method of the pending jobs lose to another writer of the row."""
    call: Callable[..., None] = getattr(instance.pending, method)
    left = [None] * times

    def lose_or_call(*arguments: object) -> None:
        if left:
            left.pop()
            raise RowChanged("another was faster")
        call(*arguments)

    monkeypatch.setattr(instance.pending, method, lose_or_call)


@pytest.mark.parametrize("method", ["change", "remove"])
def test_a_job_whose_row_keeps_changing_is_changed_or_removed_at_the_fifth_try(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    job_id = instance.register(str(uuid.uuid4())).job_id

    def act() -> object:
        if method == "change":
            return instance.registry.change(job_id, relabelled)
        return instance.registry.remove(job_id)

    losing(instance, monkeypatch, method, 5)
    with pytest.raises(RowChanged):
        act()
    losing(instance, monkeypatch, method, 4)
    assert act()


@pytest.mark.parametrize(("polled_seconds_ago", "waits"), [(None, None), (20, 40)], ids=["never polled", "polled"])
def test_a_removed_job_is_remembered_until_its_minute_is_over(
    instance: Instance, fresh_sandbox: Sandbox, polled_seconds_ago: int | None, waits: int | None
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    if polled_seconds_ago is not None:
        instance.tick()
        instance.clock.advance(polled_seconds_ago)
    instance.registry.remove(job_id)
    now = instance.clock.now()
    expected = {} if waits is None else {job_id: now + timedelta(seconds=waits)}
    assert instance.poll_spacing.recent(now) == expected


def test_a_job_removed_while_it_is_polled_is_remembered_until_its_claim_is_over(instance: Instance) -> None:
    job_id = instance.register(str(uuid.uuid4())).job_id
    now = instance.clock.now()
    row = instance.pending.get(job_id)
    assert row is not None
    instance.pending.claim([row], until=now + timedelta(seconds=105))
    instance.registry.remove(job_id)
    assert instance.poll_spacing.recent(now) == {job_id: now + timedelta(seconds=105)}


def test_a_removed_finished_job_is_remembered_for_the_minute_after_its_last_poll(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    polled_at = instance.clock.now()
    instance.tick()
    instance.clock.advance(10)
    assert instance.registry.remove(job_id)
    assert instance.poll_spacing.recent(instance.clock.now()) == {job_id: polled_at + timedelta(seconds=60)}
