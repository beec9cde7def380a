"""The rows of CPP offers: unreadable ones, forgotten ones, and ones that somebody else changes meanwhile.

The code is in shared/watch/cpp_offers.py.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.json_codec import dumps, loads
from shared.storage.table import Change, Write
from shared.watch.cpp_offers import cpp_key
from tests.watch.following_cpp_offers import ENTRIES, KEYS, Following
from tests.watch.runs import STATUS


def test_an_entry_that_has_left_the_settings_is_forgotten(following: Following) -> None:
    following.follow()
    following.entries = ENTRIES[:1]
    following.table.insert({"PartitionKey": "offers", "RowKey": "cpo"})
    following.table.insert({"PartitionKey": "offers", "RowKey": "offer~a"})
    following.follow()

    assert list(following.rows()) == ["cpo", KEYS[0], "offer~a"]


@pytest.mark.parametrize(
    "columns",
    [
        {"publisherId": "other"},
        {"offerId": None},
        {"status": "7"},
        {"status": "{"},
        {"status": dumps({"status": "running"})},
        {"status": dumps({"status": 7, "steps": {}})},
        {"status": dumps({"status": "running", "steps": []})},
        {"status": dumps({"status": "running", "steps": {"live": 7}})},
        {"readAt": "yesterday"},
        {"trouble": 7},
        {"troubleSince": "yesterday"},
    ],
    ids=lambda columns: "".join(f"{name} {value}" for name, value in columns.items()),
)
def test_a_row_that_cannot_be_read_gets_a_new_baseline(
    following: Following, fresh_sandbox: Sandbox, columns: dict[str, Any]
) -> None:
    following.follow()
    following.table.upsert({**following.rows()[KEYS[0]], **columns})
    for entry in ENTRIES[:2]:
        fresh_sandbox.state.change_cpp_offer(*entry, status="succeeded")
    following.follow()

    assert [event.data["cppOffer"] for event in following.events] == [{"publisherId": "contoso", "offerId": "vm-1"}]
    assert loads(following.rows()[KEYS[0]]["status"])["status"] == "succeeded"


def test_the_key_of_an_entry_has_both_ids() -> None:
    assert cpp_key("contoso", "vm-0") == KEYS[0]


def test_a_row_that_somebody_else_changes_meanwhile_is_told_by_the_next_invocation(
    following: Following, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.follow()
    fresh_sandbox.state.change_cpp_offer(*ENTRIES[0], status="succeeded")
    offer_status = following.upstream.offer_status

    def late(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        following.table.upsert(following.rows()[KEYS[0]])
        return offer_status(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(following.upstream, "offer_status", late)
        assert (following.follow().events, following.events) == (0, [])
    assert following.follow().events == 1


def _with_somebody_elses_write(
    patch: pytest.MonkeyPatch, following: Following, write: Write, key: str, row: dict[str, Any]
) -> None:
    """Has somebody else store this row before the first write of this kind to that key."""
    commit = following.table.commit

    def late(changes: Sequence[Change]) -> list[str]:
        if any(change.write is write and change.row["RowKey"] == key for change in changes):
            patch.setattr(following.table, "commit", commit)
            following.table.upsert(row)
        return commit(changes)

    patch.setattr(following.table, "commit", late)


@pytest.mark.parametrize("columns", [{}, {"status": "7"}], ids=["left the settings", "cannot be read"])
def test_a_row_that_changes_before_it_is_deleted_stays(
    following: Following, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any]
) -> None:
    following.follow()
    following.table.upsert({**following.rows()[KEYS[1]], **columns})
    following.entries = ENTRIES[:1]
    row = {**following.rows()[KEYS[1]], "trouble": "by somebody else"}
    with monkeypatch.context() as patch:
        _with_somebody_elses_write(patch, following, Write.DELETE, KEYS[1], row)
        following.follow()

    assert following.rows()[KEYS[1]]["trouble"] == "by somebody else"
    following.follow()
    assert KEYS[1] not in following.rows()


def test_a_new_row_replaces_none_that_somebody_else_has_made_meanwhile(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.follow()
    row = following.rows()[KEYS[0]]
    following.table.delete("offers", KEYS[0])
    with monkeypatch.context() as patch:
        _with_somebody_elses_write(patch, following, Write.INSERT, KEYS[0], {**row, "trouble": "by somebody else"})
        following.follow()

    assert following.rows()[KEYS[0]]["trouble"] == "by somebody else"


def test_an_entry_is_in_trouble_until_that_it_can_be_read_is_stored(
    following: Following, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    following.follow()
    fault = fresh_sandbox.state.fault("not_found", route=STATUS, path_contains="vm-1")
    trouble = following.follow().trouble
    fresh_sandbox.state.clear_faults(fault)
    caplog.clear()
    caplog.set_level("INFO", "offer_monitor.watch")
    with monkeypatch.context() as patch:
        _with_somebody_elses_write(patch, following, Write.UPSERT, KEYS[1], following.rows()[KEYS[1]])
        assert following.follow().trouble == trouble
    assert caplog.records == []

    assert following.follow().trouble == []
