"""What an attempt takes from the stores and gives back, over doubles of them: counts, memory, time and late lines."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.storage.errors import RowChanged
from shared.webhooks.deliverer import Batch, Deliverer
from shared.webhooks.delivery import MAX_ATTEMPTS, Attempt, DueDelivery, Payload
from shared.webhooks.endpoint import Endpoint
from tests.clock import FakeClock
from tests.webhooks.cycle_parts import Stopwatch
from tests.webhooks.logged import lines

SETTINGS = "settings-0123456789abcdef"


@dataclass
class Parts:
    """In place of the stores and the sender. An attempt of event `500` is answered with 500."""

    clock: FakeClock
    retry_after: str | None = None
    # By event: a delivery is claimed as soon as this is set, and then belongs to another process.
    held: dict[str, threading.Event] = field(default_factory=dict)
    recorded: list[tuple[str, datetime | None]] = field(default_factory=list)
    marked: list[tuple[str, datetime, Callable[[], bool]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def deliverer(self) -> Deliverer:
        parts: Any = self
        return Deliverer(deliveries=parts, endpoints=parts, sender=parts, clock=self.clock, random=lambda: 0.0)

    def claim(self, due: DueDelivery, now: datetime) -> DueDelivery:
        if due.event_id in self.held:
            assert self.held[due.event_id].wait(5)
            raise RowChanged("another process has it")
        return replace(due, claimed_until=now + timedelta(seconds=45))

    def get(self, endpoint_id: str) -> Endpoint:
        return Endpoint(id=endpoint_id, url="https://hooks.example/", secret="")

    def payload(self, _: DueDelivery) -> Payload:
        return Payload(b"{}", "application/json")

    def send(self, _: Endpoint, event_id: str, __: Payload) -> Attempt:
        return Attempt(at=self.clock.now(), status=int(event_id), latency_ms=5, retry_after=self.retry_after)

    def disable_gone(self, _: Endpoint) -> bool:
        return True

    def record_failure(self, _: Endpoint, __: datetime) -> bool:
        return False

    def record(self, due: DueDelivery, _: Attempt, next_attempt_at: datetime | None) -> None:
        with self.lock:
            self.recorded.append((due.event_id, next_attempt_at))

    def mark_pending_dead(self, endpoint_id: str, now: datetime, has_time: Callable[[], bool]) -> int:
        self.marked.append((endpoint_id, now, has_time))
        return 0


@pytest.fixture
def parts(clock: FakeClock) -> Parts:
    return Parts(clock)


def due(event_id: str, *, failures: int = 0, body: bytes | None = None) -> DueDelivery:
    return DueDelivery(
        endpoint_id=SETTINGS,
        id=f"dlv_{event_id}",
        log_key="",
        event_id=event_id,
        event_type="job.succeeded",
        job_id=None,
        failures=failures,
        attempts=failures,
        etag="",
        claimed_until=FakeClock().now(),
        payload=None if body is None else Payload(body, "application/json"),
    )


def attempted(parts: Parts, *dues: DueDelivery) -> Batch:
    """The batch in which these deliveries were attempted."""
    deliverer = parts.deliverer()
    batch = deliverer.open_batch()
    deliverer.start(dues, batch)
    deliverer.wait_for(batch, 5)
    return batch


def test_a_batch_counts_all_attempts_by_what_came_of_them(parts: Parts) -> None:
    last = [due("500", failures=MAX_ATTEMPTS - 1) for _ in range(3)]
    batch = attempted(parts, *[due("204")] * 2, *last, *[due("500")] * 4)
    assert (batch.attempted, batch.delivered, batch.given_up) == (9, 2, 3)


def test_an_attempt_is_recorded_with_the_time_of_the_next(parts: Parts, clock: FakeClock) -> None:
    attempted(parts, due("204"))
    attempted(parts, due("500"))
    attempted(parts, due("500", failures=1))
    attempted(parts, due("500", failures=MAX_ATTEMPTS - 1))
    one, five = (clock.now() + timedelta(minutes=minutes) for minutes in (1, 5))
    assert parts.recorded == [("204", None), ("500", one), ("500", five), ("500", None)]


def test_a_fault_in_reading_retry_after_is_logged_and_the_attempt_is_recorded(
    parts: Parts, clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int, now: datetime, *, retry_after: str | None, **__: object) -> datetime:
        if retry_after is not None:
            raise KeyError(retry_after)
        return now

    monkeypatch.setattr("shared.webhooks.deliverer.next_attempt_at", fail)
    parts.retry_after = "soon"
    attempted(parts, due("500"))
    assert parts.recorded == [("500", clock.now())]
    [(level, facts)] = lines(caplog, "delivery_fault")
    assert (level, facts["error"], facts["webhookId"], facts["deliveryId"]) == (
        "ERROR",
        "KeyError",
        "settings",
        "dlv_500",
    )


def test_an_attempt_that_disables_its_endpoint_has_five_seconds_to_mark_others_as_dead(
    parts: Parts, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopwatch = Stopwatch()
    monkeypatch.setattr("shared.webhooks.deliverer.time", stopwatch)
    attempted(parts, due("410"))
    [(endpoint_id, now, has_time)] = parts.marked
    assert (endpoint_id, now) == (SETTINGS, clock.now())
    stopwatch.seconds += 4.5
    assert has_time()
    stopwatch.seconds += 0.5
    assert not has_time()


def test_a_cycle_starts_no_attempt_that_could_not_be_stored_in_time(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt takes 15 seconds, and storing its result two more."""
    asked: list[tuple[object, float, float]] = []

    def finish(calls: object, seconds: float, *, no_start_in_last_seconds: float = 0.0) -> int:
        asked.append((calls, seconds, no_start_in_last_seconds))
        return 3

    monkeypatch.setattr("shared.webhooks.deliverer.finish", finish)
    deliverer = parts.deliverer()
    batch = deliverer.open_batch()
    assert deliverer.finish_batch(batch, 45) == 3
    deliverer.finish(7)
    assert asked == [(batch.calls, 45, 17), ([], 7, 0)]


def test_the_newest_thousand_late_lines_are_kept(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    deliverer = parts.deliverer()
    batch = deliverer.open_batch()
    deliverer.wait_for(batch, 0)
    deliverer.start([due("204", failures=number) for number in range(1010)], batch)
    deliverer.finish(30)
    assert lines(caplog, "delivery_attempt") == []
    deliverer.open_batch()
    assert len(lines(caplog, "delivery_attempt")) == 1000


def test_as_many_bodies_wait_in_memory_as_fit_and_the_others_are_read_from_storage(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.deliverer.BODIES_HELD_MAX_BYTES", 30)
    deliverer = parts.deliverer()
    batch = deliverer.open_batch()
    in_memory: dict[str, bool] = {}
    claim = parts.claim

    def noted(due: DueDelivery, now: datetime) -> DueDelivery:
        in_memory[due.event_id] = due.payload is not None
        return claim(due, now)

    monkeypatch.setattr(parts, "claim", noted)
    free = threading.Event()
    for name in ("retry", "1", "2", "3", "4", "5", "6"):
        parts.held[name] = threading.Event()
        if name == "5":
            batch.calls[1].add_done_callback(lambda _: free.set())
            parts.held["1"].set()
            assert free.wait(5)
        deliverer.start([due(name, body=None if name == "retry" else b"x" * 10)], batch)
    for event in parts.held.values():
        event.set()
    deliverer.wait_for(batch, 5)
    assert in_memory == {"retry": False, "1": True, "2": True, "3": True, "4": False, "5": True, "6": False}
