"""The app's settings: the only module that reads the environment.

`load_settings` looks at every setting, and if any is missing or malformed raises one `SettingsError` that names them
all. A value is never repeated in an error, since it may be a secret in the wrong place.
"""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.identifiers import InvalidIdentifier, offer_id, publisher_id
from shared.setting_reader import SettingReader

# Azurite's published account: the same on every machine, and worth nothing to anyone.
_AZURITE_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_AZURITE_CONNECTION_STRING = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    f"AccountKey={_AZURITE_ACCOUNT_KEY};TableEndpoint=http://127.0.0.1:{{port}}/devstoreaccount1;"
)
_CPP_OFFERS_MAX_COUNT = 50


@dataclass(frozen=True)
class ClientSecret:
    """The Entra app proves itself with a secret."""

    secret: str = field(repr=False)


@dataclass(frozen=True)
class ClientCertificate:
    """The Entra app proves itself with a certificate: PEM or PFX bytes, its private key included."""

    data: bytes = field(repr=False)
    password: str | None = field(repr=False)


@dataclass(frozen=True)
class FederatedIdentity:
    """The Entra app trusts this user-assigned managed identity: no secret at all."""

    client_id: str


type PartnerCenterCredential = ClientSecret | ClientCertificate | FederatedIdentity


@dataclass(frozen=True)
class StorageByConnectionString:
    """Table Storage by connection string (Azurite, or an account key)."""

    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class StorageByIdentity:
    """Table Storage by managed identity; `client_id` names a user-assigned one."""

    table_endpoint: str
    client_id: str | None


type Storage = StorageByConnectionString | StorageByIdentity


@dataclass(frozen=True)
class StorageSettings:
    """Where jobs are kept: enough to answer from storage when Partner Center's settings are at fault."""

    storage: Storage
    jobs_table: str


@dataclass(frozen=True)
class Settings:
    """Every setting of the app, checked. The field names follow the settings' own (`docs/settings.md`).

    `watch_cpp_offers` has a publisher id and an offer id for each offer. The days have no duplicates and the greatest
    comes first.
    """

    storage: Storage
    jobs_table: str
    tenant_id: str
    client_id: str
    credential: PartnerCenterCredential
    authority_host: str | None
    product_ingestion_url: str
    product_ingestion_scope: str
    product_ingestion_status_version: str
    product_ingestion_offer_version: str
    cloud_partner_portal_url: str
    cloud_partner_portal_scope: str
    cloud_partner_portal_version: str
    upstream_timeout_seconds: float
    poll_concurrency: int
    job_stalled_after_hours: float
    job_expires_after_days: float
    job_lost_after_not_found: int
    job_history_days: int
    delivery_history_days: int
    webhook_url: str | None
    webhook_secret: str | None = field(repr=False)
    webhook_allow_private_networks: bool = False
    public_url: str | None = None
    watch_private_offers: bool = True
    watch_cpp_offers: tuple[tuple[str, str], ...] = ()
    watch_expiring_days: tuple[int, ...] = (7, 1)
    watch_ending_days: tuple[int, ...] = (30, 7)
    ca_bundle: str | None = None


