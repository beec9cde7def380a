"""A few threads for each endpoint, and none that outlives its work."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
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
