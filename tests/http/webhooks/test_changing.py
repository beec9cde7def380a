"""PATCH, DELETE, a rotation and a test of a webhook."""

import pytest

from shared.clock import SystemClock
from shared.http.webhooks import WebhookHandlers
from shared.json_codec import loads
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from shared.webhooks.endpoint import Endpoint
from tests.clock import FakeClock
from tests.http.webhooks.api import SECRET, Api, deliver
from tests.webhooks.conftest import OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.stored import listed


def test_a_change_changes_only_the_members_it_names(api: Api, receiver: Receiver) -> None:
    before = api.register(receiver.url, events=["job.*"], description="CRM")
    del before["secret"]
    after = api.json("change", before["id"], body={"events": ["job.failed"], "format": "slack"})
    assert after == before | {"events": ["job.failed"], "format": "slack"}
    assert api.json("change", before["id"], body={"description": None})["description"] is None


def test_a_changed_url_is_checked_too(strict_api: Api) -> None:
    webhook = strict_api.register("https://93.184.215.14/")
    assert strict_api.call("change", webhook["id"], body={"url": "https://10.0.0.1/"}).status == 422


def test_a_removed_webhook_is_gone_with_its_deliveries(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    deliver(api, "evt_1")
    assert api.call("remove", webhook["id"]).status == 204
    assert api.call("read", webhook["id"]).status == 404
    assert api.json("list") == {"webhooks": []}
    assert listed(api.handlers.webhooks, webhook["id"]) == []


@pytest.mark.parametrize("name", ["read", "change", "remove", "rotate_secret", "test", "deliveries"])
@pytest.mark.parametrize("webhook_id", ["wh_0123456789abcdef01234567", "nonsense", "' or true", "settings"])
def test_an_unknown_webhook_is_404(api: Api, name: str, webhook_id: str) -> None:
    assert api.call(name, webhook_id, body={} if name == "change" else None).status == 404


def test_a_rotation_answers_the_new_secret_and_until_when_the_old_one_signs(
    open_instance: OpenWebhooks, receiver: Receiver
) -> None:
    clock = SystemClock()
    api = Api(WebhookHandlers(open_instance(clock=clock), clock))
    webhook = api.register(receiver.url, secret=SECRET)
    rotated = api.json("rotate_secret", webhook["id"])
    assert rotated["secret"] != SECRET
    assert rotated["previousSecretUntil"] is not None
    deliver(api, "evt_1")
    [request] = receiver.wait_for(1)
    request.verify(SECRET)
    request.verify(rotated["secret"])


def test_a_test_event_tells_status_and_latency(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url, events=["job.failed"])
    answer = api.json("test", webhook["id"])
    assert (answer["delivered"], answer["status"], answer["error"]) == (True, 200, None)
    assert answer["latencyMs"] >= 0
    assert receiver.requests[0].json["type"] == "webhook.test"


def test_a_test_that_fails_is_200_with_the_reason(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(503)
    answer = api.json("test", webhook["id"])
    assert (answer["delivered"], answer["status"], answer["error"]) == (False, 503, "the endpoint answered 503")
    closed = api.register("http://127.0.0.1:1/")
    answer = api.json("test", closed["id"])
    assert (answer["delivered"], answer["status"]) == (False, None)
    assert "Connection refused" in answer["error"]


def test_a_shown_url_that_is_sent_back_is_refused_with_the_reason(strict_api: Api) -> None:
    webhook = strict_api.register("https://93.184.215.14/hook?sig=SECRET")
    response = strict_api.call("change", webhook["id"], body={"url": webhook["url"], "description": "CRM"})
    assert response.status == 422
    assert loads(response.body)["faults"] == [
        "url: contains ***, which hides a secret where URLs are shown: send the whole URL"
    ]
    assert strict_api.handlers.webhooks.endpoints.all()[0].url == "https://93.184.215.14/hook?sig=SECRET"


def test_a_removal_that_storage_interrupts_is_still_a_removal(
    api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise StorageUnreachable("storage did not answer")

    webhook = api.register(receiver.url)
    deliver(api, "evt_1")
    with monkeypatch.context() as patch:
        patch.setattr(api.handlers.webhooks.deliveries, "delete_all", interrupted)
        assert api.call("remove", webhook["id"]).status == 204
    assert api.call("read", webhook["id"]).status == 404
    assert api.call("remove", webhook["id"]).status == 404
    assert api.json("list") == {"webhooks": []}
    api.handlers.webhooks.retry_cycle.run()
    assert listed(api.handlers.webhooks, webhook["id"]) == []


def test_a_change_of_a_webhook_that_is_removed_meanwhile_is_404(
    api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = api.register(receiver.url)
    endpoints = api.handlers.webhooks.endpoints
    change = endpoints.change

    def removed_first(endpoint: Endpoint) -> Endpoint:
        endpoints.mark_removed(endpoint.id, endpoint.created_at or SystemClock().now())
        return change(endpoint)

    monkeypatch.setattr(endpoints, "change", removed_first)
    assert api.call("change", webhook["id"], body={"description": "CRM"}).status == 404


def test_a_webhook_whose_row_cannot_be_read_is_409_and_can_be_removed(
    api: Api, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    webhook = api.register(receiver.url)
    webhook_tables[0].upsert({"PartitionKey": "endpoint", "RowKey": webhook["id"], "url": 7})
    for name in ("read", "change", "test", "deliveries", "rotate_secret"):
        assert api.call(name, webhook["id"], body={} if name == "change" else None).status == 409
    assert api.call("remove", webhook["id"]).status == 204
    assert api.call("read", webhook["id"]).status == 404


def test_a_changed_format_holds_from_the_next_event_on(api: Api, receiver: Receiver, clock: FakeClock) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(500)
    deliver(api, "evt_1")
    api.json("change", webhook["id"], body={"format": "slack"})
    clock.advance(60)
    api.handlers.webhooks.retry_cycle.run()
    deliver(api, "evt_2")
    first, again, second = receiver.requests
    assert first.body == again.body
    assert "blocks" in second.json


def test_a_failing_webhook_says_so_until_it_is_enabled(api: Api, receiver: Receiver, clock: FakeClock) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(500)
    for number in range(2):
        deliver(api, f"evt_{number}")
        clock.advance(5 * 86_400)
    read = api.json("read", webhook["id"])
    assert (read["enabled"], read["disabledReason"]) == (False, "failing")
    enabled = api.json("change", webhook["id"], body={"enabled": True})
    assert (enabled["enabled"], enabled["disabledReason"]) == (True, None)
