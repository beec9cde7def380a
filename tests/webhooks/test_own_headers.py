"""An endpoint's own headers: every request carries them, and nothing that is kept shows their values."""

import base64
import hashlib
import html
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest

from shared.egress.guard import ANSWER_READ_BYTES, NetworkGuard
from shared.webhooks.delivery import Attempt, Payload
from shared.webhooks.endpoint import Endpoint, header_faults
from shared.webhooks.sender import Sender
from shared.webhooks.signing import new_secret
from tests.clock import FakeClock
from tests.egress.answering import serving
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import only_delivery

PAYLOAD = Payload(b"{}", "application/json")
VALUE = 'Bearer s3cr3t/"t0ken"+<value>&more=='
BASIC = "Basic " + base64.b64encode(b"monitor:pa55/w0rd").decode()


@pytest.fixture
def sender(clock: FakeClock) -> Iterator[Sender]:
    made = Sender(NetworkGuard(allow_private=True, timeout_seconds=5), clock)
    yield made
    made.close()


def attempt(sender: Sender, url: str, **headers: str) -> Attempt:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return sender.send(Endpoint(id="wh_1", url=url, secret=new_secret(), headers=named), "evt_1", PAYLOAD)


def test_every_request_carries_them(sender: Sender, receiver: Receiver) -> None:
    attempt(sender, receiver.url, Authorization=VALUE, aeg_sas_key="k" * 2000)
    [request] = receiver.requests
    assert request.headers["authorization"] == VALUE
    assert request.headers["aeg-sas-key"] == "k" * 2000
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "evt_1"


def test_they_replace_the_monitors_own_user_agent(sender: Sender, receiver: Receiver) -> None:
    attempt(sender, receiver.url, User_Agent="offers/1.0")
    assert receiver.requests[0].headers["user-agent"] == "offers/1.0"


ESCAPINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "in JSON": json.dumps,
    "in JSON within JSON": lambda text: json.dumps(json.dumps(text)),
    "in HTML": html.escape,
    "in lower case": str.lower,
}


@pytest.mark.parametrize("escape", ESCAPINGS.values(), ids=ESCAPINGS)
@pytest.mark.parametrize("place", [0, 990, 3000])
def test_an_echoed_value_is_not_recorded(
    sender: Sender, receiver: Receiver, escape: Callable[[str], str], place: int
) -> None:
    receiver.behaviour = lambda request: Reply(
        401, ("x" * place + f" not accepted: {escape(request.headers['authorization'])}").encode()
    )
    made = attempt(sender, receiver.url, authorization=VALUE)
    assert made.response is not None
    assert len(made.response) <= 1000
    assert "s3cr3t" not in made.response.lower()
    assert "t0ken" not in made.response.lower()


@pytest.mark.parametrize("echo", ['s3cr3t/"t0ken"+<value>', "more=="])
def test_the_parts_of_a_value_that_are_secrets_are_not_recorded(
    sender: Sender, receiver: Receiver, echo: str
) -> None:
    receiver.behaviour = lambda _: Reply(401, f"the token {echo} is unknown".encode())
    response = attempt(sender, receiver.url, authorization=VALUE).response or ""
    assert "s3cr3t" not in response


@pytest.mark.parametrize("echo", ["monitor:pa55/w0rd", "password pa55/w0rd", "pa55%2Fw0rd"])
def test_basic_credentials_that_a_receiver_decodes_are_not_recorded(
    sender: Sender, receiver: Receiver, echo: str
) -> None:
    receiver.behaviour = lambda _: Reply(401, f"wrong: {echo}".encode())
    response = attempt(sender, receiver.url, authorization=BASIC).response or ""
    assert response.startswith("wrong: ")
    assert "w0rd" not in response


@pytest.mark.parametrize("value", ["1", "abc", "k=v"])
def test_a_short_value_is_removed_where_it_stands_alone(sender: Sender, receiver: Receiver, value: str) -> None:
    receiver.behaviour = lambda _: Reply(401, f'{{"x-key":"{value}"}} of 2{value}3'.encode())
    response = attempt(sender, receiver.url, x_key=value).response
    assert response == f'{{"x-key":"[secret removed]"}} of 2{value}3'


@pytest.mark.parametrize("size", [300, 2000])
def test_a_value_cut_off_by_the_end_of_what_is_read_is_not_recorded(
    sender: Sender, receiver: Receiver, size: int
) -> None:
    """Removing many copies of the value brings one that was only half read into the text that is kept."""
    copies = ANSWER_READ_BYTES // size + 1
    receiver.behaviour = lambda request: Reply(401, (request.headers["x-key"] * copies).encode())
    response = attempt(sender, receiver.url, x_key=random_value(size)).response or ""
    assert random_value(size)[:20] not in response


@pytest.mark.parametrize("copies", [1, 30])
def test_a_value_in_a_status_line_is_not_recorded(sender: Sender, copies: int) -> None:
    def echo(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(f"oops {random_value(2000) * copies}\r\n\r\n".encode())

    with serving(echo) as port:
        made = attempt(sender, f"http://127.0.0.1:{port}/", x_key=random_value(2000))
    assert made.error is not None
    assert 0 < len(made.error) <= 1000
    assert random_value(2000)[:20] not in made.error


def random_value(size: int) -> str:
    """The same random letters and digits every time."""
    return "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(size // 64 + 1))[:size]


def test_neither_log_nor_storage_of_deliveries_nor_repr_holds_a_value(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhooks = open_instance()
    endpoint = add_endpoint(receiver, headers=(("authorization", VALUE),))
    receiver.behaviour = lambda request: Reply(500, request.headers["authorization"].encode())
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert receiver.requests[0].headers["authorization"] == VALUE
    assert only_delivery(webhooks, endpoint).attempts[0].response == "[secret removed]"
    assert "delivery_attempt" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "s3cr3t" not in repr(webhooks.endpoints.all())


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({f"x-{number}": "v" for number in range(6)}, "has 6 headers; 5 are allowed"),
        ({"Host": "v"}, "host is set by the monitor"),
        ({"content-TYPE": "v"}, "content-type is set by the monitor"),
        ({"Content-Anything": "v"}, "content-anything is set by the monitor"),
        ({"transfer-encoding": "v"}, "transfer-encoding is set by the monitor"),
        ({"connection": "v"}, "connection is set by the monitor"),
        ({"webhook-id": "v"}, "webhook-id is set by the monitor"),
        ({"X-Key": "v", "x-key": "w"}, "x-key is given 2 times"),
    ],
)
def test_a_header_that_no_endpoint_may_have_is_named(headers: dict[str, str], fault: str) -> None:
    assert header_faults(headers.items()) == [fault]


@pytest.mark.parametrize("name", ["", "x" * 101, "x y", "x:y", "x\n", "ü", "(x)"])
def test_a_name_that_is_not_one_of_a_header_is_refused(name: str) -> None:
    assert len(header_faults([(name, "v")])) == 1


@pytest.mark.parametrize("value", ["", " v", "v ", "v\r\nx: y", "\t", "ü", "v" * 2001, "\x7f"])
def test_a_value_that_no_header_can_carry_is_refused_without_repeating_it(value: str) -> None:
    [fault] = header_faults([("x-key", value)])
    assert fault.startswith("the value of 'x-key' should be")


def test_names_of_100_and_values_of_2000_characters_are_allowed() -> None:
    headers = {"x" * 100: "v" * 2000, "!#$%&'*+-.^_`|~": "a b", "contents": "v", "webhook": "~"}
    assert header_faults(headers.items()) == []
