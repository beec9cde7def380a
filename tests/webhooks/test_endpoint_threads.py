"""A few threads for each endpoint, and none that outlives its work."""

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial

import pytest

from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT, EndpointThreads, finish
from shared.webhooks.endpoints import ENDPOINTS_MAX


@pytest.fixture
def threads() -> EndpointThreads:
    return EndpointThreads()


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What calls wait for that a test wants to hang; set in the end, so that none outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def hang(released: threading.Event) -> None:
    released.wait(5)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_call_runs(threads: EndpointThreads) -> None:
    ran: list[int] = []
    calls = [threads.submit("a", lambda number=number: ran.append(number)) for number in range(30)]  # type: ignore[misc]
    assert finish(calls, 5) == 0
    assert sorted(ran) == list(range(30))


def test_an_endpoint_has_a_limited_number_of_threads(threads: EndpointThreads, released: threading.Event) -> None:
    running = threading.Semaphore(0)

    def hang() -> None:
        running.release()
        released.wait(5)

    for _ in range(50):
        threads.submit("slow", hang)
    for _ in range(THREADS_PER_ENDPOINT):
        assert running.acquire(timeout=5)
    assert not running.acquire(blocking=False)


def test_a_call_runs_at_once_while_all_other_endpoints_hang(
    threads: EndpointThreads, released: threading.Event
) -> None:
    for number in range(ENDPOINTS_MAX):
        for _ in range(THREADS_PER_ENDPOINT + 1):
            threads.submit(f"slow{number}", partial(hang, released))
    ran = threading.Event()
    threads.submit("quick", ran.set)
    assert ran.wait(5)


def test_calls_of_one_endpoint_can_be_cancelled_before_they_begin(
    threads: EndpointThreads, released: threading.Event
) -> None:
    calls = [threads.submit("a", partial(hang, released)) for _ in range(THREADS_PER_ENDPOINT + 3)]
    other = threads.submit("b", partial(hang, released))
    wait_until(lambda: sum(call.running() for call in calls) == THREADS_PER_ENDPOINT)
    threads.cancel("a")
    assert sum(call.cancelled() for call in calls) == 3
    assert not other.cancelled()


def test_waiting_is_limited_and_cancels_calls_that_have_not_begun(
    threads: EndpointThreads, released: threading.Event
) -> None:
    calls = [threads.submit("a", partial(hang, released)) for _ in range(THREADS_PER_ENDPOINT + 3)]
    wait_until(lambda: sum(call.running() for call in calls) == THREADS_PER_ENDPOINT)
    assert finish(calls, 0.01) == 3
    assert len(threads.unfinished()) == THREADS_PER_ENDPOINT


def test_a_call_runs_in_the_context_of_its_submitter(threads: EndpointThreads) -> None:
    invocation: ContextVar[str] = ContextVar("invocation")
    seen: list[str] = []
    for name in ("first", "second"):
        context = copy_context()
        context.run(invocation.set, name)
        finish([context.run(threads.submit, "a", lambda: seen.append(invocation.get()))], 5)
    assert seen == ["first", "second"]


def test_threads_end_when_there_is_nothing_to_do(threads: EndpointThreads) -> None:
    before = threading.active_count()
    finish([threads.submit(f"endpoint{number}", lambda: None) for number in range(5)], 5)
    wait_until(lambda: threading.active_count() <= before)
    assert threads.unfinished() == []