def load_storage_settings(environ: Mapping[str, str] = os.environ) -> StorageSettings:
    """The storage settings alone, so that health can speak of storage even while others are at fault."""
    read = SettingReader(environ)
    settings = StorageSettings(storage=_storage(read), jobs_table=_jobs_table(read))
    read.raise_faults()
    return settings


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check every setting; raises SettingsError with all faults at once."""
    read = SettingReader(environ)
    settings = Settings(
        storage=_storage(read),
        jobs_table=_jobs_table(read),
        tenant_id=read.required("PARTNER_CENTER_TENANT_ID", r"[A-Za-z0-9.-]+", "a tenant id or domain"),
        client_id=read.required("PARTNER_CENTER_CLIENT_ID", r"[0-9A-Fa-f-]{36}", "the GUID of an Entra app"),
        credential=_credential(read),
        authority_host=_authority_host(read),
        product_ingestion_url=read.url("PRODUCT_INGESTION_URL", "https://graph.microsoft.com/rp/product-ingestion"),
        product_ingestion_scope=read.scope("PRODUCT_INGESTION_SCOPE", "https://graph.microsoft.com/.default"),
        product_ingestion_status_version=read.version("PRODUCT_INGESTION_STATUS_VERSION", "2022-07-01"),
        product_ingestion_offer_version=read.version("PRODUCT_INGESTION_OFFER_VERSION", "2023-07-15"),
        cloud_partner_portal_url=read.url("CLOUD_PARTNER_PORTAL_URL", "https://cloudpartner.azure.com/api"),
        cloud_partner_portal_scope=read.scope(
            "CLOUD_PARTNER_PORTAL_SCOPE", "https://cloudpartner.azure.com/.default"
        ),
        cloud_partner_portal_version=read.version("CLOUD_PARTNER_PORTAL_VERSION", "2017-10-31"),
        upstream_timeout_seconds=read.number("UPSTREAM_TIMEOUT_SECONDS", 30, 1, 45),
        poll_concurrency=read.whole_number("POLL_CONCURRENCY", 32, 1, 256),
        job_stalled_after_hours=read.number("JOB_STALLED_AFTER_HOURS", 24, 0.001, 24 * 365),
        job_expires_after_days=read.number("JOB_EXPIRES_AFTER_DAYS", 30, 0.0001, 3650),
        job_lost_after_not_found=read.whole_number("JOB_LOST_AFTER_NOT_FOUND", 5, 1, 1000),
        job_history_days=read.whole_number("JOB_HISTORY_DAYS", 365, 0, 36_500),
        delivery_history_days=read.whole_number("DELIVERY_HISTORY_DAYS", 30, 0, 36_500),
        webhook_url=read.text("WEBHOOK_URL"),
        webhook_secret=read.text("WEBHOOK_SECRET"),
        webhook_allow_private_networks=read.flag("WEBHOOK_ALLOW_PRIVATE_NETWORKS"),
        public_url=_public_url(read),
        watch_private_offers=read.flag("WATCH_PRIVATE_OFFERS", default=True),
        watch_cpp_offers=_cpp_offers(read),
        watch_expiring_days=read.days("WATCH_EXPIRING_DAYS", (7, 1)),
        watch_ending_days=read.days("WATCH_ENDING_DAYS", (30, 7)),
        ca_bundle=read.text("REQUESTS_CA_BUNDLE"),
    )
    if (settings.webhook_url is None) != (settings.webhook_secret is None):
        read.fault("WEBHOOK_URL and WEBHOOK_SECRET", "are set together or not at all")
    read.raise_faults()
    return settings


def _storage(read: SettingReader) -> Storage:
    connection_string = read.text("AzureWebJobsStorage")
    account = read.text("AzureWebJobsStorage__accountName")
    endpoint = read.text("AzureWebJobsStorage__tableServiceUri")
    client_id = read.text("AzureWebJobsStorage__clientId")
    if connection_string is not None:
        return StorageByConnectionString(_whole_connection_string(read, connection_string))
    if endpoint is not None:
        return StorageByIdentity(read.url("AzureWebJobsStorage__tableServiceUri", endpoint), client_id)
    if account is not None:
        if not re.fullmatch(r"[a-z0-9]{3,24}", account):
            read.fault("AzureWebJobsStorage__accountName", "should be a storage account name")
        return StorageByIdentity(f"https://{account}.table.core.windows.net", client_id)
    read.fault(
        "AzureWebJobsStorage",
        "is required: a storage connection string, or AzureWebJobsStorage__accountName or"
        " AzureWebJobsStorage__tableServiceUri for a managed identity",
    )
    return StorageByConnectionString("")


def _whole_connection_string(read: SettingReader, text: str) -> str:
    """The connection string with `UseDevelopmentStorage=true` spelt out, which the tables client does not know."""
    if text.strip().rstrip(";").casefold() == "usedevelopmentstorage=true":
        port = read.whole_number("AZURITE_TABLE_PORT", 10002, 1, 65535)
        return _AZURITE_CONNECTION_STRING.format(port=port)
    keys = {part.partition("=")[0].strip().casefold() for part in text.split(";") if part.strip()}
    if not ({"accountname", "accountkey"} <= keys or {"tableendpoint", "sharedaccesssignature"} <= keys):
        read.fault("AzureWebJobsStorage", "should be a connection string with AccountName and AccountKey")
    return text


def _jobs_table(read: SettingReader) -> str:
    name = read.text("JOBS_TABLE") or "jobs"
    # Table names are 3 to 63 letters and digits; the webhook tables append up to ten letters to this one.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,49}", name):
        read.fault("JOBS_TABLE", "should be a table name: 3 to 50 letters and digits, a letter first")
    return name


def _credential(read: SettingReader) -> PartnerCenterCredential:
    secret = read.text("PARTNER_CENTER_CLIENT_SECRET")
    certificate = read.text("PARTNER_CENTER_CERTIFICATE")
    certificate_path = read.text("PARTNER_CENTER_CERTIFICATE_PATH")
    federated_client_id = read.text("PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID")
    choices = {
        "PARTNER_CENTER_CLIENT_SECRET": secret,
        "PARTNER_CENTER_CERTIFICATE": certificate,
        "PARTNER_CENTER_CERTIFICATE_PATH": certificate_path,
        "PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID": federated_client_id,
    }
    present = [name for name, value in choices.items() if value is not None]
    if len(present) != 1:
        found = "none is set" if not present else f"{' and '.join(present)} are set"
        read.fault("one of " + ", ".join(choices), f"must be set, and only one; {found}")
    password = read.text("PARTNER_CENTER_CERTIFICATE_PASSWORD")
    if certificate is not None:
        return ClientCertificate(_decoded_certificate(read, certificate), password)
    if certificate_path is not None:
        return ClientCertificate(_certificate_file(read, certificate_path), password)
    if federated_client_id is not None:
        return FederatedIdentity(federated_client_id)
    return ClientSecret(secret or "")


def _decoded_certificate(read: SettingReader, text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:  # binascii.Error is one
        read.fault("PARTNER_CENTER_CERTIFICATE", "should be a PEM or PFX file in base64")
        return b""


def _certificate_file(read: SettingReader, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        read.fault("PARTNER_CENTER_CERTIFICATE_PATH", f"names a file that cannot be read ({reason})")
        return b""


def _public_url(read: SettingReader) -> str | None:
    """Where people reach the app; on Azure, its own host name unless the setting says otherwise."""
    # The Core Tools set the host name too, to this machine and a port.
    host = read.text("WEBSITE_HOSTNAME") or ""
    on_azure = re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", host)
    return read.public_url("PUBLIC_URL") or (f"https://{host}" if on_azure else None)


def _cpp_offers(read: SettingReader) -> tuple[tuple[str, str], ...]:
    """The publisher id and offer id of each CPP offer to follow."""
    setting = "WATCH_CPP_OFFERS"
    text = read.text(setting)
    if text is None:
        return ()
    entries = text.split(",")
    if len(entries) > _CPP_OFFERS_MAX_COUNT:
        read.fault(setting, f"should name at most {_CPP_OFFERS_MAX_COUNT} offers")
        return ()
    offers: dict[tuple[str, str], tuple[str, str]] = {}
    for position, entry in enumerate(entries, 1):
        publisher, _, offer = entry.strip().partition("/")
        try:
            pair = (publisher_id(publisher), offer_id(offer))
        except InvalidIdentifier as error:
            should_be = "publisher/offer pairs separated by commas, such as contoso/example-vm"
            read.fault(setting, f"should be {should_be}: in entry {position}, {error}")
            continue
        # Ids that differ only in case would follow the same offer twice.
        if offers.setdefault((publisher.casefold(), offer.casefold()), pair) is not pair:
            read.fault(setting, f"should name each offer once: entry {position} is a repetition")
    return tuple(offers.values())


def _authority_host(read: SettingReader) -> str | None:
    host = read.text("AZURE_AUTHORITY_HOST")
    if host is None:
        return None
    # azure-identity takes a bare host name as well as a URL.
    return read.url("AZURE_AUTHORITY_HOST", host if "://" in host else f"https://{host}")
