"""Connections: kept for reuse, verified, and reported if they fail."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from shared.upstream.errors import (
    UpstreamUnreachable,
)
from shared.upstream.tokens import (
    SharedCredential,
    TokenSource,
)
from shared.upstream.transport import Transport
from tests.clock import FakeClock
from tests.upstream.recording_server import RecordingServer
from tests.upstream.transports import GRAPH, FixedCredential, requests_made


def test_connections_are_kept_for_later_threads(
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


def test_a_missing_trust_store_is_named(
    transport: Transport, job_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))

    with pytest.raises(UpstreamUnreachable, match="REQUESTS_CA_BUNDLE"):
        transport.get_once(job_url)


def test_a_host_that_refuses_connections_is_unreachable(clock: FakeClock) -> None:
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    transport = Transport("Product Ingestion", "http://localhost:9", tokens, clock, timeout_seconds=2, connections=1)

    with pytest.raises(UpstreamUnreachable):
        transport.get_once("x")


def test_an_unknown_host_name_is_unreachable(clock: FakeClock) -> None:
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    transport = Transport("Product Ingestion", "http://no.invalid", tokens, clock, timeout_seconds=2, connections=1)

    with pytest.raises(UpstreamUnreachable, match="host name"):
        transport.get_once("x")


def test_a_connection_that_is_closed_without_an_answer_is_unreachable(
    wire: Transport, server: RecordingServer
) -> None:
    server.answers = [b""]
    server.hang_up = True

    with pytest.raises(UpstreamUnreachable):
        wire.get_once("x")
