"""What the row of the run says, and which offers the run has seen (shared/watch/run_state.py)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.storage.documents import Documents
from shared.storage.table import Table
from shared.watch.run_state import (
    LONGEST_TROUBLE_CHARACTERS,
    RunRow,
    RunState,
)
from tests.watch.claims import NOW, STATE, claim, state_of

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


# The state


def test_a_run_that_has_begun_is_interrupted() -> None:
    assert not RunState().interrupted
    assert STATE.interrupted


def test_a_run_that_starts_over_forgets_only_where_it_was() -> None:
    assert replace(STATE, seen_document="d").started_over() == replace(
        STATE, started_at=None, place=None, page_failed=False, confirming=False, seen_document=""
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
