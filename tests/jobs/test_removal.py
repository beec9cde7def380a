"""Removing a job removes what is its own, and nothing that belongs to another finish of the same job."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState
from shared.jobs.job_rows import PendingRow
from shared.json_codec import loads
from shared.storage.table import Change, Table, Write
from tests.instance import Instance

BIG: dict[str, Any] = {"id": "private-offer/big", "name": "big", "notes": "x" * 50_000}


def documents(table: Table) -> list[str]:
    return [row["RowKey"] for row in table.rows("PartitionKey ge 'document~' and PartitionKey lt 'document~~'")]


@pytest.fixture
def in_outbox(instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job whose end is still in the outbox: the process of the tick was killed."""
    job_id = fresh_sandbox.state.add_job(resources=[BIG])
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    return job_id


def put_back(instance: Instance, job_id: str) -> None:
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id})


def test_removing_a_job_that_was_put_back_leaves_its_finished_record_whole(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(resources=[BIG])
    instance.register(job_id)
    instance.tick()
    put_back(instance, job_id)
    assert instance.registry.remove(job_id)
    assert loads(instance.job(job_id).private_offer or b"") == BIG


def test_removing_a_job_that_was_put_back_leaves_its_event_in_the_outbox_whole(
    instance: Instance, in_outbox: str
) -> None:
    put_back(instance, in_outbox)
    assert instance.registry.remove(in_outbox)
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]
    assert loads(instance.announcer.events[0].data["job"]["privateOffer"].data) == BIG
    assert loads(instance.job(in_outbox).private_offer or b"") == BIG


def test_a_job_whose_stored_offer_is_gone_finishes_without_it(instance: Instance, in_outbox: str) -> None:
    for row in list(instance.table.rows(f"PartitionKey eq 'document~{in_outbox}'")):
        instance.table.delete(row["PartitionKey"], row["RowKey"])
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]
    assert instance.announcer.events[0].data["job"]["privateOffer"] is None
    assert instance.job(in_outbox).state is JobState.SUCCEEDED
    assert list(instance.table.rows("PartitionKey eq 'pending'")) == []


def test_a_job_put_back_while_its_event_is_in_the_outbox_does_not_finish_twice(
    instance: Instance, in_outbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back(instance, in_outbox)
    instance.clock.advance(61)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    assert [row["RowKey"] for row in instance.table.rows("PartitionKey eq 'pending'")] == [f"~finished~{in_outbox}"]
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]
    assert loads(instance.job(in_outbox).private_offer or b"") == BIG


def test_a_job_removed_while_a_tick_still_has_to_finish_it_does_not_come_back(
    instance: Instance, in_outbox: str
) -> None:
    queued = instance.pending.finished(in_outbox)
    assert queued is not None
    assert instance.registry.remove(in_outbox)
    instance.finishing.finish([queued])
    assert instance.registry.find(in_outbox) is None
    assert instance.finished() == []
    assert instance.announcer.types == ["job.succeeded"]
    assert documents(instance.table) == []


def test_a_job_removed_and_registered_again_finishes_again(instance: Instance, in_outbox: str) -> None:
    queued = instance.pending.finished(in_outbox)
    assert queued is not None
    instance.registry.remove(in_outbox)
    instance.register(in_outbox)
    instance.clock.advance(61)
    instance.tick()
    instance.finishing.finish([queued])  # the first finish, late
    assert loads(instance.job(in_outbox).private_offer or b"") == BIG
    assert len(instance.finished()) == 1
    assert instance.announcer.types == ["job.succeeded", "job.succeeded"]
    assert instance.registry.remove(in_outbox)
    assert documents(instance.table) == []


def test_a_second_finish_that_does_not_count_leaves_no_document(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(resources=[BIG])
    instance.register(job_id)
    instance.tick()
    [kept] = documents(instance.table)
    instance.clock.advance(61)
    put_back(instance, job_id)
    instance.tick()
    assert documents(instance.table) == [kept]
    assert loads(instance.job(job_id).private_offer or b"") == BIG


def test_long_errors_that_do_not_change_are_stored_once(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.register(job_id)
    for text in ("x", "x", "y"):
        row = instance.pending.get(job_id)
        assert row is not None
        instance.pending.write([(row, replace(row.job, errors=[{"message": text * 40_000}]))], instance.clock.now())
    assert len(documents(instance.table)) == 2  # the one that was replaced is left to clean_up
    assert instance.registry.remove(job_id)


def test_a_pointer_without_a_record_can_be_removed(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.table.insert({"PartitionKey": "finished", "RowKey": f"job~{job_id}", "recordKey": f"at~1~{job_id}"})
    assert instance.registry.remove(job_id)
    assert not instance.registry.remove(job_id)


def test_a_job_that_finishes_during_its_removal_is_removed(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(resources=[BIG])
    instance.register(job_id)
    remove = instance.pending.remove

    def finish_first(row: PendingRow) -> None:
        monkeypatch.setattr(instance.pending, "remove", remove)
        instance.tick()
        remove(row)

    monkeypatch.setattr(instance.pending, "remove", finish_first)
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
    assert documents(instance.table) == []


def test_a_removal_whose_confirmation_is_lost_still_counts(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    commit = instance.table.commit

    def twice(changes: Sequence[Change]) -> list[str]:
        if changes[0].write is Write.DELETE:
            monkeypatch.setattr(instance.table, "commit", commit)
            commit(changes)
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", twice)
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
