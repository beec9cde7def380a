"""Tokens from the sandbox's Entra, through azure-identity itself except where a test moves the clock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

import pytest
from azure.core.credentials import AccessToken
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from sandbox.server import Sandbox
from shared.settings import ClientSecret, Settings
from shared.upstream.errors import TokenUnavailable
from shared.upstream.tokens import (
    REFUSAL_HOLDS_SECONDS,
    REJECTED_AGAIN_WITHIN_SECONDS,
    SharedCredential,
    TokenSource,
    credential_from_settings,
)
from tests.clock import FakeClock

GRAPH, PORTAL = "https://graph.microsoft.com/.default", "https://cloudpartner.azure.com/.default"
THREADS = 32


@pytest.fixture
def source(credential: SharedCredential, clock: FakeClock) -> TokenSource:
    return TokenSource(credential, GRAPH, clock, api="Product Ingestion")


def token_requests(sandbox: Sandbox) -> int:
    return len(sandbox.state.requests(route="tokens.token"))


def in_threads[T](work: Callable[[], T]) -> list[T]:
    """The results of `work` in THREADS threads at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(THREADS)]]


def test_all_threads_share_one_token_from_one_request(source: TokenSource, fresh_sandbox: Sandbox) -> None:
    tokens = in_threads(source.token)

    assert len({token.value for token in tokens}) == 1
    assert token_requests(fresh_sandbox) == 1


def test_two_audiences_share_the_credential_but_not_the_token(
    credential: SharedCredential, clock: FakeClock, fresh_sandbox: Sandbox
) -> None:
    """Quirk 15 (docs/upstream.md): a token for one API is not valid at the other."""
    graph = TokenSource(credential, GRAPH, clock, api="Product Ingestion").token()
    portal = TokenSource(credential, PORTAL, clock, api="Cloud Partner Portal").token()

    assert graph.value != portal.value
    assert token_requests(fresh_sandbox) == 2


def test_a_rejected_token_is_renewed_once_however_many_threads_report_it(
    source: TokenSource, fresh_sandbox: Sandbox
) -> None:
    """azure-identity would answer from its cache with the very token that was rejected."""
    old = source.token()

    def report_and_ask() -> str:
        assert source.rejected(old) is False
        return source.token().value

    renewed = set(in_threads(report_and_ask))

    assert len(renewed) == 1
    assert old.value not in renewed
    assert token_requests(fresh_sandbox) == 2


def test_a_late_report_about_an_old_token_leaves_the_new_one_in_use(
    source: TokenSource, fresh_sandbox: Sandbox
) -> None:
    old = source.token()
    source.rejected(old)
    renewed = source.token()

    source.rejected(old)

    assert source.token() is renewed
    assert token_requests(fresh_sandbox) == 2


def test_a_renewed_token_that_never_worked_was_rejected_after_renewal(source: TokenSource) -> None:
    source.rejected(source.token())

    assert source.rejected(source.token()) is True


def test_a_renewed_token_that_worked_for_a_while_may_be_renewed_again(source: TokenSource, clock: FakeClock) -> None:
    source.rejected(source.token())
    renewed = source.token()
    source.accepted(renewed)
    clock.advance(REJECTED_AGAIN_WITHIN_SECONDS)

    assert source.rejected(renewed) is False


def test_a_renewed_token_that_only_some_requests_may_use_is_refused_within_the_tick(
    source: TokenSource, clock: FakeClock
) -> None:
    source.rejected(source.token())
    renewed = source.token()
    source.accepted(renewed)
    clock.advance(REJECTED_AGAIN_WITHIN_SECONDS - 1)

    assert source.rejected(renewed) is True


def test_renewing_one_audiences_token_leaves_the_others_alone(
    credential: SharedCredential, clock: FakeClock, source: TokenSource
) -> None:
    portal = TokenSource(credential, PORTAL, clock, api="Cloud Partner Portal")
    before = portal.token()

    source.rejected(source.token())
    source.token()

    assert portal.token() is before


def test_a_refused_credential_is_named_as_the_reason_without_its_secret(settings: Settings, clock: FakeClock) -> None:
    secret = "wrong~secret-that-must-not-show"
    shared = credential_from_settings(replace(settings, credential=ClientSecret(secret)))

    with pytest.raises(TokenUnavailable, match=r"AADSTS7000215.*client secret is wrong") as caught:
        TokenSource(shared, GRAPH, clock, api="Product Ingestion").token()

    assert caught.value.api == "Product Ingestion"
    assert secret not in str(caught.value)
    shared.close()


