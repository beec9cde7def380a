"""Bodies that are large, compressed, cut, or not HTTP at all."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sandbox.server import Sandbox
from shared.upstream.errors import (
    UpstreamError,
    UpstreamNotFound,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from shared.upstream.transport import ANSWER_MAX_BYTES, CHUNK_BYTES, LARGE_ANSWER_BYTES, RETRIES_MAX, Transport
from tests.upstream.recording_server import RecordingServer, reply
from tests.upstream.transports import API


@pytest.mark.parametrize("fault", ["html_body", "invalid_json", "empty_body"])
def test_a_body_that_is_not_json_is_unreadable(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route=API)

    with pytest.raises(UpstreamUnreadable):
        transport.get_once(job_url).json()


def test_white_space_around_a_body_is_accepted(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("surplus_whitespace", route=API)

    assert transport.get_once(job_url).json()["jobStatus"]


def test_an_answer_beyond_the_limit_is_not_read_to_its_end(wire: Transport, server: RecordingServer) -> None:
    """Its end never comes."""
    server.answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b" " * (ANSWER_MAX_BYTES + CHUNK_BYTES)
    ]

    with pytest.raises(UpstreamUnreadable, match=str(ANSWER_MAX_BYTES)):
        wire.get_once("x")


@pytest.mark.parametrize(("size_bytes", "times"), [(LARGE_ANSWER_BYTES, 0), (LARGE_ANSWER_BYTES * 2, 1)])
def test_the_caller_is_notified_once_before_a_body_gets_large(
    wire: Transport, server: RecordingServer, size_bytes: int, times: int
) -> None:
    body = b" " * (size_bytes - 2) + b"{}"
    server.answers = [reply("200 OK", body)]
    notified: list[bool] = []

    assert wire.get("x", before_large=lambda: notified.append(True)).body == body
    assert len(notified) == times


def test_a_large_body_that_the_caller_refuses_is_not_read_by_a_retry_either(
    wire: Transport, server: RecordingServer
) -> None:
    server.answers = [reply("200 OK", b" " * LARGE_ANSWER_BYTES + b"{}")]

    def no_room() -> None:
        raise UpstreamUnreachable("no room", api="Product Ingestion")

    with pytest.raises(UpstreamUnreachable, match="no room"):
        wire.get("x", before_large=no_room)
    assert len(server.requests) == RETRIES_MAX + 1


def test_the_caller_may_refuse_a_large_body(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("200 OK", b" " * LARGE_ANSWER_BYTES + b"{}"), reply("200 OK", b"{}")]

    def no_room() -> None:
        raise LookupError("no room")

    with pytest.raises(LookupError, match="no room"):
        wire.get("x", before_large=no_room)
    assert wire.get("x", before_large=no_room).body == b"{}"


def test_a_compressed_body_is_read_and_its_expansion_bounded(wire: Transport, server: RecordingServer) -> None:
    small, bomb = gzip.compress(b'{"a": 1}'), gzip.compress(b" " * (ANSWER_MAX_BYTES + 1))
    server.answers = [reply("200 OK\r\nContent-Encoding: gzip", body) for body in (small, bomb)]

    assert wire.get_once("x").json() == {"a": 1}
    with pytest.raises(UpstreamUnreadable, match="more than"):
        wire.get_once("x")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_incomplete_http_is_unreadable(wire: Transport, server: RecordingServer, answer: bytes) -> None:
    server.answers = [answer]
    server.hang_up = True

    with pytest.raises(UpstreamUnreadable):
        wire.get_once("x")


_PIECES = [
    *(
        b"HTTP/1.1 ",
        b"HTTP/1.0 ",
        b"200 OK\r\n",
        b"103 Hints\r\n",
        b"999 \xff\r\n",
        b"Content-Length: ",
        b"2\r\n",
        b"\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: \xff\r\n",
        b"0\r\n\r\n",
        b"-1, 2\r\n",
    ),
    *(b"no header\r\n", b": nothing\r\n", b" folded\r\n", b"From x\r\n", b"ETag: \x80\r\n", b"{}", b"\x1f\x8b\x08"),
]


def test_any_bytes_are_an_answer_or_an_upstream_error(wire: Transport, server: RecordingServer) -> None:
    server.hang_up = True

    @hypothesis_settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(_PIECES) | st.binary(max_size=5), max_size=12).map(b"".join))
    def check(answer: bytes) -> None:
        server.answers = [answer]
        with suppress(UpstreamError):
            wire.get_once("x")

    check()


@pytest.mark.parametrize("lengths", ["2, 50", "two", "-2", "99999999999999999999"])
def test_an_absurd_content_length_is_unreadable(wire: Transport, server: RecordingServer, lengths: str) -> None:
    server.answers = [f"HTTP/1.1 200 OK\r\nContent-Length: {lengths}\r\n\r\n".encode()]
    server.hang_up = True

    with pytest.raises(UpstreamUnreadable):
        wire.get_once("x").members()


@pytest.mark.parametrize("status", ["102 Processing", "103 Early Hints\r\nLink: </a>"])
def test_an_interim_answer_is_not_taken_for_the_final_one(
    wire: Transport, server: RecordingServer, status: str
) -> None:
    """Otherwise each later request would get the answer to the one before."""
    interim = f"HTTP/1.1 {status}\r\n\r\n".encode()
    server.answers = [interim + reply("200 OK", b'{"n": %d}' % number) for number in range(3)]

    assert [wire.get_once("x").json()["n"] for _ in range(3)] == [0, 1, 2]


def test_a_refusal_counts_even_if_its_body_is_cut(wire: Transport, server: RecordingServer) -> None:
    server.answers = [b'HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n{"error":']
    server.hang_up = True

    with pytest.raises(UpstreamNotFound):
        wire.get_once("x")
