"""Requests of many threads, answered together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.storage.errors import StorageUnreachable
from shared.storage.transactions import Gathered


class SlowStorage:
    """Answers one request after the other, the first only when told to."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.go_on = threading.Event()
        self.fail = False

    def __call__(self, key: str, items: Sequence[str]) -> list[str]:
        self.requests.append(list(items))
        assert self.go_on.wait(5)
        if self.fail:
            raise StorageUnreachable("storage did not answer")
        return [f"{key}: {item}" for item in items]


@pytest.fixture
def storage() -> SlowStorage:
    return SlowStorage()


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def ask_together(storage: SlowStorage, first: str, others: list[str]) -> list[Any]:
    """Ask for `first`, and while that is under way for the others; each outcome is a result or an exception."""
    gathered = Gathered(storage)
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(gathered, "p", first)]
        wait_for(lambda: storage.requests)
        futures += [pool.submit(gathered, "p", name) for name in others]
        wait_for(lambda: len(gathered._waiting.get("p", [])) == len(others))
        storage.go_on.set()
        return [future.exception() or future.result() for future in futures]


def test_a_single_thread_does_not_wait(storage: SlowStorage) -> None:
    storage.go_on.set()
    assert Gathered(storage)("p", "a") == "p: a"


def test_threads_that_come_during_a_request_share_the_next_one(storage: SlowStorage) -> None:
    outcomes = ask_together(storage, "a", ["b", "c", "d"])
    assert [sorted(names) for names in storage.requests] == [["a"], ["b", "c", "d"]]
    assert outcomes == ["p: a", "p: b", "p: c", "p: d"]


def test_a_failed_request_fails_for_all_who_share_it(storage: SlowStorage) -> None:
    storage.fail = True
    outcomes = ask_together(storage, "a", ["b", "c"])
    assert [type(outcome) for outcome in outcomes] == [StorageUnreachable] * 3


def test_requests_with_other_keys_do_not_wait(storage: SlowStorage) -> None:
    gathered = Gathered(storage)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(gathered, key, "a") for key in ("p", "q")]
        wait_for(lambda: len(storage.requests) == 2)
        storage.go_on.set()
        assert [future.result() for future in futures] == ["p: a", "q: a"]


def test_after_a_failure_there_can_be_another_request(storage: SlowStorage) -> None:
    storage.fail = True
    storage.go_on.set()
    gathered = Gathered(storage)
    with pytest.raises(StorageUnreachable):
        gathered("p", "a")
    storage.fail = False
    assert gathered("p", "a") == "p: a"
