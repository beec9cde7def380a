"""One attempt, as it is recorded."""

from collections.abc import Iterator

import pytest

from shared.egress.guard import Answer, AttemptFailed, NetworkGuard
from shared.webhooks.delivery import Payload
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.sender import Sender
from shared.webhooks.signing import new_secret
from tests.clock import FakeClock
from tests.webhooks.receiver import Receiver, Reply

EMPTY = Payload(b"{}", "application/json")


@pytest.fixture
def sender(clock: FakeClock) -> Iterator[Sender]:
    made = Sender(NetworkGuard(allow_private=True, timeout_seconds=2), clock)
    yield made
    made.close()


def endpoint(url: str) -> Endpoint:
    return Endpoint(id="wh_1", url=url, secret=new_secret())


def test_an_answer_is_recorded_with_time_status_and_its_beginning(
    sender: Sender, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(202, b"x" * 3000, {"Retry-After": "5"})
    attempt = sender.send(endpoint(receiver.url), "evt_1", EMPTY)
    assert (attempt.at, attempt.status, attempt.retry_after, attempt.error) == (clock.now(), 202, "5", None)
    assert attempt.response == "x" * 1000
    assert attempt.succeeded


def test_an_address_that_turned_private_gets_nothing_and_the_attempt_says_why(
    receiver: Receiver, clock: FakeClock
) -> None:
    guard = NetworkGuard(resolver=lambda _: ["10.0.0.1"])
    attempt = Sender(guard, clock).send(endpoint("https://hooks.example/"), "evt_1", EMPTY)
    assert (attempt.status, attempt.error) == (None, "the host leads to a private address")
    assert receiver.requests == []


def test_a_signed_link_that_an_endpoint_repeats_is_not_recorded(sender: Sender, receiver: Receiver) -> None:
    receiver.behaviour = lambda _: Reply(404, b"no such flow: https://flows.example/invoke?sv=1&sig=SECRET")
    attempt = sender.send(endpoint(receiver.url), "evt_1", EMPTY)
    assert attempt.response is not None
    assert attempt.response.startswith("no such flow")
    assert "SECRET" not in attempt.response


def test_what_is_signed_is_what_is_sent_and_when(sender: Sender, receiver: Receiver, clock: FakeClock) -> None:
    sender.send(endpoint(receiver.url), "evt_1", Payload(b'{"type": "job.succeeded"}', "application/json"))
    [request] = receiver.requests
    assert request.body == b'{"type": "job.succeeded"}'
    assert request.headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("place", [0, 990, 3000])
def test_an_endpoints_own_key_that_it_repeats_is_not_recorded(sender: Sender, receiver: Receiver, place: int) -> None:
    url = f"{receiver.url}?api-version=2016-06-01&code=SECRETSECRET&sp=%2Ftriggers%2Fmanual"
    receiver.behaviour = lambda request: Reply(404, f"{'x' * place}{request.path}&amp;{url}".encode())
    attempt = sender.send(endpoint(url), "evt_1", EMPTY)
    assert attempt.response is not None
    assert len(attempt.response) <= 1000
    assert "SECR" not in attempt.response


def test_an_error_is_short_and_without_the_endpoints_own_key(clock: FakeClock) -> None:
    class Failing(NetworkGuard):
        def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:  # noqa: ARG002 - as the real one
            raise AttemptFailed(f"no answer from {url} " + "\ud800" * 5000)

    attempt = Sender(Failing(), clock).send(endpoint("https://hooks.example/?code=SECRETSECRET"), "evt_1", EMPTY)
    assert attempt.error is not None
    assert len(attempt.error) <= 1000
    assert "SECRET" not in attempt.error


def test_the_log_has_the_address_that_callers_are_not_told(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    guard = NetworkGuard(resolver=lambda _: ["10.1.2.3"])
    attempt = Sender(guard, clock).send(endpoint("https://inside.example/"), "evt_1", EMPTY)
    assert attempt.error is not None
    assert "10.1.2.3" not in attempt.error
    assert 'webhook_address_refused {"host":"inside.example","address":"10.1.2.3"' in caplog.text
