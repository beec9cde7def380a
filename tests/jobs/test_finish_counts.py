"""Counting finished jobs: each once, on its day, whatever happens."""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.jobs.finish_counts import FinishCounts
from shared.jobs.history import FINISHED_PARTITION, Recorded
from shared.jobs.job import JobState
from shared.jobs.job_events import JobEvent
from shared.monitor.stats import DayStats
from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.partition import Partition
from shared.storage.table import Change, Table, Write
from tests.instance import Instance

TODAY = "2026-11-20"


def finish(instance: Instance, state: JobState = JobState.SUCCEEDED, *, seconds: float = 0) -> JobEvent:
    """The event of a job that was registered `seconds` ago and has ended now; nobody has recorded it yet."""
    instance.clock.advance(-seconds)
    job = instance.register(str(uuid.uuid4()))
    now = instance.clock.advance(seconds)
    row = instance.pending.get(job.job_id)
    assert row is not None
    [written] = instance.pending.write([(row, job.finished(state, now))], now)
    assert written is not None
    assert written.event is not None
    return written.event


def stats(instance: Instance, days: int = 1) -> list[DayStats]:
    """As any instance reads them."""
    return instance.another().stores.stats.days(days)


def ended(instance: Instance) -> int:
    """How many jobs count as finished today."""
    [today] = stats(instance)
    return today["succeeded"] + today["failed"] + today["cancelled"] + today["lost"] + today["expired"]