def test_while_entra_refuses_not_every_thread_sends_a_request(
    source: TokenSource, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    fresh_sandbox.state.fault("token_refused", route="tokens.token")

    def refused() -> bool:
        with pytest.raises(TokenUnavailable):
            source.token()
        return True

    assert all(in_threads(refused))
    assert token_requests(fresh_sandbox) == 1

    clock.advance(REFUSAL_HOLDS_SECONDS)
    fresh_sandbox.state.clear_faults()
    assert source.token().value
    assert token_requests(fresh_sandbox) == 2


@pytest.mark.parametrize("fault", ["html_body", "invalid_json", "empty_body", "wrong_shape", "server_error", "reset"])
def test_a_failing_entra_is_not_taken_for_a_refused_credential(
    source: TokenSource, fresh_sandbox: Sandbox, fault: str
) -> None:
    fresh_sandbox.state.fault(fault, route="tokens.token")

    with pytest.raises(TokenUnavailable, match=r"could not be understood|connection was cut|cannot be reached"):
        source.token()


def test_a_connection_to_entra_that_breaks_is_retried_once(source: TokenSource, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("reset", route="tokens.token", count=1)

    assert source.token().value
    assert token_requests(fresh_sandbox) == 2


def test_a_throttling_entra_is_not_retried(source: TokenSource, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("too_many_requests", route="tokens.token", retry_after_seconds=1)

    with pytest.raises(TokenUnavailable):
        source.token()

    assert token_requests(fresh_sandbox) == 1


def test_an_answer_of_entra_that_drips_is_abandoned_in_time(
    source: TokenSource, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.upstream.tokens.ENTRA_TIMEOUT_SECONDS", 0.4)
    fresh_sandbox.state.fault("slow_body", route="tokens.token", bytes_per_second=10)

    with pytest.raises(TokenUnavailable, match="in time"):
        source.token()


class StubCredential:
    """Replaces azure-identity where a test moves the clock, since azure-identity's cache uses the machine's."""

    def __init__(self, clock: FakeClock, lifetime_seconds: float = 3600) -> None:
        self._clock = clock
        self.lifetime_seconds = lifetime_seconds
        self.fails = False
        self.answers = 0
        self.token = "token-{}"
        self.before_answer: Callable[[], object] = lambda: None

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        self.before_answer()
        if self.fails:
            raise ValueError("no")
        self.answers += 1
        expires_on = self._clock.now().timestamp() + self.lifetime_seconds
        return AccessToken(self.token.format(self.answers), int(expires_on))


@pytest.fixture
def stub(clock: FakeClock) -> StubCredential:
    return StubCredential(clock)


@pytest.fixture
def stubbed_source(stub: StubCredential, clock: FakeClock) -> TokenSource:
    return TokenSource(SharedCredential(lambda: stub), GRAPH, clock, api="Product Ingestion")


def test_a_token_is_renewed_five_minutes_before_it_expires(
    stubbed_source: TokenSource, stub: StubCredential, clock: FakeClock
) -> None:
    first = stubbed_source.token()
    clock.advance(3600 - 301)
    assert stubbed_source.token() is first

    clock.advance(1)

    assert stubbed_source.token() is not first
    assert stub.answers == 2


def test_a_short_lived_token_is_used_for_most_of_its_life(
    stubbed_source: TokenSource, stub: StubCredential, clock: FakeClock
) -> None:
    stub.lifetime_seconds = 60
    first = stubbed_source.token()

    clock.advance(47)

    assert stubbed_source.token() is first


def test_a_token_that_cannot_be_renewed_is_used_until_it_expires(
    stubbed_source: TokenSource, stub: StubCredential, clock: FakeClock
) -> None:
    first = stubbed_source.token()
    stub.fails = True

    clock.advance(3600 - 60)
    assert stubbed_source.token() is first

    clock.advance(60)
    with pytest.raises(TokenUnavailable):
        stubbed_source.token()


def test_a_token_that_a_header_cannot_hold_is_refused(stubbed_source: TokenSource, stub: StubCredential) -> None:
    stub.token = "token\r\nX-Injected: 1"

    with pytest.raises(TokenUnavailable) as caught:
        stubbed_source.token()

    assert "Injected" not in str(caught.value)


@settings_of_hypothesis(max_examples=100, deadline=None)
@given(
    token=st.text() | st.none() | st.binary() | st.integers(),
    expires_on=st.integers() | st.floats() | st.none() | st.text(),
)
def test_any_answer_of_entra_is_a_token_or_leaves_none_available(token: object, expires_on: object) -> None:
    class Hostile:
        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            return AccessToken(token, expires_on)  # type: ignore[arg-type]

    with suppress(TokenUnavailable):
        source = TokenSource(SharedCredential(Hostile), GRAPH, FakeClock(), api="Product Ingestion")
        assert source.token().value == token


@pytest.mark.parametrize("error", [KeyError("expires_in"), RecursionError(), AttributeError(), OverflowError()])
def test_any_error_of_azure_identity_leaves_no_token_available(
    stubbed_source: TokenSource, stub: StubCredential, error: Exception
) -> None:
    def fail() -> None:
        raise error

    stub.before_answer = fail

    with pytest.raises(TokenUnavailable, match="could not be understood"):
        stubbed_source.token()


def test_a_printed_token_does_not_show_its_value(stubbed_source: TokenSource) -> None:
    token = stubbed_source.token()

    assert token.value not in repr(token)
    assert token.expires_at > datetime(2026, 1, 1, tzinfo=UTC)


def test_while_one_thread_renews_a_token_early_the_others_keep_using_it(
    stubbed_source: TokenSource, stub: StubCredential, clock: FakeClock
) -> None:
    first = stubbed_source.token()
    clock.advance(3600 - 60)
    entra_was_asked, entra_may_answer = Event(), Event()

    def take_time() -> None:
        entra_was_asked.set()
        assert entra_may_answer.wait(5)

    stub.before_answer = take_time
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(stubbed_source.token)
        assert entra_was_asked.wait(5)

        assert stubbed_source.token() is first

        entra_may_answer.set()
        assert renewal.result() is stubbed_source.token()
