"""How the adapter connects, through a proxy too, and how it says that it could not."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
import requests

from shared.egress.adapter import DeadlineAdapter
from shared.egress.deadline import answer_within
from tests.egress.answering import Conversation, answer, serving


def test_the_deadline_bounds_what_a_proxy_answers_to_connect(
    authority: tuple[ssl.SSLContext, str],
) -> None:
    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            for _ in range(60):
                connection.sendall(b"H")
                threading.Event().wait(0.05)

    with serving(drip) as port, requests.Session() as session, answer_within(0.3):
        session.mount("https://", DeadlineAdapter(ca_bundle=authority[1]))
        with pytest.raises(requests.RequestException) as caught:
            session.get("https://localhost:9/", proxies={"https": f"http://127.0.0.1:{port}"}, timeout=5)

    assert "timed out" in str(caught.value) or "in time" in str(caught.value)


def test_a_request_through_a_proxy_reaches_its_host(authority: tuple[ssl.SSLContext, str]) -> None:
    context, bundle = authority

    def proxy(connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            assert Conversation(connection, threading.Semaphore()).request() == "far.example:443"
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with context.wrap_socket(connection, server_side=True) as tunnel:
                conversation = Conversation(tunnel, threading.Semaphore())
                conversation.send(answer(conversation.request()))

    with serving(proxy) as port, requests.Session() as session, answer_within(5):
        session.mount("https://", DeadlineAdapter(ca_bundle=bundle))
        proxies = {"https": f"http://127.0.0.1:{port}"}
        with pytest.raises(requests.exceptions.SSLError, match="far"):  # the certificate is for localhost
            session.get("https://far.example/x", proxies=proxies, timeout=5)


def test_the_options_of_a_proxy_reach_its_connections() -> None:
    manager = DeadlineAdapter().proxy_manager_for("http://127.0.0.1:9", source_address=("127.0.0.2", 0))
    assert manager.connection_pool_kw["source_address"] == ("127.0.0.2", 0)


@pytest.mark.parametrize(
    ("error", "expected", "is_timeout"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), "Failed to resolve 'far.example'.*not known", False),
        (TimeoutError("silence"), "could not connect in time", True),
        (ConnectionRefusedError("closed"), "could not connect: closed", False),
    ],
)
def test_a_connection_that_cannot_be_made_is_an_error_that_says_why(
    error: OSError, expected: str, is_timeout: bool
) -> None:
    def failing(_host: str, _port: int) -> socket.socket:
        raise error

    with requests.Session() as session:
        session.mount("http://", DeadlineAdapter(dial=failing))
        with pytest.raises(requests.ConnectionError, match=expected) as caught:
            session.get("http://far.example/", timeout=5)
    assert isinstance(caught.value, requests.ConnectTimeout) is is_timeout
    assert "None" not in str(caught.value)  # instead of the connection or the host


def test_a_connection_that_cannot_be_made_is_tried_once() -> None:
    tried: list[str] = []

    def failing(host: str, _port: int) -> socket.socket:
        tried.append(host)
        raise ConnectionRefusedError

    with requests.Session() as session:
        session.mount("http://", DeadlineAdapter(dial=failing))
        with pytest.raises(requests.ConnectionError):
            session.get("http://far.example/", timeout=5)
    assert tried == ["far.example"]
