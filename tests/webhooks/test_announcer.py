"""What is stored for which endpoint when events are announced, and in what order."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from shared.events.event import Event
from shared.storage.errors import StorageUnreachable
from shared.webhooks.announcer import WebhookAnnouncer
from shared.webhooks.deliverer import Batch
from shared.webhooks.delivery import Payload
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.formats import Formats
from tests.clock import FakeClock
from tests.webhooks.samples import event, events

FORMATS = Formats("https://monitor.example")


@dataclass
class Parts:
    """In place of the stores and the deliverer: notes the calls. Storing fails for endpoints in `failing`."""

    endpoints: list[Endpoint]
    failing: Sequence[str] = ()
    batch: Batch = field(default_factory=Batch)
    opened: int = 0
    added: list[tuple[str, list[tuple[Event, Payload]], datetime, bool]] = field(default_factory=list)
    started: list[tuple[str, Batch]] = field(default_factory=list)
    waited: list[tuple[Batch, float]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    #: How many threads have to store at once, if any.
    meeting: threading.Barrier | None = None

    def announcer(self, clock: FakeClock) -> WebhookAnnouncer:
        parts: Any = self
        return WebhookAnnouncer(
            endpoints=parts,
            deliveries=parts,
            deliverer=parts,
            formats=FORMATS,
            clock=clock,
        )

    def listening(self) -> list[Endpoint]:
        return self.endpoints

    def add(
        self, endpoint_id: str, events: Sequence[tuple[Event, Payload]], now: datetime, *, dead: bool
    ) -> list[str]:
        self.threads.add(threading.current_thread().name)
        if self.meeting is not None:
            self.meeting.wait()
        self.added.append((endpoint_id, list(events), now, dead))
        if endpoint_id in self.failing:
            raise StorageUnreachable("busy")
        return [f"{endpoint_id} {event.id}" for event, _ in events]

    def open_batch(self) -> Batch:
        self.opened += 1
        return self.batch

    def start(self, dues: Sequence[str], batch: Batch) -> int:
        self.started += [(due, batch) for due in dues]
        return len(dues)

    def wait_for(self, batch: Batch, seconds: float) -> None:
        self.waited.append((batch, seconds))


def endpoint(endpoint_id: str, **fields: Any) -> Endpoint:  # noqa: ANN401 - as of an endpoint
    return Endpoint(id=endpoint_id, url="https://hooks.example/", secret="", **fields)


def test_each_endpoint_gets_the_events_that_it_wants_in_its_format(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1", events=("job.failed",), format="slack"), endpoint("wh_2", format="cloudevents")])
    failed, succeeded = event("job.failed", event_id="evt_1"), event("job.succeeded", event_id="evt_2")
    parts.announcer(clock).announce([failed, succeeded])
    assert sorted(parts.added, key=lambda call: call[0]) == [
        ("wh_1", [(failed, FORMATS.payload(failed, "slack"))], clock.now(), False),
        ("wh_2", [(one, FORMATS.payload(one, "cloudevents")) for one in (failed, succeeded)], clock.now(), False),
    ]
    assert sorted(parts.started, key=lambda call: call[0]) == [
        (due, parts.batch) for due in ("wh_1 evt_1", "wh_2 evt_1", "wh_2 evt_2")
    ]


def test_events_for_an_endpoint_that_the_monitor_disabled_are_dead_from_the_start(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1", enabled=False, disabled_reason="gone")])
    parts.announcer(clock).announce(events(1))
    assert [dead for *_, dead in parts.added] == [True]


def test_the_first_of_many_events_are_on_their_way_before_the_last_are_stored(clock: FakeClock) -> None:
    """Three rows each: 33 fit into one transaction."""
    parts = Parts([endpoint("wh_1")])
    parts.announcer(clock).announce(events(70))
    assert [len(stored) for _, stored, _, _ in parts.added] == [33, 33, 4]
    assert [due for due, _ in parts.started] == [f"wh_1 {one.id}" for one in events(70)]


def test_a_failure_to_store_for_one_endpoint_delays_no_other_and_is_raised(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1"), endpoint("wh_2")], failing=["wh_1"])
    with pytest.raises(StorageUnreachable):
        parts.announcer(clock).announce(events(1))
    assert parts.started == [("wh_2 evt_0", parts.batch)]


def test_no_event_asks_for_nothing(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1")])
    parts.announcer(clock).announce([])
    assert (parts.opened, parts.added) == (0, [])


def test_without_an_endpoint_nothing_is_stored(clock: FakeClock) -> None:
    parts = Parts([])
    parts.announcer(clock).announce(events(1))
    assert parts.added == []


def test_announcing_can_wait_for_the_attempts_that_it_started(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1")])
    parts.announcer(clock).announce_and_wait(events(1), 7)
    assert parts.started == [("wh_1 evt_0", parts.batch)]
    assert parts.waited == [(parts.batch, 7)]


def test_announcing_waits_for_what_it_started_even_if_the_rest_cannot_be_stored(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1"), endpoint("wh_2")], failing=["wh_2"])
    with pytest.raises(StorageUnreachable):
        parts.announcer(clock).announce_and_wait(events(1), 7)
    assert parts.waited == [(parts.batch, 7)]


def test_threads_that_store_bear_a_name(clock: FakeClock) -> None:
    parts = Parts([endpoint("wh_1"), endpoint("wh_2")])
    parts.announcer(clock).announce(events(1))
    assert {name.partition("_")[0] for name in parts.threads} == {"announce"}


def test_sixteen_endpoints_are_stored_for_at_once_and_no_more(clock: FakeClock) -> None:
    parts = Parts([endpoint(f"wh_{number}") for number in range(32)], meeting=threading.Barrier(16, timeout=10))
    parts.announcer(clock).announce(events(1))
    assert len(parts.threads) == 16
