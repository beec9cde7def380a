"""A webhook's own headers in the API: their names are shown, their values never."""

import pytest

from shared.http import operations
from shared.http.messages import Request
from shared.json_codec import loads
from shared.storage.table import Table
from tests.http.webhooks.api import BASE, Api, deliver
from tests.webhooks.receiver import Receiver, Reply

VALUE = "SharedKey s3cr3t-value"


def test_names_are_shown_and_no_answer_shows_a_value(api: Api, receiver: Receiver) -> None:
    receiver.behaviour = lambda request: Reply(500, str(request.headers).encode())
    webhook = api.register(receiver.url, headers={"Authorization": VALUE, "x-tenant": "contoso-tenant"})
    assert webhook["headers"] == ["Authorization", "x-tenant"]
    deliver(api, "evt_1")
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    answers = [
        api.call("list"),
        api.call("read", webhook["id"]),
        api.call("change", webhook["id"], body={"description": "CRM"}),
        api.call("deliveries", webhook["id"]),
        api.call("redeliver", webhook["id"], listed["id"]),
        api.call("test", webhook["id"]),
    ]
    assert [answer.status for answer in answers] == [200] * 6
    assert receiver.requests[0].headers["authorization"] == VALUE
    assert not any(b"s3cr3t" in answer.body or b"contoso-tenant" in answer.body for answer in answers)


def test_a_webhook_without_headers_shows_an_empty_list(api: Api, receiver: Receiver) -> None:
    assert api.register(receiver.url)["headers"] == []


def test_a_change_replaces_all_headers_and_an_empty_object_clears_them(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url, headers={"x-one": "1", "x-two": "2"})
    assert api.json("change", webhook["id"], body={"description": "CRM"})["headers"] == ["x-one", "x-two"]
    assert api.json("change", webhook["id"], body={"headers": {"x-three": "3"}})["headers"] == ["x-three"]
    deliver(api, "evt_1")
    assert api.json("change", webhook["id"], body={"headers": {}})["headers"] == []
    deliver(api, "evt_2")
    first, second = receiver.requests
    assert (first.headers["x-three"], "x-one" in first.headers) == ("3", False)
    assert "x-three" not in second.headers


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example.com/other?x=1", True),
        ("https://HOOKS.example.com:443/hook", True),
        ("https://hooks.example.com:8443/hook", False),
        ("https://other.example.com/hook", False),
        ("http://hooks.example.com/hook", False),
    ],
)
def test_a_url_of_another_origin_drops_the_headers(api: Api, url: str, kept: bool) -> None:
    webhook = api.register("https://hooks.example.com/hook", headers={"authorization": VALUE})
    assert api.json("change", webhook["id"], body={"url": url})["headers"] == (["authorization"] if kept else [])


def test_headers_given_with_a_url_of_another_origin_are_kept(api: Api) -> None:
    webhook = api.register("https://hooks.example.com/hook", headers={"authorization": VALUE})
    body = {"url": "https://other.example.com/", "headers": {"x-key": "v"}}
    assert api.json("change", webhook["id"], body=body)["headers"] == ["x-key"]


def test_every_fault_is_named_and_no_value_is_repeated(api: Api, receiver: Receiver) -> None:
    headers = {"Host": "s3cr3t", "x y": "s3cr3t", "x-key": " s3cr3t", "X-Key": "s3cr3t"}
    response = api.call("register", body={"url": receiver.url, "headers": headers})
    assert response.status == 422
    assert len(loads(response.body)["faults"]) == 4
    assert b"s3cr3t" not in response.body


def test_a_name_that_the_body_gives_twice_is_refused(api: Api, receiver: Receiver) -> None:
    body = f'{{"url": "{receiver.url}", "headers": {{"x-key": "1", "x-other": "2", "x-key": "3"}}}}'
    request = Request(url=BASE, route={}, query={}, body=body.encode())
    response = operations.answer(lambda: api.handlers.register, request)
    assert response.status == 422
    assert loads(response.body)["faults"] == ["headers: x-key is given 2 times"]


@pytest.mark.parametrize("headers", [None, [], "x: y", {"x-key": None}, {"x-key": 7}, {"x-key": ["v"]}])
def test_headers_of_another_shape_are_422(api: Api, receiver: Receiver, headers: object) -> None:
    assert api.call("register", body={"url": receiver.url, "headers": headers}).status == 422
    webhook = api.register(receiver.url)
    assert api.call("change", webhook["id"], body={"headers": headers}).status == 422


def test_a_removed_webhook_leaves_no_value_behind(
    api: Api, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    webhook = api.register(receiver.url, headers={"authorization": VALUE})
    assert VALUE in str(webhook_tables[0].get("endpoint", webhook["id"]))
    assert api.call("remove", webhook["id"]).status == 204
    assert VALUE not in str(webhook_tables[0].get("endpoint", webhook["id"]))


@pytest.mark.parametrize("stored", ["{", "[]", '{"host": "v"}', '{"x": 7}', 7])
def test_headers_changed_by_hand_make_the_webhook_unreadable(
    api: Api, receiver: Receiver, webhook_tables: tuple[Table, Table], stored: object
) -> None:
    webhook = api.register(receiver.url)
    row = webhook_tables[0].get("endpoint", webhook["id"])
    assert row is not None
    webhook_tables[0].upsert(dict(row) | {"headers": stored})
    assert api.call("read", webhook["id"]).status == 409
