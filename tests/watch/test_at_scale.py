"""Thousands of offers: what a run costs in requests, transactions and memory."""

import tracemalloc

import pytest

from sandbox.server import Sandbox
from tests.commits import recorded_commits
from tests.instance import Instance
from tests.watch.runs import BY_ID, DETAIL, LISTED, baseline, requests, run, told

OFFERS = 5000
PAGE = 500
MOST_BYTES = 64 * 1024 * 1024


def test_many_changes_ask_for_the_details_of_jobs_once_for_all(instance: Instance, fresh_sandbox: Sandbox) -> None:
    state = fresh_sandbox.state
    state.change_settings(page_size=50)
    offer_ids = [state.add_private_offer() for _ in range(30)]
    for _ in range(5):
        instance.register(state.add_job(seconds=None))
    baseline(instance)
    for offer_id in offer_ids:
        state.change_private_offer(offer_id, end="2028-06-30")
    assert requests(fresh_sandbox, lambda: run(instance))[DETAIL] == 5
    assert sorted(told(instance)) == sorted(("changed", offer_id) for offer_id in offer_ids)


@pytest.mark.slow
def test_thousands_of_offers_cost_a_request_a_page_and_little_memory(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    state.change_settings(page_size=PAGE, list_whole_offers=True)
    offer_ids = [state.add_private_offer() for _ in range(OFFERS)]
    tracemalloc.start()
    try:
        with recorded_commits(instance.table) as commits:
            while not run(instance).complete:
                pass
        assert len(commits) < OFFERS // 20
        assert tracemalloc.get_traced_memory()[1] < 2 * MOST_BYTES  # of the sandbox too, which is in this process
        with recorded_commits(instance.table) as commits:
            asked = requests(fresh_sandbox, lambda: run(instance))
        assert commits == [["UPSERT run"], ["UPSERT run"]]
        assert asked[LISTED] + asked[f"{LISTED}.page"] == OFFERS / PAGE
        assert asked[BY_ID] == 0
    finally:
        tracemalloc.stop()
    assert instance.announcer.types == []
    for offer_id in offer_ids[::100]:
        state.accept_private_offer(offer_id)
    assert run(instance).complete
    assert sorted(told(instance)) == sorted(("accepted", offer_id) for offer_id in offer_ids[::100])
