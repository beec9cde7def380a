"""The token that a request carries, and the renewal of a rejected one."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from shared.upstream.errors import (
    TokenRejected,
    TokenUnavailable,
    UpstreamNotFound,
    UpstreamRejectedRequest,
)
from shared.upstream.tokens import (
    REJECTED_AGAIN_WITHIN_SECONDS,
    SharedCredential,
    TokenSource,
)
from shared.upstream.transport import Transport
from tests.clock import FakeClock
from tests.upstream.recording_server import RecordingServer, reply
from tests.upstream.transports import API, GRAPH, requests_made


def test_a_request_with_a_rejected_token_is_retried_with_a_new_one(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    """Quirk 15 (docs/upstream.md): a 401 is about the token, here a revoked one."""
    fresh_sandbox.state.revoke_tokens()

    assert transport.get(job_url).status == 200

    assert [request.status for request in fresh_sandbox.state.requests(route=API)] == [401, 200]


def test_a_token_rejected_after_renewal_is_not_renewed_again(
    transport: Transport, fresh_sandbox: Sandbox, job_url: str
) -> None:
    """Quirk 15: an empty-bodied 401 is one too."""
    fresh_sandbox.state.fault("unauthorized_empty", route=API)

    with pytest.raises(TokenRejected) as caught:
        transport.get(job_url)

    assert caught.value.after_renewal
    assert requests_made(fresh_sandbox) == 2


@pytest.mark.parametrize("fault", ["delay", "not_found"])
def test_a_token_that_upstream_accepted_once_may_be_renewed_again(
    transport: Transport, fresh_sandbox: Sandbox, clock: FakeClock, job_url: str, fault: str
) -> None:
    """A 404 shows just like a 200 that the token was accepted."""
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


def test_a_netrc_entry_does_not_replace_the_token(
    wire: Transport, server: RecordingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    wire.get_once("x")

    assert server.headers()["authorization"] == "Bearer secret-token"


def test_a_token_that_upstream_repeats_is_not_in_the_error(wire: Transport, server: RecordingServer) -> None:
    server.answers = [reply("400 Bad Request", b'{"error": {"message": "bad header Bearer secret-token"}}')]

    with pytest.raises(UpstreamRejectedRequest) as caught:
        wire.get_once("x")

    assert "secret-token" not in str(caught.value)