def commits(table: Table, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The transactions from now on, each as its changes."""
    made: list[list[str]] = []
    commit = table.commit

    def recorded(changes: Sequence[Change]) -> list[str]:
        made.append([f"{change.write.name} {change.row['RowKey'].partition('~')[0]}" for change in changes])
        return commit(changes)

    monkeypatch.setattr(table, "commit", recorded)
    return made


def test_every_state_is_counted_with_the_seconds_from_registration_to_the_end(instance: Instance) -> None:
    states = [state for state in JobState if state is not JobState.PENDING]
    instance.history.add([finish(instance, state, seconds=60 * n) for n, state in enumerate(states, start=1)])
    [today] = stats(instance)
    assert today["date"] == TODAY
    assert [today[state.value] for state in states] == [1, 1, 1, 1, 1]  # type: ignore[literal-required]
    assert (today["medianSeconds"], today["p95Seconds"]) == (180, 300)


def test_a_job_is_recorded_and_counted_in_one_transaction(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [finish(instance) for _ in range(2)]
    made = commits(instance.table, monkeypatch)
    instance.history.add(events[:1])
    instance.history.add(events[1:])
    assert made == [["INSERT job", "INSERT at", "INSERT day"], ["INSERT job", "INSERT at", "UPSERT day"]]


def test_a_hundred_jobs_take_three_transactions(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [finish(instance) for _ in range(100)]
    made = commits(instance.table, monkeypatch)
    instance.history.add(events)
    assert [len(changes) for changes in made] == [99, 99, 5]
    assert ended(instance) == 100


def test_adding_a_job_again_counts_it_once(instance: Instance) -> None:
    event = finish(instance)
    for each in (instance, instance, instance.another()):
        assert each.history.add([event]) == [Recorded.BY_THIS_FINISH]
    assert ended(instance) == 1


def test_a_job_that_is_recorded_already_holds_up_no_other_and_counts_once(instance: Instance) -> None:
    events = [finish(instance) for _ in range(7)]
    instance.another().history.add([events[3]])
    assert instance.history.add(events) == [Recorded.BY_THIS_FINISH] * 7
    assert ended(instance) == 7


def test_instances_that_record_the_same_and_other_jobs_at_once_count_each_once(instance: Instance) -> None:
    instances = [instance, *(instance.another() for _ in range(3))]
    shared = [finish(instance) for _ in range(6)]
    own = [[finish(instance) for _ in range(4)] for _ in instances]

    def add(number: int) -> None:
        for event in own[number]:
            instances[number].history.add([event, *shared])

    with ThreadPoolExecutor(len(instances)) as at_once:
        list(at_once.map(add, range(len(instances))))
    assert ended(instance) == 6 + 4 * 4
    assert len(instance.finished()) == 6 + 4 * 4


def test_threads_of_one_instance_count_each_job(instance: Instance) -> None:
    events = [finish(instance) for _ in range(24)]
    with ThreadPoolExecutor(8) as at_once:
        recorded = list(at_once.map(lambda event: instance.history.add([event]), events))
    assert recorded == [[Recorded.BY_THIS_FINISH]] * 24
    assert ended(instance) == 24


def test_a_job_whose_count_keeps_losing_to_others_is_left_to_the_next_tick(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, commit, other = finish(instance), instance.table.commit, instance.another()

    def others_are_faster(changes: Sequence[Change]) -> list[str]:
        other.history.add([finish(other)])
        return commit(changes)

    with monkeypatch.context() as busy:
        busy.setattr(instance.table, "commit", others_are_faster)
        assert instance.history.add([event]) == [Recorded.NOT_YET]
    before = ended(instance)
    assert instance.history.add([event]) == [Recorded.BY_THIS_FINISH]
    assert ended(instance) == before + 1


def test_a_transaction_whose_answer_is_lost_counts_once(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    events, commit = [finish(instance) for _ in range(3)], instance.table.commit

    def committed_and_tried_again(changes: Sequence[Change]) -> list[str]:
        monkeypatch.setattr(instance.table, "commit", commit)
        commit(changes)
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", committed_and_tried_again)
    assert instance.history.add(events) == [Recorded.BY_THIS_FINISH] * 3
    assert ended(instance) == 3


def test_storage_that_fails_between_two_transactions_leaves_what_is_recorded_counted(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, commit = [finish(instance) for _ in range(60)], instance.table.commit
    made: list[int] = []

    def fails_after_the_first(changes: Sequence[Change]) -> list[str]:
        made.append(len(changes))
        if len(made) > 1:
            raise StorageUnreachable("no answer")
        return commit(changes)

    with monkeypatch.context() as broken:
        broken.setattr(instance.table, "commit", fails_after_the_first)
        with pytest.raises(StorageUnreachable):
            instance.history.add(events)
    assert ended(instance) == len(instance.finished()) == 49
    instance.history.add(events)
    assert ended(instance) == len(instance.finished()) == 60


def test_removing_jobs_changes_no_figure(instance: Instance) -> None:
    events = [finish(instance, seconds=60) for _ in range(3)]
    instance.history.add(events)
    before = stats(instance)
    assert instance.registry.remove(events[0].job.job_id)
    instance.history.remove_expired(ended_before=instance.clock.advance(1), has_time=lambda: True)
    assert instance.finished() == []
    assert stats(instance) == before


def test_a_job_that_is_removed_while_a_tick_holds_its_finish_counts_once(instance: Instance) -> None:
    event = finish(instance)
    assert instance.another().registry.remove(event.job.job_id)
    instance.finishing.finish([event])
    assert ended(instance) == 1


def test_a_job_that_was_removed_registered_again_and_finished_again_counts_twice(instance: Instance) -> None:
    event = finish(instance)
    instance.finishing.finish([event])
    assert instance.registry.remove(event.job.job_id)
    job = instance.register(event.job.job_id)
    row = instance.pending.get(job.job_id)
    assert row is not None
    [written] = instance.pending.write(
        [(row, job.finished(JobState.FAILED, instance.clock.now()))], instance.clock.now()
    )
    assert written is not None
    assert written.event is not None
    for _ in range(2):
        assert instance.history.add([written.event]) == [Recorded.BY_THIS_FINISH]
    [today] = stats(instance)
    assert (today["succeeded"], today["failed"]) == (1, 1)


def test_jobs_that_end_on_both_sides_of_midnight_are_counted_on_their_days(instance: Instance) -> None:
    instance.clock.advance(15 * 3600 - 1)
    before = [finish(instance, seconds=60) for _ in range(2)]
    instance.clock.advance(1)
    after = finish(instance, seconds=120)
    # However they are mixed, and recorded on whichever day.
    assert instance.history.add([before[0], after, before[1]]) == [Recorded.BY_THIS_FINISH] * 3
    yesterday, today = stats(instance, 2)
    assert (yesterday["date"], yesterday["succeeded"], yesterday["medianSeconds"]) == (TODAY, 2, 60)
    assert (today["date"], today["succeeded"], today["medianSeconds"]) == ("2026-11-21", 1, 120)


def test_a_job_that_ended_before_it_was_registered_took_no_time(instance: Instance) -> None:
    event = finish(instance)
    row = instance.table.get("pending", event.key["RowKey"])
    assert row is not None
    instance.table.upsert(row | {"registeredAt": instance.clock.advance(3600)})
    instance.another().tick()
    assert stats(instance)[0]["medianSeconds"] == 0


ABSURD: list[dict[str, Any]] = [
    {"succeeded": "many"},
    {"succeeded": -1},
    {"succeeded": 2**40},
    {"seconds": 60},
    {"seconds": "sixty"},
    {"seconds": "60:1," * 5_000},
    {f"column{number}": "x" for number in range(252)},
    {"succeeded": 5, "filler": "x" * 30_000, **{f"filler{number}": "x" * 30_000 for number in range(14)}},
]


@pytest.mark.parametrize("columns", ABSURD, ids=lambda columns: next(iter(columns)))
def test_a_days_row_made_into_something_else_keeps_no_job_from_finishing(
    instance: Instance, columns: dict[str, Any]
) -> None:
    instance.history.add([finish(instance)])
    instance.table.upsert({"PartitionKey": "finished", "RowKey": f"day~{TODAY}", **columns})
    events = [finish(instance) for _ in range(2)]
    assert instance.history.add(events) == [Recorded.BY_THIS_FINISH] * 2
    assert ended(instance) == 2 + (5 if columns.get("succeeded") == 5 else 0)
    assert instance.another().history.add([finish(instance)]) == [Recorded.BY_THIS_FINISH]


def test_a_days_row_that_someone_deleted_is_begun_anew(instance: Instance) -> None:
    instance.history.add([finish(instance)])
    instance.table.delete("finished", f"day~{TODAY}")
    instance.history.add([finish(instance)])
    assert ended(instance) == 1


def test_a_change_of_a_job_that_is_lost_counts_nothing(instance: Instance) -> None:
    event = finish(instance)
    gone = Change(Write.MERGE, {"PartitionKey": "finished", "RowKey": "job~gone"})
    counts = FinishCounts(Partition(instance.table, FINISHED_PARTITION))
    [result] = counts.commit_each([(event.job, [gone])])
    assert isinstance(result, RowChanged)
    assert ended(instance) == 0


def test_a_job_that_storage_does_not_take_is_logged_and_neither_holds_up_others_nor_counts(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    events = [finish(instance) for _ in range(3)]
    refused = replace(events[1], columns=events[1].columns | {"label": "x" * 70_000})
    recorded = instance.history.add([events[0], refused, events[2]])
    assert recorded == [Recorded.BY_THIS_FINISH, Recorded.NOT_YET, Recorded.BY_THIS_FINISH]
    assert ended(instance) == 2
    assert f"job {refused.job.job_id} stays in the outbox" in caplog.text
