"""Tokens from Entra: the app's credential, one token for each API, and the reason when there is none."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from requests import Session

from shared.clock import Clock
from shared.egress.adapter import open_session
from shared.egress.deadline import answer_within
from shared.settings import ClientCertificate, ClientSecret, FederatedIdentity, Settings
from shared.upstream.answers import causes_of, is_defect
from shared.upstream.errors import TokenUnavailable

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

ENTRA_PUBLIC_CLOUD = "https://login.microsoftonline.com"
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
FEDERATION_SCOPE = "api://AzureADTokenExchange/.default"
# One retry in case an idle connection is dead. None for a status: azure-core would sleep for any Retry-After.
_RETRIES = {"retry_total": 1, "retry_connect": 1, "retry_read": 1, "retry_status": 0}
# When less than this is left of a token, azure-identity requests a new one instead of using its cache.
RENEW_BEFORE_EXPIRY = timedelta(minutes=5)
# Bounds one attempt to get a token, including its retry.
ENTRA_TIMEOUT_SECONDS = 10.0
# After a refusal, the wait before Entra is asked again: many threads may want a token at once.
REFUSAL_HOLDS_SECONDS = 5.0
# A renewed token that is rejected within one tick is not renewed again, even if some requests were accepted:
# otherwise every rejection would cost another token.
REJECTED_AGAIN_WITHIN_SECONDS = 50.0
_SENDABLE_TOKEN = re.compile(r"[\x21-\x7e]+")


class SharedCredential:
    """The credential of the process, built when a token is first needed. Thread-safe.

    azure-identity offers no way around its token cache. So when a cached token is rejected, the whole credential is
    replaced.
    """

    def __init__(self, build: Callable[[], "TokenCredential"], close: Callable[[], None] = lambda: None) -> None:
        self._build = build
        self._close = close
        self._lock = Lock()
        self._credential: TokenCredential | None = None

    def current(self) -> "TokenCredential":
        """The credential. Raises what `build` raises: ValueError or TypeError for a bad certificate or password."""
        with self._lock:
            if self._credential is None:
                self._credential = self._build()
            return self._credential

    def discard(self, credential: "TokenCredential") -> None:
        """Stop using `credential`, unless another has already replaced it."""
        with self._lock:
            if self._credential is credential:
                self._credential = None

    def close(self) -> None:
        """Close the connections to Entra. The next token request opens new ones."""
        with self._lock:
            self._credential = None
            self._close()


def credential_from_settings(settings: Settings) -> SharedCredential:
    """The credential that the settings describe. Imports and contacts nothing until a token is needed."""
    builder = _Builder(settings)
    return SharedCredential(builder, builder.close)


class _Builder:
    """Builds azure-identity's credentials, which share their connections to Entra."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def __call__(self) -> "TokenCredential":
        # Imported here: azure.identity imports msal and cryptography, which a tick without due jobs does not need.
        from azure.core.pipeline.transport import RequestsTransport
        from azure.identity import (
            CertificateCredential,
            ClientAssertionCredential,
            ClientSecretCredential,
            ManagedIdentityCredential,
        )

        authority = self._settings.authority_host or ENTRA_PUBLIC_CLOUD
        if self._session is None:
            self._session = open_session(authority, connections=2)
        tenant, client = self._settings.tenant_id, self._settings.client_id
        transport = RequestsTransport(session=self._session, session_owner=False)
        options: dict[str, Any] = {"transport": transport, **_RETRIES}
        entra_options = options | {
            "authority": authority,
            # Microsoft's list of authorities does not have one that the operator chose, so it is not looked up there.
            "disable_instance_discovery": self._settings.authority_host is not None,
        }
        match self._settings.credential:
            case ClientSecret(secret):
                return ClientSecretCredential(tenant, client, secret, **entra_options)
            case ClientCertificate(data, password):
                return CertificateCredential(
                    tenant, client, certificate_data=data, password=password, **entra_options
                )
            case FederatedIdentity(identity_client_id):
                identity = ManagedIdentityCredential(client_id=identity_client_id, **options)
                return ClientAssertionCredential(
                    tenant, client, lambda: identity.get_token(FEDERATION_SCOPE).token, **entra_options
                )


