"""What polls found is stored: on the row as it was claimed, together with the event that it makes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.app import Stores
from shared.jobs.job import Job, JobState, Operation
from shared.jobs.job_events import JobEvent
from shared.jobs.job_rows import PendingRow
from shared.json_codec import loads
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from tests.jobs.pending import (
    CLAIM,
    LONG,
    NOW,
    documents,
    finished,
    job_id,
    pending,
    put,
    registered,
    stored,
    touch,
)

LATER = NOW + timedelta(seconds=5)
SHORT: list[dict[str, Any]] = [{"code": "short"}]


def claimed(stores: Stores, number: int, **fields: Any) -> PendingRow:  # noqa: ANN401 - any field of a job
    [row] = stores.pending.claim([registered(stores, number, **fields)], CLAIM).taken
    return row


def as_read_by_a_tick(stores: Stores, of: str) -> PendingRow:
    """The row without its large fields."""
    [row] = [row for page in stores.pending.pages() for row in page.rows if row.job.job_id == of]
    return row


def running(row: PendingRow, **fields: Any) -> tuple[PendingRow, Job]:  # noqa: ANN401 - any field of a job
    """The result of a poll that upstream answered: nothing has ended."""
    return row, replace(row.job, poll_count=row.job.poll_count + 1, next_poll_at=LATER, **fields)


def failed(row: PendingRow, **fields: Any) -> tuple[PendingRow, Job]:  # noqa: ANN401 - any field of a job
    return row, replace(row.job.finished(JobState.FAILED, NOW), **fields)


def event_of(stores: Stores, result: tuple[PendingRow, Job]) -> JobEvent | None:
    [written] = stores.pending.write([result], LATER)
    assert written is not None
    return written.event


def relabel(stores: Stores, of: str) -> None:
    """A caller changes the job."""
    row = pending(stores, of)
    stores.pending.change(row, replace(row.job, operation=Operation.UPGRADE, label="new", external_id="crm-2"))


def no_documents(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Storage takes no document; returns the jobs for which it was asked to."""
    tries: list[str] = []

    def put(_: Documents, owner: str, __: bytes) -> str:
        tries.append(owner)
        raise StorageUnreachable("storage is busy")

    monkeypatch.setattr(Documents, "put", put)
    return tries


def test_jobs_that_are_still_pending_stay_with_what_their_polls_found(stores: Stores) -> None:
    rows = [claimed(stores, number) for number in (1, 2)]
    first, second = stores.pending.write([running(row, job_status="running") for row in rows], LATER)
    for number, written in ((1, first), (2, second)):
        assert written is not None
        assert written.row is not None
        assert written.event is None
        now_stored = pending(stores, job_id(number))
        assert (now_stored.job.job_status, now_stored.job.poll_count) == ("running", 1)
        assert written.row.etag == now_stored.etag
        assert written.row.job == now_stored.job


def test_a_job_that_ended_leaves_and_its_event_takes_its_place(stores: Stores) -> None:
    row = claimed(stores, 1, label="a label")
    [written] = stores.pending.write([failed(row)], LATER)
    assert written is not None
    assert written.row is None
    assert written.event is not None
    found = stores.pending.finished(job_id(1))
    assert found is not None
    assert (found.id, found.etag, found.job) == (written.event.id, written.event.etag, written.event.job)
    assert (written.event.type, written.event.created_at, written.event.finishes) == ("job.failed", NOW, True)
    assert stores.pending.get(job_id(1)) is None


def test_what_a_caller_changed_meanwhile_is_kept(stores: Stores) -> None:
    hour_ago = NOW - timedelta(hours=1)
    row = claimed(stores, 1, registered_at=hour_ago, last_polled_at=NOW - timedelta(minutes=10), poll_count=1)
    relabel(stores, job_id(1))
    [written] = stores.pending.write([running(row, job_status="running")], LATER)
    job = pending(stores, job_id(1)).job
    assert (job.operation, job.label, job.external_id) == (Operation.UPGRADE, "new", "crm-2")
    assert (job.job_status, job.poll_count, job.next_poll_at) == ("running", 2, LATER)
    assert written is not None
    assert written.row is not None
    assert written.row.job.label == "new"


@pytest.mark.parametrize("errors", [SHORT, LONG], ids=["short", "long"])
def test_new_errors_are_stored_although_a_caller_changed_the_job(
    stores: Stores, errors: list[dict[str, Any]]
) -> None:
    row = claimed(stores, 1, errors=[{"code": "old"}])
    relabel(stores, job_id(1))
    stores.pending.write([running(row, errors=errors)], LATER)
    job = pending(stores, job_id(1)).job
    assert (job.label, job.errors) == ("new", errors)