def test_a_process_that_ends_starts_no_more_calls() -> None:
    program = """
import time
from shared.webhooks.endpoint_threads import EndpointThreads
threads = EndpointThreads()
for number in range(100):
    threads.submit("a", lambda: (print("began", flush=True), time.sleep(5)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=True)
    assert len(done.stdout.split()) <= THREADS_PER_ENDPOINT


@dataclass
class Waits:
    """In place of `time` and `wait`: notes how long is waited for calls, and lets that much time pass, or less."""

    taken: float | None = None
    seconds: float = 1000.0
    timeouts: list[float] = field(default_factory=list)
    awaited: list[object] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, calls: object, timeout: float) -> None:
        self.awaited.append(calls)
        self.timeouts.append(timeout)
        self.seconds += timeout if self.taken is None else self.taken


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    waits = Waits()
    monkeypatch.setattr("shared.webhooks.endpoint_threads.time", waits)
    monkeypatch.setattr("shared.webhooks.endpoint_threads.wait", waits.wait)
    return waits


def meet(others: threading.Barrier) -> None:
    others.wait(5)


def of_endpoints() -> set[threading.Thread]:
    """The threads that run calls, and those that wait for some."""
    return {thread for thread in threading.enumerate() if thread.name == "webhooks"}


def test_the_threads_of_endpoints_bear_a_name_and_do_not_keep_the_process_from_ending(
    threads: EndpointThreads, released: threading.Event
) -> None:
    before = of_endpoints()
    threads.submit("a", partial(hang, released))
    [thread] = of_endpoints() - before
    assert thread.daemon


@pytest.mark.parametrize("calls_before", [0, 1, THREADS_PER_ENDPOINT])
def test_an_endpoint_has_the_same_number_of_threads_after_it_was_idle(
    threads: EndpointThreads, released: threading.Event, calls_before: int
) -> None:
    before = of_endpoints()
    together = threading.Barrier(max(1, calls_before))
    finish([threads.submit("a", partial(meet, together)) for _ in range(calls_before)], 5)
    wait_until(lambda: of_endpoints() <= before)
    for _ in range(THREADS_PER_ENDPOINT + 5):
        threads.submit("a", partial(hang, released))
    assert len(of_endpoints() - before) == THREADS_PER_ENDPOINT


def test_calls_run_after_others_that_were_cancelled(threads: EndpointThreads, released: threading.Event) -> None:
    for _ in range(THREADS_PER_ENDPOINT):
        threads.submit("a", partial(hang, released))
    wait_until(lambda: sum(call.running() for call in threads.unfinished()) == THREADS_PER_ENDPOINT)
    for _ in range(THREADS_PER_ENDPOINT):
        assert threads.submit("a", lambda: None).cancel()
    last = threads.submit("a", lambda: None)
    released.set()
    assert last.result(5) is None


def test_the_error_of_a_call_is_its_owners_and_later_calls_run(threads: EndpointThreads) -> None:
    def fail() -> None:
        raise KeyError("x")

    calls = [threads.submit("a", fail) for _ in range(THREADS_PER_ENDPOINT)]
    assert {type(call.exception(5)) for call in calls} == {KeyError}
    assert threads.submit("a", lambda: None).result(5) is None


def test_nothing_is_kept_of_calls_that_are_over_nor_of_an_endpoint_that_is_idle(threads: EndpointThreads) -> None:
    """There are millions of calls in the life of a process."""
    together = threading.Barrier(3)
    over = [weakref.ref(threads.submit("a", partial(meet, together))) for _ in range(3)]
    wait_until(lambda: not any(call() for call in over))
    wait_until(lambda: threads._queues == {})


def test_calls_may_begin_until_the_last_seconds_and_end_until_the_end(waits: Waits) -> None:
    calls: list[Future[None]] = [Future(), Future()]
    calls[0].set_running_or_notify_cancel()
    assert finish(calls, 50, no_start_in_last_seconds=17) == 1
    assert waits.timeouts == [33, 17]
    assert waits.awaited == [calls, calls]


def test_time_that_the_first_calls_left_is_for_the_last(waits: Waits) -> None:
    waits.taken = 3
    finish([], 10)
    assert waits.timeouts == [10, 7]


def test_waiting_never_takes_less_than_no_time(waits: Waits) -> None:
    waits.taken = 5
    finish([], 2, no_start_in_last_seconds=17)
    assert waits.timeouts == [0, 0]