@dataclass(eq=False)
class BearerToken:
    """One token from Entra. `renewed`: it replaces a token that upstream rejected."""

    value: str = field(repr=False)
    given_at: datetime
    renew_at: datetime
    expires_at: datetime
    renewed: bool
    accepted: bool = False
    rejected: bool = False

    def usable_at(self, now: datetime) -> bool:
        """Whether upstream is expected to accept it."""
        return not self.rejected and now < self.expires_at


class TokenSource:
    """Provides the token for `scope`, the same one to all threads, with at most one request to Entra at a time.

    `api` names the upstream API that the tokens are for, for use in errors.
    """

    def __init__(self, credential: SharedCredential, scope: str, clock: Clock, *, api: str) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._api = api
        self._asking = Lock()  # held by the thread that requests a token
        self._token: BearerToken | None = None
        self._refusal: str | None = None
        self._refused_at = datetime.min.replace(tzinfo=UTC)

    def token(self) -> BearerToken:
        """A token that upstream has not rejected. Raises TokenUnavailable."""
        now = self._clock.now()
        held = self._token
        # While one thread renews a token early, the others continue with the old one.
        if held and held.usable_at(now) and (now < held.renew_at or self._asking.locked()):
            return held
        with self._asking:
            return self._newest_token()

    def accepted(self, token: BearerToken) -> None:
        """Note that upstream accepted `token`."""
        token.accepted = True

    def rejected(self, token: BearerToken) -> bool:
        """Note that upstream answered 401 to `token`, which is not used again. Several threads may report this.

        Returns whether another renewal is pointless, because this token was renewed itself and either never worked or
        is only seconds old.
        """
        token.rejected = True
        age_seconds = (self._clock.now() - token.given_at).total_seconds()
        return token.renewed and (not token.accepted or age_seconds < REJECTED_AGAIN_WITHIN_SECONDS)

    def _newest_token(self) -> BearerToken:
        now, held = self._clock.now(), self._token
        if held and held.usable_at(now) and now < held.renew_at:
            return held  # another thread has just got it
        if self._refusal is None or not 0 <= (now - self._refused_at).total_seconds() < REFUSAL_HOLDS_SECONDS:
            self._ask_entra(now)
        if self._token and (self._refusal is None or self._token.usable_at(now)):
            return self._token  # perhaps the old one, which remains valid for some minutes after a refusal
        assert self._refusal is not None  # noqa: S101 - _ask_entra leaves a token or a refusal
        raise TokenUnavailable(self._refusal, api=self._api)

    def _ask_entra(self, now: datetime) -> None:
        renewing = self._token is not None and self._token.rejected
        try:
            credential = self._credential.current()
            if renewing:
                self._credential.discard(credential)  # its cache would answer with the rejected token
                credential = self._credential.current()
        except (OSError, ValueError, TypeError) as error:
            self._refuse(unusable_credential(error))
            return
        try:
            try:
                answer = self._token_from(credential)
            except Exception as error:
                if not is_defect(error):
                    raise
                # msal keeps what it could not understand, and then asks no more: another credential has to.
                self._credential.discard(credential)
                answer = self._token_from(self._credential.current())
            token = _bearer_token(answer, now, renewed=renewing)
        except Exception as error:  # noqa: BLE001 - whatever Entra or azure-identity raises, there is no token
            self._refuse(entra_refusal(error))
            return
        self._refusal, self._token = None, token

    def _token_from(self, credential: "TokenCredential") -> "AccessToken":
        with answer_within(ENTRA_TIMEOUT_SECONDS):
            return credential.get_token(self._scope)

    def _refuse(self, refusal: str) -> None:
        self._refusal, self._refused_at = refusal, self._clock.now()


