"""What `clean_up` removes, what it keeps, and what happens when a run is cut short."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState
from shared.jobs.large_fields import LargeFields
from shared.json_codec import loads
from shared.monitor.clean_up import CleanUp, OrphanedDocuments, Retention
from shared.monitor.timer_reports import TimerReport
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from tests.clock import FakeClock
from tests.instance import Instance
from tests.killed import Killed, killed_before_write

BIG = b'{"notes":"' + b"x" * 40_000 + b'"}'
# Records and pointers in one transaction, then the two documents.
WRITES_OF_A_RUN = 3
KEPT = Retention(job_history_days=10, delivery_history_days=5)


class Deliveries:
    """Takes the place of the deliveries, and records what it is asked to remove."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []

    def remove_expired(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        self.asked += [ended_before] if has_time() else []
        return 0


def clean_up(
    instance: Instance,
    *,
    retention: Retention = KEPT,
    deliveries: Deliveries | None = None,
    seconds_a_look: float = 0.0,
    last: TimerReport | None = None,
) -> TimerReport:
    """One run. Each time it reads the clock, `seconds_a_look` have passed."""
    looks = iter(range(100_000))
    documents = Documents(instance.table)
    return CleanUp(
        history=instance.history,
        late_changes=instance.stores.late_changes,
        set_aside_rows=instance.set_aside_rows,
        poll_spacing=instance.poll_spacing,
        remove_expired_offers=instance.stores.snapshots.remove_expired,
        orphans=OrphanedDocuments(documents, instance.pending, instance.history, references_of_watch=lambda _: None),
        remove_expired_deliveries=(deliveries or Deliveries()).remove_expired,
        stats=instance.stores.stats,
        retention=retention,
        clock=instance.clock,
        monotonic=lambda: next(looks) * seconds_a_look,
    ).run(last)


def finish(instance: Instance, offer: bytes | None = None) -> str:
    """The id of a job that ends now."""
    job = instance.register(str(uuid.uuid4()))
    row = instance.pending.get(job.job_id)
    assert row is not None
    ended = replace(job, private_offer=offer).finished(JobState.SUCCEEDED, instance.clock.now())
    [written] = instance.pending.write([(row, ended)], instance.clock.now())
    assert written is not None
    assert written.event is not None
    instance.finishing.finish([written.event])
    return job.job_id


def keys(instance: Instance, query: str) -> list[str]:
    return [row["RowKey"] for row in instance.table.rows(query)]


def documents(instance: Instance) -> list[str]:
    return keys(instance, "PartitionKey ge 'document~' and PartitionKey lt 'document~~'")


def test_finished_jobs_are_removed_with_their_documents_after_their_retention(instance: Instance) -> None:
    expired = [finish(instance, BIG) for _ in range(2)]
    instance.clock.advance(60)
    kept = finish(instance, BIG)
    instance.clock.advance(10 * 86_400 - 30)
    report = clean_up(instance)
    assert report.ok
    assert [job.job_id for job in instance.finished()] == [kept]
    assert [instance.registry.find(job_id) for job_id in expired] == [None, None]
    assert instance.job(kept).private_offer == BIG
    assert len(documents(instance)) == 1
    assert keys(instance, "PartitionKey eq 'finished' and RowKey ge 'job~'") == [f"job~{kept}"]


def test_a_job_registered_again_after_its_removal_is_a_new_job(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(11 * 86_400)
    clean_up(instance)
    assert instance.register(job_id).pending
    instance.tick()
    assert instance.announcer.types == ["job.succeeded", "job.succeeded"]


def test_a_retention_of_zero_days_keeps_everything(instance: Instance, clock: FakeClock) -> None:
    job_id = finish(instance)
    instance.table.insert({"PartitionKey": "pending", "RowKey": "not a job"})
    instance.tick()
    clock.advance(3650 * 86_400)
    deliveries = Deliveries()
    clean_up(instance, retention=Retention(0, 0), deliveries=deliveries)
    assert [job.job_id for job in instance.finished()] == [job_id]
    assert instance.set_aside_rows.count()["count"] == 1
    assert deliveries.asked == []


def test_rows_that_were_set_aside_are_removed_after_their_retention(instance: Instance, clock: FakeClock) -> None:
    for key in ("not a job 1", "not a job 2"):
        instance.table.insert({"PartitionKey": "pending", "RowKey": key})
        instance.tick()
        clock.advance(86_400)
    clock.advance(9 * 86_400 - 60)
    clean_up(instance)
    assert [row.row_key for row in instance.set_aside_rows.page(None, 10)] == ["not a job 2"]


def test_deliveries_have_a_retention_of_their_own(instance: Instance, clock: FakeClock) -> None:
    deliveries = Deliveries()
    clean_up(instance, deliveries=deliveries)
    assert deliveries.asked == [clock.now() - timedelta(days=5)]


def test_remembered_status_requests_are_removed_once_they_are_no_longer_needed(
    instance: Instance, clock: FakeClock
) -> None:
    for key, ahead in (("over", -301), ("fresh", -10), ("waiting", 60)):
        instance.table.insert(
            {"PartitionKey": "asked", "RowKey": key, "nextPollAt": clock.now() + timedelta(seconds=ahead)}
        )
    instance.table.insert({"PartitionKey": "asked", "RowKey": "broken", "nextPollAt": "soon"})
    clean_up(instance)
    assert keys(instance, "PartitionKey eq 'asked'") == ["fresh", "waiting"]


def test_the_trace_of_a_removed_job_is_deleted_after_a_day(instance: Instance, clock: FakeClock) -> None:
    removed, again = finish(instance), finish(instance)
    for job_id in (removed, again):
        instance.registry.remove(job_id)
    clock.advance(86_400 - 60)
    clean_up(instance)
    assert f"job~{removed}" in keys(instance, "PartitionKey eq 'finished'")
    instance.register(again)
    row = instance.pending.get(again)
    assert row is not None
    [written] = instance.pending.write([(row, row.job.finished(JobState.FAILED, clock.now()))], instance.clock.now())
    assert written is not None
    assert written.event is not None
    instance.finishing.finish([written.event])
    clock.advance(120)
    clean_up(instance)
    assert keys(instance, "PartitionKey eq 'finished' and RowKey ge 'job~'") == [f"job~{again}"]
    assert instance.job(again).state is JobState.FAILED


@pytest.fixture
def later(instance: Instance) -> Instance:
    """The instance, two days after the moment with which storage stamps rows."""
    instance.clock.advance((datetime.now(UTC) - instance.clock.now()).total_seconds() + 2 * 86_400)
    return instance


def test_documents_that_no_row_refers_to_are_removed_after_a_day(later: Instance) -> None:
    large_fields = LargeFields(Documents(later.table))
    finished = finish(later, BIG)
    pending = later.register(str(uuid.uuid4()))
    row = later.pending.get(pending.job_id)
    assert row is not None
    errors: list[dict[str, Any]] = [{"message": "x" * 40_000}]
    later.pending.write([(row, replace(row.job, errors=errors))], later.clock.now())
    kept = documents(later)
    for job_id in (finished, pending.job_id, str(uuid.uuid4())):
        large_fields.columns(replace(later.register(str(uuid.uuid4())), job_id=job_id, private_offer=BIG))
    assert len(documents(later)) == len(kept) + 3
    clean_up(later)
    assert documents(later) == kept
    assert later.job(finished).private_offer == BIG
    assert later.job(pending.job_id).errors == errors


def test_documents_of_a_job_in_the_outbox_are_kept(
    later: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = {"id": "private-offer/big", "notes": "x" * 50_000}
    job_id = fresh_sandbox.state.add_job(resources=[offer])
    later.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(later.finishing, "finish", lambda _: None)
        later.tick()
    clean_up(later)
    later.tick()
    assert loads(later.job(job_id).private_offer or b"") == offer


def test_a_recent_document_without_a_row_is_kept(instance: Instance) -> None:
    instance.clock.advance((datetime.now(UTC) - instance.clock.now()).total_seconds())
    Documents(instance.table).put(str(uuid.uuid4()), BIG)
    clean_up(instance)
    assert len(documents(instance)) == 1


def test_a_run_stops_when_its_time_is_over_and_the_next_one_continues(later: Instance) -> None:
    store = Documents(later.table)
    for _ in range(5):
        store.put(str(uuid.uuid4()), BIG)
    report = clean_up(later, seconds_a_look=9.0)
    assert 0 < len(documents(later)) < 5
    assert report.facts["orphansAfter"]
    after = clean_up(later, last=report)
    assert documents(later) == []
    assert after.facts["orphansAfter"] == ""


def test_a_run_without_time_removes_nothing(later: Instance) -> None:
    finish(later, BIG)
    later.clock.advance(11 * 86_400)
    assert clean_up(later, seconds_a_look=100.0).ok
    assert len(later.finished()) == 1


def test_two_runs_at_once_do_no_harm(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = [finish(instance, BIG) for _ in range(3)]
    instance.clock.advance(11 * 86_400)
    kept = finish(instance, BIG)
    commit_each = instance.table.commit_each
    other_runs = iter([True])

    def after_another_run(groups: Any) -> Any:  # noqa: ANN401 - passed on
        if next(other_runs, False):
            clean_up(instance)
        return commit_each(groups)

    monkeypatch.setattr(instance.table, "commit_each", after_another_run)
    assert clean_up(instance).ok
    assert [instance.registry.find(job_id) for job_id in expired] == [None] * 3
    assert instance.job(kept).private_offer == BIG


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN + 1))
def test_a_run_killed_before_any_write_leaves_each_job_whole_or_gone(instance: Instance, number: int) -> None:
    jobs = [finish(instance, BIG) for _ in range(2)]
    instance.clock.advance(11 * 86_400)
    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        clean_up(instance)
    assert kill.happened
    found = [instance.registry.find(job_id) for job_id in jobs]
    assert all(job is None or job.private_offer == BIG for job in found)
    clean_up(instance)
    assert instance.finished() == []


def test_a_run_makes_as_many_writes_as_the_kills_above_cover(instance: Instance) -> None:
    for _ in range(2):
        finish(instance, BIG)
    instance.clock.advance(11 * 86_400)
    with killed_before_write(instance.table, 1000) as kill:
        clean_up(instance)
    assert (kill.writes, kill.happened) == (WRITES_OF_A_RUN, False)


def test_a_step_that_fails_does_not_stop_the_others(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = finish(instance)
    instance.clock.advance(11 * 86_400)

    def unreachable(*_: object, **__: object) -> int:
        raise StorageUnreachable("no answer")

    def broken(*_: object, **__: object) -> int:
        raise KeyError("an unforeseen error")

    monkeypatch.setattr(instance.poll_spacing, "forget", unreachable)
    monkeypatch.setattr(instance.set_aside_rows, "remove_expired", broken)
    assert not clean_up(instance).ok
    assert instance.registry.find(job_id) is None
    assert "an unforeseen error" in caplog.text


def test_the_note_of_a_late_change_is_removed_with_its_job(instance: Instance) -> None:
    job_id = finish(instance)
    instance.registry.change(job_id, lambda job: replace(job, label="late"))
    clean_up(instance)
    assert len(keys(instance, "PartitionKey eq 'finished' and RowKey ge 'changed~'")) >= 1
    instance.clock.advance(11 * 24 * 3600)
    clean_up(instance)
    assert [key for key in keys(instance, "PartitionKey eq 'finished'") if not key.startswith("day~")] == []


def test_a_retention_of_a_hundred_years_keeps_everything(instance: Instance) -> None:
    job_id = finish(instance)
    instance.clock.advance(1)
    instance.registry.change(job_id, lambda job: replace(job, label="late"))
    before = keys(instance, "PartitionKey eq 'finished'")
    clean_up(instance, retention=Retention(job_history_days=36_500, delivery_history_days=36_500))
    assert keys(instance, "PartitionKey eq 'finished'") == before
