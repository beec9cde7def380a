"""Counting finished jobs in the transactions that record them: how many jobs share one, and what keeps one out."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.app import Stores
from shared.jobs.finish_counts import WRITE_TRIES, FinishCounts, Finishes
from shared.jobs.history import FINISHED_PARTITION
from shared.jobs.job import Job, JobState
from shared.storage.errors import ChangeRefused, RowChanged, RowExists, RowMissing
from shared.storage.partition import Partition
from shared.storage.table import Change, Committed, Write
from tests.commits import recorded_commits
from tests.jobs.pending import NOW, job_id

TODAY = NOW.date()
DAY_ROW = f"UPSERT day~{TODAY}"


def ended(*, seconds: float = 60, state: JobState = JobState.FAILED, at: datetime = NOW) -> Job:
    return Job(
        job_id=job_id(1),
        registered_at=at - timedelta(seconds=seconds),
        next_poll_at=at,
        state=state,
        finished_at=at,
    )


def counts_of(stores: Stores) -> FinishCounts:
    """As another instance has them, which remembers nothing."""
    return FinishCounts(Partition(stores.jobs_table, FINISHED_PARTITION))


def inserting(*keys: str) -> list[Change]:
    return [Change(Write.INSERT, {"PartitionKey": FINISHED_PARTITION, "RowKey": key}) for key in keys]


def counted(stores: Stores, day: date = TODAY) -> Finishes:
    return counts_of(stores).days.get(day).figures


def commit(stores: Stores, *finishes: tuple[Job, Sequence[Change]]) -> list[Committed]:
    return counts_of(stores).commit_each(finishes)


def test_each_job_gets_the_etags_of_its_own_changes(stores: Stores) -> None:
    first, second = commit(stores, (ended(), inserting("a", "b")), (ended(), inserting("c")))
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert (len(first), len(second)) == (2, 1)
    for key, etag in zip("abc", [*first, *second], strict=True):
        stores.jobs_table.delete(FINISHED_PARTITION, key, etag)  # raises if the ETag is another


def test_jobs_are_counted_by_their_states_and_seconds(stores: Stores) -> None:
    commit(stores, (ended(), inserting("a")), (ended(seconds=90, state=JobState.LOST), inserting("b")))
    commit(stores, (ended(seconds=60, state=JobState.LOST), inserting("c")))
    row = stores.jobs_table.get(FINISHED_PARTITION, f"day~{TODAY}")
    assert row is not None
    figures = {name: value for name, value in row.items() if name not in {"PartitionKey", "RowKey"}}
    assert figures == {
        "succeeded": 0,
        "failed": 1,
        "cancelled": 0,
        "lost": 2,
        "expired": 0,
        "seconds": "60:2,90:1",
    }
    assert counted(stores).states[JobState.LOST] == 2
    assert counted(stores).durations.counts == {60: 2, 90: 1}


def test_a_job_without_the_time_of_its_end_took_none_and_counts_on_the_day_of_its_registration(
    stores: Stores,
) -> None:
    commit(stores, (replace(ended(seconds=86_400), finished_at=None), inserting("a")))
    assert counted(stores, TODAY - timedelta(days=1)).durations.counts == {0: 1}


@pytest.fixture
def far_east() -> Iterator[None]:
    """A machine whose local time is nine hours ahead of UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_days_are_those_of_utc_whatever_the_time_zone_of_the_machine(stores: Stores) -> None:
    evening = datetime(2026, 11, 20, 20, tzinfo=UTC)
    commit(stores, (ended(at=evening), inserting("a")))
    assert counted(stores, date(2026, 11, 20)).durations.total == 1


def test_a_transaction_has_room_for_the_row_of_its_day(stores: Stores) -> None:
    with recorded_commits(stores.jobs_table) as commits:
        results = commit(stores, *((ended(), inserting(f"job {number}")) for number in range(100)))
    assert [len(changes) for changes in commits] == [100, 2]
    assert all(isinstance(result, list) for result in results)
    assert counted(stores).durations.total == 100


def test_jobs_of_different_days_share_no_transaction_and_keep_their_places(stores: Stores) -> None:
    yesterday = ended(at=NOW - timedelta(days=1))
    inserting_b = inserting("b")
    stores.jobs_table.commit(inserting_b)
    results = commit(stores, (ended(), inserting("a")), (yesterday, inserting_b), (ended(), inserting("c")))
    assert [isinstance(result, list) for result in results] == [True, False, True]
    assert (counted(stores).durations.total, counted(stores, TODAY - timedelta(days=1)).durations.total) == (2, 0)


