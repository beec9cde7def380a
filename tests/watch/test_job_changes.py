"""The offers of jobs that finish become snapshots: each once, and none in the place of a newer one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.jobs.job import Job, JobState, Operation
from shared.json_codec import dumps
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Table
from shared.watch.comparing import Comparison
from shared.watch.events import OfferOutbox
from shared.watch.job_changes import READING_THREADS, WRITE_TRIES, JobChanges
from shared.watch.rows import OfferRow
from shared.watch.run_state import RunRow, RunState
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.commits import recorded_commits
from tests.standing_still import stand_still
from tests.watch.pools import recorded_pools
from tests.watch.samples import OFFER_ID, private_offer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FINISHED_AT = NOW - timedelta(minutes=3)
OTHER_ID = "bbbbbbbb-0000-4000-8000-000000000002"


class Keeping:
    """What jobs keep in a table, and what is announced."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.announced: list[str] = []
        self.clock = FakeClock(NOW)
        documents = Documents(table)
        self.run_row = RunRow(table, documents)
        self.snapshots = Snapshots(table, documents)
        outbox = OfferOutbox(table, documents, Outbox(table, self._announce))
        self.comparison = Comparison(self.snapshots, outbox)
        self.changes = JobChanges(
            table=table,
            run_row=self.run_row,
            snapshots=self.snapshots,
            comparison=self.comparison,
            outbox=outbox,
            clock=self.clock,
        )

    def _announce(self, events: Sequence[Event]) -> None:
        self.announced += [event.type for event in events]

    def make_baseline(self, at: datetime | None = NOW - timedelta(days=9)) -> None:
        claimed = self.run_row.claim(self.clock, timedelta(seconds=55), lambda found: found)
        claimed.release(RunState(baseline_at=at))

    def row(self, offer_id: str = OFFER_ID) -> OfferRow:
        row = self.snapshots.get(offer_id)
        assert row is not None
        return row


@pytest.fixture
def keeping(table: Table) -> Keeping:
    keeping = Keeping(table)
    keeping.make_baseline()
    return keeping


def job(
    job_id: str = "job-1",
    *,
    offer: bytes | None = None,
    state: JobState = JobState.SUCCEEDED,
    finished_at: datetime | None = FINISHED_AT,
    **members: Any,  # noqa: ANN401 - any JSON value
) -> Job:
    """A job about the sample, with `members` changed."""
    own = dumps(private_offer(**{"eTag": f'"of {job_id}"', **members})).encode()
    return Job(
        job_id=job_id,
        operation=Operation.UPDATE,
        state=state,
        registered_at=NOW - timedelta(hours=1),
        next_poll_at=NOW,
        finished_at=finished_at,
        private_offer=own if offer is None else offer,
    )


def test_the_offer_of_a_job_is_kept_as_of_the_end_of_the_job(keeping: Keeping) -> None:
    keeping.changes.keep([job()])

    assert keeping.row().summary.read_at == FINISHED_AT
    assert keeping.row().summary.offer_etag == '"of job-1"'
    assert list(keeping.row().jobs) == ["job-1"]
    assert keeping.announced == []


def test_the_offer_of_a_job_without_an_end_is_kept_as_of_now(keeping: Keeping) -> None:
    keeping.changes.keep([job(finished_at=None)])

    assert keeping.row().summary.read_at == NOW


def test_keeping_an_offer_again_changes_nothing(keeping: Keeping) -> None:
    keeping.changes.keep([job()])
    before = keeping.row()
    keeping.changes.keep([job()])

    assert keeping.row() == before


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.SUCCEEDED])
def test_the_offer_of_a_job_that_has_not_succeeded_is_not_kept(keeping: Keeping, state: JobState) -> None:
    keeping.changes.keep([job(state=state)])

    assert keeping.snapshots.get(OFFER_ID) is None


def test_nothing_is_kept_before_the_watch_has_run(table: Table) -> None:
    keeping = Keeping(table)
    keeping.changes.keep([job()])

    assert keeping.snapshots.get(OFFER_ID) is None


