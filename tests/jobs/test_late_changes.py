"""Changes of finished jobs, found by when they were made."""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sandbox.server import Sandbox
from shared.jobs.filter import JobFilter
from tests.instance import Instance
from tests.killed import Killed, killed_before_write


def finished(instance: Instance, sandbox: Sandbox) -> str:
    job_id = sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    return job_id


def label(instance: Instance, job_id: str, text: str) -> None:
    instance.clock.advance(1)
    instance.registry.change(job_id, lambda job: replace(job, label=text))


def notes(instance: Instance) -> list[str]:
    rows = instance.table.rows("PartitionKey eq 'finished' and RowKey ge 'changed~' and RowKey lt 'changed~~'")
    return [row["RowKey"] for row in rows]


def updated_since(instance: Instance, since: datetime) -> list[str]:
    page = instance.listing.page(JobFilter(updated_since=since), limit=50, cursor=None)
    return [job.job_id for job in page.jobs]


def test_a_job_has_one_note_of_its_last_change(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = finished(instance, fresh_sandbox)
    assert notes(instance) == []
    for text in ("first", "second"):
        label(instance, job_id, text)
    [note] = notes(instance)
    assert note.endswith(job_id)


@pytest.mark.parametrize("number", [1, 2])
def test_a_process_killed_while_it_changes_a_finished_job_leaves_no_listing_wrong(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    job_id = finished(instance, fresh_sandbox)
    label(instance, job_id, "first")
    before = instance.clock.now() + timedelta(milliseconds=1)
    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        label(instance, job_id, "second")
    assert kill.happened
    changed = instance.job(job_id).label == "second"
    assert changed is (number == 2)
    assert updated_since(instance, before) == ([job_id] if changed else [])
    assert updated_since(instance, before - timedelta(seconds=1)) == [job_id]


def test_the_notes_of_a_removed_job_are_passed_over_and_expire(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = finished(instance, fresh_sandbox)
    start = instance.clock.now()
    label(instance, job_id, "late")
    instance.registry.remove(job_id)
    assert updated_since(instance, start) == []
    late_changes = instance.stores.late_changes
    assert late_changes.remove_expired(changed_before=start, has_time=lambda: True) == 0
    assert (
        late_changes.remove_expired(changed_before=instance.clock.now() + timedelta(1), has_time=lambda: False) == 0
    )
    assert late_changes.remove_expired(changed_before=instance.clock.now() + timedelta(1), has_time=lambda: True) == 1
    assert notes(instance) == []
