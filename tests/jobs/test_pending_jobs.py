"""Reading, claiming and removing jobs in the pending partition."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.app import Stores
from shared.jobs.filter import JobFilter
from shared.jobs.job import JobState
from shared.storage.errors import RowChanged, RowMissing
from shared.storage.table import Row
from tests.commits import recorded_commits
from tests.jobs.pending import (
    CLAIM,
    LONG,
    NOW,
    documents,
    finished,
    ids,
    job_id,
    pending,
    put,
    registered,
    stored,
    touch,
)


def test_the_partition_is_read_in_key_order_the_jobs_before_the_events(stores: Stores) -> None:
    rows = [registered(stores, number) for number in (1, 2, 3)]
    event = finished(stores, rows[1])
    [page] = stores.pending.pages()
    assert (ids(page.rows), [each.id for each in page.events]) == ([job_id(1), job_id(3)], [event.id])
    assert page.last_key == f"~finished~{job_id(2)}"
    assert page.bad == []


def test_a_reading_that_goes_on_at_a_key_reads_events_then_jobs_from_there_then_those_before(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(5)]
    finished(stores, rows[4])
    pages = list(stores.pending.pages(start_at=job_id(2)))
    assert [ids(page.rows) for page in pages] == [[], [job_id(2), job_id(3)], [job_id(0), job_id(1)]]
    assert [len(page.events) for page in pages] == [1, 0, 0]
    assert [page.last_key for page in pages] == [f"~finished~{job_id(4)}", job_id(3), job_id(1)]


def test_an_empty_page_has_no_last_key(stores: Stores) -> None:
    assert [page.last_key for page in stores.pending.pages()] == [""]


def test_a_bad_row_comes_with_the_reason_and_keeps_no_other_from_being_read(stores: Stores) -> None:
    put(stores, "0", label="not a job")
    registered(stores, 1)
    [page] = stores.pending.pages()
    assert ids(page.rows) == [job_id(1)]
    assert [(row["RowKey"], reason) for row, reason in page.bad] == [("0", "its row key is not a job id")]


def scanned(found: Iterator[tuple[str, Row | None]]) -> list[tuple[str, bool]]:
    """Each key, and whether its row is wanted."""
    return [(key, row is not None) for key, row in found]


def test_a_scan_of_pending_jobs_begins_after_a_key_and_ends_before_the_events(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(4)]
    finished(stores, rows[3])
    assert scanned(stores.pending.scan(job_id(0), JobFilter(), at_once=10)) == [(job_id(1), True), (job_id(2), True)]


def test_a_job_that_another_system_put_there_counts_as_pending_in_a_scan(stores: Stores) -> None:
    put(stores, job_id(1))
    wanted = JobFilter(states=frozenset({JobState.PENDING}))
    assert scanned(stores.pending.scan("", wanted, at_once=10)) == [(job_id(1), True)]


def test_a_scan_of_jobs_that_have_just_finished_passes_over_all_other_rows(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(3)]
    keys = [finished(stores, row).key["RowKey"] for row in rows[1:]]
    put(stores, "~from another system")
    assert scanned(stores.pending.scan_finished("", JobFilter(), at_once=10)) == [(key, True) for key in keys]
    assert scanned(stores.pending.scan_finished(keys[0], JobFilter(), at_once=10)) == [(keys[1], True)]


def test_a_scan_of_jobs_that_have_just_finished_heeds_their_states(stores: Stores) -> None:
    key = finished(stores, registered(stores, 1)).key["RowKey"]
    wanted = JobFilter(states=frozenset({JobState.SUCCEEDED}))
    assert scanned(stores.pending.scan_finished("", wanted, at_once=10)) == [(key, False)]


def test_a_job_is_found_with_its_large_fields_in_either_case_of_its_key(stores: Stores) -> None:
    row = registered(stores, 1, errors=LONG)
    assert (row.row_key, row.job.errors) == (job_id(1), LONG)
    put(stores, job_id(2).upper(), label="theirs")
    assert pending(stores, job_id(2)).job.label == "theirs"
    assert stores.pending.get(job_id(3)) is None


def test_a_row_that_is_not_a_job_is_not_found(stores: Stores) -> None:
    put(stores, job_id(1), pollCount="many")
    put(stores, f"~finished~{job_id(1)}", state="pending")
    assert stores.pending.get(job_id(1)) is None
    assert stores.pending.finished(job_id(1)) is None


def test_a_job_on_its_way_to_the_history_is_found_with_its_large_fields(stores: Stores) -> None:
    event = finished(stores, registered(stores, 1, errors=LONG))
    found = stores.pending.finished(job_id(1))
    assert found is not None
    assert (found.id, found.job.state, found.job.errors) == (event.id, JobState.FAILED, LONG)
    assert stores.pending.finished(job_id(2)) is None


def test_last_polls_are_those_of_jobs_that_have_just_finished_and_of_no_other_row(stores: Stores) -> None:
    polled = {"last_polled_at": NOW, "poll_count": 1}
    finished(stores, registered(stores, 1, **polled))
    registered(stores, 2, **polled)
    put(stores, f"~from another system~{job_id(3)}", lastPolledAt=NOW)
    assert stores.pending.last_polls_of_finished(NOW) == {job_id(1): NOW}
    assert stores.pending.last_polls_of_finished(NOW + timedelta(seconds=1)) == {}


def test_last_polls_are_read_without_the_large_columns(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    rows = stores.jobs_table.rows

    def recorded(*arguments: Any, **named: Any) -> Iterator[Row]:  # noqa: ANN401 - passed on
        asked.append(named["columns"])
        return rows(*arguments, **named)

    monkeypatch.setattr(stores.jobs_table, "rows", recorded)
    stores.pending.last_polls_of_finished(NOW)
    assert asked == [["RowKey", "lastPolledAt"]]


def test_a_dropped_finish_leaves_neither_its_row_nor_its_documents(stores: Stores) -> None:
    events = [finished(stores, registered(stores, number, errors=LONG)) for number in (1, 2)]
    stores.pending.drop(events)
    assert [stores.pending.finished(job_id(number)) for number in (1, 2)] == [None, None]
    assert documents(stores) == 0


def test_a_finish_that_was_written_anew_is_not_dropped(stores: Stores) -> None:
    event = finished(stores, registered(stores, 1, errors=LONG))
    stores.jobs_table.upsert(stored(stores, event.key["RowKey"]))
    stores.pending.drop([event])
    assert stores.pending.finished(job_id(1)) is not None
    assert documents(stores) == 1


def test_a_job_is_registered_once(stores: Stores) -> None:
    job = registered(stores, 1, label="first").job
    assert not stores.pending.register(replace(job, label="second"))
    assert pending(stores, job.job_id).job.label == "first"


def test_a_change_stores_what_callers_say_and_nothing_else(stores: Stores) -> None:
    row = registered(stores, 1)
    later = NOW + timedelta(minutes=1)
    stores.pending.change(row, replace(row.job, label="new", updated_at=later, next_poll_at=later))
    job = pending(stores, row.job.job_id).job
    assert (job.label, job.updated_at, job.next_poll_at) == ("new", later, NOW)


def test_a_row_that_was_changed_since_it_was_read_is_neither_changed_nor_removed(stores: Stores) -> None:
    row = registered(stores, 1, errors=LONG)
    touch(stores, row)
    with pytest.raises(RowChanged):
        stores.pending.change(row, replace(row.job, label="new"))
    with pytest.raises(RowChanged):
        stores.pending.remove(row)
    assert pending(stores, row.job.job_id).job.errors == LONG


def test_a_removed_job_leaves_neither_its_row_nor_its_documents(stores: Stores) -> None:
    row = registered(stores, 1, errors=LONG)
    stores.pending.remove(row)
    assert stores.pending.get(job_id(1)) is None
    assert documents(stores) == 0
    with pytest.raises(RowMissing):
        stores.pending.remove(row)


def test_the_rows_of_a_job_are_listed_in_the_order_in_which_it_moves_through_them(stores: Stores) -> None:
    put(stores, f"~finished~{job_id(1)}")
    put(stores, job_id(1).upper())
    moved = [job_id(1).upper(), f"~finished~{job_id(1)}"]
    assert [row["RowKey"] for row in stores.pending.rows_of(job_id(1))] == moved
    put(stores, job_id(1))
    assert [row["RowKey"] for row in stores.pending.rows_of(job_id(1))] == [job_id(1), *moved]


def test_a_claim_reserves_jobs_in_one_request(stores: Stores) -> None:
    rows = [registered(stores, number) for number in (1, 2)]
    with recorded_commits(stores.jobs_table) as commits:
        claims = stores.pending.claim(rows, CLAIM)
    assert commits == [[f"MERGE {job_id(1)}", f"MERGE {job_id(2)}"]]
    assert (ids(claims.taken), claims.lost, claims.refused) == ([job_id(1), job_id(2)], [], [])
    for taken in claims.taken:
        now_stored = pending(stores, taken.job.job_id)
        assert (taken.etag, taken.claimed_until) == (now_stored.etag, CLAIM)
        assert (now_stored.job.next_poll_at, now_stored.claimed_until) == (CLAIM, CLAIM)


def test_a_claim_writes_down_the_age_of_a_job_that_another_system_put_there(stores: Stores) -> None:
    put(stores, job_id(1))
    row = pending(stores, job_id(1))
    stores.pending.claim([row], CLAIM)
    assert stored(stores, job_id(1))["registeredAt"] == row.job.registered_at


def test_claims_that_are_lost_cost_the_others_nothing(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(6)]
    for place in (0, 4):
        touch(stores, rows[place])
    claims = stores.pending.claim(rows, CLAIM)
    assert ids(claims.taken) == [job_id(number) for number in (1, 2, 3, 5)]
    assert ids(claims.lost) == [job_id(0), job_id(4)]


def test_claims_that_storage_refuses_cost_the_others_nothing(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(4)]
    for place in (0, 3):
        rows[place] = replace(rows[place], row_key="\ud800")  # no URL can hold it
    claims = stores.pending.claim(rows, CLAIM)
    assert (ids(claims.taken), claims.lost) == ([job_id(1), job_id(2)], [])
    assert ids(claims.refused) == [job_id(0), job_id(3)]


def test_claims_are_halved_until_the_rows_that_others_changed_are_found(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(4)]
    touch(stores, rows[1])
    with recorded_commits(stores.jobs_table) as commits:
        stores.pending.claim(rows, CLAIM)
    assert [len(commit) for commit in commits] == [4, 2, 1, 1, 2]


@pytest.mark.parametrize(("tries", "requests"), [(1, [4]), (2, [4, 2, 2]), (3, [4, 2, 1, 1, 2])])
def test_no_claim_is_halved_after_the_tries_are_used_up(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, tries: int, requests: list[int]
) -> None:
    monkeypatch.setattr("shared.jobs.pending_jobs.CLAIM_TRIES", tries)
    rows = [registered(stores, number) for number in range(4)]
    for row in rows:
        touch(stores, row)
    with recorded_commits(stores.jobs_table) as commits:
        claims = stores.pending.claim(rows, CLAIM)
    assert [len(commit) for commit in commits] == requests
    assert (claims.taken, ids(claims.lost)) == ([], ids(rows))


def test_a_single_claim_that_is_lost_is_tried_once(stores: Stores) -> None:
    row = registered(stores, 1)
    touch(stores, row)
    with recorded_commits(stores.jobs_table) as commits:
        stores.pending.claim([row], CLAIM)
    assert len(commits) == 1


def test_rows_are_read_again_as_they_are_now_except_those_that_are_gone_or_not_jobs(stores: Stores) -> None:
    rows = [registered(stores, number) for number in range(4)]
    stores.pending.remove(rows[0])
    put(stores, job_id(1), pollCount="many")
    touch(stores, rows[2])
    again = stores.pending.reread(rows)
    assert ids(again) == [job_id(2), job_id(3)]
    assert again[0].etag == pending(stores, job_id(2)).etag != rows[2].etag
