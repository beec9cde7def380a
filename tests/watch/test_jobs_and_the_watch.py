"""A job's own change is told by `job.succeeded`, whichever of poll and watch sees it first."""

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.storage.table import Change
from tests.instance import Instance
from tests.killed import Killed, killed_before_write
from tests.watch.runs import BY_ID, DETAIL, INTERVAL_SECONDS, baseline, kept, requests, run, told, with_settings

WRITES_OF_A_FINISHING_TICK = 6


def start(instance: Instance, sandbox: Sandbox, offer_id: str | None = None, **fields: object) -> str:
    """Register a job that has just made an offer, or changed the one of this id; returns the job's id."""
    offer = dict(sandbox.state.private_offers.find(offer_id) or {}) if offer_id else None
    job_id = sandbox.state.add_job(private_offer=None if offer is None else {**offer, **fields})
    instance.register(job_id)
    return job_id


def offer_types(instance: Instance) -> list[str]:
    return [event_type for event_type in instance.announcer.types if event_type.startswith("private_offer.")]


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("poll_first", [True, False])
def test_a_jobs_own_change_is_not_told_by_the_watch_too(
    instance: Instance, fresh_sandbox: Sandbox, changes: bool, poll_first: bool
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    start(instance, fresh_sandbox, offer_id if changes else None, end="2028-06-30")
    for step in ("poll", "watch") if poll_first else ("watch", "poll"):
        if step == "poll":
            instance.tick()
        else:
            run(instance)
    run(instance)
    assert instance.announcer.types == ["job.succeeded"]


def test_a_change_in_the_portal_after_a_job_is_told_even_before_the_job_has_finished_here(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    offer = {**(fresh_sandbox.state.private_offers.find(offer_id) or {}), "end": "2028-06-30"}
    job_id = fresh_sandbox.state.add_job(resources=[{**offer, "eTag": '"of the job"'}])
    instance.register(job_id)
    fresh_sandbox.state.change_private_offer(offer_id, end="2028-06-30", acceptBy="2027-02-28")
    fresh_sandbox.state.accept_private_offer(offer_id)
    run(instance)
    instance.tick()
    run(instance)
    run(instance)
    assert sorted(offer_types(instance)) == ["private_offer.accepted", "private_offer.changed"]
    [changed] = [event for event in instance.announcer.events if event.type == "private_offer.changed"]
    assert changed.data["changes"] == ["/acceptBy"]


@pytest.mark.parametrize("kind", ["server_error", "reset", "html_body", "role_missing"])
def test_a_jobs_own_change_waits_for_the_next_run_if_the_jobs_detail_cannot_be_read(
    instance: Instance, fresh_sandbox: Sandbox, kind: str
) -> None:
    baseline(instance)
    start(instance, fresh_sandbox)
    fault = fresh_sandbox.state.fault(kind, route=DETAIL)
    run(instance)
    fresh_sandbox.state.clear_faults(fault)
    instance.tick()
    run(instance)
    assert instance.announcer.types == ["job.succeeded"]


def test_a_detail_that_cannot_be_read_for_two_runs_keeps_no_change_from_being_told(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    instance.register(fresh_sandbox.state.add_job(seconds=None, resources=[]))
    fresh_sandbox.state.fault("server_error", route=DETAIL)
    fresh_sandbox.state.accept_private_offer(offer_id)
    run(instance)
    assert told(instance) == []
    run(instance)
    assert told(instance) == [("accepted", offer_id)]


def test_an_acceptance_that_a_jobs_detail_shows_is_told_once(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30", subState="accepted")
    instance.tick()
    assert sorted(instance.announcer.types) == ["job.succeeded", "private_offer.accepted"]
    run(instance)
    assert len(instance.announcer.types) == 2


def test_the_detail_of_a_job_does_not_replace_a_newer_snapshot(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    [job] = [start(instance, fresh_sandbox, offer_id, end="2028-06-30")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    fresh_sandbox.state.change_private_offer(offer_id, end="2029-06-30")
    run(instance)
    instance.tick()
    row = instance.stores.snapshots.get(offer_id)
    assert row is not None
    assert (row.summary.end, row.jobs) == ("2029-06-30", [job])
    run(instance)
    assert offer_types(instance) == []


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_FINISHING_TICK + 1))
def test_a_tick_killed_while_it_keeps_an_offer_leads_to_no_news(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30", subState="accepted")
    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        instance.tick()
    assert kill.happened
    successor = instance.another()
    for _ in range(3):
        run(successor)
        successor.tick()
    assert sorted(instance.announcer.types) == ["job.succeeded", "private_offer.accepted"]
    assert [row for row in kept(instance) if row.startswith("~")] == []


def test_a_job_that_finishes_between_the_reading_and_the_writing_of_a_run_stays_its_own_teller(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30")
    start(instance, fresh_sandbox)
    poller = instance.another()
    commit = instance.table.commit

    def after_a_tick(changes: Sequence[Change]) -> list[str]:
        if any(change.row["RowKey"].startswith("offer~") for change in changes):
            poller.tick()
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance.table, "commit", after_a_tick)
        run(instance)
    run(instance)
    assert instance.announcer.types == ["job.succeeded", "job.succeeded"]


@pytest.mark.parametrize("then", ["accepted by the partner", "deleted", "gone"])
def test_what_happens_to_an_offer_after_a_job_is_told_once_though_the_job_finishes_here_later(
    instance: Instance, fresh_sandbox: Sandbox, then: str
) -> None:
    state = fresh_sandbox.state
    state.change_settings(list_whole_offers=True)
    offer_id = state.add_private_offer(subState="pendingPartnerAction")
    baseline(instance)
    offer = {**(state.private_offers.find(offer_id) or {}), "eTag": '"of the job"'}
    instance.register(state.add_job(resources=[offer]))
    if then == "gone":
        state.delete_private_offer(offer_id)
    else:
        state.change_private_offer(
            offer_id, **({"state": "deleted"} if then == "deleted" else {"subState": "pendingAcceptance"})
        )
    run(instance)
    instance.tick()
    run(instance)
    run(instance)
    expected = "private_offer.accepted" if then == "accepted by the partner" else "private_offer.deleted"
    assert offer_types(instance) == [expected]


def test_a_change_is_left_to_the_next_run_if_upstream_throttles_the_details_of_jobs(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    offer_id = state.add_private_offer()
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30")
    in_portal = state.add_private_offer()
    state.fault("too_many_requests", route=DETAIL, retry_after_seconds=2 * INTERVAL_SECONDS, count=1)
    assert run(instance).reason is not None
    assert told(instance) == []
    assert requests(fresh_sandbox, lambda: run(instance)) == {}
    assert run(instance).complete
    assert told(instance) == [("created", in_portal)]


def test_a_change_is_left_to_the_next_run_if_there_is_no_time_for_the_details_of_jobs(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = fresh_sandbox.state
    state.change_settings(list_whole_offers=True, page_size=1)
    offer_id = [state.add_private_offer() for _ in range(8)][4]
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30")
    seconds = [0.0]
    listed = instance.upstream.listed_private_offers

    def slowly(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        seconds[0] += 8
        return listed(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(instance.upstream, "listed_private_offers", slowly)
        patch.setattr(instance.timers.watch, "_monotonic", lambda: seconds[0])
        for _ in range(4):
            seconds[0] = 0.0
            run(instance)
    assert run(instance).complete
    instance.tick()
    run(instance)
    assert instance.announcer.types == ["job.succeeded"]


def test_the_changes_of_many_jobs_are_told_by_none_but_the_jobs(instance: Instance, fresh_sandbox: Sandbox) -> None:
    baseline(instance)
    for _ in range(60):
        start(instance, fresh_sandbox)
    run(instance)
    assert instance.announcer.types == []


def test_the_details_of_jobs_that_do_not_fit_into_memory_are_asked_for_again(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.job_details.KEPT_BYTES", 2000)
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(6)]
    baseline(instance)
    for offer_id in offer_ids:
        start(instance, fresh_sandbox, offer_id, end="2028-06-30")
    run(instance)
    assert instance.announcer.types == []


def test_details_are_asked_for_only_when_there_is_news(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    instance.register(fresh_sandbox.state.add_job(seconds=None))
    instance.register(fresh_sandbox.state.add_job(seconds=None, operation="delete"))
    baseline(instance)
    assert requests(fresh_sandbox, lambda: run(instance))[DETAIL] == 0
    fresh_sandbox.state.change_private_offer(offer_id, notes="other notes")
    assert requests(fresh_sandbox, lambda: run(instance))[DETAIL] == 0
    fresh_sandbox.state.accept_private_offer(offer_id)
    fresh_sandbox.state.change_private_offer(offer_id, end="2028-06-30")
    asked = requests(fresh_sandbox, lambda: run(instance))
    assert asked[DETAIL] > 0
    assert asked["product-ingestion.job-status"] == 0
    assert told(instance) == [("accepted", offer_id), ("changed", offer_id)]


@pytest.mark.parametrize("on", [True, False])
def test_a_job_keeps_no_offer_before_the_watch_has_run_or_when_it_is_off(
    instance: Instance, fresh_sandbox: Sandbox, on: bool
) -> None:
    if not on:
        run(instance)
        instance = with_settings(instance, watch_private_offers=False)
    start(instance, fresh_sandbox)
    instance.tick()
    assert kept(instance) == []


def test_the_offers_of_many_jobs_are_kept_and_an_offer_that_cannot_be_read_holds_back_no_job(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    baseline(instance)
    for _ in range(30):
        start(instance, fresh_sandbox)
    hostile = fresh_sandbox.state.add_job(resources=[{"id": "private-offer/" + "x" * 200, "state": "live"}])
    instance.register(hostile)
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"] * 31
    assert len(kept(instance)) == 30
    asked = requests(fresh_sandbox, lambda: run(instance))
    assert asked[BY_ID] == 0
    assert len(instance.announcer.types) == 31


def test_a_list_that_lags_behind_a_jobs_detail_makes_no_news(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.change_settings(list_whole_offers=True)
    offer_id = fresh_sandbox.state.add_private_offer()
    before = dict(fresh_sandbox.state.private_offers.find(offer_id) or {})
    baseline(instance)
    start(instance, fresh_sandbox, offer_id, end="2028-06-30")
    instance.tick()
    outdated = {"privateOffers": [before]}
    fresh_sandbox.state.fault("wrong_shape", route="product-ingestion.private-offers", body=outdated, count=1)
    run(instance)
    run(instance)
    assert instance.announcer.types == ["job.succeeded"]
