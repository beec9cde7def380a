"""Runs over the list of private offers: what is announced, what it costs, and what upstream's trouble leads to."""

import pytest

from sandbox.server import Sandbox
from tests.commits import recorded_commits
from tests.instance import Instance
from tests.watch.runs import BY_ID, LISTED, baseline, data, kept, requests, run, told


def test_what_is_there_at_the_baseline_is_not_news(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(5)]
    baseline(instance)
    assert kept(instance) == sorted(f"offer~{offer_id}" for offer_id in offer_ids)
    run(instance)
    assert instance.announcer.types == []


@pytest.mark.parametrize("whole", [True, False])
def test_each_change_is_announced_once(instance: Instance, fresh_sandbox: Sandbox, whole: bool) -> None:
    state = fresh_sandbox.state
    state.change_settings(list_whole_offers=whole)
    accepted, changed, deleted, _ = (state.add_private_offer() for _ in range(4))
    baseline(instance)
    state.accept_private_offer(accepted)
    state.change_private_offer(changed, end="2028-06-30")
    state.delete_private_offer(deleted)
    created = state.add_private_offer()
    for _ in range(3):
        assert run(instance).reason is None
    assert sorted(told(instance)) == [
        ("accepted", accepted),
        ("changed", changed),
        ("created", created),
        ("deleted", deleted),
    ]
    assert [row for row in kept(instance) if row.startswith("~")] == []
    [number] = [number for number, event in enumerate(instance.announcer.events) if event.type.endswith("changed")]
    assert data(instance, number)["changes"] == ["/end"]
    assert data(instance, number)["privateOffer"]["end"] == "2028-06-30"


@pytest.mark.parametrize("whole", [True, False])
def test_offers_that_have_not_changed_cost_no_request_of_their_own_and_no_write(
    instance: Instance, fresh_sandbox: Sandbox, whole: bool
) -> None:
    fresh_sandbox.state.change_settings(list_whole_offers=whole, page_size=10)
    for _ in range(20):
        fresh_sandbox.state.add_private_offer()
    baseline(instance)
    with recorded_commits(instance.table) as commits:
        asked = requests(fresh_sandbox, lambda: run(instance))
    assert commits == [["UPSERT run"], ["UPSERT run"]]
    assert asked == {LISTED: 1, f"{LISTED}.page": 1}


def test_a_list_without_etags_is_read_offer_by_offer_and_makes_no_news(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.change_settings(list_etags=False)
    for _ in range(5):
        fresh_sandbox.state.add_private_offer()
    baseline(instance)
    with recorded_commits(instance.table) as commits:
        asked = requests(fresh_sandbox, lambda: run(instance))
    assert asked[BY_ID] == 5
    assert commits == [["UPSERT run"], ["UPSERT run"]]
    assert instance.announcer.types == []


def test_an_etag_that_changes_without_a_visible_change_announces_nothing(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.change_private_offer(offer_id, name="Another name", notes="other notes")
    run(instance)
    assert instance.announcer.types == []
    row = instance.stores.snapshots.get(offer_id)
    assert row is not None
    assert row.summary.name == "Another name"


def test_an_offer_that_one_page_leaves_out_for_one_run_is_not_gone(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    offer_ids = [state.add_private_offer() for _ in range(5)]
    baseline(instance)
    state.leave_out_private_offer(offer_ids[2])
    asked = requests(fresh_sandbox, lambda: run(instance))
    assert asked[BY_ID] == 1
    run(instance)
    assert instance.announcer.types == []


def test_a_list_that_is_empty_by_mistake_deletes_nothing_that_still_answers(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(5)]
    baseline(instance)
    for offer_id in offer_ids:
        fresh_sandbox.state.leave_out_private_offer(offer_id)
    fresh_sandbox.state.delete_private_offer(offer_ids[1])
    assert run(instance).complete
    assert told(instance) == [("deleted", offer_ids[1])]


def test_an_offer_that_is_listed_is_not_gone_even_if_it_is_answered_with_404(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)
    fault = fresh_sandbox.state.fault("not_found", route=BY_ID)
    run(instance)
    run(instance)
    assert told(instance) == []
    fresh_sandbox.state.clear_faults(fault)
    run(instance)
    assert told(instance) == [("accepted", offer_id)]
    fresh_sandbox.state.delete_private_offer(offer_id)
    run(instance)
    assert told(instance)[1:] == [("deleted", offer_id)]


def test_an_offer_that_cannot_be_asked_for_is_not_gone(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.delete_private_offer(offer_id)
    fresh_sandbox.state.fault("server_error", route=BY_ID, path_contains=offer_id, count=3)
    assert run(instance).reason is not None
    assert instance.announcer.types == []
    assert run(instance).reason is None
    assert told(instance) == [("deleted", offer_id)]


def test_an_offer_that_had_gone_and_is_back_is_created_again(instance: Instance, fresh_sandbox: Sandbox) -> None:
    state = fresh_sandbox.state
    offer_id = state.add_private_offer()
    offer = dict(state.private_offers.find(offer_id) or {})
    baseline(instance)
    state.delete_private_offer(offer_id)
    run(instance)
    state.add_private_offer(offer)
    run(instance)
    assert told(instance) == [("deleted", offer_id), ("created", offer_id)]


def test_an_offer_whose_state_is_deleted_is_told_once_and_not_asked_for_again(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.change_private_offer(offer_id, state="deleted")
    run(instance)
    assert told(instance) == [("deleted", offer_id)]
    asked = requests(fresh_sandbox, lambda: run(instance))
    assert asked[BY_ID] == 0
    fresh_sandbox.state.delete_private_offer(offer_id)
    run(instance)
    assert told(instance) == [("deleted", offer_id)]
