"""No answer is ever taken for the answer to another request, whatever a server or a proxy sends."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Protocol

import pytest
import requests
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.util import wait_for_read

from shared.egress.adapter import DeadlineAdapter, _DialedConnection, _is_plainly_framed, _pieces
from shared.egress.deadline import answer_within, dial_by_name
from tests.egress.answering import Answering, Connections, Conversation, answer, asked, framed, in_turn, serving, ways


def together(before: bytes, after: bytes) -> Answering:
    """Every answer with bytes before and after it in the same packet."""
    return in_turn(lambda right: (before + right + after,))


def ahead(conversation: Conversation) -> None:
    """Answers before it is asked, and so is always one answer ahead."""
    conversation.send(answer("early"))
    while True:
        conversation.send(answer(conversation.request()))


LARGE_BODY = b"x" * 16 * 1024 * 1024  # more than what the network holds


def before_reading_the_body(conversation: Conversation) -> None:
    """Answers when it has the headers, reads the body then, and has lost its way with the next request."""
    conversation.send(answer(conversation.request()))
    conversation.skip(len(LARGE_BODY))
    conversation.request()
    conversation.send(answer("/wrong"))


CHUNKED = "{length}\r\n{text}\r\n0\r\n\r\n"
ODD: dict[str, Answering] = {
    "a 100 before every answer": together(b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    "a 102 before every answer": together(b"HTTP/1.1 102 Processing\r\n\r\n", b""),
    "several 103 before every answer": ways(*[b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"] * 3, None),
    "an unheard-of 1xx before every answer": ways(b"HTTP/1.1 199 Soon\r\nContent-Length: 9\r\n\r\n", None),
    "another answer in the same packet": together(b"", answer("surplus")),
    "another answer in the next packet": ways(None, answer("surplus")),
    "half an answer in the same packet, half in the next": ways(None, answer("surplus")[:20], answer("surplus")[20:]),
    "more surplus than a buffer holds": together(b"", answer("surplus") * 1000),
    "an answer ahead": ahead,
    "a length and chunks": framed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", CHUNKED),
    "two lengths": framed("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nContent-Length: 99"),
    "a length with a sign": framed("HTTP/1.1 200 OK\r\nContent-Length: +{n}"),
    "chunks of HTTP/1.0": framed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked", CHUNKED),
    "a 204 with a body": together(b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", b""),
}
UNREUSABLE = [name for name in ODD if "before every" not in name]


class Opened(Protocol):
    """Opens a session to a server; gives the session, the server's URL and its connections."""

    def __call__(self, answering: Answering) -> tuple[requests.Session, str, Connections]: ...


@pytest.fixture(params=["http", "https"])
def opened(request: pytest.FixtureRequest, authority: tuple[ssl.SSLContext, str]) -> Iterator[Opened]:
    context, bundle = authority
    scheme = str(request.param)
    with ExitStack() as stack:

        def open_session(answering: Answering) -> tuple[requests.Session, str, Connections]:
            connections = Connections(answering, context if scheme == "https" else None)
            port = stack.enter_context(serving(connections))
            session = stack.enter_context(requests.Session())
            session.mount(f"{scheme}://", DeadlineAdapter(ca_bundle=bundle))
            return session, f"{scheme}://localhost:{port}", connections

        yield open_session


@pytest.mark.parametrize("oddity", ODD)
def test_no_request_gets_the_answer_of_another(opened: Opened, oddity: str) -> None:
    session, url, connections = opened(ODD[oddity])
    answers = {}
    for number in range(6):
        answers[f"/{number}"] = asked(session, f"{url}/{number}")
        connections.wait_until_answered()

    assert {path for path, text in answers.items() if text not in {path, "", None, "early"}} == set()


@pytest.mark.parametrize("oddity", [name for name in ODD if name not in UNREUSABLE])
def test_an_interim_answer_is_skipped(opened: Opened, oddity: str) -> None:
    session, url, connections = opened(ODD[oddity])

    assert [asked(session, f"{url}/{number}") for number in range(3)] == ["/0", "/1", "/2"]
    assert connections.opened == 1


@pytest.mark.parametrize("oddity", UNREUSABLE)
def test_a_connection_whose_answer_is_not_cleanly_finished_is_not_used_again(opened: Opened, oddity: str) -> None:
    session, url, connections = opened(ODD[oddity])
    for number in range(3):
        asked(session, f"{url}/{number}")
        connections.wait_until_answered()

    assert connections.opened == 3


def test_a_connection_whose_answer_came_before_the_whole_request_was_sent_is_not_used_again(opened: Opened) -> None:
    session, url, connections = opened(before_reading_the_body)

    assert [asked(session, f"{url}/{number}", LARGE_BODY) for number in range(2)] == ["/0", "/1"]
    assert connections.opened == 2


