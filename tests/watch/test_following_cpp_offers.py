"""What an invocation finds out about CPP offers, stores of them and tells (shared/watch/cpp_offers.py)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.json_codec import dumps, loads
from shared.settings import load_settings
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Table, Write
from shared.upstream.clients import Upstream, upstream_from_settings
from shared.watch.cpp_offers import CppOffers, CppOutcome, cpp_key
from shared.watch.events import OfferOutbox
from shared.watch.reading import RequestTime
from shared.watch.run_state import RunRow, RunState
from tests.clock import FakeClock
from tests.commits import recorded_commits
from tests.sandbox_settings import sandbox_settings

STATUS = "cloud-partner-portal.offer-status"
ENTRIES = tuple(("contoso", f"vm-{number}") for number in range(3))
KEYS = [f"cpp~contoso~vm-{number}" for number in range(3)]


class Following:
    """Follows CPP offers in a table, and records what is announced."""

    def __init__(self, table: Table, upstream: Upstream, clock: FakeClock) -> None:
        self.table = table
        self.clock = clock
        self.events: list[Event] = []
        self.unreachable = False
        self.state = RunState()
        self.upstream = upstream.cloud_partner_portal
        self.entries: Sequence[tuple[str, str]] = ENTRIES
        self.documents = Documents(table)

    def follow(self, *looks: float) -> CppOutcome:
        """The next invocation. `looks` are the seconds at which it looks at its clock; none are never too late."""
        self.clock.advance(900)
        run_row = RunRow(self.table, self.documents)
        outbox = OfferOutbox(self.table, self.documents, Outbox(self.table, self._announce))
        offers = CppOffers(
            table=self.table, upstream=self.upstream, outbox=outbox, entries=self.entries, clock=self.clock
        )
        claimed = run_row.claim(self.clock, timedelta(seconds=55), lambda found: found)
        seconds = iter([0.0, *looks])
        request_time = RequestTime(12.0, 16.0, lambda: next(seconds, 0.0 if not looks else looks[-1]))
        outcome = offers.follow(claimed, request_time)
        claimed.release(RunState(cpp_after=outcome.after, cpp_not_before=outcome.not_before))
        return outcome

    def _announce(self, events: Sequence[Event]) -> None:
        if self.unreachable:
            raise StorageUnreachable("storage did not answer")
        self.events += events

    def rows(self) -> dict[str, dict[str, Any]]:
        found = self.table.rows("PartitionKey eq 'offers'")
        return {row["RowKey"]: row for row in found if row["RowKey"] != "run"}


@pytest.fixture
def following(table: Table, fresh_sandbox: Sandbox, clock: FakeClock) -> Iterator[Following]:
    for entry in ENTRIES:
        fresh_sandbox.state.add_cpp_offer(*entry, status="running")
    upstream = upstream_from_settings(load_settings(sandbox_settings(fresh_sandbox)), clock)
    yield Following(table, upstream, clock)
    upstream.close()


def asked(sandbox: Sandbox) -> list[str]:
    """The offers that were asked for, in order; then forget it."""
    found = [request.path for request in sandbox.state.requests() if request.route == STATUS]
    sandbox.state.clear_requests()
    return [f"vm-{path.partition('/offers/')[2][3:4]}" for path in found]


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


# A pause, and time that runs out


def test_a_pause_that_upstream_asks_for_ends_the_invocation_and_is_kept(
    following: Following, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.fault(
        "too_many_requests", route=STATUS, path_contains="vm-1", retry_after_seconds=1800, count=1
    )
    outcome = following.follow()
    not_before = following.clock.now() + timedelta(seconds=1800)

    assert (outcome.read, outcome.after, outcome.not_before) == (1, KEYS[0], not_before)
    assert asked(fresh_sandbox) == ["vm-0", "vm-1"]
    pause = following.follow()
    assert pause == CppOutcome([], KEYS[0], "the Cloud Partner Portal asked for a pause", not_before)
    assert asked(fresh_sandbox) == []

    outcome = following.follow()
    assert (outcome.reason, outcome.not_before, outcome.read) == (None, None, 3)
    assert asked(fresh_sandbox) == ["vm-1", "vm-2", "vm-0"]


def test_a_pause_concerns_nobody_if_there_are_no_entries(following: Following, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("too_many_requests", route=STATUS, retry_after_seconds=1800, count=1)
    following.follow()
    following.entries = ()

    assert following.follow().reason is None
    assert following.rows() == {}


def test_entries_in_trouble_are_named_during_a_pause_too(following: Following, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("not_found", route=STATUS, path_contains="vm-0")
    fresh_sandbox.state.fault(
        "too_many_requests", route=STATUS, path_contains="vm-1", retry_after_seconds=1800, count=1
    )
    following.follow()

    assert [each["offerId"] for each in following.follow().trouble] == ["vm-0"]


@pytest.mark.parametrize(("later", "paused"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)])
def test_a_pause_that_upstream_cannot_have_asked_for_is_ignored(
    following: Following, later: timedelta, paused: bool
) -> None:
    following.follow()
    row = following.table.get("offers", "run")
    assert row is not None
    following.table.upsert({**row, "cppNotBefore": following.clock.now() + timedelta(seconds=900) + later})

    assert (following.follow().read == 0) is paused


def test_entries_for_which_there_is_no_time_are_the_first_of_the_next_invocation(
    following: Following, fresh_sandbox: Sandbox
) -> None:
    outcome = following.follow(0.0, 0.0, 12.0)
    assert (outcome.read, outcome.after) == (1, KEYS[0])
    assert asked(fresh_sandbox) == ["vm-0"]

    outcome = following.follow(0.0, 0.0, 0.0, 0.0, 12.0)
    assert (outcome.read, outcome.after) == (2, KEYS[2])
    assert asked(fresh_sandbox) == ["vm-1", "vm-2"]

    assert following.follow().after == ""
    assert asked(fresh_sandbox) == ["vm-0", "vm-1", "vm-2"]


# The rows


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
