"""Every kind of credential, against the sandbox's Entra, which checks secrets, assertions and their signatures."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from sandbox.server import Sandbox
from shared.settings import ClientCertificate, FederatedIdentity, PartnerCenterCredential, Settings
from shared.upstream.errors import TokenUnavailable
from shared.upstream.tokens import SharedCredential, TokenSource, credential_from_settings
from tests.clock import FakeClock

GRAPH = "https://graph.microsoft.com/.default"
PASSWORD = "pfx-password"


def get_token(settings: Settings, credential: PartnerCenterCredential) -> str:
    shared = credential_from_settings(replace(settings, credential=credential))
    try:
        return TokenSource(shared, GRAPH, FakeClock(), api="Product Ingestion").token().value
    finally:
        shared.close()


def pem(sandbox: Sandbox) -> bytes:
    return Path(sandbox.client_certificate).read_bytes()


def pfx(sandbox: Sandbox) -> bytes:
    key = load_pem_private_key(pem(sandbox), None)
    assert isinstance(key, RSAPrivateKey)
    certificate = x509.load_pem_x509_certificate(pem(sandbox))
    return pkcs12.serialize_key_and_certificates(
        b"app", key, certificate, None, BestAvailableEncryption(PASSWORD.encode())
    )


def test_a_client_secret_gets_a_token(settings: Settings) -> None:
    assert get_token(settings, settings.credential)


def test_a_certificate_in_pem_gets_a_token(settings: Settings, fresh_sandbox: Sandbox) -> None:
    assert get_token(settings, ClientCertificate(pem(fresh_sandbox), None))


def test_a_certificate_in_pfx_with_a_password_gets_a_token(settings: Settings, fresh_sandbox: Sandbox) -> None:
    assert get_token(settings, ClientCertificate(pfx(fresh_sandbox), PASSWORD))


def test_a_wrong_certificate_password_is_named_as_the_reason(settings: Settings, fresh_sandbox: Sandbox) -> None:
    with pytest.raises(TokenUnavailable, match="certificate or its password"):
        get_token(settings, ClientCertificate(pfx(fresh_sandbox), "wrong"))

    assert not fresh_sandbox.state.requests(route="tokens")


@pytest.fixture
def managed_identity(fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """The identity's client id, where the platform offers its tokens as App Service does."""
    account = fresh_sandbox.state.account
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{fresh_sandbox.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", account.managed_identity_header)
    return account.managed_identity_client_id


def test_a_federated_managed_identity_gets_a_token_without_any_secret(
    settings: Settings, managed_identity: str, fresh_sandbox: Sandbox
) -> None:
    assert get_token(settings, FederatedIdentity(managed_identity))

    routes = [request.route for request in fresh_sandbox.state.requests(route="tokens")]
    assert routes == ["tokens.managed-identity", "tokens.token"]


@pytest.mark.usefixtures("managed_identity")
def test_an_unknown_managed_identity_is_named_as_the_reason(settings: Settings) -> None:
    with pytest.raises(TokenUnavailable, match="managed identity"):
        get_token(settings, FederatedIdentity("00000000-0000-4000-8000-000000000000"))


def test_a_missing_trust_store_is_named_as_the_reason(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))

    with pytest.raises(TokenUnavailable, match="REQUESTS_CA_BUNDLE"):
        get_token(settings, settings.credential)


def test_no_secret_is_sent_to_an_entra_whose_certificate_is_not_trusted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fresh_sandbox: Sandbox
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(TokenUnavailable):
        get_token(settings, settings.credential)

    assert not fresh_sandbox.state.requests(route="tokens")


def test_the_credential_is_built_once_until_it_is_discarded() -> None:
    built: list[object] = []

    def build() -> object:
        built.append(object())
        return built[-1]

    shared = SharedCredential(build)  # type: ignore[arg-type] # any object will do here
    first = shared.current()
    assert shared.current() is first

    shared.discard(first)
    second = shared.current()
    shared.discard(first)  # another thread, late

    assert shared.current() is second
    assert built == [first, second]


@pytest.mark.parametrize("error", [{"code": "InvalidAuthenticationToken"}, ["a list"], 7])
def test_an_odd_refusal_keeps_the_process_from_a_token_no_longer_than_it_lasts(
    settings: Settings, fresh_sandbox: Sandbox, error: object
) -> None:
    clock = FakeClock()
    shared = credential_from_settings(settings)
    tokens = TokenSource(shared, GRAPH, clock, api="Product Ingestion")
    fault = fresh_sandbox.state.fault("any_answer", route="tokens.token", status=401, body={"error": error})
    with pytest.raises(TokenUnavailable):
        tokens.token()
    fresh_sandbox.state.clear_faults(fault)
    clock.advance(60)
    assert tokens.token().value
    shared.close()
