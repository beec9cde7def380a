"""Writes of many threads, put together."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.group_commit import GroupCommit
from shared.storage.table import Change, Table, Write


class SlowTable:
    """Takes transactions one after the other, the first only when told to; group "lost" loses its race."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.go_on = threading.Event()
        self.fail = False

    def commit_groups(self, groups: Sequence[Sequence[Change]]) -> list[list[str] | None]:
        names = [str(group[0].row["RowKey"]) for group in groups]
        self.transactions.append(names)
        assert self.go_on.wait(5)
        if self.fail:
            raise StorageUnreachable("storage did not answer")
        return [None if name == "lost" else [f"etag of {name}"] for name in names]


def group(name: str) -> list[Change]:
    return [Change(Write.UPSERT, {"PartitionKey": "p", "RowKey": name})]


def wait_for(condition: Any) -> None:  # noqa: ANN401 - a function without arguments
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def commit_together(table: SlowTable, first: str, others: list[str]) -> list[Any]:
    """Commit `first`, and while it is being written the others; each outcome is ETags or an exception."""
    writes = GroupCommit(cast("Table", table))
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(writes.commit, "p", group(first))]
        wait_for(lambda: table.transactions)
        futures += [pool.submit(writes.commit, "p", group(name)) for name in others]
        wait_for(lambda: len(writes._waiting.get("p", [])) == len(others))
        table.go_on.set()
        return [future.exception() or future.result() for future in futures]


def test_a_single_writer_does_not_wait() -> None:
    table = SlowTable()
    table.go_on.set()
    assert GroupCommit(cast("Table", table)).commit("p", group("a")) == ["etag of a"]


def test_who_comes_during_a_transaction_shares_the_next_one() -> None:
    table = SlowTable()
    outcomes = commit_together(table, "a", ["b", "c", "d"])
    assert [sorted(names) for names in table.transactions] == [["a"], ["b", "c", "d"]]
    assert outcomes == [["etag of a"], ["etag of b"], ["etag of c"], ["etag of d"]]


def test_a_group_that_lost_its_race_takes_no_other_with_it() -> None:
    _, lost, won = commit_together(SlowTable(), "a", ["lost", "c"])
    assert isinstance(lost, RowChanged)
    assert won == ["etag of c"]


def test_a_failed_transaction_fails_for_all_who_share_it() -> None:
    table = SlowTable()
    table.fail = True
    outcomes = commit_together(table, "a", ["b", "c"])
    assert [type(outcome) for outcome in outcomes] == [StorageUnreachable] * 3


def test_partitions_do_not_wait_for_each_other() -> None:
    table = SlowTable()
    writes = GroupCommit(cast("Table", table))
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(writes.commit, partition, group(partition)) for partition in ("p", "q")]
        wait_for(lambda: len(table.transactions) == 2)
        table.go_on.set()
        assert [future.result() for future in futures] == [["etag of p"], ["etag of q"]]


def test_after_a_failure_the_partition_can_be_written_again() -> None:
    table = SlowTable()
    table.fail = True
    table.go_on.set()
    writes = GroupCommit(cast("Table", table))
    with pytest.raises(StorageUnreachable):
        writes.commit("p", group("a"))
    table.fail = False
    assert writes.commit("p", group("a")) == ["etag of a"]
