"""A pool that no one lane can fill."""

import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar, copy_context

import pytest

from shared.webhooks.lanes import LANE_WIDTH_AT_FIRST, LANE_WIDTH_MAX, THREADS_MAX, Lanes


class Work:
    """Holds items of a lane until told to let go, and notes how many run at once."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.release = threading.Event()
        self.kept_up: bool | None = True
        self.ran: list[str] = []
        self.running: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, item: tuple[str, str]) -> bool | None:
        lane, name = item
        with self._lock:
            self.ran.append(name)
            self.running[lane] = self.running.get(lane, 0) + 1
            self.most_at_once[lane] = max(self.most_at_once.get(lane, 0), self.running[lane])
        if lane in self.held:
            self.release.wait(5)
        else:
            time.sleep(0.005)
        with self._lock:
            self.running[lane] -= 1
        return self.kept_up


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.release.set()


def fill(lanes: Lanes[tuple[str, str]], lane: str, count: int) -> None:
    for number in range(count):
        lanes.add(lane, f"{lane}{number}", (lane, f"{lane}{number}"))


def wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 2
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_everything_runs(work: Work) -> None:
    lanes = Lanes(work)
    fill(lanes, "a", 30)
    lanes.wait_until_idle(5)
    assert len(work.ran) == 30


def test_a_lane_runs_few_items_at_first_and_no_more_than_its_limit_ever(work: Work) -> None:
    lanes = Lanes(work)
    fill(lanes, "a", 2)
    lanes.wait_until_idle(5)
    assert work.most_at_once["a"] <= LANE_WIDTH_AT_FIRST
    fill(lanes, "a", 100)
    lanes.wait_until_idle(5)
    assert LANE_WIDTH_AT_FIRST < work.most_at_once["a"] <= LANE_WIDTH_MAX


def test_a_lane_whose_endpoint_did_not_answer_runs_one_item_at_a_time(work: Work) -> None:
    work.kept_up = False
    lanes = Lanes(work)
    fill(lanes, "a", 2)
    lanes.wait_until_idle(5)
    work.most_at_once.clear()
    fill(lanes, "a", 10)
    lanes.wait_until_idle(5)
    assert work.most_at_once["a"] == 1


def test_an_item_that_was_not_attempted_leaves_a_narrow_lane_narrow(work: Work) -> None:
    work.kept_up = False
    lanes = Lanes(work)
    fill(lanes, "a", 2)
    lanes.wait_until_idle(5)
    work.most_at_once.clear()
    work.kept_up = None
    fill(lanes, "a", 20)
    lanes.wait_until_idle(5)
    assert work.most_at_once["a"] == 1


def test_an_item_of_another_lane_does_not_wait_for_a_lane_that_hangs(work: Work) -> None:
    work.held = {"slow"}
    lanes = Lanes(work)
    fill(lanes, "slow", 1000)
    fill(lanes, "quick", 1)
    wait_until(lambda: "quick0" in work.ran)
    assert work.running["slow"] == LANE_WIDTH_AT_FIRST


def test_many_lanes_that_hang_leave_room_for_another(work: Work) -> None:
    hanging = [f"slow{number}" for number in range(THREADS_MAX // LANE_WIDTH_AT_FIRST - 1)]
    work.held = set(hanging)
    lanes = Lanes(work)
    for lane in hanging:
        fill(lanes, lane, 50)
    fill(lanes, "quick", 1)
    wait_until(lambda: "quick0" in work.ran)


def test_an_item_that_waits_or_runs_is_not_taken_twice(work: Work) -> None:
    work.held = {"a"}
    lanes = Lanes(work)
    assert lanes.add("a", "1", ("a", "1")) is True
    assert lanes.add("a", "1", ("a", "1")) is False
    work.release.set()
    lanes.wait_until_idle(5)
    assert lanes.add("a", "1", ("a", "1")) is True
    lanes.wait_until_idle(5)
    assert work.ran == ["1", "1"]


def test_unwanted_items_are_forgotten_and_the_others_still_run(work: Work) -> None:
    work.held = {"a"}
    lanes = Lanes(work)
    fill(lanes, "a", 10)
    wait_until(lambda: len(work.ran) == LANE_WIDTH_AT_FIRST)
    assert lanes.drop_where(lambda item: item[1] in {"a7", "a8"}) == 2
    work.release.set()
    lanes.wait_until_idle(5)
    assert sorted(work.ran) == ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a9"]


def test_a_fault_of_one_item_hinders_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ran = []

    def faulty(item: int) -> bool:
        if item == 0:
            raise ValueError("a fault nobody foresaw")
        ran.append(item)
        return True

    lanes = Lanes(faulty)
    for item in range(5):
        lanes.add("a", str(item), item)
    lanes.wait_until_idle(5)
    assert sorted(ran) == [1, 2, 3, 4]
    assert "a fault nobody foresaw" in caplog.text


def test_an_item_runs_in_the_context_of_whoever_added_it() -> None:
    invocation: ContextVar[str] = ContextVar("invocation")
    seen = []
    lanes = Lanes[str](lambda _: seen.append(invocation.get()))
    for name in ("first", "second"):
        context = copy_context()
        context.run(invocation.set, name)
        context.run(lanes.add, "a", name, name)
        lanes.wait_until_idle(5)
    assert seen == ["first", "second"]


def test_threads_end_when_there_is_nothing_to_do(work: Work) -> None:
    lanes = Lanes(work)
    fill(lanes, "a", 10)
    lanes.wait_until_idle(5)
    wait_until(lambda: not any(thread.name == "webhooks" for thread in threading.enumerate()))