@pytest.mark.parametrize("errors", [SHORT, LONG], ids=["short", "long"])
def test_errors_that_upstream_did_not_change_stay_although_a_caller_changed_the_job(
    stores: Stores, errors: list[dict[str, Any]]
) -> None:
    claimed(stores, 1, errors=errors)
    row = as_read_by_a_tick(stores, job_id(1))
    relabel(stores, job_id(1))
    stores.pending.write([running(row)], LATER)
    job = pending(stores, job_id(1)).job
    assert (job.label, job.errors, job.poll_count) == ("new", errors, 1)


def test_a_result_is_dropped_if_another_poller_has_claimed_the_job_since(stores: Stores) -> None:
    row = claimed(stores, 1)
    stores.pending.claim([pending(stores, job_id(1))], CLAIM + timedelta(minutes=2))
    assert stores.pending.write([running(row)], LATER) == [None]
    assert pending(stores, job_id(1)).job.poll_count == 0


def test_a_result_without_a_claim_is_dropped_if_the_row_has_changed(stores: Stores) -> None:
    row = registered(stores, 1)
    relabel(stores, job_id(1))
    assert stores.pending.write([running(row)], LATER) == [None]
    assert pending(stores, job_id(1)).job.poll_count == 0


def test_a_result_of_a_removed_job_is_dropped(stores: Stores) -> None:
    row = claimed(stores, 1)
    stores.pending.remove(row)
    assert stores.pending.write([running(row), running(claimed(stores, 2))], LATER)[0] is None
    assert stores.pending.get(job_id(1)) is None
    assert pending(stores, job_id(2)).job.poll_count == 1


def test_a_result_is_dropped_if_the_row_is_not_a_job_any_more(stores: Stores) -> None:
    row = claimed(stores, 1)
    put(stores, job_id(1), pollCount="many")
    assert stores.pending.write([running(row)], LATER) == [None]
    assert stored(stores, job_id(1))["pollCount"] == "many"


def test_a_result_that_cannot_be_stored_keeps_no_other_from_being_stored(stores: Stores) -> None:
    rows = [claimed(stores, number) for number in (1, 2, 3)]
    absurd = running(rows[0], job_status=cast("Any", 5))
    assert stores.pending.write([absurd, running(rows[1]), failed(rows[2])], LATER)[0] is None
    assert [pending(stores, job_id(number)).job.poll_count for number in (1, 2)] == [0, 1]
    assert stores.pending.finished(job_id(3)) is not None


