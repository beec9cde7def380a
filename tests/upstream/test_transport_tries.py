"""Retries and timeouts of a request, against the sandbox's faults."""

import pytest

from sandbox.server import Sandbox
from shared.upstream.errors import (
    TokenRejected,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from shared.upstream.transport import RETRIES_MAX, Transport
from tests.upstream.transports import API, Sleeper, requests_made

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


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_a_single_request_is_never_retried(
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


@pytest.mark.parametrize("fault", ["server_error", "reset"])
def test_a_brief_failure_is_retried_after_growing_pauses(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, sleeper: Sleeper, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route=API, count=2)

    assert transport.get(job_url).status == 200

    assert requests_made(fresh_sandbox) == 3
    assert sleeper.slept == [0.5, 1.0]


def test_retries_of_a_lasting_failure_are_few(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("server_error", route=API)

    with pytest.raises(UpstreamServerError):
        transport.get(job_url)

    assert requests_made(fresh_sandbox) == 1 + RETRIES_MAX


@pytest.mark.parametrize("fault", ["not_found", "bad_request", "role_missing", "too_many_requests", "redirect"])
def test_a_refusal_is_not_retried(transport: Transport, fresh_sandbox: Sandbox, job_url: str, fault: str) -> None:
    fresh_sandbox.state.fault(fault, route=API)

    with pytest.raises(UpstreamError):
        transport.get(job_url)

    assert requests_made(fresh_sandbox) == 1


def test_no_retry_begins_after_the_timeout(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str, sleeper: Sleeper
) -> None:
    """Upstream asks for a longer wait than the caller allows."""
    fresh_sandbox.state.fault("server_error", route=API, retry_after_seconds=60)

    with pytest.raises(UpstreamServerError) as caught:
        transport.get(job_url)

    assert caught.value.retry_after_seconds == 60
    assert requests_made(fresh_sandbox) == 1
    assert sleeper.slept == []


def test_throttling_carries_the_wait_in_seconds(transport: Transport, fresh_sandbox: Sandbox, job_url: str) -> None:
    fresh_sandbox.state.fault("too_many_requests", route=API, retry_after_seconds=57)

    with pytest.raises(UpstreamThrottled, match="Rate limit is exceeded") as caught:
        transport.get_once(job_url)

    assert caught.value.retry_after_seconds == 57
