"""How the app proves itself to Entra: azure-identity's credentials, built from the settings when first needed."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from requests import Session

from shared.egress.adapter import open_session
from shared.settings import ClientCertificate, ClientSecret, FederatedIdentity, Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.clock import Clock
from shared.egress.deadline import answer_within
from shared.upstream.entra_refusals import EntraRefusal, read_refusal, unusable_credential
from shared.upstream.errors import TokenUnavailable

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken


ENTRA_PUBLIC_CLOUD = "https://login.microsoftonline.com"
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
FEDERATION_SCOPE = "api://AzureADTokenExchange/.default"
# One more try when a kept connection turns out dead. None for a status: azure-core would sleep for any Retry-After.
_RETRIES = {"retry_total": 1, "retry_connect": 1, "retry_read": 1, "retry_status": 0}


class SharedCredential:
    """The one credential of the process, built when a token is first needed.

    azure-identity offers no way past its token cache, so when a cached token is rejected the credential is replaced
    by a new one. Thread-safe.
    """

    def __init__(self, build: Callable[[], "TokenCredential"], close: Callable[[], None] = lambda: None) -> None:
        self._build = build
        self._close = close
        self._lock = Lock()
        self._credential: TokenCredential | None = None

    def current(self) -> "TokenCredential":
        """Raises what `build` raises: ValueError or TypeError for a certificate or password of no use."""
        with self._lock:
            if self._credential is None:
                self._credential = self._build()
            return self._credential

    def discard(self, credential: "TokenCredential") -> None:
        """Use `credential` no more; does nothing if another has taken its place already."""
        with self._lock:
            if self._credential is credential:
                self._credential = None

    def close(self) -> None:
        """Close the connections to Entra; the next token opens new ones."""
        with self._lock:
            self._credential = None
            self._close()


def credential_from_settings(settings: Settings) -> SharedCredential:
    """The credential that the settings describe. Nothing is imported or contacted until a token is needed."""
    builder = _Builder(settings)
    return SharedCredential(builder, builder.close)


class _Builder:
    """Builds azure-identity's credentials; those built one after another share their connections to Entra."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def __call__(self) -> "TokenCredential":
        # Imported here: azure.identity brings msal and cryptography, which a tick with nothing to do never needs.
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
            # An authority of the operator's choosing is trusted as it stands: Microsoft's list does not know it.
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


# azure-identity asks Entra anew, instead of its cache, once a token has less than this left.
RENEW_BEFORE_EXPIRY = timedelta(minutes=5)
# Bounds one attempt to get a token, its own second try included.
ENTRA_TIMEOUT_SECONDS = 10.0
# While Entra refuses, so long passes before it is asked again: many threads may ask at once.
REFUSAL_HOLDS_SECONDS = 5.0
# A renewed token that is rejected again within one tick is not renewed any more, even if some requests were accepted:
# otherwise every rejection would cost another token.
REJECTED_AGAIN_WITHIN_SECONDS = 50.0
_SENDABLE_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(eq=False)
class BearerToken:
    """One token as Entra gave it. `renewed`: it replaces one that upstream rejected."""

    value: str = field(repr=False)
    given_at: datetime
    renew_at: datetime
    expires_at: datetime
    renewed: bool
    accepted: bool = False
    rejected: bool = False

    def usable_at(self, now: datetime) -> bool:
        """Whether upstream can be expected to take it."""
        return not self.rejected and now < self.expires_at


class TokenSource:
    """Gives out the token for `scope`, the same one to all threads, with at most one request to Entra at a time.

    `api` is the name of the upstream API that the tokens are for; errors carry it.
    """

    def __init__(self, credential: SharedCredential, scope: str, clock: Clock, *, api: str) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._api = api
        self._asking = Lock()  # held by the thread that asks Entra
        self._token: BearerToken | None = None
        self._refusal: EntraRefusal | None = None
        self._refused_at = datetime.min.replace(tzinfo=UTC)

    def token(self) -> BearerToken:
        """A token that upstream is not known to reject. Raises TokenUnavailable."""
        now = self._clock.now()
        held = self._token
        # While one thread renews a token before its time, the others go on with the old one.
        if held and held.usable_at(now) and (now < held.renew_at or self._asking.locked()):
            return held
        with self._asking:
            return self._newest_token()

    def accepted(self, token: BearerToken) -> None:
        """Upstream took `token`."""
        token.accepted = True

    def rejected(self, token: BearerToken) -> bool:
        """Upstream answered 401 to `token`: it is not given out again, however many threads report it.

        Returns whether renewing it again is pointless: it was itself renewed, and either never worked or was renewed
        only just now.
        """
        token.rejected = True
        age_seconds = (self._clock.now() - token.given_at).total_seconds()
        return token.renewed and (not token.accepted or age_seconds < REJECTED_AGAIN_WITHIN_SECONDS)

    def _newest_token(self) -> BearerToken:
        now, held = self._clock.now(), self._token
        if held and held.usable_at(now) and now < held.renew_at:
            return held  # another thread got it meanwhile
        if self._refusal is None or not 0 <= (now - self._refused_at).total_seconds() < REFUSAL_HOLDS_SECONDS:
            self._ask_entra(now)
        if self._token and (self._refusal is None or self._token.usable_at(now)):
            return self._token  # the old one perhaps: refused another, it still has some minutes
        assert self._refusal is not None  # noqa: S101 - _ask_entra leaves a token or a refusal
        raise TokenUnavailable(self._refusal.sentence, api=self._api, transient=self._refusal.transient)

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
            with answer_within(ENTRA_TIMEOUT_SECONDS):
                answer = credential.get_token(self._scope)
            token = _bearer_token(answer, now, renewed=renewing)
        except Exception as error:  # noqa: BLE001 - whatever Entra or azure-identity comes up with, there is no token
            self._refuse(read_refusal(error))
            return
        self._refusal, self._token = None, token

    def _refuse(self, refusal: EntraRefusal) -> None:
        self._refusal, self._refused_at = refusal, self._clock.now()


def _bearer_token(answer: "AccessToken", now: datetime, *, renewed: bool) -> BearerToken:
    """Raises ValueError for a token that cannot be sent, and what a hostile time of expiry leads to."""
    if not _SENDABLE_TOKEN.fullmatch(answer.token):
        raise ValueError("the token cannot be sent")
    expires_at = datetime.fromtimestamp(answer.expires_on, UTC)
    return BearerToken(
        value=answer.token,
        given_at=now,
        # A short-lived token is used for four fifths of its life, not renewed for every request.
        renew_at=expires_at - min(RENEW_BEFORE_EXPIRY, (expires_at - now) / 5),
        expires_at=expires_at,
        renewed=renewed,
    )
