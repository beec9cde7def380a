"""Names and versions of Microsoft's JSON schemas: which exist, which are simulated, and which one an answer uses."""

import math
import re
from typing import NamedTuple

SCHEMA_BASE = "https://schema.mp.microsoft.com/schema"
_URI = re.compile(
    r"https://(?:schema\.mp\.microsoft\.com|product-ingestion\.azureedge\.net)"  # the second is the older host
    r"/schema/([a-z][a-z0-9]*(?:-[a-z0-9]+)*)/(\d{4}-\d{2}-\d{2}(?:-preview\d+)?)"
)

PREVIEW = "2022-03-01-preview2"
FIRST_RELEASE = "2022-07-01"
MULTIPARTY_RELEASE = "2023-07-15"

OFFER = "private-offer"
PRICE = "price-and-availability-private-offer-plan"

# The types of private offers have their own schemas, which clients may name instead of `private-offer`.
OFFER_TYPE_BY_SCHEMA: dict[str, str | None] = {
    OFFER: None,
    "private-offer-customer": "customerPromotion",
    "private-offer-csp": "cspPromotion",
    "private-offer-mpo-originator": "multipartyPromotionOriginator",
    "private-offer-mpo-channel-partner": "multipartyPromotionChannelPartner",
}

# The versions that POST configure accepts.
ACCEPTED_VERSIONS = {
    "configure": (PREVIEW, FIRST_RELEASE),
    OFFER: (PREVIEW, FIRST_RELEASE, MULTIPARTY_RELEASE, "2024-09-30", "2026-02-01"),
    PRICE: (PREVIEW, FIRST_RELEASE, MULTIPARTY_RELEASE, "2025-06-01"),
}

# The versions in which the sandbox can write a resource, oldest first. The fields of later ones are not public.
_WRITTEN_VERSIONS = {
    "configure-status": (PREVIEW, FIRST_RELEASE),
    "product": (PREVIEW, "2022-03-01-preview3", FIRST_RELEASE),
    "plan": (PREVIEW, FIRST_RELEASE),
    OFFER: (PREVIEW, FIRST_RELEASE, MULTIPARTY_RELEASE),
    PRICE: (PREVIEW, FIRST_RELEASE, MULTIPARTY_RELEASE),
}

# Resource types that Microsoft documents and the sandbox does not simulate.
NOT_SIMULATED = frozenset(
    {
        *("azure-test-drive-technical-configuration", "commercial-marketplace-setup"),
        *("container-plan-technical-configuration", "customer-leads", "listing", "listing-asset", "listing-trailer"),
        *("microsoft365-integration", "plan", "plan-listing", "price-and-availability-custom-meter"),
        *("price-and-availability-offer", "price-and-availability-plan"),
        *("price-and-availability-update-private-audiences", "product", "property", "reseller", "resource-tree"),
        *("software-as-a-service-technical-configuration", "submission", "test-drive", "test-drive-listing"),
        *("virtual-machine-plan-technical-configuration", "virtual-machine-test-drive-technical-configuration"),
    }
)


class SchemaName(NamedTuple):
    """The type and version in a schema URI."""

    type: str
    version: str


def parse_schema(uri: object) -> SchemaName | None:
    """The type and version in a schema URI of either host; None for anything else."""
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    return SchemaName(match[1], match[2]) if match else None


def newest_version(resource_type: str, ceiling: str | None) -> str | None:
    """The newest version of a type up to `ceiling` (None: no limit); None if all are newer."""
    versions = _WRITTEN_VERSIONS[resource_type]
    if ceiling is None:
        return versions[-1]
    return next((version for version in reversed(versions) if age(version) <= age(ceiling)), None)


def age(version: str) -> tuple[str, float]:
    """A key that sorts versions by date, and the previews of a date before its release."""
    date, _, preview = version.partition("-preview")
    return date, math.inf if date == version else float(preview or 0)
