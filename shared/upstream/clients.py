"""Both API clients, built from the settings: they share a credential; each has its own token and connection pool."""

from dataclasses import dataclass

from shared.clock import Clock
from shared.settings import Settings
from shared.upstream.cloud_partner_portal import CLOUD_PARTNER_PORTAL, CloudPartnerPortal
from shared.upstream.product_ingestion import PRODUCT_INGESTION, ProductIngestion
from shared.upstream.tokens import SharedCredential, TokenSource, credential_from_settings
from shared.upstream.transport import Transport

# HTTP functions send requests too, beside the pollers: as many at once as the runtime has threads for them.
CONNECTIONS_BESIDE_POLLING = 16


@dataclass(frozen=True)
class Upstream:
    """The API clients of the process, and their credential."""

    product_ingestion: ProductIngestion
    cloud_partner_portal: CloudPartnerPortal
    credential: SharedCredential

    def close(self) -> None:
        """Close the kept connections."""
        self.product_ingestion.close()
        self.cloud_partner_portal.close()
        self.credential.close()


def upstream_from_settings(settings: Settings, clock: Clock) -> Upstream:
    """Build the clients. Sends nothing: the first request gets a token and opens a connection."""
    credential = credential_from_settings(settings)

    def transport(api: str, base_url: str, scope: str, connections: int) -> Transport:
        return Transport(
            api,
            base_url,
            TokenSource(credential, scope, clock, api=api),
            clock,
            timeout_seconds=settings.upstream_timeout_seconds,
            connections=connections,
        )

    return Upstream(
        ProductIngestion(
            transport(
                PRODUCT_INGESTION,
                settings.product_ingestion_url,
                settings.product_ingestion_scope,
                settings.poll_concurrency + CONNECTIONS_BESIDE_POLLING,
            ),
            status_version=settings.product_ingestion_status_version,
            offer_version=settings.product_ingestion_offer_version,
        ),
        CloudPartnerPortal(
            transport(
                CLOUD_PARTNER_PORTAL,
                settings.cloud_partner_portal_url,
                settings.cloud_partner_portal_scope,
                CONNECTIONS_BESIDE_POLLING,
            ),
            version=settings.cloud_partner_portal_version,
        ),
        credential,
    )
