"""POST /webhooks: what is registered, shown and refused."""

import logging
from dataclasses import replace

import pytest

from shared.http.webhooks import WebhookHandlers
from shared.json_codec import loads
from tests.clock import FakeClock
from tests.http.webhooks.api import BASE, SECRET, Api, deliver
from tests.webhooks.conftest import OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply


def test_registering_answers_201_with_the_secret_and_every_event(api: Api, receiver: Receiver) -> None:
    response = api.call("register", body={"url": receiver.url})
    assert response.status == 201
    webhook = loads(response.body)
    assert response.headers["Location"] == f"{BASE}/{webhook['id']}"
    assert webhook["secret"].startswith("whsec_")
    assert webhook["events"] == ["*"]
    assert webhook["format"] == "standard"
    assert webhook["enabled"] is True


def test_a_hundred_webhooks_can_be_registered_and_no_more(api: Api, receiver: Receiver) -> None:
    for _ in range(100):
        api.register(receiver.url)
    response = api.call("register", body={"url": receiver.url})
    assert response.status == 409
    assert loads(response.body)["type"] == "urn:problem:offer-monitor:too-many-webhooks"
    assert len(api.json("list")["webhooks"]) == 100


def test_a_caller_may_give_a_secret(api: Api, receiver: Receiver) -> None:
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


def test_a_url_is_kept_as_it_is_sent(strict_api: Api) -> None:
    assert strict_api.register("https://93.184.215.14:443/\u00e4")["url"] == "https://93.184.215.14:443/%C3%A4"
    webhook = strict_api.register("https://93.184.215.14/")
    changed = strict_api.json("change", webhook["id"], body={"url": "https://HOOKS.example.com"})
    assert changed["url"] == "https://hooks.example.com/"


@pytest.mark.parametrize("blank", ["\u0085", "\u00a0", "\u3000", "\u2003", " "])
def test_credentials_after_a_blank_are_refused(strict_api: Api, blank: str) -> None:
    url = f"{blank}https://user:hunter2@example.com/"
    assert strict_api.call("register", body={"url": url}).status == 422


def test_a_registration_does_not_tell_which_address_a_name_has(open_instance: OpenWebhooks, clock: FakeClock) -> None:
    instance = replace(open_instance(WEBHOOK_ALLOW_PRIVATE_NETWORKS="false"), resolver=lambda _: ["10.1.2.3"])
    response = Api(WebhookHandlers(instance, clock)).call("register", body={"url": "https://inside.example/"})
    assert response.status == 422
    assert b"a private address" in response.body
    assert b"10.1.2.3" not in response.body