@pytest.mark.parametrize(
    ("keys", "exists", "transactions"),
    [
        ("abcd", "c", ["abcd", "ab", "cd", "c", "d"]),
        ("abc", "a", ["abc", "ab", "a", "b", "c"]),
        ("ab", "b", ["ab", "a", "b"]),
    ],
    ids=["four", "three", "two"],
)
def test_a_transaction_is_halved_until_the_job_that_cannot_be_recorded_is_alone(
    stores: Stores, keys: str, exists: str, transactions: list[str]
) -> None:
    commit(stores, (ended(), inserting("before", exists)))
    counts = counts_of(stores)
    with recorded_commits(stores.jobs_table) as commits:
        results = counts.commit_each([(ended(), inserting(key)) for key in keys])
    assert commits == [[*(f"INSERT {key}" for key in tried), DAY_ROW] for tried in transactions]
    assert [isinstance(result, RowExists) for result in results] == [key == exists for key in keys]
    assert counted(stores).durations.total == 1 + len(keys) - 1


def test_a_job_whose_row_is_missing_is_tried_once(stores: Stores) -> None:
    gone = [Change(Write.MERGE, {"PartitionKey": FINISHED_PARTITION, "RowKey": "gone"})]
    with recorded_commits(stores.jobs_table) as commits:
        [result] = commit(stores, (ended(), gone))
    assert isinstance(result, RowMissing)
    assert len(commits) == 1


def test_the_first_job_of_a_day_that_is_recorded_already_is_tried_once(stores: Stores) -> None:
    stores.jobs_table.commit(inserting("a"))
    with recorded_commits(stores.jobs_table) as commits:
        [result] = commit(stores, (ended(), inserting("a")))
    assert isinstance(result, RowExists)
    assert len(commits) == 1


def test_a_job_that_storage_refuses_is_logged_and_tried_once(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    with recorded_commits(stores.jobs_table) as commits:
        [result] = commit(stores, (ended(), inserting("\ud800" * 2_000)))
    assert isinstance(result, ChangeRefused)
    assert len(commits) == 1
    assert f"job {job_id(1)} stays in the outbox" in caplog.text


def test_a_job_that_is_recorded_already_is_not_logged(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    stores.jobs_table.commit(inserting("a"))
    commit(stores, (ended(), inserting("a")))
    assert caplog.records == []


@pytest.mark.parametrize("begun", [True, False], ids=["later", "first"])
def test_a_job_is_counted_although_another_instance_counts_its_own_first(stores: Stores, *, begun: bool) -> None:
    counts = counts_of(stores)
    if begun:
        counts.commit_each([(ended(), inserting("a"))])
    else:
        counts.days.get(TODAY)
    commit(stores, (ended(), inserting("theirs")))
    with recorded_commits(stores.jobs_table) as commits:
        [result] = counts.commit_each([(ended(), inserting("b"))])
    assert isinstance(result, list)
    assert len(commits) == 2
    assert counted(stores).durations.total == (3 if begun else 2)


def test_an_instance_remembers_what_it_has_counted(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = counts_of(stores)
    counts.commit_each([(ended(), inserting("a"))])

    def unread(*_: object) -> None:
        raise AssertionError("the day was read again")

    with monkeypatch.context() as reading:
        reading.setattr(stores.jobs_table, "get", unread)
        with recorded_commits(stores.jobs_table) as commits:
            counts.commit_each([(ended(), inserting("b"))])
    assert commits == [["INSERT b", DAY_ROW]]
    assert counted(stores).durations.total == 2


def test_a_job_is_given_up_after_sixteen_tries_while_other_instances_count_theirs(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counts_of(stores)
    tries: list[int] = []
    table_commit = stores.jobs_table.commit

    def others_are_faster(changes: Sequence[Change]) -> list[str]:
        tries.append(len(changes))
        with monkeypatch.context() as theirs:
            theirs.setattr(stores.jobs_table, "commit", table_commit)
            commit(stores, (ended(), inserting(f"theirs {len(tries)}")))
        return table_commit(changes)

    with monkeypatch.context() as busy:
        busy.setattr(stores.jobs_table, "commit", others_are_faster)
        [result] = counts.commit_each([(ended(), inserting("a"))])
    assert isinstance(result, RowChanged)
    assert str(result) == "other instances kept counting their finished jobs"
    assert len(tries) == WRITE_TRIES == 16
    assert counted(stores).durations.total == 16
