"""How the app proves itself to Entra: azure-identity's credentials, built from the settings when first needed."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from requests import Session

from shared.settings import ClientCertificate, ClientSecret, FederatedIdentity, Settings
from shared.upstream.session import open_session

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

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
