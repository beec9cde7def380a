"""One attempt, as it is recorded."""

from collections.abc import Iterator

import pytest

from shared.egress.guard import ERROR_MAX_CHARACTERS, Answer, AttemptFailed, NetworkGuard
from shared.webhooks.delivery import Payload
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.sender import Sender, log_fault
from shared.webhooks.signing import new_secret
from tests.clock import FakeClock
from tests.webhooks.logged import lines
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


class Faulty(NetworkGuard):
    """Raises this error in place of an answer."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:  # noqa: ARG002 - as the real one
        raise self._error


def test_a_fault_of_the_app_is_an_attempt_that_names_only_its_type(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = Sender(Faulty(KeyError("SECRET")), clock).send(endpoint("https://hooks.example/"), "evt_1", EMPTY)
    assert (attempt.at, attempt.status, attempt.latency_ms) == (clock.now(), None, 0)
    assert attempt.error == "the attempt failed unexpectedly (KeyError)"
    [(level, facts)] = lines(caplog, "delivery_fault")
    assert (level, facts["webhookId"], facts["error"]) == ("ERROR", "wh_1", "KeyError")
    assert "SECRET" not in caplog.text


def test_the_log_says_where_a_fault_was_raised_by_its_innermost_calls(caplog: pytest.LogCaptureFixture) -> None:
    def fail(depth: int) -> None:
        if depth == 0:
            raise KeyError
        fail(depth - 1)

    with pytest.raises(KeyError) as caught:
        fail(20)
    log_fault(caught.value, deliveryId="dlv_1")
    [(_, facts)] = lines(caplog, "delivery_fault")
    first = fail.__code__.co_firstlineno
    assert facts["deliveryId"] == "dlv_1"
    assert facts["at"] == [*[f"test_sender.py:{first + 3} fail"] * 7, f"test_sender.py:{first + 2} fail"]


def test_a_failure_without_words_is_one_without_a_readable_answer(clock: FakeClock) -> None:
    failure = AttemptFailed("")
    failure.latency_ms = 7
    attempt = Sender(Faulty(failure), clock).send(endpoint("https://hooks.example/"), "evt_1", EMPTY)
    assert (attempt.at, attempt.status, attempt.latency_ms) == (clock.now(), None, 7)
    assert attempt.error == "no readable answer"


def test_the_end_of_an_error_that_was_cut_is_dropped_where_half_a_key_may_be(clock: FakeClock) -> None:
    failure = AttemptFailed("x" * (ERROR_MAX_CHARACTERS - 6) + "SECRETSECRET")
    attempt = Sender(Faulty(failure), clock).send(endpoint("https://hooks.example/?code=SECRETSECRET"), "e", EMPTY)
    assert attempt.error == "x" * 1000


def test_a_request_names_the_monitor_and_the_type_of_its_body(sender: Sender, receiver: Receiver) -> None:
    sender.send(endpoint(receiver.url), "evt_1", Payload(b"{}", "application/cloudevents+json"))
    [request] = receiver.requests
    assert request.headers["user-agent"] == "partner-center-offer-monitor"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.webhook_id == "evt_1"


def test_the_latency_of_an_answer_is_recorded(clock: FakeClock) -> None:
    class Answering(NetworkGuard):
        def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:  # noqa: ARG002 - as the real one
            return Answer(status=204, retry_after=None, beginning="", is_cut=False, latency_ms=42)

    attempt = Sender(Answering(), clock).send(endpoint("https://hooks.example/"), "evt_1", EMPTY)
    assert (attempt.latency_ms, attempt.response, attempt.error) == (42, "", None)
