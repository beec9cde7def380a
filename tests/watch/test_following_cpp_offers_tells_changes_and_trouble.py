"""Which changes and which trouble of CPP offers an invocation finds and tells (shared/watch/cpp_offers.py)."""

from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.json_codec import loads
from shared.watch.cpp_offers import CppOutcome
from tests.commits import recorded_commits
from tests.watch.following_cpp_offers import ENTRIES, KEYS, Following
from tests.watch.runs import STATUS


def test_the_first_status_of_each_entry_is_stored_and_not_told(following: Following) -> None:
    outcome = following.follow()

    assert outcome == CppOutcome(trouble=[], read=3)
    rows = following.rows()
    assert list(rows) == KEYS
    row = rows[KEYS[0]]
    assert (row["publisherId"], row["offerId"], row["readAt"]) == ("contoso", "vm-0", following.clock.now())
    assert loads(row["status"])["status"] == "running"
    assert set(row) == {"PartitionKey", "RowKey", "publisherId", "offerId", "status", "readAt"}
    assert following.events == []


def test_a_status_that_changed_is_stored_and_told(following: Following, fresh_sandbox: Sandbox) -> None:
    following.follow()
    before = loads(following.rows()[KEYS[1]]["status"])
    fresh_sandbox.state.change_cpp_offer(*ENTRIES[1], status="succeeded")

    assert following.follow() == CppOutcome(trouble=[], read=3, events=1)

    row = following.rows()[KEYS[1]]
    [event] = following.events
    assert (event.type, event.created_at) == ("cpp_offer.status_changed", following.clock.now())
    assert event.data == {
        "cppOffer": {"publisherId": "contoso", "offerId": "vm-1"},
        "from": before,
        "to": loads(row["status"]),
    }
    assert (loads(row["status"])["status"], row["readAt"]) == ("succeeded", following.clock.now())
    assert list(following.rows()) == KEYS


def test_the_events_of_several_entries_are_counted(following: Following, fresh_sandbox: Sandbox) -> None:
    following.follow()
    for entry in ENTRIES:
        fresh_sandbox.state.change_cpp_offer(*entry, status="succeeded")

    assert following.follow().events == 3


def test_a_status_that_has_not_changed_is_not_written(following: Following) -> None:
    following.follow()
    before = following.rows()
    with recorded_commits(following.table) as commits:
        following.follow()

    assert commits == [["UPSERT run"], ["UPSERT run"]]
    assert following.rows() == before


def test_an_event_that_cannot_be_sent_is_left_to_the_next_run(following: Following, fresh_sandbox: Sandbox) -> None:
    following.follow()
    fresh_sandbox.state.change_cpp_offer(*ENTRIES[0], status="succeeded")
    following.unreachable = True

    assert following.follow().events == 1
    assert sum(key.startswith("~event~") for key in following.rows()) == 1


# Trouble


@pytest.mark.parametrize("kind", ["not_found", "role_missing"])
def test_an_entry_is_in_trouble_since_it_was_first_refused(
    following: Following, fresh_sandbox: Sandbox, kind: str
) -> None:
    following.follow()
    read_at = following.clock.now()
    fault = fresh_sandbox.state.fault(kind, route=STATUS, path_contains="vm-1")
    outcome = following.follow()
    since = following.clock.now()

    [trouble] = outcome.trouble
    row = following.rows()[KEYS[1]]
    assert (outcome.reason, outcome.read, outcome.events) == (None, 3, 0)
    assert trouble == {
        "publisherId": "contoso",
        "offerId": "vm-1",
        "reason": row["trouble"],
        "since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (row["troubleSince"], loads(row["status"])["status"]) == (since, "running")
    assert row["readAt"] == read_at
    with recorded_commits(following.table) as commits:
        assert following.follow().trouble == [trouble]
    assert commits == [["UPSERT run"], ["UPSERT run"]]

    fresh_sandbox.state.clear_faults(fault)
    assert following.follow().trouble == []
    row = following.rows()[KEYS[1]]
    assert ("trouble" in row, "troubleSince" in row) == (False, False)
    assert row["readAt"] == following.clock.now()
    assert following.events == []


def test_an_entry_that_is_in_trouble_from_the_start_has_its_baseline_when_it_can_be_read(
    following: Following, fresh_sandbox: Sandbox
) -> None:
    fault = fresh_sandbox.state.fault("not_found", route=STATUS, path_contains="vm-1")
    trouble = following.follow().trouble
    assert len(trouble) == 1
    assert "status" not in following.rows()[KEYS[1]]
    assert following.follow().trouble == trouble

    fresh_sandbox.state.clear_faults(fault)
    assert following.follow().trouble == []
    assert following.events == []
    fresh_sandbox.state.change_cpp_offer(*ENTRIES[1], status="succeeded")
    assert following.follow().events == 1


def test_only_an_entry_that_was_in_trouble_can_be_read_again(
    following: Following, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor.watch")
    following.follow()
    fresh_sandbox.state.change_cpp_offer(*ENTRIES[0], status="succeeded")
    following.follow()
    assert caplog.records == []

    fault = fresh_sandbox.state.fault("not_found", route=STATUS, path_contains="vm-1")
    following.follow()
    fresh_sandbox.state.clear_faults(fault)
    caplog.clear()
    following.follow()
    assert [record.message for record in caplog.records] == ["contoso/vm-1 can be read again"]


@pytest.mark.parametrize(
    ("kind", "parameters"), [("bad_request", {}), ("wrong_shape", {"body": {"status": None}}), ("invalid_json", {})]
)
def test_an_answer_that_fails_is_named_with_its_entry_and_holds_no_other_back(
    following: Following, fresh_sandbox: Sandbox, kind: str, parameters: dict[str, Any]
) -> None:
    fresh_sandbox.state.fault(kind, route=STATUS, path_contains="vm-0", **parameters)
    fresh_sandbox.state.fault(kind, route=STATUS, path_contains="vm-2", **parameters)
    outcome = following.follow()

    assert (outcome.reason or "").startswith("contoso/vm-0: ")
    assert len(outcome.reason or "") > len("contoso/vm-0: ")
    assert (outcome.read, outcome.trouble, outcome.after) == (1, [], KEYS[2])
    assert list(following.rows()) == [KEYS[1]]


def test_an_answer_without_a_status_says_so(following: Following, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("wrong_shape", route=STATUS, body={"status": None}, path_contains="vm-0")

    assert "the answer has no status" in (following.follow().reason or "")
