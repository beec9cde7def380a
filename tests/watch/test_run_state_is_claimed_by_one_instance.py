"""Who has the run, and for how long (shared/watch/run_state.py)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.storage.table import Change, Table
from shared.watch.notices import Thresholds
from shared.watch.run_state import (
    CLOCKS_DIFFER_BY,
    RunElsewhere,
    RunRow,
    RunState,
)
from tests.clock import FakeClock
from tests.watch.claims import NOW, STATE, THRESHOLDS, UNTIL, claim, state_of


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
