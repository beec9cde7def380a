"""POST /webhooks/{id}/redeliver: every dead delivery of a webhook, or those of a type or an age."""

import pytest

from shared.http.webhooks import WebhookHandlers
from shared.json_codec import loads
from tests.clock import FakeClock
from tests.http.webhooks.api import SECRET, Api, deliver
from tests.webhooks.conftest import OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply


@pytest.fixture
def webhook_id(api: Api, receiver: Receiver, clock: FakeClock) -> str:
    """A webhook with two dead deliveries, a minute apart, which is enabled again."""
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(410)
    deliver(api, "evt_old")
    clock.advance(60)
    deliver(api, "evt_new")
    receiver.behaviour = lambda _: Reply()
    api.json("change", webhook["id"], body={"enabled": True})
    receiver.requests.clear()
    webhook_id: str = webhook["id"]
    return webhook_id


def test_all_dead_deliveries_are_scheduled_and_sent_by_the_next_retries(
    api: Api, receiver: Receiver, webhook_id: str
) -> None:
    response = api.call("redeliver_dead", webhook_id, body={"status": "dead"})
    assert (response.status, loads(response.body)) == (202, {"scheduled": 2})
    listed = api.json("deliveries", webhook_id)["deliveries"]
    assert {one["status"] for one in listed} == {"pending"}
    assert {one["nextAttemptAt"] for one in listed} == {"2026-11-20T09:01:00Z"}
    api.handlers.webhooks.retry_cycle.run()
    assert sorted(request.webhook_id for request in receiver.requests) == ["evt_new", "evt_old"]
    assert api.json("redeliver_dead", webhook_id, body={"status": "dead"}) == {"scheduled": 0}


@pytest.mark.parametrize(
    ("filters", "scheduled"),
    [
        ({"type": "job.succeeded"}, 2),
        ({"type": "job.failed"}, 0),
        ({"since": "2026-11-20T09:01:00Z"}, 1),
        ({"since": "2026-11-20T10:00:30.5+01:00"}, 1),
        ({"since": "2026-11-20t09:00:00z"}, 2),
        ({"since": "2026-11-20T09:02:00Z"}, 0),
    ],
)
def test_only_those_of_a_type_or_an_age_are_scheduled(
    api: Api, webhook_id: str, filters: dict[str, str], scheduled: int
) -> None:
    assert loads(api.call("redeliver_dead", webhook_id, body={"status": "dead", **filters}).body) == {
        "scheduled": scheduled
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "pending"},
        {"status": "DEAD"},
        {"status": None},
        {"status": "dead", "type": "job.ended"},
        {"status": "dead", "type": None},
        {"status": "dead", "since": None},
        {"status": "dead", "since": "2026-11-20"},
        {"status": "dead", "since": "2026-11-20T09:00:00"},
        {"status": "dead", "since": "0001-01-01T00:00:00+14:00"},
        {"status": "dead", "since": "2026-02-30T09:00:00Z"},
        {"status": "dead", "since": 1},
        {"status": "dead", "limit": 5},
        [],
    ],
)
def test_a_body_of_the_wrong_shape_is_422_and_nothing_is_scheduled(api: Api, webhook_id: str, body: object) -> None:
    assert api.call("redeliver_dead", webhook_id, body=body).status == 422
    assert len(api.json("deliveries", webhook_id, status="dead")["deliveries"]) == 2


def test_every_fault_of_the_body_is_named(api: Api, webhook_id: str) -> None:
    response = api.call("redeliver_dead", webhook_id, body={"type": "job.ended", "since": "soon", "x": 1})
    faults = loads(response.body)["faults"]
    assert sorted(fault.partition(":")[0] for fault in faults) == ["since", "status", "type", "x"]


def test_a_disabled_webhook_is_409(api: Api, webhook_id: str) -> None:
    api.json("change", webhook_id, body={"enabled": False})
    assert api.call("redeliver_dead", webhook_id, body={"status": "dead"}).status == 409


@pytest.mark.parametrize("unknown", ["wh_0123456789abcdef01234567", "nonsense", "settings"])
def test_an_unknown_webhook_is_404(api: Api, unknown: str) -> None:
    assert api.call("redeliver_dead", unknown, body={"status": "dead"}).status == 404


def test_the_webhook_of_the_settings_is_redelivered_to(
    open_instance: OpenWebhooks, clock: FakeClock, receiver: Receiver
) -> None:
    api = Api(WebhookHandlers(open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET), clock))
    assert api.json("redeliver_dead", "settings", body={"status": "dead"}) == {"scheduled": 0}