def test_results_without_large_fields_are_stored_while_documents_are_not(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_document, new_document, plain = claimed(stores, 1), claimed(stores, 2), claimed(stores, 4)
    short = claimed(stores, 3, errors=SHORT)
    tries = no_documents(monkeypatch)
    polled = [
        running(with_document, errors=LONG),
        running(new_document, errors=LONG),
        running(short, errors=[{"code": "other"}]),
        running(plain),
    ]
    results = stores.pending.write(polled, LATER)
    assert [result is not None for result in results] == [False, False, False, True]
    assert tries == [job_id(1)]


def test_short_errors_are_stored_like_all_else(stores: Stores) -> None:
    row = claimed(stores, 1, errors=SHORT)
    stores.pending.write([running(row, errors=[{"code": "other"}])], LATER)
    assert pending(stores, job_id(1)).job.errors == [{"code": "other"}]


def test_an_error_is_raised_if_nothing_could_be_stored_for_want_of_documents(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = claimed(stores, 1)
    no_documents(monkeypatch)
    with pytest.raises(StorageUnreachable):
        stores.pending.write([running(row, errors=LONG)], LATER)


def test_a_second_finish_is_dropped_with_its_row_while_the_first_is_in_the_outbox(stores: Stores) -> None:
    first = finished(stores, registered(stores, 1))
    row = claimed(stores, 1, errors=LONG)
    assert stores.pending.write([failed(row)], LATER) == [None]
    assert stores.pending.get(job_id(1)) is None
    assert documents(stores) == 0
    left = stores.pending.finished(job_id(1))
    assert left is not None
    assert left.id == first.id


def test_a_job_that_was_put_back_and_is_still_pending_stays(stores: Stores) -> None:
    finished(stores, registered(stores, 1))
    row = registered(stores, 1)
    touch(stores, row)
    assert stores.pending.write([running(row)], LATER) == [None]
    assert stores.pending.get(job_id(1)) is not None


def test_a_job_that_was_put_back_stays_if_its_second_finish_cannot_be_stored(stores: Stores) -> None:
    finished(stores, registered(stores, 1))
    row = claimed(stores, 1)
    assert stores.pending.write([failed(row, job_status=cast("Any", 5))], LATER) == [None]
    assert stores.pending.get(job_id(1)) is not None


def test_a_finish_that_lost_to_another_writer_of_the_row_leaves_it(stores: Stores) -> None:
    row = registered(stores, 1)
    touch(stores, row)
    assert stores.pending.write([failed(row)], LATER) == [None]
    assert stores.pending.get(job_id(1)) is not None
    assert stores.pending.finished(job_id(1)) is None


def updated_at(stores: Stores, result: tuple[PendingRow, Job]) -> object:
    stores.pending.write([result], LATER)
    return pending(stores, job_id(1)).job.updated_at


def test_a_poll_that_found_something_new_updates_the_job(stores: Stores) -> None:
    assert updated_at(stores, running(claimed(stores, 1), job_status="running")) == LATER


def test_a_poll_that_found_new_errors_updates_the_job(stores: Stores) -> None:
    assert updated_at(stores, running(claimed(stores, 1, errors=SHORT), errors=LONG)) == LATER


def test_a_poll_that_found_nothing_new_does_not_update_the_job(stores: Stores) -> None:
    assert updated_at(stores, running(claimed(stores, 1, errors=SHORT))) is None


@pytest.mark.parametrize("errors", [SHORT, LONG], ids=["short", "long"])
def test_a_poll_that_found_the_same_errors_does_not_update_the_job(
    stores: Stores, errors: list[dict[str, Any]]
) -> None:
    row = claimed(stores, 1, errors=errors)
    assert updated_at(stores, running(row, errors=list(errors))) is None
    assert documents(stores) == (errors is LONG)


def test_what_a_poll_found_is_told_in_the_timeline(stores: Stores) -> None:
    stores.pending.write([running(claimed(stores, 1), job_status="running")], LATER)
    [told] = loads(stored(stores, job_id(1))["timeline"])
    assert (told["type"], told["from"], told["to"]) == ("statusChanged", None, "running")


def test_a_timeline_that_does_not_grow_is_not_written(stores: Stores) -> None:
    row = claimed(stores, 1)
    put(stores, job_id(1), **stored(stores, job_id(1)) | {"timeline": "of another system"})
    stores.pending.write([running(replace(row, etag=pending(stores, job_id(1)).etag))], LATER)
    assert stored(stores, job_id(1))["timeline"] == "of another system"


def test_a_job_that_stalls_makes_an_event_that_its_timeline_names(stores: Stores) -> None:
    row = claimed(stores, 1, errors=SHORT)
    [written] = stores.pending.write([running(row, stalled=True)], LATER)
    assert written is not None
    assert written.event is not None
    [page] = stores.pending.pages()
    [event] = page.events
    assert (event.id, event.type, event.created_at) == (written.event.id, "job.stalled", LATER)
    assert event.etag == written.event.etag != ""
    assert written.row is not None
    assert written.row.etag == page.rows[0].etag
    assert loads(page.rows[0].job.timeline)[-1]["eventId"] == event.id


def test_a_job_that_has_stalled_before_makes_no_second_event(stores: Stores) -> None:
    assert event_of(stores, running(claimed(stores, 1, stalled=True))) is None


@pytest.mark.parametrize("old", [[], SHORT, LONG], ids=["none", "short", "long"])
@pytest.mark.parametrize("new", [None, [{"code": "new"}], LONG], ids=["same", "new", "new and long"])
def test_a_stalled_event_holds_the_errors_of_its_job_unless_they_are_in_a_document(
    stores: Stores, old: list[dict[str, Any]], new: list[dict[str, Any]] | None, caplog: pytest.LogCaptureFixture
) -> None:
    row = claimed(stores, 1, errors=old)
    event = event_of(stores, running(row, stalled=True, **({} if new is None else {"errors": new})))
    assert event is not None
    now = old if new is None else new
    assert stores.pending.with_large_fields(event).job.errors == ([] if now is LONG else now)
    assert "errorsDocument" not in event.columns
    assert caplog.records == []  # what is left out is not taken for broken


@pytest.mark.parametrize("errors", [SHORT, LONG], ids=["short", "long"])
def test_a_job_that_ends_without_new_errors_keeps_those_in_its_row(
    stores: Stores, errors: list[dict[str, Any]]
) -> None:
    claimed(stores, 1, errors=errors)
    event_of(stores, failed(as_read_by_a_tick(stores, job_id(1))))
    event = stores.pending.finished(job_id(1))
    assert event is not None
    assert event.job.errors == errors


def test_a_job_that_ends_with_new_errors_keeps_these_alone(stores: Stores) -> None:
    event_of(stores, failed(claimed(stores, 1, errors=LONG), errors=SHORT))
    event = stores.pending.finished(job_id(1))
    assert event is not None
    assert event.job.errors == SHORT


def test_an_event_can_be_kept_without_its_large_fields(stores: Stores) -> None:
    event = event_of(stores, failed(claimed(stores, 1), errors=LONG, private_offer=b'{"id": "x"}'))
    assert event is not None
    bare = event.without_large_fields()
    assert (bare.job.errors, bare.job.private_offer) == ([], None)
    assert stores.pending.with_large_fields(bare).job == event.job
