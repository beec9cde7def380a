"""The deliveries of a webhook: listed, read, sent again."""

import pytest

from shared.storage.errors import RowChanged
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.http.webhooks.api import Api, deliver
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import JOB_ID, event

OTHER_JOB_ID = "00000000-0000-4000-8000-000000000007"


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
    "query",
    [
        {"status": "lost"},
        {"status": ""},
        {"type": "job.ended"},
        {"type": "job.*"},
        {"type": ""},
        {"jobId": "7"},
        {"jobId": ""},
        {"limit": "0"},
        {"limit": "201"},
        {"cursor": "abc"},
        {"cursor": ""},
        {"x": "1"},
    ],
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


def test_deliveries_are_listed_by_job_and_type(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    announce = api.handlers.webhooks.announcer.announce
    announce([event("job.failed", event_id="evt_failed"), event(event_id="evt_other", jobId=OTHER_JOB_ID)])
    api.handlers.webhooks.deliverer.finish(5)
    [failed] = api.json("deliveries", webhook["id"], jobId=JOB_ID.upper(), type="job.failed")["deliveries"]
    assert (failed["eventId"], failed["jobId"], failed["type"]) == ("evt_failed", JOB_ID, "job.failed")
    [other] = api.json("deliveries", webhook["id"], jobId=OTHER_JOB_ID)["deliveries"]
    assert other["eventId"] == "evt_other"
    assert api.json("deliveries", webhook["id"], type="job.lost") == {"deliveries": [], "nextCursor": None}


def test_a_cursor_with_other_filters_is_400(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url)
    deliver(api, "evt_1", "evt_2")
    cursor = api.json("deliveries", webhook["id"], limit="1")["nextCursor"]
    assert api.call("deliveries", webhook["id"], limit="1", cursor=cursor).status == 200
    assert api.call("deliveries", webhook["id"], status="delivered", cursor=cursor).status == 400


def test_one_delivery_is_read_with_its_body_as_it_is_sent(api: Api, receiver: Receiver) -> None:
    webhook = api.register(receiver.url, format="slack")
    api.handlers.webhooks.announcer.announce([event(label="Zürich \U0001f600")])
    api.handlers.webhooks.deliverer.finish(5)
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    assert "body" not in listed
    delivery = api.json("delivery", webhook["id"], listed["id"])
    assert delivery.pop("body").encode() == receiver.requests[0].body
    assert delivery == listed


@pytest.mark.parametrize("delivery_id", ["dlv_" + "0" * 32, "nonsense", "' or true"])
def test_reading_an_unknown_delivery_is_404(api: Api, receiver: Receiver, delivery_id: str) -> None:
    webhook = api.register(receiver.url)
    assert api.call("delivery", webhook["id"], delivery_id).status == 404


def test_a_delivery_whose_body_cannot_be_read_has_none(
    api: Api, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    webhook = api.register(receiver.url)
    deliver(api, "evt_1")
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    row = webhook_tables[1].get(webhook["id"], f"body~{listed['id']}")
    assert row is not None
    webhook_tables[1].upsert({name: value for name, value in row.items() if name != "part0"})
    assert api.json("delivery", webhook["id"], listed["id"])["body"] is None


def test_a_body_and_its_content_type_stay_as_they_were_stored(api: Api, receiver: Receiver, clock: FakeClock) -> None:
    webhook = api.register(receiver.url, format="cloudevents")
    receiver.behaviour = lambda _: Reply(500)
    deliver(api, "evt_1")
    api.json("change", webhook["id"], body={"format": "standard"})
    clock.advance(60)
    api.handlers.webhooks.retry_cycle.run()
    deliver(api, "evt_2")
    types = [request.headers["content-type"] for request in receiver.requests]
    assert types == ["application/cloudevents+json", "application/cloudevents+json", "application/json"]
    assert receiver.requests[0].body == receiver.requests[1].body


def test_a_body_stored_by_an_earlier_version_is_json(
    api: Api, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    webhook = api.register(receiver.url, format="cloudevents")
    deliver(api, "evt_1")
    [listed] = api.json("deliveries", webhook["id"])["deliveries"]
    row = webhook_tables[1].get(webhook["id"], f"body~{listed['id']}")
    assert row is not None
    webhook_tables[1].upsert({name: value for name, value in row.items() if name != "contentType"})
    api.json("redeliver", webhook["id"], listed["id"])
    assert receiver.requests[1].headers["content-type"] == "application/json"
