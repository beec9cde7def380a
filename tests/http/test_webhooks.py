"""The webhook calls of the HTTP API, over a real Azurite and a real receiver."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.clock import SystemClock
from shared.http import dispatch
from shared.http.messages import Request, Response
from shared.http.webhooks import WebhookHandlers
from shared.json_codec import dumps, loads
from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.table import Table
from shared.webhooks.endpoint import Endpoint
from tests.clock import FakeClock
from tests.webhooks.conftest import OpenWebhooks, open_instance, receiver, second_receiver, webhook_tables
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event

__all__ = ["open_instance", "receiver", "second_receiver", "webhook_tables"]  # fixtures of the webhooks' own tests
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "https://monitor.example/api/webhooks"


class Api:
    """Calls the handlers as the app does."""

    def __init__(self, handlers: WebhookHandlers) -> None:
        self.handlers = handlers

    def call(self, name: str, *route: str, body: object = None, **query: str) -> Response:
        request = Request(
            url=BASE,
            route=dict(zip(["webhookId", "deliveryId"], route, strict=False)),
            query=query,
            body=dumps(body).encode() if body is not None else b"",
        )
        handler: Callable[[Request], Response] = getattr(self.handlers, name)
        return dispatch.answer(lambda: handler, request)

    def json(self, name: str, *route: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - a JSON value
        response = self.call(name, *route, body=body, **query)
        assert response.status in {200, 201}, response.body
        return loads(response.body)

    def register(self, url: str, **fields: object) -> Any:  # noqa: ANN401 - a JSON value
        return self.json("register", body={"url": url, **fields})


@pytest.fixture
def api(open_instance: OpenWebhooks, clock: FakeClock) -> Api:
    return Api(WebhookHandlers(open_instance(), clock))


@pytest.fixture
def strict_api(open_instance: OpenWebhooks, clock: FakeClock) -> Api:
    """As deployed: no private networks."""
    return Api(WebhookHandlers(open_instance(WEBHOOK_ALLOW_PRIVATE_NETWORKS="false"), clock))


def deliver(api: Api, *event_ids: str) -> None:
    api.handlers.webhooks.announcer.announce([event(event_id=event_id) for event_id in event_ids])
    api.handlers.webhooks.deliverer.finish(5)


def test_registering_answers_201_with_the_secret_and_every_event(api: Api, receiver: Receiver) -> None:
    response = api.call("register", body={"url": receiver.url})
    assert response.status == 201
    webhook = loads(response.body)
    assert response.headers["Location"] == f"{BASE}/{webhook['id']}"
    assert webhook["secret"].startswith("whsec_")
    assert webhook["events"] == ["*"]
    assert webhook["format"] == "standard"
    assert webhook["enabled"] is True


def test_a_secret_may_be_brought_along(api: Api, receiver: Receiver) -> None:
    assert api.register(receiver.url, secret=SECRET)["secret"] == SECRET


def test_the_secret_is_shown_by_no_other_call(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url, secret=SECRET)
    deliver(api, "evt_1")
    answers = [
        api.call("list"),
        api.call("read", webhook["id"]),
        api.call("change", webhook["id"], body={"description": "CRM"}),
        api.call("deliveries", webhook["id"]),
        api.call("test", webhook["id"]),
    ]
    assert [answer.status for answer in answers] == [200] * 5
    assert not any(b"whsec_" in answer.body for answer in answers)


def test_no_log_line_and_no_repr_holds_a_secret(
    api: Api, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhook = api.register(receiver.url, secret=SECRET)
    receiver.behaviour = lambda _: Reply(500)
    deliver(api, "evt_1")
    api.json("rotate_secret", webhook["id"])
    key = SECRET.removeprefix("whsec_")
    assert "delivery_attempt" in caplog.text
    assert key not in caplog.text
    assert key not in repr(api.handlers.webhooks.endpoints.all())


def test_a_key_in_the_url_is_not_shown(strict_api: Api) -> None:
    url = "https://93.184.215.14/workflows/invoke?api-version=2016-06-01&sig=SECRET&x=1"
    webhook = strict_api.register(url, format="teams")
    assert webhook["url"] == "https://93.184.215.14/workflows/invoke?***"


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "https://127.0.0.1/", "https://u@hooks.example.com/", "https://169.254.169.254/"],
)
def test_a_hostile_url_is_422(strict_api: Api, url: str) -> None:
    assert strict_api.call("register", body={"url": url}).status == 422


def test_every_fault_of_a_registration_is_listed(strict_api: Api) -> None:
    response = strict_api.call(
        "register", body={"url": "http://127.0.0.1/", "events": ["job.*", "jobs"], "secret": "whsec_short"}
    )
    assert response.status == 422
    faults = loads(response.body)["faults"]
    assert [fault.partition(":")[0] for fault in faults] == ["url", "url", "events", "secret"]
    assert "whsec_short" not in response.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 1},
        {"url": "https://hooks.example.com", "events": []},
        {"url": "https://hooks.example.com", "events": "*"},
        {"url": "https://hooks.example.com", "format": "xml"},
        {"url": "https://hooks.example.com", "enabled": True},
        {"url": "https://hooks.example.com", "description": "x" * 501},
        [],
    ],
)
def test_a_body_of_the_wrong_shape_is_422(api: Api, body: object) -> None:
    assert api.call("register", body=body).status == 422


def test_a_change_changes_what_it_names_and_nothing_else(api: Api, receiver: Receiver) -> None:
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
    assert api.handlers.webhooks.deliveries.page(webhook["id"], status=None, after_log_key="", limit=9) == []


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


def test_a_test_that_fails_answers_200_and_says_so(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(503)
    answer = api.json("test", webhook["id"])
    assert (answer["delivered"], answer["status"], answer["error"]) == (False, 503, "the endpoint answered 503")
    closed = api.register("http://127.0.0.1:1/")
    answer = api.json("test", closed["id"])
    assert (answer["delivered"], answer["status"]) == (False, None)
    assert "Connection refused" in answer["error"]


def test_deliveries_are_listed_newest_first_with_their_attempts(
    api: Api, receiver: Receiver, clock: FakeClock
) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(500, b"oh no")
    deliver(api, "evt_old")
    clock.advance(10)
    receiver.behaviour = lambda _: Reply(200, b"thanks")
    deliver(api, "evt_new")
    new, old = api.json("deliveries", webhook["id"])["deliveries"]
    assert (new["eventId"], new["status"], new["nextAttemptAt"]) == ("evt_new", "delivered", None)
    assert (old["eventId"], old["status"], old["nextAttemptAt"]) == ("evt_old", "pending", "2026-11-20T09:01:00Z")
    [attempt] = old["attempts"]
    del attempt["latencyMs"]
    assert attempt == {"at": "2026-11-20T09:00:00Z", "status": 500, "response": "oh no"}


def test_deliveries_are_listed_by_status_and_page_by_page(api: Api, receiver: Receiver, clock: FakeClock) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda request: Reply(200 if request.webhook_id in {"evt_1", "evt_3"} else 500)
    for number in range(5):
        deliver(api, f"evt_{number}")
        clock.advance(1)
    pending = api.json("deliveries", webhook["id"], status="pending")["deliveries"]
    assert [delivery["eventId"] for delivery in pending] == ["evt_4", "evt_2", "evt_0"]
    first = api.json("deliveries", webhook["id"], limit="3")
    rest = api.json("deliveries", webhook["id"], limit="3", cursor=first["nextCursor"])
    listed = [delivery["eventId"] for delivery in first["deliveries"] + rest["deliveries"]]
    assert listed == ["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]
    assert rest["nextCursor"] is None


@pytest.mark.parametrize(
    "query", [{"status": "lost"}, {"limit": "0"}, {"limit": "201"}, {"cursor": "abc"}, {"x": "1"}]
)
def test_a_bad_parameter_of_a_listing_is_400(api: Api, receiver: Receiver, query: dict[str, str]) -> None:
    webhook = api.register(receiver.url)
    assert api.call("deliveries", webhook["id"], **query).status == 400


def test_a_redelivery_sends_the_same_webhook_id_again(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    deliver(api, "evt_1")
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    again = api.json("redeliver", webhook["id"], listed["id"])
    assert [request.webhook_id for request in receiver.requests] == ["evt_1", "evt_1"]
    assert len(again["attempts"]) == 2


def test_redelivering_to_a_disabled_webhook_is_409_until_it_is_enabled(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    receiver.behaviour = lambda _: Reply(410)
    deliver(api, "evt_1")
    read = api.json("read", webhook["id"])
    assert (read["enabled"], read["disabledReason"]) == (False, "gone")
    [dead] = api.json("deliveries", webhook["id"], status="dead")["deliveries"]
    assert api.call("redeliver", webhook["id"], dead["id"]).status == 409
    receiver.behaviour = lambda _: Reply()
    enabled = api.json("change", webhook["id"], body={"enabled": True})
    assert (enabled["enabled"], enabled["disabledReason"]) == (True, None)
    assert api.json("redeliver", webhook["id"], dead["id"])["status"] == "delivered"


def test_redelivering_what_is_being_sent_is_409(
    api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        raise RowChanged("the delivery is being sent")

    webhook = api.register(receiver.url)
    deliver(api, "evt_1")
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    monkeypatch.setattr(api.handlers.webhooks.deliverer, "redeliver", taken)
    assert api.call("redeliver", webhook["id"], listed["id"]).status == 409


@pytest.mark.parametrize("delivery_id", ["dlv_" + "0" * 32, "nonsense"])
def test_an_unknown_delivery_is_404(api: Api, receiver: Receiver, delivery_id: str) -> None:
    assert api.call("redeliver", api.register(receiver.url)["id"], delivery_id).status == 404


def test_the_webhook_of_the_settings_is_listed_and_not_editable(
    open_instance: OpenWebhooks, clock: FakeClock, receiver: Receiver
) -> None:
    instance = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    api = Api(WebhookHandlers(instance, clock))
    [webhook] = api.json("list")["webhooks"]
    assert (webhook["id"], webhook["url"], webhook["editable"]) == ("settings", receiver.url, False)
    statuses = [
        api.call("change", "settings", body={"enabled": False}).status,
        api.call("remove", "settings").status,
        api.call("rotate_secret", "settings").status,
    ]
    assert statuses == [409, 409, 409]
    assert api.json("test", "settings")["delivered"] is True


def test_the_webhook_of_the_settings_is_enabled_again_by_a_test_that_succeeds(
    open_instance: OpenWebhooks, clock: FakeClock, receiver: Receiver
) -> None:
    api = Api(WebhookHandlers(open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET), clock))
    receiver.behaviour = lambda _: Reply(410)
    deliver(api, "evt_1")
    assert api.json("read", "settings")["enabled"] is False
    receiver.behaviour = lambda _: Reply()
    api.json("test", "settings")
    assert api.json("read", "settings")["enabled"] is True


def test_a_url_is_kept_as_it_is_sent(strict_api: Api) -> None:
    assert strict_api.register("https://93.184.215.14:443/\u00e4")["url"] == "https://93.184.215.14:443/%C3%A4"
    webhook = strict_api.register("https://93.184.215.14/")
    changed = strict_api.json("change", webhook["id"], body={"url": "https://HOOKS.example.com"})
    assert changed["url"] == "https://hooks.example.com/"


@pytest.mark.parametrize("blank", ["\u0085", "\u00a0", "\u3000", "\u2003", " "])
def test_no_credentials_slip_in_behind_a_blank(strict_api: Api, blank: str) -> None:
    url = f"{blank}https://user:hunter2@example.com/"
    assert strict_api.call("register", body={"url": url}).status == 422


def test_a_shown_url_that_is_sent_back_is_refused_in_words(strict_api: Api) -> None:
    webhook = strict_api.register("https://93.184.215.14/hook?sig=SECRET")
    response = strict_api.call("change", webhook["id"], body={"url": webhook["url"], "description": "CRM"})
    assert response.status == 422
    assert loads(response.body)["faults"] == [
        "url: contains ***, which hides a secret where URLs are shown: give the whole URL"
    ]
    assert strict_api.handlers.webhooks.endpoints.all()[0].url == "https://93.184.215.14/hook?sig=SECRET"


def test_a_registration_does_not_tell_which_address_a_name_has(open_instance: OpenWebhooks, clock: FakeClock) -> None:
    instance = replace(open_instance(WEBHOOK_ALLOW_PRIVATE_NETWORKS="false"), resolver=lambda _: ["10.1.2.3"])
    response = Api(WebhookHandlers(instance, clock)).call("register", body={"url": "https://inside.example/"})
    assert response.status == 422
    assert b"a private address" in response.body
    assert b"10.1.2.3" not in response.body


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
    assert api.handlers.webhooks.deliveries.page(webhook["id"], status=None, after_log_key="", limit=9) == []


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


def test_a_webhook_whose_row_cannot_be_read_is_told_of_and_can_be_removed(
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