def test_jobs_without_offers_cost_no_request(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[int] = []
    stand_still(monkeypatch, keeping.table, 1, lambda: requests.append(1))
    keeping.changes.keep([job(state=JobState.FAILED)])
    keeping.changes.keep([])

    assert requests == []


def test_an_acceptance_is_announced_with_the_row(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-1")])
    keeping.changes.keep([job("job-2", subState="accepted")])

    assert keeping.announced == ["private_offer.accepted"]
    assert [row["RowKey"] for row in keeping.table.rows("PartitionKey eq 'offers'")] == [f"offer~{OFFER_ID}", "run"]


def test_an_acceptance_is_silent_before_the_baseline(table: Table) -> None:
    keeping = Keeping(table)
    keeping.make_baseline(None)
    keeping.changes.keep([job(subState="accepted")])

    assert keeping.row().summary.sub_state == "accepted"
    assert keeping.announced == []


def test_a_document_that_the_new_row_does_not_have_is_deleted(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-1", notes="x" * 40_000)])
    keeping.changes.keep([job("job-2")])

    assert list(Documents(keeping.table).by_owner()) == []


def test_jobs_about_several_offers_are_kept_in_one_transaction(keeping: Keeping) -> None:
    with recorded_commits(keeping.table) as commits:
        keeping.changes.keep([job("job-1"), job("job-2", id=f"private-offer/{OTHER_ID}")])

    [changes] = commits
    assert sorted(changes) == [f"INSERT offer~{OFFER_ID}", f"INSERT offer~{OTHER_ID}"]


def test_jobs_about_one_offer_are_kept_one_after_the_other(keeping: Keeping) -> None:
    jobs = [
        job(f"job-{number}", end=f"2027-02-{number:02}", finished_at=FINISHED_AT + timedelta(seconds=number))
        for number in range(1, 4)
    ]
    keeping.changes.keep([*jobs, job("other", id=f"private-offer/{OTHER_ID}")])

    assert list(keeping.row().jobs) == ["job-3", "job-2", "job-1"]
    assert keeping.row().summary.end == "2027-02-03"
    assert list(keeping.row(OTHER_ID).jobs) == ["other"]


def test_an_offer_that_cannot_be_followed_holds_no_other_back(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-0", offer=b"[]"), job("job-1")])

    assert list(keeping.row().jobs) == ["job-1"]


def test_a_row_that_a_run_of_the_watch_changes_first_is_compared_again(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-1")])
    commit, tries = keeping.table.commit, [0]

    def late(changes: Sequence[Change]) -> list[str]:
        tries[0] += 1
        if tries[0] == 1:
            row = keeping.table.get("offers", f"offer~{OFFER_ID}") or {}
            commit([Change(changes[0].write, {**row, "name": "by the watch"})])
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping.table, "commit", late)
        keeping.changes.keep([job("job-2", end="2027-02-28")])

    assert tries == [2]
    assert list(keeping.row().jobs) == ["job-2", "job-1"]


def test_a_row_that_the_watch_changes_while_keeping_stands_still_counts_as_newer(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watched() -> None:
        later = replace(keeping.row(), jobs=())
        changed = replace(later.summary, read_at=keeping.clock.advance(600), name="by the watch")
        keeping.table.commit([keeping.snapshots.write(replace(later, summary=changed), later)])

    keeping.changes.keep([job("job-1")])
    # The first request reads the row of the run.
    stand_still(monkeypatch, keeping.table, 2, watched)
    keeping.changes.keep([job("job-2", subState="accepted")])

    assert keeping.row().summary.name == "by the watch"
    assert keeping.announced == []


def test_a_row_that_keeps_changing_is_left_to_the_watch(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-1")])
    commit, tries = keeping.table.commit, [0]

    def late(changes: Sequence[Change]) -> list[str]:
        tries[0] += 1
        row = keeping.table.get("offers", f"offer~{OFFER_ID}") or {}
        commit([Change(changes[0].write, {**row, "name": f"{tries[0]}"})])
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping.table, "commit", late)
        keeping.changes.keep([job("job-2", subState="accepted")])

    assert tries == [WRITE_TRIES]
    assert list(keeping.row().jobs) == ["job-1"]
    assert keeping.announced == []


def test_each_job_has_its_tries(keeping: Keeping) -> None:
    keeping.changes.keep([job("job-0")])
    commit, tries = keeping.table.commit, [0]

    def late(changes: Sequence[Change]) -> list[str]:
        tries[0] += 1
        row = keeping.table.get("offers", f"offer~{OFFER_ID}") or {}
        commit([Change(changes[0].write, {**row, "name": f"{tries[0]}"})])
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping.table, "commit", late)
        keeping.changes.keep([job("job-1"), job("job-2")])

    assert tries == [2 * WRITE_TRIES]


def test_offers_that_are_kept_are_not_planned_again(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    commit_each = keeping.table.commit_each

    def recorded(groups: Sequence[Sequence[Change]]) -> Any:  # noqa: ANN401 - passed through
        calls.append(len(groups))
        return commit_each(groups)

    monkeypatch.setattr(keeping.table, "commit_each", recorded)
    keeping.changes.keep([job("job-1"), job("job-2", id=f"private-offer/{OTHER_ID}")])

    assert calls == [2]


def test_so_many_rows_are_read_at_once(keeping: Keeping) -> None:
    with recorded_pools("shared.watch.job_changes") as sizes:
        keeping.changes.keep([job()])

    assert sizes == [READING_THREADS]


def test_storage_that_cannot_be_reached_is_for_the_caller_to_handle(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise StorageUnreachable("storage did not answer")

    monkeypatch.setattr(keeping.table, "commit", unreachable)
    with pytest.raises(StorageUnreachable):
        keeping.changes.keep([job()])


def test_a_failure_that_nobody_has_foreseen_holds_back_no_job(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(keeping.comparison, "job_finished", broken)
    keeping.changes.keep([job()])

    assert keeping.snapshots.get(OFFER_ID) is None
