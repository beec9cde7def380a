"""Listing jobs, page by page."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.cursor import InvalidCursor
from shared.jobs import listing
from shared.jobs.filter import JobFilter
from shared.jobs.job import Job, JobState, Operation
from shared.jobs.listing import JobListing
from shared.storage.table import Change, Row, Write
from tests.instance import Instance

ALL = JobFilter()
PENDING = JobFilter(states=frozenset({JobState.PENDING}))


def only(*states: str) -> JobFilter:
    return JobFilter(states=frozenset(JobState(state) for state in states))


def ids(instance: Instance, wanted: JobFilter, limit: int) -> list[str]:
    """All ids of a listing, page by page; no page may be longer than its limit."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = instance.listing.page(wanted, limit=limit, cursor=cursor)
        assert len(page.jobs) <= limit
        found += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_pages_together_hold_every_job_once_pending_first_then_newest_first(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    finished: list[str] = []
    for _ in range(5):
        job_id = fresh_sandbox.state.add_job()
        instance.register(job_id)
        instance.tick()
        finished.append(job_id)
        instance.clock.advance(60)
    pending = sorted(instance.register(str(uuid.uuid4())).job_id for _ in range(4))
    for limit in (1, 3, 4, 20):
        assert ids(instance, ALL, limit) == pending + finished[::-1]
    assert ids(instance, PENDING, 3) == pending
    assert ids(instance, only("succeeded"), 2) == finished[::-1]
    assert ids(instance, only("failed"), 2) == []


def test_pages_go_on_through_jobs_that_are_on_their_way_to_the_history(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_history = fresh_sandbox.state.add_job()
    instance.register(in_history)
    instance.tick()
    on_their_way = sorted(fresh_sandbox.state.add_job() for _ in range(3))
    for job_id in on_their_way:
        instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    for limit in (1, 2, 5):
        assert ids(instance, ALL, limit) == [*on_their_way, in_history]


def test_jobs_are_filtered_by_external_id_wherever_they_stand(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for external_id in ("a", "b", "a'b"):
        instance.registry.register(str(uuid.uuid4()), operation=Operation.CREATE, label=None, external_id=external_id)
        job_id = fresh_sandbox.state.add_job()
        instance.registry.register(job_id, operation=Operation.CREATE, label=None, external_id=external_id)
    instance.tick()
    assert len(ids(instance, JobFilter(external_id="a"), 1)) == 2
    assert len(ids(instance, JobFilter(external_id="a'b"), 10)) == 2
    assert ids(instance, JobFilter(external_id="c"), 10) == []


@pytest.mark.parametrize(
    "cursor", ["x", "%%%", "bm90IGEgY3Vyc29y", "\u00e9", "cGVuZGluZw", "WzEsMl0", "bnVsbA", "W10"]
)
def test_a_cursor_that_was_not_handed_out_is_refused(instance: Instance, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        instance.listing.page(JobFilter(), limit=1, cursor=cursor)


def finish_in_history(instance: Instance, offers: list[bytes], *, state: JobState = JobState.SUCCEEDED) -> list[str]:
    """Jobs that ended a second after each other, the newest last."""
    found = []
    for offer in offers:
        instance.clock.advance(1)
        job = instance.register(str(uuid.uuid4()))
        row = instance.pending.get(job.job_id)
        assert row is not None
        ended = replace(job, private_offer=offer or None).finished(state, instance.clock.now())
        [written] = instance.pending.write([(row, ended)], instance.clock.now())
        assert written is not None
        assert written.event is not None
        instance.finishing.finish([written.event])
        found.append(job.job_id)
    return found


def slow_listing(instance: Instance, seconds_a_look: float) -> JobListing:
    """A listing to which every look at the clock seems to take so long."""
    looks = iter(range(10_000))
    return JobListing(
        pending=instance.pending,
        history=instance.history,
        late_changes=instance.stores.late_changes,
        clock=instance.clock,
        monotonic=lambda: next(looks) * seconds_a_look,
    )


def test_a_page_ends_before_it_is_too_large(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_MAX_BYTES", 250_000)
    sizes = [100_000, 20_000, 100_000, 300_000, 100_000, 100_000]
    jobs = finish_in_history(instance, [b'{"notes":"' + b"x" * size + b'"}' for size in sizes])
    pages, cursor = [], None
    while True:
        page = instance.listing.page(JobFilter(states=frozenset({JobState.SUCCEEDED})), limit=10, cursor=cursor)
        pages.append([job.job_id for job in page.jobs])
        cursor = page.next_cursor
        if cursor is None:
            break
    newest_first = jobs[::-1]
    assert pages == [newest_first[:2], newest_first[2:3], newest_first[3:]]


def test_a_job_that_does_not_fit_is_not_read_before_its_page(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE_MAX_BYTES", 250_000)
    finish_in_history(instance, [b'{"notes":"' + b"x" * 200_000 + b'"}'] * 3)
    read: list[str] = []
    load = instance.history.read

    def recorded(row: Row) -> Job:
        read.append(row["RowKey"])
        return load(row)

    monkeypatch.setattr(instance.history, "read", recorded)
    assert (
        len(instance.listing.page(JobFilter(states=frozenset({JobState.SUCCEEDED})), limit=3, cursor=None).jobs) == 1
    )
    assert len(read) == 1


def test_a_filter_for_what_is_rare_stops_when_its_time_is_over_and_goes_on_from_there(instance: Instance) -> None:
    [rare] = finish_in_history(instance, [b""], state=JobState.FAILED)
    finish_in_history(instance, [b""] * 5)
    slow = slow_listing(instance, seconds_a_look=2.0)
    pages, cursor = [], None
    while True:
        page = slow.page(only("failed"), limit=10, cursor=cursor)
        pages.append([job.job_id for job in page.jobs])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [job_id for page in pages for job_id in page] == [rare]
    assert len(pages) > 2
    assert pages[0] == []


def test_a_page_makes_progress_even_if_one_row_takes_all_its_time(instance: Instance) -> None:
    jobs = finish_in_history(instance, [b""] * 3)
    slow = slow_listing(instance, seconds_a_look=60.0)
    found, cursor = [], None
    for _ in range(20):
        page = slow.page(ALL, limit=10, cursor=cursor)
        found += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == jobs[::-1]
    assert cursor is None


def test_a_filter_reads_the_long_parts_of_matching_jobs_alone(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish_in_history(instance, [b'{"notes":"short"}'] * 5)
    columns: list[object] = []
    rows = instance.table.rows

    def recorded(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        columns.append(options.get("columns"))
        return rows(*arguments, **options)

    monkeypatch.setattr(instance.table, "rows", recorded)
    assert (
        instance.listing.page(
            JobFilter(states=frozenset({JobState.FAILED}), external_id="x"), limit=10, cursor=None
        ).jobs
        == []
    )
    assert all(columns)


def test_an_external_id_of_another_type_is_found_by_its_text(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id, "externalId": 4711})
    assert ids(instance, JobFilter(external_id="4711"), 10) == [job_id]


def test_jobs_that_end_while_one_pages_come_last(instance: Instance) -> None:
    first = finish_in_history(instance, [b""] * 3)
    page = instance.listing.page(JobFilter(states=frozenset({JobState.SUCCEEDED})), limit=2, cursor=None)
    found = [job.job_id for job in page.jobs]
    later = finish_in_history(instance, [b""] * 2)
    while page.next_cursor is not None:
        page = instance.listing.page(
            JobFilter(states=frozenset({JobState.SUCCEEDED})), limit=2, cursor=page.next_cursor
        )
        found += [job.job_id for job in page.jobs]
    assert found == first[::-1] + later[::-1]


def test_a_pending_job_that_ends_while_one_pages_is_not_left_out(instance: Instance, fresh_sandbox: Sandbox) -> None:
    jobs = sorted(fresh_sandbox.state.add_job() for _ in range(4))
    for job_id in jobs:
        instance.register(job_id)
    page = instance.listing.page(JobFilter(), limit=1, cursor=None)
    found = [job.job_id for job in page.jobs]
    instance.tick()
    while page.next_cursor is not None:
        page = instance.listing.page(JobFilter(), limit=1, cursor=page.next_cursor)
        found += [job.job_id for job in page.jobs]
    assert set(found) == set(jobs)


def test_bad_rows_are_passed_over_and_a_page_goes_on_behind_them(instance: Instance) -> None:
    jobs = sorted(instance.register(str(uuid.uuid4())).job_id for _ in range(3))
    bad = ["#", " odd \u00e9\U0001f600'", "~", "zzz", "0" * 500]
    instance.table.commit_each(
        [[Change(Write.INSERT, {"PartitionKey": "pending", "RowKey": key})] for key in bad if key != "#"]
    )
    assert ids(instance, PENDING, 1) == jobs
    assert ids(instance, PENDING, 2) == jobs


def test_a_cursor_belongs_to_its_filters(instance: Instance) -> None:
    for _ in range(2):
        instance.register(str(uuid.uuid4()))
    cursor = instance.listing.page(JobFilter(), limit=1, cursor=None).next_cursor
    for other in (
        PENDING,
        JobFilter(external_id="crm-1"),
        JobFilter(label="x"),
        JobFilter(operation=Operation.DELETE),
    ):
        with pytest.raises(InvalidCursor, match="other filters"):
            instance.listing.page(other, limit=1, cursor=cursor)


@pytest.mark.parametrize(
    "since", [datetime(1, 1, 1, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
)
def test_a_listing_since_a_time_long_ago_holds_every_job(instance: Instance, since: datetime) -> None:
    finished = finish_in_history(instance, [b""] * 2)
    instance.registry.change(finished[0], lambda job: replace(job, label="late"))
    assert set(ids(instance, JobFilter(updated_since=since), 1)) == set(finished)


def test_a_record_of_version_1_0_0_was_last_updated_when_its_job_finished(instance: Instance) -> None:
    [job_id] = finish_in_history(instance, [b""])
    finished_at = instance.job(job_id).finished_at
    assert finished_at is not None
    [record] = [row for _, row in instance.history.scan("", "", ALL, at_once=1) if row is not None]
    old = {name: value for name, value in record.items() if name != "updatedAt"}
    instance.table.upsert(old)
    assert instance.job(job_id).last_updated_at == finished_at
    assert ids(instance, JobFilter(updated_since=finished_at), 1) == [job_id]
