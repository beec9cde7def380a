"""Entra's token protocol, spoken by azure-identity and by hand."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote_plus
from uuid import uuid4

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)

from sandbox.server import CertificateAuthority, Sandbox
from sandbox.tokens import ASSERTION_TYPE
from tests.sandbox.conftest import TIMEOUT_SECONDS, Caller

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
PORTAL_SCOPE = "https://cloudpartner.azure.com/.default"


def ask(
    sandbox: Sandbox,
    form: Mapping[str, str] | None = None,
    *,
    tenant: str | None = None,
    version: int = 2,
    authorization: str | None = None,
) -> requests.Response:
    """Asks for a token with the right secret. `form` changes fields; an empty value leaves one out."""
    target = {"scope": GRAPH_SCOPE} if version == 2 else {"resource": "https://graph.microsoft.com/"}
    full = {
        "grant_type": "client_credentials",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        **target,
        **(form or {}),
    }
    path = "oauth2/v2.0/token" if version == 2 else "oauth2/token"
    return requests.post(
        f"{sandbox.url}/{tenant or sandbox.tenant_id}/{path}",
        data={name: value for name, value in full.items() if value},
        headers={"Authorization": authorization} if authorization else None,
        timeout=TIMEOUT_SECONDS,
    )


def signed_assertion(sandbox: Sandbox, key: bytes, **claims: object) -> str:
    now = int(time.time())
    defaults: dict[str, object] = {
        "aud": f"{sandbox.url}/{sandbox.tenant_id}/oauth2/v2.0/token",
        "iss": sandbox.client_id,
        "sub": sandbox.client_id,
        "jti": str(uuid4()),
        "exp": now + 300,
    }
    return jwt.encode({**defaults, **claims}, key, algorithm="PS256")


def ask_with_assertion(sandbox: Sandbox, assertion: str) -> requests.Response:
    return ask(sandbox, {"client_secret": "", "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion})


def client_key(sandbox: Sandbox) -> bytes:
    return Path(sandbox.client_certificate).read_bytes()


def test_azure_identity_signs_in_with_the_client_secret(fresh_sandbox: Sandbox) -> None:
    credential = ClientSecretCredential(
        fresh_sandbox.tenant_id,
        fresh_sandbox.client_id,
        fresh_sandbox.client_secret,
        authority=fresh_sandbox.authority_host,
        disable_instance_discovery=True,
    )
    with credential:
        token = credential.get_token(GRAPH_SCOPE)
    assert token.expires_on - time.time() == pytest.approx(3599, abs=30)


def test_azure_identity_signs_in_with_the_certificate(fresh_sandbox: Sandbox) -> None:
    credential = CertificateCredential(
        fresh_sandbox.tenant_id,
        fresh_sandbox.client_id,
        fresh_sandbox.client_certificate,
        authority=fresh_sandbox.authority_host,
        disable_instance_discovery=True,
    )
    with credential:
        assert credential.get_token(PORTAL_SCOPE).token


def test_azure_identity_signs_in_with_a_managed_identity_as_federated_credential(
    fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = fresh_sandbox.state.account
    monkeypatch.setenv("IDENTITY_ENDPOINT", fresh_sandbox.managed_identity_endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", account.managed_identity_header)
    identity = ManagedIdentityCredential(client_id=account.managed_identity_client_id)
    credential = ClientAssertionCredential(
        fresh_sandbox.tenant_id,
        fresh_sandbox.client_id,
        lambda: identity.get_token("api://AzureADTokenExchange/.default").token,
        authority=fresh_sandbox.authority_host,
        disable_instance_discovery=True,
    )
    with identity, credential:
        assert credential.get_token(GRAPH_SCOPE).token


@pytest.mark.parametrize("version", [1, 2])
def test_the_client_secret_can_come_in_the_basic_header(fresh_sandbox: Sandbox, version: int) -> None:
    """client_secret_basic, as the OpenID configuration advertises: id and secret are form-encoded in the header."""
    credentials = f"{quote_plus(fresh_sandbox.client_id)}:{quote_plus(fresh_sandbox.client_secret)}"
    header = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    answer = ask(fresh_sandbox, {"client_id": "", "client_secret": ""}, version=version, authorization=header)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("credentials", "code"),
    [("{client_id}:wrong", 7000215), ("{client_id}:", 7000218), ("{client_id}", 7000218), ("\xff", 900144)],
)
def test_a_basic_header_without_the_right_secret_is_refused(
    fresh_sandbox: Sandbox, credentials: str, code: int
) -> None:
    text = credentials.format(client_id=fresh_sandbox.client_id)
    header = f"Basic {base64.b64encode(text.encode('latin-1')).decode()}"
    answer = ask(fresh_sandbox, {"client_id": "", "client_secret": ""}, authorization=header)
    assert answer.json()["error_codes"] == [code]


def test_azure_identity_reports_the_entra_code_of_a_wrong_secret(fresh_sandbox: Sandbox) -> None:
    credential = ClientSecretCredential(
        fresh_sandbox.tenant_id,
        fresh_sandbox.client_id,
        "wrong",
        authority=fresh_sandbox.authority_host,
        disable_instance_discovery=True,
    )
    with credential, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(GRAPH_SCOPE)


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "00000000-0000-4000-8000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"scope": "https://graph.microsoft.com"}, 400, "invalid_scope", 70011),
        ({"scope": "https://vault.azure.net/.default"}, 400, "invalid_resource", 500011),
    ],
)
def test_a_bad_request_is_refused_with_entras_message(
    fresh_sandbox: Sandbox, form: dict[str, str], status: int, error: str, code: int
) -> None:
    answer = ask(fresh_sandbox, form)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()


def test_an_unknown_tenant_is_refused_at_discovery_and_at_the_token_endpoint(fresh_sandbox: Sandbox) -> None:
    tenant = "00000000-0000-4000-8000-000000000001"
    discovery = requests.get(
        f"{fresh_sandbox.url}/{tenant}/v2.0/.well-known/openid-configuration", timeout=TIMEOUT_SECONDS
    )
    answers = [discovery, ask(fresh_sandbox, tenant=tenant)]
    assert [(answer.status_code, answer.json()["error_codes"]) for answer in answers] == [(400, [90002])] * 2


def test_the_v1_endpoint_writes_its_numbers_as_strings(fresh_sandbox: Sandbox) -> None:
    body = ask(fresh_sandbox, version=1).json()
    assert body["expires_in"] == "3599"
    assert int(body["expires_on"]) - int(body["not_before"]) == 3599


def test_the_v2_endpoint_writes_its_numbers_as_numbers(fresh_sandbox: Sandbox) -> None:
    body = ask(fresh_sandbox).json()
    assert body["expires_in"] == 3599
    assert "expires_on" not in body


def test_an_assertion_signed_by_another_certificate_is_refused(fresh_sandbox: Sandbox) -> None:
    foreign_key = CertificateAuthority().client_pem
    answer = ask_with_assertion(fresh_sandbox, signed_assertion(fresh_sandbox, foreign_key))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [700027])


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1_700_000_000}, 700024),
        ({"aud": "https://elsewhere.example/"}, 700023),
        ({"sub": "someone-else"}, 700021),
        ({"iss": "someone-else"}, 700021),
    ],
)
def test_a_signed_assertion_with_a_wrong_claim_is_refused(
    fresh_sandbox: Sandbox, claims: dict[str, object], code: int
) -> None:
    answer = ask_with_assertion(fresh_sandbox, signed_assertion(fresh_sandbox, client_key(fresh_sandbox), **claims))
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [code])


def test_a_token_is_not_valid_at_the_other_api(ingestion: Caller, portal: Caller) -> None:
    ingestion.session.headers, portal.session.headers = portal.session.headers, ingestion.session.headers
    refused_by_graph = ingestion.get("private-offer/query")
    refused_by_portal = portal.get("publishers/contoso/offers")
    assert [refused_by_graph.status_code, refused_by_portal.status_code] == [401, 401]
    assert refused_by_graph.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_no_token_is_401(ingestion: Caller) -> None:
    del ingestion.session.headers["Authorization"]
    assert ingestion.get("private-offer/query").status_code == 401


def test_a_token_expires(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.change_settings(token_lifetime_seconds=0)
    token = ask(fresh_sandbox).json()["access_token"]
    ingestion.session.headers["Authorization"] = f"Bearer {token}"
    answer = ingestion.get("private-offer/query")
    assert answer.status_code == 401
    assert "expired" in answer.json()["error"]["message"]


def test_revoked_tokens_are_refused_and_new_ones_are_not(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.revoke_tokens()
    assert ingestion.get("private-offer/query").status_code == 401
    ingestion.session.headers["Authorization"] = f"Bearer {ask(fresh_sandbox).json()['access_token']}"
    assert ingestion.get("private-offer/query").status_code == 200
