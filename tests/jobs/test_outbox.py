"""What a crash between two steps leads to: every job finishes once, its event is announced once."""

import contextlib
from collections.abc import Callable, Sequence

import pytest

from sandbox.server import Sandbox
from shared.jobs.job_rows import PENDING_PARTITION
from shared.json_codec import loads
from shared.models.vocabulary import JobState
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Table
from shared.upstream.clients import Upstream
from tests.clock import FakeClock
from tests.jobs.conftest import Instance, RecordingAnnouncer


class Killed(BaseException):
    """The process dies here. No handler of the app catches it, as none would run."""


def killed_before_write(table: Table, number: int) -> Callable[[], None]:
    """Make the table die before its write of that number; returns how to bring it back."""
    commit, upsert, insert, merge = table.commit, table.upsert, table.insert, table.merge
    writes = 0

    def counted[**P, R](write: Callable[P, R]) -> Callable[P, R]:
        def die_or_write(*arguments: P.args, **named: P.kwargs) -> R:
            nonlocal writes
            writes += 1
            if writes >= number:
                raise Killed
            return write(*arguments, **named)

        return die_or_write

    table.commit = counted(commit)  # type: ignore[method-assign]
    table.upsert = counted(upsert)  # type: ignore[method-assign]
    table.insert = counted(insert)  # type: ignore[method-assign]
    table.merge = counted(merge)  # type: ignore[method-assign]

    def bring_back() -> None:
        for name in ("commit", "upsert", "insert", "merge"):
            delattr(table, name)

    return bring_back


@pytest.mark.parametrize("number", range(1, 7))
def test_a_process_killed_before_any_write_finishes_the_job_once_all_the_same(
    table: Table, upstream: Upstream, clock: FakeClock, fresh_sandbox: Sandbox, number: int
) -> None:
    big = {"id": "private-offer/big", "name": "big", "notes": "x" * 100_000}
    job_id = fresh_sandbox.state.add_job(resources=[big])
    announcer = RecordingAnnouncer()
    instance = Instance(table, upstream, clock, announcer)
    instance.register(job_id)

    bring_back = killed_before_write(table, number)
    with contextlib.suppress(Killed):
        instance.tick()
    bring_back()

    successor = Instance(table, upstream, clock, announcer)
    for _ in range(3):
        clock.advance(60)
        successor.tick()
    job = successor.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert loads(job.private_offer or b"") == big
    assert announcer.types == ["job.succeeded"]
    assert list(table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")) == []
    assert len(successor.finished()) == 1


def test_an_event_that_could_not_be_announced_is_announced_by_the_next_tick(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)

    def unreachable(_: Sequence[object]) -> None:
        raise StorageUnreachable("the deliveries' table does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(instance.announcer, "announce", unreachable)
        instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    assert instance.announcer.types == []
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]


def test_a_job_put_into_the_table_again_after_it_finished_does_not_end_twice(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(60)
    instance.table.insert({"PartitionKey": PENDING_PARTITION, "RowKey": job_id})
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]
    assert len(instance.finished()) == 1
    assert list(instance.table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")) == []


def test_two_instances_that_settle_the_same_job_record_it_once(
    instance: Instance, upstream: Upstream, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.outbox, "settle", lambda _: None)
        instance.tick()
    row = instance.pending.outbox_row(job_id)
    assert row is not None
    other = Instance(instance.table, upstream, instance.clock, instance.announcer)
    instance.outbox.settle([row])
    other.outbox.settle([row])
    assert instance.announcer.types == ["job.succeeded"]
    assert len(instance.finished()) == 1


def test_a_job_on_its_way_to_the_history_is_found_and_listed(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.outbox, "settle", lambda _: None)
        instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    listed = instance.listing.page(JobState.SUCCEEDED, external_id=None, limit=10, cursor=None)
    assert [job.job_id for job in listed.jobs] == [job_id]


def test_a_result_and_its_event_are_written_in_one_transaction(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    commits: list[list[str]] = []
    commit = instance.table.commit

    def recorded(changes: Sequence[Change]) -> list[str]:
        commits.append([f"{change.write.name} {change.row['RowKey']}" for change in changes])
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", recorded)
    instance.tick()
    assert [f"DELETE {job_id}", f"INSERT ~finished~{job_id}"] in commits
