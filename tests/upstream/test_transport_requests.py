"""Requests on the wire. An answer sets no cookie and causes no redirect."""

from uuid import UUID

import pytest

from shared.upstream.errors import (
    UpstreamNotFound,
    UpstreamUnreadable,
)
from shared.upstream.transport import Transport, relative_url
from tests.upstream.recording_server import RecordingServer, reply


@pytest.mark.parametrize("version", ["$version=2022-07-01", "%24version=2022-07-01&continuationToken=a%2Bb%3D"])
def test_the_query_is_sent_unchanged(wire: Transport, server: RecordingServer, version: str) -> None:
    """Quirk 2 (docs/upstream.md): `$version` is documented with its dollar sign; upstream's next links quote it."""
    wire.get(f"private-offer/query?{version}")

    assert server.requests[-1].splitlines()[0] == f"GET /rp/private-offer/query?{version} HTTP/1.1"


def test_every_request_carries_its_ids(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("503 Service Unavailable"), reply("200 OK", b"{}")]

    wire.get("x")

    first, second = server.headers(0), server.headers(1)
    assert UUID(first["client-request-id"]) != UUID(second["client-request-id"])
    assert first["client-request-id"] == first["ms-requestid"]
    assert first["ms-correlationid"] == second["ms-correlationid"]


@pytest.mark.parametrize("name", ["request-id", "MS-RequestId", "X-Ms-Correlation-Request-Id", "x-ms-request-id"])
def test_the_request_id_in_upstreams_answer_is_kept(wire: Transport, server: RecordingServer, name: str) -> None:
    server.answers = [reply(f"404 Not Found\r\n{name}: upstream-1")]

    with pytest.raises(UpstreamNotFound) as caught:
        wire.get_once("x")

    assert caught.value.request_id == "upstream-1"


def test_without_an_id_in_the_answer_the_sent_one_is_kept(wire: Transport, server: RecordingServer) -> None:
    answer = wire.get_once("x")

    assert answer.request_id == server.headers()["client-request-id"]


def test_cookies_are_not_kept(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("200 OK\r\nSet-Cookie: a=b; Path=/", b"{}")]

    wire.get_once("x")
    wire.get_once("x")

    assert "cookie" not in server.headers()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(wire: Transport, server: RecordingServer, status: int) -> None:
    server.answers = [reply(f"{status} Moved\r\nLocation: {server.url}/elsewhere")]

    with pytest.raises(UpstreamUnreadable, match="redirect"):
        wire.get("x")

    assert len(server.requests) == 1


def test_ids_are_quoted_into_the_path() -> None:
    url = relative_url("private-offer", "a/../b?c#d e", query={"$version": "2023-07-15"})

    assert url == "private-offer/a%2F..%2Fb%3Fc%23d%20e?$version=2023-07-15"


@pytest.mark.parametrize("segment", ["", ".", "..", "..."])
def test_a_segment_that_would_change_the_path_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match="segment"):
        relative_url("publishers", segment, query={})
