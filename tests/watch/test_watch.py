"""What a run does beside the list: notices, the baseline, switching the watch off, rows of others, the report."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.json_codec import dumps, loads
from shared.process import Process
from shared.storage.documents import Documents
from tests.instance import Instance
from tests.watch.runs import baseline, data, kept, requests, run, told, with_settings

DAY_SECONDS = 24 * 3600


def test_a_notice_comes_once_per_threshold_and_the_nearest_only(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_private_offer(acceptBy="2026-12-01")
    baseline(instance)
    days_left: list[int] = []
    for days in (2, 2, 1, 0, 4, 1, 1, 1):
        instance.clock.advance(days * DAY_SECONDS)
        before = len(instance.announcer.events)
        run(instance)
        days_left += [data(instance)["daysLeft"]] if len(instance.announcer.events) > before else []
    assert instance.announcer.types == [
        "private_offer.expiring",
        "private_offer.expiring",
        "private_offer.expired",
    ]
    assert days_left == [7, 1, 0]


def test_an_accepted_or_prolonged_offer_gets_no_notice_about_the_date_that_it_had(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    accepted, prolonged = (state.add_private_offer(acceptBy="2026-12-01", end="2028-01-01") for _ in range(2))
    baseline(instance)
    state.accept_private_offer(accepted)
    state.prolong_private_offer(prolonged, days=60)
    instance.clock.advance(10 * DAY_SECONDS)
    run(instance)
    instance.clock.advance(5 * DAY_SECONDS)
    run(instance)
    assert sorted(told(instance)) == sorted([("accepted", accepted), ("changed", prolonged)])


def test_an_offer_that_no_list_has_gets_no_notice(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_private_offer(acceptBy="2026-12-01")
    baseline(instance)
    instance.clock.advance(6 * DAY_SECONDS)
    fault = fresh_sandbox.state.fault("bad_request", route="product-ingestion")
    run(instance)
    assert instance.announcer.types == []
    fresh_sandbox.state.clear_faults(fault)
    run(instance)
    assert instance.announcer.types == ["private_offer.expiring"]


def test_a_threshold_that_is_new_in_the_settings_counts_from_its_next_crossing(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_private_offer(acceptBy="2026-12-01")
    later = fresh_sandbox.state.add_private_offer(acceptBy="2026-12-04")
    baseline(instance)
    changed = with_settings(instance, watch_expiring_days=(12,))
    for _ in range(4):
        run(changed)
        instance.clock.advance(DAY_SECONDS)
    assert told(instance) == [("expiring", later)]


def test_turning_the_watch_off_forgets_everything_and_turning_it_on_makes_a_new_baseline(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    offer_ids = [state.add_private_offer(notes="x" * 40_000) for _ in range(3)]
    baseline(instance)
    off = with_settings(instance, watch_private_offers=False)
    run(off)
    assert list(instance.table.rows("PartitionKey eq 'offers'")) == []
    assert list(Documents(instance.table).by_owner()) == []
    assert requests(fresh_sandbox, lambda: run(off)) == {}
    state.accept_private_offer(offer_ids[0])
    state.add_private_offer()
    state.delete_private_offer(offer_ids[1])
    run(instance)
    assert instance.announcer.types == []
    state.accept_private_offer(offer_ids[2])
    run(instance)
    assert told(instance) == [("accepted", offer_ids[2])]


def test_a_watch_that_is_turned_off_goes_on_to_forget_where_it_was_killed(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.snapshots.REMOVED_AT_ONCE", 2)
    for _ in range(5):
        fresh_sandbox.state.add_private_offer()
    baseline(instance)
    off = with_settings(instance, watch_private_offers=False)
    with monkeypatch.context() as patch:
        patch.setattr(off.timers.watch, "_monotonic", lambda: 0.0 if len(kept(off)) > 3 else 100.0)
        assert not run(off).complete
    assert 0 < len(kept(instance)) < 5
    run(instance)
    assert instance.announcer.types == []
    assert run(off).complete
    assert list(instance.table.rows("PartitionKey eq 'offers'")) == []


_ABSURD: list[dict[str, Any]] = [
    {"history": "no json"},
    {"eTag": 7},
    {"readAt": "yesterday"},
    {"goneAt": True},
    {"privateOffer": "[1,2"},
    {"privateOfferDocument": "0" * 64 + "~12"},
    {"jobs": "{}"},
    {"notices": "[["},
    {"calendar": "[["},
]


@pytest.mark.parametrize("columns", _ABSURD)
def test_an_absurd_row_harms_no_other_and_is_repaired(
    instance: Instance, fresh_sandbox: Sandbox, columns: dict[str, Any]
) -> None:
    state = fresh_sandbox.state
    spoiled, other = state.add_private_offer(), state.add_private_offer()
    baseline(instance)
    key = {"PartitionKey": "offers", "RowKey": f"offer~{spoiled}"}
    row = instance.table.get("offers", key["RowKey"])
    assert row is not None
    instance.table.upsert({**row, **columns})
    instance.table.insert({"PartitionKey": "offers", "RowKey": "offer~No id!", "eTag": 1})
    instance.table.insert({"PartitionKey": "offers", "RowKey": "~event~evt_1", "type": "private_offer.created"})
    for offer_id in (spoiled, other):
        state.change_private_offer(offer_id, name="renamed")
    assert run(instance).reason is None
    assert told(instance) == []
    for offer_id in (spoiled, other):
        state.accept_private_offer(offer_id)
    run(instance)
    assert sorted(told(instance)) == sorted([("accepted", spoiled), ("accepted", other)])


@pytest.mark.parametrize("columns", [{"place": "[1]"}, {"writes": "x"}, {"seenDocument": "y"}, {"baselineAt": "z"}])
def test_an_absurd_row_of_the_run_makes_no_news(
    instance: Instance, fresh_sandbox: Sandbox, columns: dict[str, Any]
) -> None:
    fresh_sandbox.state.add_private_offer()
    baseline(instance)
    row = instance.table.get("offers", "run")
    assert row is not None
    instance.table.upsert({**row, **columns})
    run(instance)
    run(instance)
    assert instance.announcer.types == []


def test_a_claim_that_nobody_can_have_made_does_not_stop_the_watch(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    row = instance.table.get("offers", "run")
    assert row is not None
    far = instance.clock.now() + timedelta(days=9000)
    instance.table.upsert({**row, "claimedUntil": far, "notBefore": far})
    fresh_sandbox.state.accept_private_offer(offer_id)
    run(instance)
    assert told(instance) == [("accepted", offer_id)]


def test_items_of_the_list_that_are_no_offers_are_left_out(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    good = fresh_sandbox.state.private_offers.find(offer_id) or {}
    body: dict[str, Any] = {
        "privateOffers": [None, 7, {}, {"id": "../evil"}, {"id": 5}, [], {**good, "eTag": '"other"'}, good]
    }
    fault = fresh_sandbox.state.fault("wrong_shape", route="product-ingestion.private-offers", body=body)
    baseline(instance)
    assert kept(instance) == [f"offer~{offer_id}"]
    fresh_sandbox.state.clear_faults(fault)
    run(instance)
    assert instance.announcer.types == []


def test_the_timer_stores_its_report_with_the_reason(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("bad_request", route="product-ingestion", count=1)
    process = _Process(instance)
    from shared import timers

    timers.watch_offers(process)
    report = instance.stores.timer_reports.last("watch_offers")
    assert report is not None
    assert (report.ok, report.facts["cppOffers"]) == (False, [])
    assert "400" in report.facts["reason"]
    instance.clock.advance(900)
    timers.watch_offers(process)
    report = instance.stores.timer_reports.last("watch_offers")
    assert report is not None
    assert (report.ok, report.facts["reason"], report.facts["complete"]) == (True, None, True)


def test_an_event_that_could_not_be_announced_is_announced_by_the_next_run(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(notes="x" * 40_000)
    baseline(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)

    def unreachable(_: list[Event]) -> None:
        from shared.storage.errors import StorageUnreachable

        raise StorageUnreachable("the deliveries' table does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(instance.announcer, "announce", unreachable)
        assert run(instance).events == 1
    assert instance.announcer.types == []
    run(instance)
    assert told(instance) == [("accepted", offer_id)]
    assert data(instance)["privateOffer"]["notes"] == "x" * 40_000
    [(_, entities)] = Documents(instance.table).by_owner()
    assert len(entities) == 1


def test_an_offers_history_has_its_events_newest_first(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.change_private_offer(offer_id, end="2028-06-30")
    run(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)
    run(instance)
    row = instance.stores.snapshots.get(offer_id)
    assert row is not None
    assert [(entry["type"], entry.get("changes")) for entry in row.history] == [
        ("private_offer.accepted", None),
        ("private_offer.changed", ["/end"]),
    ]
    assert row.summary.last_change_type == "private_offer.accepted"


def test_an_offer_that_is_gone_is_removed_after_the_history_days_with_its_document(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(notes="x" * 40_000)
    kept_offer = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.delete_private_offer(offer_id)
    run(instance)
    instance.clock.advance(timedelta(days=364).total_seconds())
    instance.timers.clean_up.run(None)
    assert len(kept(instance)) == 2
    instance.clock.advance(timedelta(days=2).total_seconds())
    instance.timers.clean_up.run(None)
    assert kept(instance) == [f"offer~{kept_offer}"]
    assert list(Documents(instance.table).by_owner()) == []


def test_documents_that_no_row_of_the_watch_refers_to_are_removed(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(notes="x" * 40_000)
    baseline(instance)
    documents = Documents(instance.table)
    documents.put(f"offer~{offer_id}", b"left over")
    documents.put("offer~unknown", b"left over")
    documents.put("run", b"left over")
    instance.clock.advance(timedelta(days=4000).total_seconds())  # storage has its own clock
    instance.timers.clean_up.run(None)
    [(owner, entities)] = documents.by_owner()
    assert (owner, len(entities)) == (f"offer~{offer_id}", 1)
    offer = instance.stores.snapshots.get(offer_id)
    assert offer is not None
    assert loads(instance.stores.snapshots.offer(offer) or b"")["notes"] == dumps("x" * 40_000)[1:-1]


class _Process(Process):
    """A process of an instance's own parts."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.clock)
        self._stores, self._services, self._timers = instance.stores, instance.services, instance.timers
