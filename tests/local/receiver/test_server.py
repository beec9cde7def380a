"""The receiver that `make run` shows webhooks with."""

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from local.processes.child import Child, python_command

SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"b" * 32).decode()
EVENT = json.dumps(
    {
        "type": "job.succeeded",
        "timestamp": "2026-11-20T09:02:00Z",
        "data": {"job": {"jobId": "b3f49dff", "label": "Contoso renewal", "state": "succeeded"}},
    }
)


class RunningReceiver:
    """A receiver: its address and its process."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    def send(self, *, secret: str = SECRET, body: str = EVENT, at: datetime | None = None) -> int:
        """Post a signed event and return the answer's status."""
        moment = at or datetime.now(UTC)
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign("msg_1", moment, body),
        }
        return requests.post(f"{self.url}/webhook", data=body.encode(), headers=headers, timeout=10).status_code

    def shows(self, pattern: str) -> None:
        """Wait for a line that it prints."""
        self.child.wait_for(pattern, timeout_seconds=30)

    def received(self) -> list[dict[str, object]]:
        """The events that it lists."""
        events: list[dict[str, object]] = requests.get(f"{self.url}/received", timeout=10).json()
        return events


@pytest.fixture(scope="module")
def running() -> Iterator[RunningReceiver]:
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
    child = Child("receiver", python_command("local.receiver", "--port", "0"), environment=environment)
    url = child.wait_for(r"receiver ready: (http://\S+)/webhook", timeout_seconds=20)[1]
    yield RunningReceiver(child, url)
    assert child.terminate() == 0


@pytest.fixture
def receiver(running: RunningReceiver) -> RunningReceiver:
    requests.delete(f"{running.url}/received", timeout=10)
    requests.post(f"{running.url}/behaviour", json={"times": 0}, timeout=10)
    requests.post(f"{running.url}/secrets", json={"secrets": [SECRET]}, timeout=10)
    return running


def test_a_signed_event_is_verified_and_kept(receiver: RunningReceiver) -> None:
    assert receiver.send() == 204
    (event,) = receiver.received()
    assert event["verified"] is True
    assert (event["webhookId"], event["type"], event["jobId"]) == ("msg_1", "job.succeeded", "b3f49dff")
    assert event["body"] == EVENT


def test_an_event_is_shown_in_one_line(receiver: RunningReceiver) -> None:
    receiver.send()
    receiver.shows(r"^\d\d:\d\d:\d\d job.succeeded Contoso renewal: succeeded, verified$")


def test_an_event_that_comes_again_is_marked_as_repeated(receiver: RunningReceiver) -> None:
    receiver.send()
    receiver.send()
    receiver.shows("succeeded, verified, again$")


def test_another_secret_is_not_verified(receiver: RunningReceiver) -> None:
    assert receiver.send(secret=OTHER_SECRET) == 204
    assert receiver.received()[0]["verified"] is False
    receiver.shows("Contoso renewal: succeeded, NOT VERIFIED")


def test_several_secrets_may_hold_at_once(receiver: RunningReceiver) -> None:
    requests.post(f"{receiver.url}/secrets", json={"secrets": [OTHER_SECRET, SECRET]}, timeout=10)
    receiver.send()
    receiver.send(secret=OTHER_SECRET)
    assert [event["verified"] for event in receiver.received()] == [True, True]


def test_an_invalid_secret_verifies_no_event_and_breaks_nothing(receiver: RunningReceiver) -> None:
    requests.post(f"{receiver.url}/secrets", json={"secrets": ["", "whsec_", "whsec_!"]}, timeout=10)
    assert receiver.send() == 204
    assert receiver.received()[0]["verified"] is False


@pytest.mark.parametrize(
    ("event_type", "data", "offer_id", "line"),
    [
        (
            "private_offer.accepted",
            {"privateOffer": {"id": "private-offer/1-2", "name": "Renewal", "state": "live", "subState": "accepted"}},
            "1-2",
            "Renewal: accepted",
        ),
        (
            "cpp_offer.status_changed",
            {"cppOffer": {"publisherId": "contoso", "offerId": "vm"}, "to": {"status": "running", "steps": {}}},
            "contoso/vm",
            "contoso/vm: running",
        ),
    ],
)
def test_an_event_of_an_offer_is_shown_with_the_offer(
    receiver: RunningReceiver, event_type: str, data: dict[str, object], offer_id: str, line: str
) -> None:
    receiver.send(body=json.dumps({"type": event_type, "data": data}))
    receiver.shows(rf"^\d\d:\d\d:\d\d {event_type} {line}, verified$")
    (event,) = receiver.received()
    assert (event["offerId"], event["jobId"]) == (offer_id, None)


@pytest.mark.parametrize(("name", "status"), [("accepting", 204), ("failing", 500)])
def test_the_samples_receivers_keep_nothing(receiver: RunningReceiver, name: str, status: int) -> None:
    assert requests.post(f"{receiver.url}/samples/{name}", data=EVENT, timeout=10).status_code == status
    assert receiver.received() == []


def test_an_old_timestamp_is_not_verified(receiver: RunningReceiver) -> None:
    receiver.send(at=datetime.now(UTC) - timedelta(hours=1))
    assert receiver.received()[0]["verified"] is False


@pytest.mark.parametrize("body", ["", "no JSON", "[1]", '"text"', '{"data": []}'])
def test_a_body_that_is_not_an_event_is_kept_and_not_verified(receiver: RunningReceiver, body: str) -> None:
    assert requests.post(f"{receiver.url}/webhook", data=body, timeout=10).status_code == 204
    (event,) = receiver.received()
    assert (event["verified"], event["body"], event["jobId"]) == (False, body, None)


def test_it_fails_the_requested_number_of_times(receiver: RunningReceiver) -> None:
    requests.post(f"{receiver.url}/behaviour", json={"status": 500, "times": 2}, timeout=10)
    assert [receiver.send() for _ in range(3)] == [500, 500, 204]
    assert [event["answered"] for event in receiver.received()] == [500, 500, 204]


def test_it_waits_for_the_requested_time(receiver: RunningReceiver) -> None:
    requests.post(f"{receiver.url}/behaviour", json={"status": 200, "times": 1, "delaySeconds": 30}, timeout=10)
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{receiver.url}/webhook", data=EVENT, timeout=0.3)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/behaviour", {"status": 99}),
        ("/behaviour", {"times": "many"}),
        ("/behaviour", [1]),
        ("/secrets", {"secrets": "whsec_"}),
        ("/secrets", {}),
    ],
)
def test_a_wrong_control_call_is_refused(receiver: RunningReceiver, path: str, content: object) -> None:
    assert requests.post(receiver.url + path, json=content, timeout=10).status_code == 400
