"""What a crash between two steps leads to: every job finishes once, its event is announced once."""

import contextlib
import logging
from collections.abc import Sequence

import pytest

from sandbox.server import Sandbox
from shared.jobs.filter import JobFilter
from shared.jobs.job import JobState, Operation
from shared.jobs.job_rows import PENDING_PARTITION, columns_of
from shared.json_codec import loads
from shared.storage.errors import StorageUnreachable
from tests.commits import recorded_commits
from tests.instance import Instance
from tests.killed import Killed, killed_before_write
from tests.log_events import logged

# A claim, the long offer, the finish, the history, and the outbox row's removal.
WRITES_OF_A_FINISHING_TICK = 5
BIG = {"id": "private-offer/big", "name": "big", "notes": "x" * 100_000}


def test_a_tick_that_finishes_a_job_makes_as_many_writes_as_the_kills_below_cover(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    instance.register(fresh_sandbox.state.add_job(resources=[BIG]))
    with killed_before_write(instance.table, 1000) as kill:
        instance.tick()
    assert (kill.writes, kill.happened) == (WRITES_OF_A_FINISHING_TICK, False)


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_FINISHING_TICK + 1))
def test_a_process_killed_before_any_write_finishes_the_job_once_all_the_same(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    job_id = fresh_sandbox.state.add_job(resources=[BIG])
    instance.register(job_id)

    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        instance.tick()
    assert kill.happened

    successor = instance.another()
    for _ in range(3):
        instance.clock.advance(60)
        successor.tick()
    job = successor.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert loads(job.private_offer or b"") == BIG
    assert instance.announcer.types == ["job.succeeded"]
    assert list(instance.table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")) == []
    assert len(successor.finished()) == 1
    [today] = successor.stores.stats.days(1)
    assert (today["succeeded"], today["medianSeconds"]) == (1, (job.finished_at or job.registered_at).minute * 60)


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
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    row = instance.pending.finished(job_id)
    assert row is not None
    other = instance.another()
    instance.finishing.finish([row])
    other.finishing.finish([row])
    assert instance.announcer.types == ["job.succeeded"]
    assert len(instance.finished()) == 1


def test_a_job_on_its_way_to_the_history_is_found_and_listed(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    listed = instance.listing.page(JobFilter(states=frozenset({JobState.SUCCEEDED})), limit=10, cursor=None)
    assert [job.job_id for job in listed.jobs] == [job_id]


def test_a_result_and_its_event_are_written_in_one_transaction(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with recorded_commits(instance.table) as commits:
        instance.tick()
    assert [f"DELETE {job_id}", f"INSERT ~finished~{job_id}"] in commits


def test_a_stalled_job_and_its_event_are_written_in_one_transaction(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.clock.advance(24 * 3600)
    with recorded_commits(instance.table) as commits:
        instance.tick()
    assert [f"MERGE {job_id}", "INSERT ~event~"] in commits
    assert instance.announcer.types == ["job.stalled"]


# A claim, the stalled job with its event, and the event's removal.
WRITES_OF_A_STALLING_TICK = 3


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_STALLING_TICK + 1))
def test_a_process_killed_before_any_write_announces_a_stalled_job_once_all_the_same(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.clock.advance(24 * 3600)
    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        instance.tick()
    assert kill.happened
    successor = instance.another()
    for _ in range(4):
        instance.clock.advance(60)
        successor.tick()
    assert instance.announcer.types == ["job.stalled"]
    assert [row["RowKey"] for row in instance.table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")] == [job_id]


def test_the_event_of_a_finish_that_version_1_0_0_stored_is_sent(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.clock.advance(5)
    row = instance.pending.get(job_id)
    assert row is not None
    instance.table.delete(PENDING_PARTITION, job_id)
    ended = row.job.finished(JobState.FAILED, instance.clock.now())
    old = {"PartitionKey": PENDING_PARTITION, "RowKey": f"~finished~{job_id}", "finishedEventId": "evt_old"}
    instance.table.insert(old | columns_of(ended))
    instance.tick()
    assert [(event.id, event.type) for event in instance.announcer.events] == [("evt_old", "job.failed")]
    assert instance.job(job_id).state is JobState.FAILED


def test_a_finished_job_is_logged_with_its_time_its_polls_and_its_errors(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=[{"message": "no"}, {"message": "never"}])
    instance.register(job_id, Operation.UPGRADE)
    instance.clock.advance(90.26)
    instance.tick()
    facts = {"operation": "upgrade", "secondsToFinish": 90.3, "pollCount": 1, "errors": 2}
    assert logged(caplog, "job_finished") == [("INFO", {"jobId": job_id, "state": "failed"} | facts)]


def test_a_job_put_back_after_it_finished_is_logged_once(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(60)
    instance.table.insert({"PartitionKey": PENDING_PARTITION, "RowKey": job_id})
    instance.tick()
    assert len(logged(caplog, "job_finished")) == 1