def test_a_switch_of_protocols_without_a_request_for_one_is_not_an_answer(opened: Opened) -> None:
    session, url, _ = opened(ways(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", None))

    assert asked(session, url) is None


def test_a_clean_connection_is_used_again(opened: Opened) -> None:
    """Chunks, a length, and no body at all."""
    session, url, connections = opened(
        in_turn(
            lambda right: (right,),
            lambda _: (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n/1\r\n0\r\nTrailer: x\r\n\r\n",),
            lambda _: (b"HTTP/1.1 204 No Content\r\n\r\n",),
            lambda _: (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",),
            lambda right: (right,),
        )
    )

    assert [asked(session, f"{url}/{number}") for number in range(6)] == ["/0", "/1", "", "", "/4", "/5"]
    assert connections.opened == 1


@contextmanager
def dialed(answering: Answering) -> Iterator[_DialedConnection]:
    """A connection of its own, which no pool looks at before it is used."""
    with (
        serving(Connections(answering)) as port,
        closing(_DialedConnection("127.0.0.1", port, dial=dial_by_name, idle_seconds=100)) as connection,
    ):
        connection.connect()
        yield connection


def wait_for_bytes(connection: _DialedConnection) -> None:
    assert connection.sock is not None
    assert wait_for_read(connection.sock, timeout=5)


def test_what_a_server_says_before_its_first_request_is_the_answer_to_it() -> None:
    """For example 503, because it is too busy for more connections."""
    with dialed(ahead) as connection:
        wait_for_bytes(connection)
        connection.request("GET", "/0")
        assert connection.getresponse().data == b"early"
        assert not connection.is_connected


def test_nothing_is_sent_after_an_answer_that_came_without_a_request() -> None:
    received = []
    is_read = threading.Event()

    def answering(conversation: Conversation) -> None:
        received.append(conversation.request())
        conversation.send(answer("first"))
        is_read.wait(5)
        conversation.send(answer("surplus"))
        received.append(conversation.request())

    with dialed(answering) as connection:
        connection.request("GET", "/0")
        assert connection.getresponse().data == b"first"
        is_read.set()
        wait_for_bytes(connection)
        with pytest.raises(ConnectionError, match="an answer came without a request"):
            connection.request("GET", "/1")
    assert received == ["/0"]


def test_an_answer_that_comes_while_a_later_request_is_sent_is_the_answer_to_it() -> None:
    def body(connection: _DialedConnection) -> Iterator[bytes]:
        wait_for_bytes(connection)
        yield b"body"

    with dialed(ways(None)) as connection:
        connection.request("GET", "/0")
        assert connection.getresponse().data == b"/0"
        connection.request("POST", "/1", body=body(connection), headers={"Content-Length": "4"})
        assert connection.getresponse().data == b"/1"
        assert not connection.is_connected


def test_a_connection_on_which_a_request_was_not_sent_whole_is_not_used_again() -> None:
    is_given_up = threading.Event()

    def answering(conversation: Conversation) -> None:
        conversation.send(answer(conversation.request()))
        is_given_up.wait(5)  # instead of reading

    with dialed(answering) as connection:
        connection.request("GET", "/0")
        assert connection.getresponse().data == b"/0"
        assert connection.is_connected
        with answer_within(0.2), pytest.raises(TimeoutError):
            connection.request("POST", "/1", body=LARGE_BODY)
        assert not connection.is_connected
        is_given_up.set()


@pytest.mark.parametrize(
    ("lengths", "codings", "version", "plain"),
    [
        ([], [], 11, True),
        (["5"], [], 11, True),
        (["5", "5"], [], 11, False),
        (["+5"], [], 11, False),
        (["\u0665"], [], 11, False),
        ([], ["Chunked"], 11, True),
        ([], ["gzip, chunked"], 11, False),
        ([], ["chunked", "chunked"], 11, False),
        (["5"], ["chunked"], 11, False),
        ([], ["chunked"], 10, False),
    ],
)
def test_an_answer_is_plainly_framed_if_all_readers_agree_where_it_ends(
    lengths: list[str], codings: list[str], version: int, plain: bool
) -> None:
    headers = HTTPHeaderDict()
    for name, values in (("Content-Length", lengths), ("Transfer-Encoding", codings)):
        for value in values:
            headers.add(name, value)
    assert _is_plainly_framed(HTTPResponse(headers=headers, version=version)) is plain


def test_a_body_is_sent_in_pieces_that_make_up_the_whole() -> None:
    body = bytes(range(256)) * 600
    pieces = list(_pieces(body))
    assert [len(piece) for piece in pieces] == [65536, 65536, 22528]
    assert b"".join(pieces) == body
    assert list(_pieces(b"")) == []
