"""What becomes of the changes that are written with the run (shared/watch/run_state.py)."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.storage.errors import ChangeRefused
from shared.storage.table import Change, Table, Write
from shared.watch.run_state import (
    RunElsewhere,
    RunRow,
    RunState,
    Stored,
)
from tests.commits import recorded_commits
from tests.watch.claims import UNTIL, claim, state_of


def row(key: str, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - a column of any type
    return {"PartitionKey": "offers", "RowKey": key, **columns}


def insertions(*keys: str) -> list[list[Change]]:
    """Groups of one change each."""
    return [[Change(Write.INSERT, row(key))] for key in keys]


def keys(table: Table) -> list[str]:
    return [each["RowKey"] for each in table.rows("PartitionKey eq 'offers'") if each["RowKey"] != "run"]


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
