"""The row of the run: who has it, where the run stands, and what becomes of the changes that are written with it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.storage.documents import Documents
from shared.storage.errors import ChangeRefused
from shared.storage.table import Change, Table, Write
from shared.upstream.private_offer_pages import Place
from shared.watch.notices import Thresholds
from shared.watch.run_state import (
    CLOCKS_DIFFER_BY,
    LONGEST_TROUBLE_CHARACTERS,
    ClaimedRun,
    RunElsewhere,
    RunRow,
    RunState,
    Stored,
)
from tests.clock import FakeClock
from tests.commits import recorded_commits

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=55)
THRESHOLDS = Thresholds().renewed([7, 1], [30], NOW)
STATE = RunState(
    baseline_at=NOW - timedelta(days=9),
    thresholds=THRESHOLDS,
    started_at=NOW - timedelta(minutes=1),
    place=Place("private-offers?continuationToken=a", 0, 3, "fingerprint"),
    page_failed=True,
    confirming=True,
    confirmed_to="aaaa",
    not_before=NOW + timedelta(minutes=2),
    cpp_not_before=NOW + timedelta(minutes=3),
    trouble="it failed",
    trouble_since=NOW - timedelta(minutes=4),
    cpp_after="cpp~contoso~vm",
)


@pytest.fixture
def run_row(table: Table) -> RunRow:
    return RunRow(table, Documents(table))


def as_they_are(thresholds: Thresholds) -> Thresholds:
    return thresholds


def claim(run_row: RunRow, now: datetime = NOW, until: datetime = UNTIL) -> ClaimedRun:
    return run_row.claim(FakeClock(now), until - now, as_they_are)


def state_of(run_row: RunRow) -> RunState:
    found = run_row.read()
    assert found is not None
    return found[0]


def row(key: str, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - a column of any type
    return {"PartitionKey": "offers", "RowKey": key, **columns}


def insertions(*keys: str) -> list[list[Change]]:
    """Groups of one change each."""
    return [[Change(Write.INSERT, row(key))] for key in keys]


def keys(table: Table) -> list[str]:
    return [each["RowKey"] for each in table.rows("PartitionKey eq 'offers'") if each["RowKey"] != "run"]


# Claiming


def test_there_is_no_state_before_the_first_run(run_row: RunRow) -> None:
    assert run_row.read() is None


def test_the_first_claim_begins_with_nothing(run_row: RunRow) -> None:
    def first(stored: Thresholds) -> Thresholds:
        return THRESHOLDS if stored == Thresholds() else stored

    claimed = run_row.claim(FakeClock(NOW), UNTIL - NOW, first)

    found = state_of(run_row)
    assert found == claimed.state
    assert found.claimed_by
    assert found == RunState(
        thresholds=THRESHOLDS, claimed_until=UNTIL, claimed_at=NOW, claimed_by=found.claimed_by, writes=1
    )


def test_a_claim_goes_on_where_the_last_run_has_stopped(run_row: RunRow) -> None:
    claim(run_row).release(STATE)
    given: list[Thresholds] = []

    def renewed(stored: Thresholds) -> Thresholds:
        given.append(stored)
        return Thresholds()

    claimed = run_row.claim(FakeClock(NOW), UNTIL - NOW, renewed)

    assert given == [THRESHOLDS]
    assert claimed.state == replace(
        STATE,
        thresholds=Thresholds(),
        claimed_until=UNTIL,
        claimed_at=NOW,
        claimed_by=claimed.state.claimed_by,
        writes=3,
    )


def test_a_run_that_another_instance_has_is_not_claimed(run_row: RunRow) -> None:
    claimed = claim(run_row)
    before = state_of(run_row)
    with pytest.raises(RunElsewhere):
        claim(run_row, now=UNTIL - timedelta(microseconds=1), until=UNTIL + timedelta(seconds=54))

    assert state_of(run_row) == before
    claimed.release(RunState())


def test_a_claim_ends_when_its_time_is_over(run_row: RunRow) -> None:
    first = claim(run_row)
    second = claim(run_row, now=UNTIL, until=UNTIL + timedelta(seconds=55))

    assert state_of(run_row) == second.state
    assert second.state.claimed_by != first.state.claimed_by


def test_a_run_that_was_given_back_can_be_claimed_at_once(run_row: RunRow) -> None:
    claim(run_row).release(RunState())

    assert state_of(run_row).claimed_until is None
    claim(run_row)


@pytest.mark.parametrize(
    ("later", "possible"), [(CLOCKS_DIFFER_BY - timedelta(microseconds=1), True), (CLOCKS_DIFFER_BY, False)]
)
def test_a_claim_that_ends_too_late_was_not_made_by_an_instance(
    run_row: RunRow, later: timedelta, possible: bool
) -> None:
    claim(run_row, until=UNTIL + later)
    if possible:
        with pytest.raises(RunElsewhere):
            claim(run_row)
    else:
        claim(run_row)


@pytest.mark.parametrize(
    ("ahead", "paused"), [(CLOCKS_DIFFER_BY, True), (CLOCKS_DIFFER_BY + timedelta(microseconds=1), False)]
)
def test_pauses_are_over_if_the_clock_was_set_back_since_the_last_claim(
    run_row: RunRow, ahead: timedelta, paused: bool
) -> None:
    claim(run_row).release(replace(STATE, claimed_at=NOW + ahead))
    found = claim(run_row).state

    assert found.not_before == (STATE.not_before if paused else None)
    assert found.cpp_not_before == (STATE.cpp_not_before if paused else None)
    assert found.baseline_at == STATE.baseline_at


def test_of_two_instances_that_claim_at_once_one_has_the_run(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE)
    with before_write(table, lambda: claim(run_row)), pytest.raises(RunElsewhere):
        claim(run_row)


def test_of_two_instances_that_claim_for_the_first_time_at_once_one_has_the_run(
    run_row: RunRow, table: Table
) -> None:
    with before_write(table, lambda: claim(run_row)), pytest.raises(RunElsewhere):
        claim(run_row)


@contextmanager
def before_write(table: Table, act: Callable[[], object]) -> Iterator[None]:
    """Has `act` happen before the first write inside the block."""
    commit = table.commit

    def late(changes: Sequence[Change]) -> list[str]:
        patch.undo()
        act()
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit", late)
        yield


# The row


def test_a_state_is_read_back_as_it_was_stored(run_row: RunRow) -> None:
    claimed = claim(run_row)
    claimed.release(STATE)

    assert state_of(run_row) == replace(STATE, writes=2)


@pytest.mark.parametrize(
    "columns",
    [
        {"baselineAt": "yesterday"},
        {"claimedUntil": 7},
        {"claimedBy": 7},
        {"writes": "x"},
        {"startedAt": True},
        {"place": "[1]"},
        {"place": "[1,"},
        {"place": '["https://elsewhere.example/", 0, 1, "f"]'},
        {"pageFailed": 1},
        {"confirming": "yes"},
        {"confirmedTo": 7},
        {"seenDocument": 7},
        {"notBefore": "z"},
        {"cppNotBefore": "z"},
        {"trouble": 7},
        {"troubleSince": "z"},
        {"cppAfter": 7},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_a_row_that_cannot_be_read_counts_as_a_new_one(
    run_row: RunRow, table: Table, columns: dict[str, Any]
) -> None:
    claim(run_row).release(STATE)
    table.upsert({**(table.get("offers", "run") or {}), **columns})

    assert state_of(run_row) == RunState()
    assert claim(run_row).state.baseline_at is None


def test_a_row_is_deleted_unless_an_instance_has_the_run(run_row: RunRow) -> None:
    run_row.delete()
    claimed = claim(run_row)
    run_row.delete()
    assert run_row.read() is not None

    claimed.release(STATE)
    run_row.delete()
    assert run_row.read() is None


def test_a_row_that_is_claimed_before_it_is_deleted_stays(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE)
    with before_write(table, lambda: claim(run_row)):
        run_row.delete()

    assert state_of(run_row).claimed_until == UNTIL


# The state


def test_a_run_that_has_begun_is_interrupted() -> None:
    assert not RunState().interrupted
    assert STATE.interrupted


def test_a_run_that_starts_over_forgets_only_where_it_was() -> None:
    assert replace(STATE, seen_document="d").started_over() == replace(
        STATE, started_at=None, place=None, page_failed=False, confirming=False, confirmed_to="", seen_document=""
    )


def test_trouble_has_lasted_since_it_began() -> None:
    later = NOW + timedelta(hours=1)
    troubled = RunState().in_trouble("it failed", NOW)
    assert (troubled.trouble, troubled.trouble_since) == ("it failed", NOW)

    still = troubled.in_trouble("it failed otherwise", later)
    assert (still.trouble, still.trouble_since) == ("it failed otherwise", NOW)

    over = still.in_trouble(None, later)
    assert (over.trouble, over.trouble_since) == (None, None)
    assert RunState(trouble_since=NOW).in_trouble("it failed", later).trouble_since == later
    assert RunState(trouble="it failed").in_trouble("it failed", later).trouble_since == later


def test_the_reason_of_trouble_is_cut() -> None:
    assert RunState().in_trouble("x" * 5000, NOW).trouble == "x" * LONGEST_TROUBLE_CHARACTERS


# Writing


def test_changes_are_written_with_the_run(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    with recorded_commits(table) as commits:
        assert claimed.write(insertions("a", "b")) == [Stored.WRITTEN, Stored.WRITTEN]

    assert commits == [["UPSERT run", "INSERT a", "INSERT b"]]
    assert claimed.state.writes == 2
    assert state_of(run_row) == claimed.state
    assert keys(table) == ["a", "b"]


def test_nothing_to_write_costs_no_request(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    with recorded_commits(table) as commits:
        assert claimed.write([]) == []

    assert commits == []


def test_many_changes_are_written_in_as_few_transactions_as_possible(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    with recorded_commits(table) as commits:
        results = claimed.write(insertions(*(f"a{number:03}" for number in range(120))))

    assert results == [Stored.WRITTEN] * 120
    assert [len(changes) for changes in commits] == [100, 22]
    assert all(changes[0] == "UPSERT run" for changes in commits)


def test_a_group_whose_row_has_changed_is_left_out_whole(run_row: RunRow, table: Table) -> None:
    table.insert(row("c"))
    claimed = claim(run_row)
    changed = [Change(Write.INSERT, row("c-event")), Change(Write.INSERT, row("c"))]

    results = claimed.write([*insertions("a", "b"), changed, *insertions("d")])

    assert results == [Stored.WRITTEN, Stored.WRITTEN, Stored.CHANGED_MEANWHILE, Stored.WRITTEN]
    assert keys(table) == ["a", "b", "c", "d"]
    assert state_of(run_row) == claimed.state


def test_a_group_that_storage_never_takes_is_left_out(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    refused = [Change(Write.INSERT, row("b", long="x" * 40_000))]

    results = claimed.write([*insertions("a"), refused, *insertions("c")])

    assert results == [Stored.WRITTEN, Stored.REFUSED, Stored.WRITTEN]
    assert keys(table) == ["a", "c"]
    assert claimed.write(insertions("d")) == [Stored.WRITTEN]


def test_a_state_that_storage_never_takes_is_an_error(run_row: RunRow) -> None:
    with pytest.raises(ChangeRefused):
        claim(run_row).store(RunState(trouble="x" * 40_000))


def test_an_instance_that_has_lost_the_run_writes_nothing(run_row: RunRow, table: Table) -> None:
    first = claim(run_row)
    second = claim(run_row, now=UNTIL)
    for doing in (
        lambda: first.write(insertions("a")),
        lambda: first.store(RunState()),
        lambda: first.release(RunState()),
    ):
        with pytest.raises(RunElsewhere):
            doing()

    assert keys(table) == []
    assert state_of(run_row) == second.state
    assert second.write(insertions("b")) == [Stored.WRITTEN]


def test_an_instance_whose_row_was_deleted_has_lost_the_run(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    table.delete("offers", "run")

    with pytest.raises(RunElsewhere):
        claimed.write(insertions("a"))
    assert keys(table) == []


def test_a_row_that_somebody_else_has_changed_means_that_the_run_is_lost(run_row: RunRow, table: Table) -> None:
    claimed = claim(run_row)
    table.upsert({**(table.get("offers", "run") or {}), "writes": 7})

    with pytest.raises(RunElsewhere):
        claimed.write(insertions("a"))


def test_a_write_whose_answer_was_lost_and_that_is_sent_again_counts_as_written(
    run_row: RunRow, table: Table
) -> None:
    claimed = claim(run_row)
    commit = table.commit

    def twice(changes: Sequence[Change]) -> list[str]:
        commit(changes)
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit", twice)
        assert claimed.write(insertions("a", "b")) == [Stored.WRITTEN, Stored.WRITTEN]

    assert state_of(run_row) == claimed.state
    assert claimed.write(insertions("c")) == [Stored.WRITTEN]
    assert keys(table) == ["a", "b", "c"]


# The ids that a run has seen


def documents_of(table: Table) -> list[str]:
    return [entity.document for _, entities in Documents(table).by_owner() for entity in entities]


def test_an_interrupted_run_remembers_what_it_has_seen(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE, {"b", "a"})
    [document] = documents_of(table)

    claimed = claim(run_row)
    assert claimed.seen() == {"a", "b"}
    assert claimed.state.seen_document.startswith(document)
    claimed.release(claimed.state)
    assert claim(run_row).seen() == {"a", "b"}
    assert documents_of(table) == [document]


def test_what_a_run_has_seen_replaces_what_it_had_seen_before(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE, ["a"])
    claimed = claim(run_row)
    claimed.release(claimed.state, ["a", "b"])

    assert claim(run_row).seen() == {"a", "b"}
    assert len(documents_of(table)) == 1


def test_a_run_that_is_complete_remembers_nothing(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE, ["a"])
    claimed = claim(run_row)
    claimed.release(claimed.state.started_over(), ["a", "b"])

    assert state_of(run_row).seen_document == ""
    assert documents_of(table) == []


def test_a_run_that_has_seen_nothing_stores_no_document(run_row: RunRow, table: Table) -> None:
    claim(run_row).release(STATE, [])

    assert documents_of(table) == []
    assert claim(run_row).seen() == set()


def test_what_a_run_has_seen_is_unknown_if_its_document_cannot_be_read(run_row: RunRow, table: Table) -> None:
    spoiled = Documents(table).put("run", b"\xff")
    for document in ("0" * 64 + "~3", "nonsense", spoiled):
        claim(run_row).release(replace(STATE, seen_document=document))
        row = table.get("offers", "run") or {}
        table.upsert({**row, "seenDocument": document})
        claimed = claim(run_row)

        assert claimed.seen() is None
        claimed.release(STATE)