def _bearer_token(answer: "AccessToken", now: datetime, *, renewed: bool) -> BearerToken:
    """Raises ValueError for a token that cannot be sent, and various errors for an absurd time of expiry."""
    if not _SENDABLE_TOKEN.fullmatch(answer.token):
        raise ValueError("the token cannot be sent in a header")
    expires_at = datetime.fromtimestamp(answer.expires_on, UTC)
    return BearerToken(
        value=answer.token,
        given_at=now,
        # A short-lived token is used for four fifths of its life instead of being renewed for every request.
        renew_at=expires_at - min(RENEW_BEFORE_EXPIRY, (expires_at - now) / 5),
        expires_at=expires_at,
        renewed=renewed,
    )


# The sentences are the monitor's own, since Entra's descriptions may repeat secrets that it was sent.
_LONGEST_TEXT_CHARACTERS = 10_000
_ERROR_CODE = re.compile(r"AADSTS(\d{4,9})")
_CREDENTIAL_REFUSED = re.compile(r"\b(?:invalid_client|unauthorized_client)\b")  # OAuth 2.0, RFC 6749, 5.2
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_MEANINGS = {
    "50034": "the app's account does not exist in the tenant",
    "53003": "a Conditional Access policy blocks the app",
    "500011": "the token scope is not for a resource that the tenant knows",
    "700016": "PARTNER_CENTER_CLIENT_ID is not an app in the tenant",
    "700027": "the certificate is not registered with the app",
    "700212": "no federated credential of the app matches the managed identity's audience",
    "700213": "no federated credential of the app matches the managed identity",
    "7000112": "the app is disabled in the tenant",
    "7000215": "the client secret is wrong",
    "7000222": "the client secret has expired",
    "70021": "no federated credential of the app matches the managed identity",
    "70011": "the token scope is malformed",
    "90002": "PARTNER_CENTER_TENANT_ID is not a known tenant",
    "900023": "PARTNER_CENTER_TENANT_ID is not a tenant id or domain",
    # The same reference calls these temporary.
    **dict.fromkeys(("50196", "90006", "90012", "90024", "90033", "90055"), "it is busy or failing at the moment"),
}
# By the name of the error or of one that caused it, so that neither library is imported; the first match says most.
_BY_ERROR = {
    "TimeoutError": "Entra gives no token: it did not answer in time.",
    "CredentialUnavailableError": "No token: the managed identity is not available.",
    "ServiceRequestError": "Entra gives no token: it cannot be reached.",
    "ServiceResponseError": "Entra gives no token: the connection was cut.",
}


def unusable_credential(error: Exception) -> str:
    """Why the credential could not even be built: the certificate or the trust store cannot be read."""
    what = "REQUESTS_CA_BUNDLE's trust store" if isinstance(error, OSError) else "the certificate or its password"
    return f"No token: {what} cannot be used."


def entra_refusal(error: Exception) -> str:
    """Why Entra gave no token, from the error that asking it raised: one sentence that is safe to log."""
    causes = causes_of(error)
    texts = [_text(cause) for cause in causes]
    code = next((found[1] for text in texts if (found := _ERROR_CODE.search(text))), None)
    if code is not None:
        meaning = _MEANINGS.get(code, "Microsoft's list of AADSTS codes says why")
        return f"Entra gives no token (AADSTS{code}): {meaning}."
    if any(_CREDENTIAL_REFUSED.search(text) for text in texts):
        return "Entra gives no token: it refuses the app's credential."
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    known = (sentence for name, sentence in _BY_ERROR.items() if name in kinds)
    return next(known, "Entra gives no token: its answer could not be understood.")


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST_TEXT_CHARACTERS]
    except Exception:  # noqa: BLE001 - an error that cannot be printed has no text
        return ""
