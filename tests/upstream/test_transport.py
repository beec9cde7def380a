"""The sandbox's faults, each against a single request and against one that may be tried again."""

import gzip
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from azure.core.credentials import AccessToken
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sandbox.server import Sandbox
from shared.settings import Settings
from shared.upstream.errors import (
    TokenRejected,
    TokenUnavailable,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from shared.upstream.tokens import (
    REJECTED_AGAIN_WITHIN_SECONDS,
    SharedCredential,
    TokenSource,
    credential_from_settings,
)
from shared.upstream.transport import ANSWER_MAX_BYTES, CHUNK_BYTES, LARGE_ANSWER_BYTES, RETRIES_MAX, Transport
from tests.clock import FakeClock
from tests.upstream.recording_server import RecordingServer, recording

API = "product-ingestion"
GRAPH = "https://graph.microsoft.com/.default"
FAULTS: list[tuple[str, type[UpstreamError]]] = [
    ("server_error", UpstreamServerError),
    ("too_many_requests", UpstreamThrottled),
    ("unauthorized_empty", TokenRejected),
    ("not_found", UpstreamNotFound),
    ("bad_request", UpstreamRejectedRequest),
    ("redirect", UpstreamUnreadable),
    ("cut_body", UpstreamUnreadable),
    ("reset", UpstreamUnreachable),
    ("hang", UpstreamTimeout),
    ("slow_headers", UpstreamTimeout),
    ("slow_body", UpstreamTimeout),
]


class Sleeper:
    """Does not sleep, and remembers how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def credential(settings: Settings) -> Iterator[SharedCredential]:
    shared = credential_from_settings(settings)
    yield shared
    shared.close()


@pytest.fixture
def transport(
    fresh_sandbox: Sandbox, credential: SharedCredential, clock: FakeClock, sleeper: Sleeper
) -> Iterator[Transport]:
    """Asks the sandbox's Product Ingestion, with no jitter."""
    tokens = TokenSource(credential, GRAPH, clock, api="Product Ingestion")
    opened = Transport(
        "Product Ingestion",
        fresh_sandbox.product_ingestion_url,
        tokens,
        clock,
        timeout_seconds=30.0,
        connections=32,
        sleep=sleeper,
        random_fraction=lambda: 0.5,
    )
    opened.ensure_token()
    yield opened
    opened.close()


@pytest.fixture
def job_url(fresh_sandbox: Sandbox) -> str:
    """The status of a job that exists."""
    return f"configure/{fresh_sandbox.state.add_job()}/status?$version=2022-07-01"


def requests_made(sandbox: Sandbox) -> int:
    return len(sandbox.state.requests(route=API))


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_a_single_request_is_one_request_whatever_comes_of_it(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str, error: type[UpstreamError]
) -> None:
    """Quirks 13 and 15 (docs/upstream.md), and promise 1 (docs/promises.md)."""
    fresh_sandbox.state.fault(fault, route=API)

    with pytest.raises(error):
        transport.get_once(job_url, timeout_seconds=0.25)

    assert requests_made(fresh_sandbox) == 1


@pytest.mark.parametrize("fault", ["hang", "slow_headers", "slow_body"])
def test_the_timeout_bounds_the_whole_answer(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str
) -> None:
    """A dripping answer never lets a socket's own timeout pass: without a bound on the whole it would be read."""
    fresh_sandbox.state.fault(fault, route=API, bytes_per_second=20)

    with pytest.raises(UpstreamTimeout):
        transport.get_once(job_url, timeout_seconds=0.3)


@pytest.mark.parametrize("fault", ["html_body", "invalid_json", "empty_body"])
def test_a_body_that_is_not_json_is_unreadable(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route=API)

    with pytest.raises(UpstreamUnreadable):
        transport.get_once(job_url).json()


def test_white_space_around_a_body_is_no_trouble(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("surplus_whitespace", route=API)

    assert transport.get_once(job_url).json()["jobStatus"]


@pytest.mark.parametrize("fault", ["server_error", "reset"])
def test_a_passing_failure_is_tried_again_after_growing_pauses(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, sleeper: Sleeper, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route=API, count=2)

    assert transport.get(job_url).status == 200

    assert requests_made(fresh_sandbox) == 3
    assert sleeper.slept == [0.5, 1.0]


def test_a_lasting_failure_is_given_up_soon(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("server_error", route=API)

    with pytest.raises(UpstreamServerError):
        transport.get(job_url)

    assert requests_made(fresh_sandbox) == 1 + RETRIES_MAX


@pytest.mark.parametrize("fault", ["not_found", "bad_request", "role_missing", "too_many_requests", "redirect"])
def test_a_plain_refusal_is_not_tried_again(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route=API)

    with pytest.raises(UpstreamError):
        transport.get(job_url)

    assert requests_made(fresh_sandbox) == 1


def test_no_try_begins_after_the_time_for_all_of_them(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, sleeper: Sleeper
) -> None:
    """Upstream asks to wait longer than the caller does."""
    fresh_sandbox.state.fault("server_error", route=API, retry_after_seconds=60)

    with pytest.raises(UpstreamServerError) as caught:
        transport.get(job_url)

    assert caught.value.retry_after_seconds == 60
    assert requests_made(fresh_sandbox) == 1
    assert sleeper.slept == []


def test_a_rejected_token_is_renewed_and_the_question_asked_again(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    """Quirk 15: a 401 is about the token, here a revoked one."""
    fresh_sandbox.state.revoke_tokens()

    assert transport.get(job_url).status == 200

    assert [request.status for request in fresh_sandbox.state.requests(route=API)] == [401, 200]


def test_a_token_rejected_after_renewal_is_the_end_of_it(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    """Quirk 15: an empty-bodied 401 is one too."""
    fresh_sandbox.state.fault("unauthorized_empty", route=API)

    with pytest.raises(TokenRejected) as caught:
        transport.get(job_url)

    assert caught.value.after_renewal
    assert not caught.value.transient
    assert requests_made(fresh_sandbox) == 2


@pytest.mark.parametrize("fault", ["delay", "not_found"])
def test_a_token_that_upstream_took_once_may_be_renewed_again(
    transport: Transport, fresh_sandbox: Sandbox, clock: FakeClock, job_url: str, fault: str
) -> None:
    """A 404 shows as well as a 200 that the token was good."""
    fresh_sandbox.state.fault("expired_token", route=API, count=1)
    fresh_sandbox.state.fault(fault, route=API, count=1, seconds=0)
    with suppress(UpstreamNotFound):
        transport.get(job_url)
    clock.advance(REJECTED_AGAIN_WITHIN_SECONDS)
    fresh_sandbox.state.revoke_tokens()

    with pytest.raises(TokenRejected) as caught:
        transport.get_once(job_url)

    assert not caught.value.after_renewal


def test_a_single_request_with_a_rejected_token_leaves_a_fresh_one_for_the_next(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    fresh_sandbox.state.revoke_tokens()

    with pytest.raises(TokenRejected) as caught:
        transport.get_once(job_url)

    assert not caught.value.after_renewal
    assert transport.get_once(job_url).status == 200


def test_many_threads_with_one_rejected_token_cost_one_renewal(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    fresh_sandbox.state.revoke_tokens()
    before = len(fresh_sandbox.state.requests(route="tokens.token"))

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(transport.get, [job_url] * 64))

    assert {answer.status for answer in answers} == {200}
    assert len(fresh_sandbox.state.requests(route="tokens.token")) == before + 1


def test_throttling_says_for_how_long_in_seconds(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("too_many_requests", route=API, retry_after_seconds=57)

    with pytest.raises(UpstreamThrottled, match="Rate limit is exceeded") as caught:
        transport.get_once(job_url)

    assert caught.value.retry_after_seconds == 57


def test_connections_are_kept_for_the_threads_that_come_later(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    fresh_sandbox.state.set_latency(20)
    for _ in range(2):
        with ThreadPoolExecutor(8) as pool, caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
            assert all(pool.map(transport.get_once, [job_url] * 16))

    opened = [record for record in caplog.records if "Starting new HTTPS connection" in record.message]
    assert len(opened) <= 8


def test_an_untrusted_certificate_is_refused(
    transport: Transport, job_url: str, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(UpstreamUnreachable, match="certificate is not trusted"):
        transport.get_once(job_url)

    assert requests_made(fresh_sandbox) == 0


def test_a_trust_store_that_is_not_there_is_named(
    transport: Transport, job_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))

    with pytest.raises(UpstreamUnreachable, match="REQUESTS_CA_BUNDLE"):
        transport.get_once(job_url)


def test_no_token_means_no_request(
    fresh_sandbox: Sandbox, clock: FakeClock, credential: SharedCredential, job_url: str
) -> None:
    fresh_sandbox.state.fault("token_refused", route="tokens.token")
    tokens = TokenSource(credential, GRAPH, clock, api="Product Ingestion")
    url = fresh_sandbox.product_ingestion_url
    transport = Transport("Product Ingestion", url, tokens, clock, timeout_seconds=2.0, connections=1)

    with pytest.raises(TokenUnavailable):
        transport.get_once(job_url)

    assert requests_made(fresh_sandbox) == 0


# From here on what only the bytes on the wire can show, or what no faithful upstream answers.


class FixedCredential:
    """One token for ever: nobody asks Entra where the wire is what matters."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("secret-token", int(time.time()) + 3600)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording() as running:
        yield running


@pytest.fixture
def wire(server: RecordingServer, clock: FakeClock, sleeper: Sleeper) -> Iterator[Transport]:
    """Asks the recording server."""
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    opened = Transport(
        "Product Ingestion", server.url, tokens, clock, timeout_seconds=2.0, connections=2, sleep=sleeper
    )
    yield opened
    opened.close()


def reply(head: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("version", ["$version=2022-07-01", "%24version=2022-07-01&continuationToken=a%2Bb%3D"])
def test_the_query_goes_out_as_it_is_written(wire: Transport, server: RecordingServer, version: str) -> None:
    """Quirk 2: `$version` is documented with its dollar sign; upstream's next links quote it."""
    wire.get(f"private-offer/query?{version}")

    assert server.requests[-1].splitlines()[0] == f"GET /rp/private-offer/query?{version} HTTP/1.1"


def test_every_request_has_ids_to_find_it_by(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("503 Service Unavailable"), reply("200 OK", b"{}")]

    wire.get("x")

    first, second = server.headers(0), server.headers(1)
    assert UUID(first["client-request-id"]) != UUID(second["client-request-id"])
    assert first["client-request-id"] == first["ms-requestid"]
    assert first["ms-correlationid"] == second["ms-correlationid"]


@pytest.mark.parametrize("name", ["request-id", "MS-RequestId", "X-Ms-Correlation-Request-Id", "x-ms-request-id"])
def test_the_id_that_upstream_gives_back_is_kept(wire: Transport, server: RecordingServer, name: str) -> None:
    server.answers = [reply(f"404 Not Found\r\n{name}: upstream-1")]

    with pytest.raises(UpstreamNotFound) as caught:
        wire.get_once("x")

    assert caught.value.request_id == "upstream-1"


def test_where_upstream_gives_no_id_the_one_it_was_sent_is_kept(wire: Transport, server: RecordingServer) -> None:
    answer = wire.get_once("x")

    assert answer.request_id == server.headers()["client-request-id"]


def test_a_netrc_entry_does_not_take_the_tokens_place(
    wire: Transport, server: RecordingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    wire.get_once("x")

    assert server.headers()["authorization"] == "Bearer secret-token"


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


def test_an_answer_beyond_the_limit_is_not_read_to_its_end(wire: Transport, server: RecordingServer) -> None:
    """Its end never comes."""
    server.answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b" " * (ANSWER_MAX_BYTES + CHUNK_BYTES)
    ]

    with pytest.raises(UpstreamUnreadable, match=str(ANSWER_MAX_BYTES)):
        wire.get_once("x")


@pytest.mark.parametrize(("size_bytes", "times"), [(LARGE_ANSWER_BYTES, 0), (LARGE_ANSWER_BYTES * 2, 1)])
def test_who_asks_is_told_once_before_a_body_gets_large(
    wire: Transport, server: RecordingServer, size_bytes: int, times: int
) -> None:
    body = b" " * (size_bytes - 2) + b"{}"
    server.answers = [reply("200 OK", body)]
    told: list[bool] = []

    assert wire.get("x", before_large=lambda: told.append(True)).body == body
    assert len(told) == times


def test_a_large_body_that_was_given_up_is_not_read_by_the_next_try_either(
    wire: Transport, server: RecordingServer
) -> None:
    server.answers = [reply("200 OK", b" " * LARGE_ANSWER_BYTES + b"{}")]

    def no_room() -> None:
        raise UpstreamUnreachable("no room", api="Product Ingestion")

    with pytest.raises(UpstreamUnreachable, match="no room"):
        wire.get("x", before_large=no_room)
    assert len(server.requests) == RETRIES_MAX + 1


def test_who_asks_may_give_a_large_body_up(wire: Transport, server: RecordingServer) -> None:
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
def test_what_is_not_whole_http_is_unreadable(wire: Transport, server: RecordingServer, answer: bytes) -> None:
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


def test_whatever_bytes_come_they_are_an_answer_or_an_error_of_upstream(
    wire: Transport, server: RecordingServer
) -> None:
    server.hang_up = True

    @hypothesis_settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(_PIECES) | st.binary(max_size=5), max_size=12).map(b"".join))
    def check(answer: bytes) -> None:
        server.answers = [answer]
        with suppress(UpstreamError):
            wire.get_once("x")

    check()


@pytest.mark.parametrize("lengths", ["2, 50", "two", "-2", "99999999999999999999"])
def test_a_length_that_makes_no_sense_is_unreadable(wire: Transport, server: RecordingServer, lengths: str) -> None:
    server.answers = [f"HTTP/1.1 200 OK\r\nContent-Length: {lengths}\r\n\r\n".encode()]
    server.hang_up = True

    with pytest.raises(UpstreamUnreadable):
        wire.get_once("x").members()


@pytest.mark.parametrize("status", ["102 Processing", "103 Early Hints\r\nLink: </a>"])
def test_an_interim_answer_is_not_taken_for_the_final_one(
    wire: Transport, server: RecordingServer, status: str
) -> None:
    """Else each request after it would get the answer of the one before."""
    interim = f"HTTP/1.1 {status}\r\n\r\n".encode()
    server.answers = [interim + reply("200 OK", b'{"n": %d}' % number) for number in range(3)]

    assert [wire.get_once("x").json()["n"] for _ in range(3)] == [0, 1, 2]


def test_a_connection_that_is_closed_without_an_answer_is_unreachable(
    wire: Transport, server: RecordingServer
) -> None:
    server.answers = [b""]
    server.hang_up = True

    with pytest.raises(UpstreamUnreachable):
        wire.get_once("x")


def test_a_refusal_counts_even_if_its_body_is_cut(wire: Transport, server: RecordingServer) -> None:
    server.answers = [b'HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n{"error":']
    server.hang_up = True

    with pytest.raises(UpstreamNotFound):
        wire.get_once("x")


def test_a_token_that_upstream_repeats_is_not_repeated_further(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("400 Bad Request", b'{"error": {"message": "bad header Bearer secret-token"}}')]

    with pytest.raises(UpstreamRejectedRequest) as caught:
        wire.get_once("x")

    assert "secret-token" not in str(caught.value)


def test_a_host_that_refuses_connections_is_unreachable(clock: FakeClock) -> None:
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    transport = Transport("Product Ingestion", "http://localhost:9", tokens, clock, timeout_seconds=2, connections=1)

    with pytest.raises(UpstreamUnreachable):
        transport.get_once("x")


def test_a_host_name_that_nobody_knows_is_unreachable(clock: FakeClock) -> None:
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    transport = Transport("Product Ingestion", "http://no.invalid", tokens, clock, timeout_seconds=2, connections=1)

    with pytest.raises(UpstreamUnreachable, match="host name"):
        transport.get_once("x")
