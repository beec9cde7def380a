"""Kills, lost answers and two instances at once: every change is announced once all the same."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import pytest

from sandbox.server import Sandbox
from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.table import Change, Table
from tests.instance import Instance
from tests.killed import Killed, killed_before_write
from tests.watch.runs import baseline, kept, run, told

LARGE = "x" * 40_000
# The claim, the documents of two snapshots and two events, two transactions with news, the deletions of events and of
# documents, and the release.
WRITES_OF_A_RUN_WITH_NEWS = 17


def prepare(instance: Instance, sandbox: Sandbox) -> list[tuple[str, str]]:
    """Make a baseline and then news of every kind; returns them."""
    state = sandbox.state
    state.change_settings(list_whole_offers=True)
    large, accepted, expiring, deleted, _ = (
        state.add_private_offer(notes=LARGE),
        state.add_private_offer(),
        state.add_private_offer(acceptBy="2026-11-28"),
        state.add_private_offer(),
        state.add_private_offer(),
    )
    baseline(instance)
    instance.clock.advance(24 * 3600)
    state.change_private_offer(large, end="2028-06-30")
    state.accept_private_offer(accepted)
    state.delete_private_offer(deleted)
    created = state.add_private_offer(notes=LARGE)
    return sorted(
        [
            ("changed", large),
            ("accepted", accepted),
            ("expiring", expiring),
            ("deleted", deleted),
            ("created", created),
        ]
    )


def check(instance: Instance, news: Sequence[tuple[str, str]]) -> None:
    """After two more runs everything was told once, and nothing is left over."""
    for _ in range(2):
        assert run(instance).complete
    assert sorted(told(instance)) == news
    assert [row for row in kept(instance) if row.startswith("~")] == []


@contextlib.contextmanager
def at_write(table: Table, number: int, act: Callable[[Callable[[], list[str]]], list[str]]) -> Iterator[list[int]]:
    """Has `act` make the table's write of that number, counted from 1; it is given the write as a function."""
    commit, writes = table.commit, [0]

    def commit_or_act(changes: Sequence[Change]) -> list[str]:
        writes[0] += 1
        return act(lambda: commit(changes)) if writes[0] == number else commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit", commit_or_act)
        yield writes


def test_a_run_with_news_makes_as_many_writes_as_the_tests_below_cover(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    news = prepare(instance, fresh_sandbox)
    with killed_before_write(instance.table, 1000) as kill:
        run(instance)
    assert sorted(told(instance)) == news
    assert kill.writes == WRITES_OF_A_RUN_WITH_NEWS


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_a_run_killed_before_any_write_is_made_up_for(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    news = prepare(instance, fresh_sandbox)
    with killed_before_write(instance.table, number) as kill, contextlib.suppress(Killed):
        run(instance)
    assert kill.happened
    check(instance.another(), news)


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_a_run_killed_in_the_midst_of_a_baseline_announces_nothing(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    for notes in ("a", LARGE, "c", LARGE, "e"):
        fresh_sandbox.state.add_private_offer(notes=notes, acceptBy="2026-11-21")
    with killed_before_write(instance.table, number), contextlib.suppress(Killed):
        run(instance)
    successor = instance.another()
    for _ in range(3):
        run(successor)
    assert instance.announcer.types == []


@pytest.mark.parametrize("after", [True, False])
def test_a_run_killed_while_it_announces_is_made_up_for(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    news = prepare(instance, fresh_sandbox)
    announce = instance.announcer.announce

    def killed(events: Sequence[object]) -> None:
        if after:
            announce(events)  # type: ignore[arg-type] # passed through
        raise Killed

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(instance.announcer, "announce", killed)
        run(instance)
    check(instance.another(), news)


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_a_write_whose_answer_is_lost_and_that_is_then_retried_counts_once(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    news = prepare(instance, fresh_sandbox)

    def written_and_retried(write: Callable[[], list[str]]) -> list[str]:
        write()
        return write()  # the same request again, as storage's client sends it

    with at_write(instance.table, number, written_and_retried):
        run(instance)
    assert sorted(told(instance)) == news
    check(instance, news)


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_a_write_whose_answer_is_lost_for_good_is_made_up_for(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    news = prepare(instance, fresh_sandbox)

    def failing(write: Callable[[], list[str]]) -> list[str]:
        write()
        raise StorageUnreachable("storage did not answer")

    with at_write(instance.table, number, failing):
        run(instance)
    check(instance.another(), news)


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_an_instance_that_is_paused_before_any_write_while_another_runs_announces_nothing_again(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    news = prepare(instance, fresh_sandbox)
    other = instance.another()
    reports = []

    def after_the_other(write: Callable[[], list[str]]) -> list[str]:
        reports.append(run(other))  # the claim of the first has expired by then
        return write()

    instance.clock.advance(900)
    with at_write(instance.table, number, after_the_other):
        instance.watch()
    assert reports[0].reason is None
    check(instance, news)


@pytest.mark.parametrize("number", [2, 8, WRITES_OF_A_RUN_WITH_NEWS])
def test_an_instance_leaves_a_run_that_another_has_claimed_alone(
    instance: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    news = prepare(instance, fresh_sandbox)
    reports = []

    def while_the_other_tries(write: Callable[[], list[str]]) -> list[str]:
        reports.append(instance.another().watch())
        return write()

    with at_write(instance.table, number, while_the_other_tries):
        run(instance)
    assert reports == [None]
    check(instance, news)


def test_a_row_that_keeps_changing_is_left_to_the_next_run(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)
    commit = instance.table.commit

    def losing(changes: Sequence[Change]) -> list[str]:
        if any(change.row["RowKey"] == f"offer~{offer_id}" for change in changes):
            raise RowChanged("another was faster")
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance.table, "commit", losing)
        run(instance)
    assert instance.announcer.types == []
    check(instance, [("accepted", offer_id)])
