"""What a session takes from the environment, and what it keeps between requests."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from shared.egress.adapter import open_session
from tests.egress.answering import Connections, Conversation, answer, asked, framed, serving, ways


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
