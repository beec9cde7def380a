"""No answer is ever taken for the answer to another request, whatever a server or a proxy sends."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import pytest
import requests
import trustme
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.util import wait_for_read

from shared.egress.adapter import DeadlineAdapter, _DialedConnection, _is_plainly_framed, _pieces, open_session
from shared.egress.deadline import answer_within, dial_by_name
from tests.egress.test_deadline import authority_context, serving

type Answering = Callable[["Conversation"], None]


class Conversation:
    """One connection as the server sees it."""

    def __init__(self, connection: socket.socket, done: threading.Semaphore) -> None:
        self._connection = connection
        self._done = done
        self._received = b""
        self._requests = 0

    def request(self) -> str:
        """Wait for the next request's headers; returns its path. Raises EOFError when the client is gone."""
        if self._requests:
            self._done.release()
        while b"\r\n\r\n" not in self._received:
            more = self._connection.recv(65536)
            if not more:
                raise EOFError
            self._received += more
        self._requests += 1
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head.split(b" ")[1].decode()

    def skip(self, size_bytes: int) -> None:
        size_bytes -= len(self._received)
        self._received = b""
        while size_bytes > 0:
            size_bytes -= len(self._connection.recv(min(size_bytes, 1 << 20)))

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own."""
        for piece in pieces:
            self._connection.sendall(piece)


class Connections:
    """Lets `answering` deal with each connection, over TLS where there is a context."""

    def __init__(self, answering: Answering, context: ssl.SSLContext | None = None) -> None:
        self.opened = 0
        self._done = threading.Semaphore(0)
        self._answering = answering
        self._context = context

    def __call__(self, connection: socket.socket) -> None:
        self.opened += 1
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, EOFError), ExitStack() as stack:
            if self._context is not None:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            self._answering(Conversation(connection, self._done))

    def wait_until_answered(self) -> None:
        """Until all that answers one more request has been sent."""
        self._done.acquire(timeout=1)


def answer(text: str, head: str = "HTTP/1.1 200 OK\r\nContent-Length: {length}") -> bytes:
    return (head.format(length=len(text)) + "\r\n\r\n" + text).encode()


def in_turn(*wrapped: Callable[[bytes], tuple[bytes, ...]]) -> Answering:
    """Answers each request with its own path: the first in the first of these ways, the last way for all others."""

    def answering(conversation: Conversation) -> None:
        for wrap in wrapped:
            conversation.send(*wrap(answer(conversation.request())))
        while True:
            conversation.send(*wrapped[-1](answer(conversation.request())))

    return answering


def ways(*pieces: bytes | None) -> Answering:
    """Every answer in the midst of these pieces, of which None is the answer itself."""
    return in_turn(lambda right: tuple(right if piece is None else piece for piece in pieces))


def together(before: bytes, after: bytes) -> Answering:
    """Every answer with bytes before and after it in the same packet."""
    return in_turn(lambda right: (before + right + after,))


def framed(head: str, body: str = "{text}") -> Answering:
    """Answers framed in a way of their own."""

    def answering(conversation: Conversation) -> None:
        while True:
            text = conversation.request()
            conversation.send(
                answer(body.format(text=text, length=f"{len(text):x}"), head.replace("{n}", str(len(text))))
            )

    return answering


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


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    certificate_authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    certificate_authority.cert_pem.write_to_path(bundle)
    return authority_context(certificate_authority), str(bundle)


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


def asked(session: requests.Session, url: str, body: bytes | None = None) -> str | None:
    """The text of the answer; None if there was no readable one."""
    with answer_within(5):
        try:
            return session.request("GET" if body is None else "POST", url, data=body, timeout=5).text
        except requests.RequestException:
            return None


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


@pytest.fixture
def https(authority: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose authority REQUESTS_CA_BUNDLE names, and which answers with the path."""
    context, bundle = authority
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    with serving(Connections(ways(None), context)) as port:
        yield f"https://localhost:{port}"


def test_a_session_trusts_the_authorities_of_the_environment(https: str) -> None:
    with open_session(https, connections=1) as session:
        assert asked(session, f"{https}/x") == "/x"


def test_a_session_trusts_the_usual_authorities_only_unless_told(https: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with open_session(https, connections=1) as session, pytest.raises(requests.exceptions.SSLError):
        session.get(f"{https}/x", timeout=5)


def test_authorities_may_be_in_a_folder(
    authority: tuple[ssl.SSLContext, str], https: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with open_session(https, connections=1) as session:
        assert asked(session, f"{https}/x") is None  # the folder is empty
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", authority[1]], capture_output=True, text=True, check=True
    )
    (tmp_path / f"{hashed.stdout.strip()}.0").write_bytes(Path(authority[1]).read_bytes())
    with open_session(https, connections=1) as session:
        assert asked(session, f"{https}/x") == "/x"


def test_a_trust_store_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(OSError, match="No such file"):
        open_session("https://localhost/", connections=1)


def test_a_session_reads_its_proxy_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []

    def proxy(conversation: Conversation) -> None:
        asked_for.append(conversation.request())
        conversation.send(answer("from the proxy"))

    with serving(Connections(proxy)) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        with open_session("http://far.example/", connections=1) as session:
            monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
            assert asked(session, "http://far.example/x") == "from the proxy"
    assert asked_for == ["http://far.example/x"]


def test_a_session_sends_no_password_of_a_netrc_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    def note(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(answer("ok"))

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(note) as port, open_session(f"http://127.0.0.1:{port}/", connections=1) as session:
        assert asked(session, f"http://127.0.0.1:{port}/") == "ok"
    assert b"authorization" not in received[0].lower()


def test_a_session_keeps_no_cookie() -> None:
    with serving(Connections(framed("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nSet-Cookie: a=b"))) as port:
        url = f"http://localhost:{port}"
        with open_session(url, connections=1) as session:
            asked(session, url)
            assert list(session.cookies) == []


def test_a_session_takes_a_redirect_for_an_answer() -> None:
    with serving(Connections(framed("HTTP/1.1 302 Found\r\nContent-Length: {n}\r\nLocation: /other"))) as port:
        url = f"http://localhost:{port}"
        with open_session(url, connections=1) as session:
            assert asked(session, f"{url}/x") == "/x"


@pytest.mark.parametrize(("kept", "opened"), [(1, 3), (2, 2), (11, 11)])
def test_a_session_keeps_as_many_connections_open_as_it_was_told(kept: int, opened: int) -> None:
    at_once = max(kept, 2)
    all_asked = threading.Barrier(at_once)

    def answering(conversation: Conversation) -> None:
        while True:
            path = conversation.request()
            all_asked.wait(5)
            conversation.send(answer(path))

    connections = Connections(answering)
    with serving(connections) as port, ThreadPoolExecutor(at_once) as pool:
        url = f"http://localhost:{port}"
        with open_session(url, connections=kept) as session:
            for _ in range(2):
                paths = [f"/{number}" for number in range(at_once)]
                assert list(pool.map(lambda path: asked(session, f"{url}{path}"), paths)) == paths
    assert connections.opened == opened


def test_a_session_does_not_use_a_connection_again_that_was_idle_for_100_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("shared.egress.adapter.time", SimpleNamespace(monotonic=lambda: now[0]))
    connections = Connections(ways(None))
    opened = []
    with serving(connections) as port, open_session(f"http://localhost:{port}", connections=1) as session:
        for idle_seconds in (0, 99.9, 100):
            now[0] += idle_seconds
            assert asked(session, f"http://localhost:{port}/x") == "/x"
            opened.append(connections.opened)
    assert opened == [1, 1, 2]


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
