"""A new delivery that storage refuses is shown as dead, or announced again: it is never dropped."""

from collections.abc import Iterator

import pytest

from shared.settings import StorageByConnectionString
from shared.storage.errors import ChangeRefused
from shared.storage.table import Tables
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.webhooks import Webhooks
from tests.storage.faulty_storage import Fault, FaultyStorage, faulty_storage
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, listed

REFUSED = Fault(status=413, text="$batch")


@pytest.fixture
def storage(azurite: str) -> Iterator[FaultyStorage]:
    with faulty_storage(azurite) as front:
        yield front


@pytest.fixture
def webhooks(storage: FaultyStorage, jobs_table: str, open_instance: OpenWebhooks) -> Webhooks:
    tables = Tables(StorageByConnectionString(storage.connection_string))
    return open_instance(deliveries_table=tables.table(f"{jobs_table}deliveries"))


def test_a_delivery_that_storage_refuses_is_dead_with_the_reason(
    storage: FaultyStorage,
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint = add_endpoint(receiver)
    storage.faults.append(REFUSED)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert receiver.requests == []
    [delivery] = listed(webhooks, endpoint.id)
    assert (delivery.event_id, delivery.status) == ("evt_1", DeliveryStatus.DEAD)
    [attempt] = delivery.attempts
    assert attempt.status is None
    assert attempt.error == "not sent: storage did not accept the change (status 413, ServerBusy)"
    assert counts(webhooks, endpoint.id) == (0, 1)
    assert "delivery_not_stored" in caplog.text


def test_the_events_beside_a_delivery_that_storage_refuses_are_delivered(
    storage: FaultyStorage, webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    # The transaction of both, then that of the first alone.
    storage.faults += [REFUSED, REFUSED]
    webhooks.announcer.announce([event(event_id="evt_1"), event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    assert [request.webhook_id for request in receiver.requests] == ["evt_2"]
    page = listed(webhooks, endpoint.id)
    assert {delivery.event_id: delivery.status.value for delivery in page} == {"evt_1": "dead", "evt_2": "delivered"}


def test_announcing_a_refused_delivery_again_leaves_it_dead(
    storage: FaultyStorage, webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    storage.faults.append(REFUSED)
    for _ in range(2):
        webhooks.announcer.announce([event()])
        webhooks.deliverer.finish(5)
    assert receiver.requests == []
    assert counts(webhooks, endpoint.id) == (0, 1)


def test_a_refused_delivery_can_be_sent_again(
    storage: FaultyStorage, webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    storage.faults.append(REFUSED)
    webhooks.announcer.announce([event()])
    [delivery] = listed(webhooks, endpoint.id)
    assert webhooks.deliverer.redeliver(delivery).status is DeliveryStatus.DELIVERED
    assert receiver.requests[0].json["type"] == "job.succeeded"


def test_a_delivery_whose_body_storage_refuses_is_dead_without_it(
    storage: FaultyStorage, webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    storage.faults += [REFUSED, REFUSED]
    webhooks.announcer.announce([event()])
    [delivery] = listed(webhooks, endpoint.id)
    assert delivery.status is DeliveryStatus.DEAD
    again = webhooks.deliverer.redeliver(delivery)
    assert [attempt.error for attempt in again.attempts][-1] == "the stored body cannot be read"
    assert receiver.requests == []


def test_an_event_is_kept_for_the_next_tick_while_storage_refuses_even_the_dead_delivery(
    storage: FaultyStorage, webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    add_endpoint(receiver)
    storage.faults += [REFUSED, REFUSED, REFUSED]
    with pytest.raises(ChangeRefused):
        webhooks.announcer.announce([event()])
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert [request.webhook_id for request in receiver.requests] == ["evt_1"]
