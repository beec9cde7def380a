"""What an attempt does, what it writes to the log, and what stops it."""

import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.storage.errors import RecordBroken, RowChanged, StorageUnreachable
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.logged import lines
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event, events
from tests.webhooks.stored import counts, current, only_delivery, statuses


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_arguments: object, **_options: object) -> Any:  # noqa: ANN401 - in place of any method
        raise error

    return fail


def announce(webhooks: Webhooks, count: int = 1) -> None:
    webhooks.announcer.announce(events(count))
    webhooks.deliverer.finish(10)


def retry(webhooks: Webhooks, endpoint: Endpoint, clock: FakeClock) -> tuple[int, int, int]:
    """Attempt all that is due; returns how many were attempted, delivered and given up."""
    batch = webhooks.deliverer.open_batch()
    webhooks.deliverer.start(webhooks.deliveries.due(endpoint.id, clock.now()), batch)
    assert webhooks.deliverer.finish_batch(batch, 30) == 0
    return batch.attempted, batch.delivered, batch.given_up


def test_an_attempt_that_succeeds_is_logged_with_its_facts(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = add_endpoint(receiver)
    caplog.set_level("INFO")
    webhooks.announcer.announce_and_wait([event()], 10)
    [(level, facts)] = lines(caplog, "delivery_attempt")
    delivery = only_delivery(webhooks, endpoint)
    assert level == "INFO"
    assert facts == {
        "deliveryId": delivery.id,
        "webhookId": endpoint.id,
        "type": "job.succeeded",
        "attempt": 1,
        "outcome": "delivered",
        "status": 200,
        "latencyMs": delivery.attempts[0].latency_ms,
        "error": None,
    }


def test_attempts_that_fail_are_logged_as_warnings_with_the_reason_and_their_number(
    webhooks: Webhooks, add_endpoint: AddEndpoint, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = add_endpoint("http://127.0.0.1:1/")
    webhooks.announcer.announce_and_wait([event()], 10)
    clock.advance(60)
    retry(webhooks, endpoint, clock)
    attempts = only_delivery(webhooks, endpoint).attempts
    logged = lines(caplog, "delivery_attempt")
    assert [level for level, _ in logged] == ["WARNING", "WARNING"]
    assert [(facts["attempt"], facts["outcome"], facts["status"]) for _, facts in logged] == [
        (1, "retry", None),
        (2, "retry", None),
    ]
    assert [facts["error"] for _, facts in logged] == [attempt.error for attempt in attempts]


def test_an_endpoint_that_says_it_is_gone_is_logged_as_disabled(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(410)
    webhooks.announcer.announce_and_wait([event()], 10)
    facts = {"webhookId": endpoint.id, "reason": "gone", "failingSince": None}
    assert lines(caplog, "webhook_disabled") == [("ERROR", facts)]
    [(_, attempt)] = lines(caplog, "delivery_attempt")
    assert attempt["outcome"] == "dead"


@pytest.mark.parametrize(("seconds", "disabled"), [(-1, False), (0, True)])
def test_an_endpoint_is_disabled_once_all_attempts_of_exactly_five_days_have_failed(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    seconds: int,
    disabled: bool,
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    announce(webhooks)
    since = clock.now()
    clock.advance(timedelta(days=5).total_seconds() + seconds)
    retry(webhooks, endpoint, clock)
    assert current(webhooks, endpoint).enabled is not disabled
    facts = {"webhookId": endpoint.id, "reason": "failing", "failingSince": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert lines(caplog, "webhook_disabled") == ([("ERROR", facts)] if disabled else [])


def test_an_attempt_that_disables_its_endpoint_marks_all_its_deliveries_as_dead_at_once(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    announce(webhooks, 40)
    receiver.behaviour = lambda _: Reply(410)
    webhooks.announcer.announce([event(event_id="evt_gone")])
    webhooks.deliverer.finish(10)
    assert counts(webhooks, endpoint.id) == (0, 41)


def test_a_batch_counts_what_its_attempts_came_to(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    announce(webhooks, 3)
    receiver.behaviour = lambda request: Reply(200 if request.webhook_id == "evt_1" else 500)
    clock.advance(60)
    assert retry(webhooks, endpoint, clock) == (3, 1, 0)
    receiver.behaviour = lambda _: Reply(410)
    clock.advance(3600)
    attempted, delivered, given_up = retry(webhooks, endpoint, clock)
    assert (delivered, given_up) == (0, attempted)
    assert attempted >= 1


def test_starting_says_how_many_deliveries_it_started(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    announce(webhooks, 3)
    clock.advance(60)
    batch = webhooks.deliverer.open_batch()
    assert webhooks.deliverer.start(webhooks.deliveries.due(endpoint.id, clock.now()), batch) == 3
    assert webhooks.deliverer.start([], batch) == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StorageUnreachable("storage did not answer"), ("delivery_not_stored", "WARNING", "storage did not answer")),
        (KeyError("secret"), ("delivery_fault", "ERROR", "KeyError")),
        (RowChanged("claimed"), None),
    ],
)
def test_a_delivery_that_cannot_be_claimed_is_not_sent_and_the_log_says_why(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    line: tuple[str, str, str] | None,
) -> None:
    endpoint = add_endpoint(receiver)
    monkeypatch.setattr(webhooks.deliveries, "claim", raising(error))
    webhooks.announcer.announce_and_wait([event()], 10)
    assert receiver.requests == []
    delivery = only_delivery(webhooks, endpoint)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, [])
    if line is None:
        assert caplog.records == []
    else:
        name, level, text = line
        [(logged_level, facts)] = lines(caplog, name)
        assert (logged_level, facts["deliveryId"], facts["error"]) == (level, delivery.id, text)
        assert name == "delivery_not_stored" or facts["webhookId"] == endpoint.id


@pytest.mark.parametrize(("seconds", "sent"), [(25, True), (26, False)])
def test_an_attempt_begins_only_while_enough_of_its_claim_is_left(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    sent: bool,
) -> None:
    """A claim lasts 45 seconds. With less than 20 left, another process could send the delivery too."""
    endpoint = add_endpoint(receiver)
    read = webhooks.endpoints.get

    def slowly(endpoint_id: str) -> Endpoint | None:
        clock.advance(seconds)
        return read(endpoint_id)

    monkeypatch.setattr(webhooks.endpoints, "get", slowly)
    announce(webhooks)
    assert len(receiver.requests) == sent
    assert len(only_delivery(webhooks, endpoint).attempts) == sent


@pytest.mark.parametrize("found", ["removed", "disabled", "unreadable"])
def test_nothing_is_sent_to_an_endpoint_that_was_removed_or_disabled_since(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    found: str,
) -> None:
    endpoint = add_endpoint(receiver)
    disabled = add_endpoint("http://127.0.0.1:1/", enabled=False)
    answers: dict[str, Callable[[str], Endpoint | None]] = {
        "removed": lambda _: None,
        "disabled": lambda _: disabled,
        "unreadable": raising(RecordBroken("url")),
    }
    monkeypatch.setattr(webhooks.endpoints, "get", answers[found])
    announce(webhooks)
    assert receiver.requests == []
    delivery = only_delivery(webhooks, endpoint)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, [])


@pytest.mark.parametrize("error", [StorageUnreachable("busy"), KeyError("secret")])
@pytest.mark.parametrize(
    ("status", "method"), [(204, "record_success"), (410, "disable_gone"), (500, "record_failure")]
)
def test_an_attempt_is_recorded_even_if_its_endpoint_cannot_be_changed(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    method: str,
) -> None:
    endpoint = add_endpoint(receiver, failing_since=clock.now() - timedelta(days=6) if status != 410 else None)
    receiver.behaviour = lambda _: Reply(status)
    monkeypatch.setattr(webhooks.endpoints, method, raising(error))
    webhooks.announcer.announce_and_wait([event()], 10)
    delivery = only_delivery(webhooks, endpoint)
    assert [attempt.status for attempt in delivery.attempts] == [status]
    assert delivery.status is (DeliveryStatus.DELIVERED if status == 204 else DeliveryStatus.PENDING)
    faults = [(facts["webhookId"], facts["error"]) for _, facts in lines(caplog, "delivery_fault")]
    assert faults == ([(endpoint.id, "KeyError")] if isinstance(error, KeyError) else [])


def test_a_success_ends_the_failing_of_its_endpoint(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver, failing_since=clock.now() - timedelta(days=1))
    announce(webhooks)
    assert current(webhooks, endpoint).failing_since is None


def test_the_first_failure_begins_the_failing_of_its_endpoint_and_later_ones_do_not_move_it(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    announce(webhooks)
    since = clock.now()
    clock.advance(60)
    retry(webhooks, endpoint, clock)
    assert current(webhooks, endpoint).failing_since == since


def test_further_failures_within_five_days_ask_storage_nothing_about_their_endpoint(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = add_endpoint(receiver, failing_since=clock.now() - timedelta(days=1))
    receiver.behaviour = lambda _: Reply(500)
    monkeypatch.setattr(webhooks.endpoints, "record_failure", raising(AssertionError("it is known to fail")))
    announce(webhooks)
    assert [attempt.status for attempt in only_delivery(webhooks, endpoint).attempts] == [500]
    assert lines(caplog, "delivery_fault") == []


def test_a_body_that_cannot_be_read_is_an_attempt_without_a_request(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = add_endpoint(receiver)
    monkeypatch.setattr(webhooks.deliveries, "payload", raising(RecordBroken("the stored body cannot be read")))
    announce(webhooks)
    assert receiver.requests == []
    [attempt] = only_delivery(webhooks, endpoint).attempts
    assert (attempt.at, attempt.status, attempt.latency_ms) == (clock.now(), None, 0)
    assert attempt.error == "the stored body cannot be read"
    assert current(webhooks, endpoint).failing_since is None
    assert statuses(webhooks, endpoint) == ["pending"]


def test_a_delivery_that_is_removed_while_it_is_sent_again_is_answered_as_it_was(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    announce(webhooks)
    delivery = only_delivery(webhooks, endpoint)

    def remove(_: object) -> Reply:
        webhooks.removal.mark(endpoint.id)
        webhooks.removal.clean(endpoint.id, lambda: True)
        return Reply()

    receiver.behaviour = remove
    with pytest.raises(RowChanged):
        webhooks.deliverer.redeliver(delivery)
    assert statuses(webhooks, endpoint) == []


def test_the_memory_of_bodies_that_were_sent_is_free_again(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.deliverer.BODIES_HELD_MAX_BYTES", 3000)
    add_endpoint(receiver)
    read_from_storage: list[str] = []
    payload = webhooks.deliveries.payload

    def noted(due: Any) -> Any:  # noqa: ANN401 - as it is called
        if due.payload is None:
            read_from_storage.append(due.event_id)
        return payload(due)

    monkeypatch.setattr(webhooks.deliveries, "payload", noted)
    for number in range(5):
        webhooks.announcer.announce([event(event_id=f"evt_{number}", label="x" * 900)])
        webhooks.deliverer.finish(10)
    assert len(receiver.requests) == 5
    assert read_from_storage == []


def test_what_an_invocation_started_is_forgotten_when_it_is_over(webhooks: Webhooks) -> None:
    batches = [webhooks.deliverer.open_batch() for _ in range(3)]
    alive = weakref.WeakSet(batches)
    webhooks.deliverer.wait_for(batches[0], 0)
    webhooks.deliverer.finish_batch(batches[1], 0)
    del batches
    assert len(alive) == 1
    webhooks.deliverer.finish(0)
    assert len(alive) == 0
