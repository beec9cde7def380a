"""Poll cycles over more jobs than a tick has time for, and over large offers."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState
from shared.jobs.pending_jobs import PendingPage
from tests.instance import Instance

PAGE_ROWS = 4


@pytest.fixture
def running_jobs(instance: Instance, fresh_sandbox: Sandbox) -> list[str]:
    """Twelve jobs, in the order in which the partition is read: three pages."""
    job_ids = sorted(fresh_sandbox.state.add_job(seconds=None) for _ in range(12))
    for job_id in job_ids:
        instance.register(job_id)
    return job_ids


@pytest.fixture(autouse=True)
def _small_pages(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance.table, "pages", partial(instance.table.pages, page_size=PAGE_ROWS))


def make_pages_slow(instance: Instance, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Make each page of jobs after the first take this long."""
    pages = instance.pending.pages

    def slow_pages(*arguments: object, **named: object) -> Iterator[PendingPage]:
        read = 0
        for page in pages(*arguments, **named):  # type: ignore[arg-type] # passed through
            if read:
                instance.clock.advance(seconds)
            read += len(page.rows)
            yield page

    monkeypatch.setattr(instance.pending, "pages", slow_pages)


def asked(instance: Instance, job_ids: list[str]) -> list[bool]:
    return [instance.job(job_id).poll_count > 0 for job_id in job_ids]


def test_polling_begins_before_all_pages_are_read(
    instance: Instance, running_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pages_slow(instance, monkeypatch, 37)
    report = instance.tick()
    assert report.polled == PAGE_ROWS
    assert not report.read_all
    assert asked(instance, running_jobs) == [True] * 4 + [False] * 8


def test_the_next_cycle_continues_where_this_one_stopped_and_every_job_gets_its_turn(
    instance: Instance, running_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pages_slow(instance, monkeypatch, 37)
    stopped_at = ""
    for _ in range(4):
        report = instance.cycle.run(stopped_at)
        stopped_at = report.stopped_at
        instance.clock.advance(23)
    assert asked(instance, running_jobs) == [True] * 12


def test_a_cycle_that_starts_in_the_middle_also_reads_the_rows_before_it(
    instance: Instance, running_jobs: list[str]
) -> None:
    report = instance.cycle.run(running_jobs[7])
    assert report.read_all
    assert report.stopped_at == ""
    assert (report.pending, report.polled) == (12, 12)


def test_a_cycle_that_starts_in_the_middle_also_finishes_jobs_in_the_outbox(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    assert instance.announcer.types == []
    instance.cycle.run("ffffffff")
    assert instance.announcer.types == ["job.succeeded"]


def test_once_enough_jobs_are_due_further_pages_are_read_while_those_are_polled(
    instance: Instance, running_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.due.ENOUGH_DUE_JOBS", 2)
    report = instance.tick()
    assert (report.polled, report.read_all) == (12, True)
    assert asked(instance, running_jobs) == [True] * 12


def test_many_jobs_with_large_offers_finish_in_one_tick_and_each_event_has_its_offer(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    schema = "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15"
    large = {"$schema": schema, "privateOfferType": "cspPromotion", "name": "x" * 200_000}
    offers = [large | {"id": f"private-offer/{n}"} for n in range(6)]
    job_ids = [fresh_sandbox.state.add_job(resources=[offer]) for offer in offers]
    for job_id in job_ids:
        instance.register(job_id)
    assert instance.tick().finished == 6
    assert all(instance.job(job_id).state is JobState.SUCCEEDED for job_id in job_ids)
    assert all(instance.job(job_id).private_offer is not None for job_id in job_ids)
    assert instance.announcer.types == ["job.succeeded"] * 6
    assert all(event.data["job"]["privateOffer"] is not None for event in instance.announcer.events)


@pytest.mark.usefixtures("running_jobs")
def test_a_job_put_back_while_its_event_is_in_the_outbox_still_waits_for_its_minute(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(job_id="00000000-0000-4000-8000-000000000000")
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id})
    instance.clock.advance(37)
    monkeypatch.setattr(instance.poller, "_last_answers", {})
    monkeypatch.setattr("shared.polling.due.WAIT_FOR_NEW_JOB", timedelta(0))
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_job_that_was_claimed_but_not_polled_is_first_in_line_for_the_next_cycle(
    instance: Instance, running_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.due.ENOUGH_DUE_JOBS", 2)
    claim = instance.pending.claim

    def slow_claim(*arguments: object, **named: object) -> object:
        instance.clock.advance(37)
        return claim(*arguments, **named)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(instance.pending, "claim", slow_claim)
    report = instance.cycle.run(running_jobs[5])
    assert (report.polled, report.unreached, report.read_all) == (0, PAGE_ROWS, False)
    assert report.stopped_at == running_jobs[5]


def test_a_cycle_that_reads_only_the_outbox_does_not_move_the_place_where_reading_starts(
    instance: Instance, running_jobs: list[str], fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()

    def slow(_: object) -> int:
        instance.clock.advance(37)
        return 0

    monkeypatch.setattr(instance.row_repair, "set_aside", slow)
    assert instance.cycle.run(running_jobs[5]).stopped_at == running_jobs[5]
