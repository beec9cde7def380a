"""Settings: all read, all checked, every fault named at once."""

import base64
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.setting_reader import SettingsError
from shared.settings import (
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    StorageByConnectionString,
    StorageByIdentity,
    load_settings,
    load_storage_settings,
)

COMPLETE = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_TENANT_ID": "3c1f2b7e-5a04-4c53-9f0e-6d1b8a2e4f70",
    "PARTNER_CENTER_CLIENT_ID": "8e0d5a61-97b3-4b1f-a8a4-2f4c1de0b935",
    "PARTNER_CENTER_CLIENT_SECRET": "a secret",
}


def faults(**changes: str | None) -> str:
    environ = {name: value for name, value in (COMPLETE | changes).items() if value is not None}
    with pytest.raises(SettingsError) as error:
        load_settings(environ)
    return str(error.value)


def test_the_defaults_are_microsofts_addresses_and_versions() -> None:
    settings = load_settings(COMPLETE)
    assert settings.product_ingestion_url == "https://graph.microsoft.com/rp/product-ingestion"
    assert settings.product_ingestion_scope == "https://graph.microsoft.com/.default"
    assert settings.product_ingestion_status_version == "2022-07-01"
    assert settings.product_ingestion_offer_version == "2023-07-15"
    assert settings.cloud_partner_portal_url == "https://cloudpartner.azure.com/api"
    assert settings.cloud_partner_portal_scope == "https://cloudpartner.azure.com/.default"
    assert settings.cloud_partner_portal_version == "2017-10-31"
    assert settings.jobs_table == "jobs"
    assert settings.authority_host is None
    assert (settings.poll_concurrency, settings.upstream_timeout_seconds) == (32, 30)
    assert (settings.job_stalled_after_hours, settings.job_expires_after_days) == (24, 30)
    assert settings.job_lost_after_not_found == 5
    assert (settings.job_history_days, settings.delivery_history_days) == (365, 30)
    assert not settings.webhook_allow_private_networks
    assert (settings.watch_private_offers, settings.watch_cpp_offers) == (True, ())
    assert (settings.watch_expiring_days, settings.watch_ending_days) == ((7, 1), (30, 7))


def test_with_nothing_set_one_error_names_every_required_setting() -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({})
    for name in (
        "AzureWebJobsStorage",
        "PARTNER_CENTER_TENANT_ID",
        "PARTNER_CENTER_CLIENT_ID",
        "PARTNER_CENTER_CLIENT_SECRET",
        "PARTNER_CENTER_CERTIFICATE",
        "PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID",
    ):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AzureWebJobsStorage", "nonsense"),
        ("JOBS_TABLE", "a-b"),
        ("PARTNER_CENTER_TENANT_ID", "a/b"),
        ("PARTNER_CENTER_CLIENT_ID", "someone"),
        ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
        ("PRODUCT_INGESTION_URL", "http://graph.microsoft.com"),
        ("PRODUCT_INGESTION_URL", "https://user:secret@graph.microsoft.com"),
        ("PRODUCT_INGESTION_URL", "https://graph.microsoft.com:port"),
        ("CLOUD_PARTNER_PORTAL_URL", "cloudpartner.azure.com"),
        ("PRODUCT_INGESTION_SCOPE", "https://graph.microsoft.com"),
        ("PRODUCT_INGESTION_STATUS_VERSION", "latest"),
        ("UPSTREAM_TIMEOUT_SECONDS", "0"),
        ("UPSTREAM_TIMEOUT_SECONDS", "nan"),
        ("UPSTREAM_TIMEOUT_SECONDS", "soon"),
        ("POLL_CONCURRENCY", "1.5"),
        ("POLL_CONCURRENCY", "100000"),
        ("JOB_STALLED_AFTER_HOURS", "-1"),
        ("JOB_EXPIRES_AFTER_DAYS", "inf"),
        ("JOB_LOST_AFTER_NOT_FOUND", "-77"),
        ("JOB_HISTORY_DAYS", "-1"),
        ("DELIVERY_HISTORY_DAYS", "7.5"),
        ("WEBHOOK_URL", "https://example.com/hook"),
        ("WEBHOOK_ALLOW_PRIVATE_NETWORKS", "perhaps"),
        ("WATCH_PRIVATE_OFFERS", "private"),
        ("WATCH_CPP_OFFERS", "fabrikam"),
        ("WATCH_CPP_OFFERS", "fabrikam/vm,,fabrikam/app"),
        ("WATCH_CPP_OFFERS", "fabrikam/vm/draft"),
        ("WATCH_CPP_OFFERS", "fabrikam/.."),
        ("WATCH_CPP_OFFERS", "fabrikam/vm, Fabrikam/VM"),
        ("WATCH_CPP_OFFERS", ",".join(f"fabrikam/vm-{number}" for number in range(51))),
        ("WATCH_EXPIRING_DAYS", "a week"),
        ("WATCH_EXPIRING_DAYS", "70,,12"),
        ("WATCH_EXPIRING_DAYS", "7.25"),
        ("WATCH_EXPIRING_DAYS", "00"),
        ("WATCH_ENDING_DAYS", "3651"),
        ("WATCH_ENDING_DAYS", "-30"),
        ("WATCH_ENDING_DAYS", "\u0663"),
        ("WATCH_ENDING_DAYS", "2,3,4,5,6,7,8,9,11,12,13"),
    ],
)
def test_a_malformed_setting_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    text = faults(**{name: value})
    assert name in text
    assert value not in text.replace(name, "")


def test_several_faults_are_named_together() -> None:
    text = faults(JOBS_TABLE="-", POLL_CONCURRENCY="x", PARTNER_CENTER_TENANT_ID=None)
    assert all(name in text for name in ("JOBS_TABLE", "POLL_CONCURRENCY", "PARTNER_CENTER_TENANT_ID"))


def test_two_credentials_at_once_are_a_fault() -> None:
    text = faults(PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID="b4a7c1f0-2d3e-4f5a-8b6c-9d0e1f2a3b4c")
    assert "PARTNER_CENTER_CLIENT_SECRET and PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID are set" in text
    assert "a secret" not in text


def test_each_kind_of_credential_is_read(tmp_path: Path) -> None:
    without = {name: value for name, value in COMPLETE.items() if name != "PARTNER_CENTER_CLIENT_SECRET"}
    assert load_settings(COMPLETE).credential == ClientSecret("a secret")
    federated = load_settings(without | {"PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID": "b4a7"})
    assert federated.credential == FederatedIdentity("b4a7")
    encoded = base64.b64encode(b"a certificate").decode()
    inline = load_settings(
        without | {"PARTNER_CENTER_CERTIFICATE": encoded, "PARTNER_CENTER_CERTIFICATE_PASSWORD": "p"}
    )
    assert inline.credential == ClientCertificate(b"a certificate", "p")
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"another")
    from_file = load_settings(without | {"PARTNER_CENTER_CERTIFICATE_PATH": str(path)})
    assert from_file.credential == ClientCertificate(b"another", None)


def test_a_certificate_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    assert "CERTIFICATE_PATH" in faults(PARTNER_CENTER_CLIENT_SECRET=None, PARTNER_CENTER_CERTIFICATE_PATH=missing)
    assert "CERTIFICATE should be" in faults(PARTNER_CENTER_CLIENT_SECRET=None, PARTNER_CENTER_CERTIFICATE="***")


def test_secrets_are_not_in_the_repr_of_the_settings() -> None:
    settings = load_settings(COMPLETE | {"WEBHOOK_URL": "https://x.example", "WEBHOOK_SECRET": "whsec_hidden"})
    assert "a secret" not in repr(settings)
    assert "whsec_hidden" not in repr(settings)
    assert "AccountKey" not in repr(settings)


def test_storage_by_identity_is_read_by_account_name_or_by_address() -> None:
    by_name = load_storage_settings(
        {"AzureWebJobsStorage__accountName": "abc", "AzureWebJobsStorage__clientId": "id"}
    )
    assert by_name.storage == StorageByIdentity("https://abc.table.core.windows.net", "id")
    address = "https://abc.table.core.usgovcloudapi.net"
    by_address = load_storage_settings({"AzureWebJobsStorage__tableServiceUri": address})
    assert by_address.storage == StorageByIdentity(address, None)


def test_development_storage_is_the_local_emulator_on_its_port() -> None:
    environ = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AZURITE_TABLE_PORT": "12345"}
    storage = load_storage_settings(environ).storage
    assert isinstance(storage, StorageByConnectionString)
    assert "TableEndpoint=http://127.0.0.1:12345/devstoreaccount1" in storage.connection_string


def test_storage_can_be_read_while_other_settings_are_at_fault() -> None:
    assert load_storage_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}).jobs_table == "jobs"


@pytest.mark.parametrize(
    ("environ", "public_url"),
    [
        ({}, None),
        ({"WEBSITE_HOSTNAME": "offers.azurewebsites.net"}, "https://offers.azurewebsites.net"),
        ({"WEBSITE_HOSTNAME": "localhost:7071"}, None),
        ({"PUBLIC_URL": "https://offers.example/"}, "https://offers.example"),
        ({"PUBLIC_URL": "http://offers.example:8080/monitor/"}, "http://offers.example:8080/monitor"),
        ({"PUBLIC_URL": "https://a.example", "WEBSITE_HOSTNAME": "b.azurewebsites.net"}, "https://a.example"),
    ],
)
def test_the_public_url_is_the_setting_or_the_host_name_on_azure(
    environ: dict[str, str], public_url: str | None
) -> None:
    assert load_settings(COMPLETE | environ).public_url == public_url


@pytest.mark.parametrize(
    "url",
    [
        "offers.example",
        "/",
        "ftp://offers.example",
        "https://",
        "https://user@offers.example",
        "https://@offers.example",
        "https://offers.example/?x=1",
        "https://offers.example/?",
        "https://offers.example/#top",
        "https://offers example",
        "https://\u00fc.example",
        "https://offers.example:0",
        "https://offers.example/" + "x" * 2000,
    ],
)
def test_a_public_url_that_cannot_be_one_is_named(url: str) -> None:
    assert faults(PUBLIC_URL=url).startswith("Settings at fault: PUBLIC_URL should be an https or http URL")


def test_the_watch_of_private_offers_can_be_switched_off() -> None:
    assert not load_settings(COMPLETE | {"WATCH_PRIVATE_OFFERS": "False"}).watch_private_offers
    assert load_settings(COMPLETE | {"WATCH_PRIVATE_OFFERS": " "}).watch_private_offers


def test_cpp_offers_are_pairs_of_publisher_and_offer() -> None:
    named = load_settings(COMPLETE | {"WATCH_CPP_OFFERS": " contoso/example-vm, Fabrikam/app_2.0 "})
    assert named.watch_cpp_offers == (("contoso", "example-vm"), ("Fabrikam", "app_2.0"))
    fifty = ",".join(f"contoso/vm-{number}" for number in range(50))
    assert len(load_settings(COMPLETE | {"WATCH_CPP_OFFERS": fifty}).watch_cpp_offers) == 50


def test_a_faulty_cpp_offer_is_named_by_its_place() -> None:
    assert faults(WATCH_CPP_OFFERS="contoso/vm,contoso").endswith(
        "in entry 2, offerId should be at most 100 letters, digits, hyphens, underscores and dots, not only dots"
    )
    assert faults(WATCH_CPP_OFFERS="contoso/vm,contoso/vm").endswith("entry 2 is a repetition")


@pytest.mark.parametrize(
    ("text", "days"),
    [("14", (14,)), (" 1, 30 ,7 ", (30, 7, 1)), ("7,1,7", (7, 1)), ("3650", (3650,)), ("", ()), ("  ", ())],
)
def test_days_are_read_in_any_order_and_an_empty_list_means_none(text: str, days: tuple[int, ...]) -> None:
    settings = load_settings(COMPLETE | {"WATCH_EXPIRING_DAYS": text, "WATCH_ENDING_DAYS": text})
    assert (settings.watch_expiring_days, settings.watch_ending_days) == (days, days)


_SETTINGS = [
    *("JOBS_TABLE", "PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID", "PARTNER_CENTER_CLIENT_SECRET"),
    *(
        "PARTNER_CENTER_CERTIFICATE",
        "PARTNER_CENTER_CERTIFICATE_PATH",
        "AZURE_AUTHORITY_HOST",
        "PRODUCT_INGESTION_URL",
        "PRODUCT_INGESTION_SCOPE",
    ),
    *("PRODUCT_INGESTION_STATUS_VERSION", "UPSTREAM_TIMEOUT_SECONDS", "POLL_CONCURRENCY", "WEBHOOK_URL"),
    *("AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__tableServiceUri"),
    *("JOB_STALLED_AFTER_HOURS", "WEBHOOK_ALLOW_PRIVATE_NETWORKS", "WEBHOOK_SECRET", "CLOUD_PARTNER_PORTAL_URL"),
    *("PUBLIC_URL", "WEBSITE_HOSTNAME"),
    *("WATCH_PRIVATE_OFFERS", "WATCH_CPP_OFFERS", "WATCH_EXPIRING_DAYS", "WATCH_ENDING_DAYS"),
]
_VALUES = st.text() | st.integers().map(str) | st.floats().map(str) | st.text().map("https://{}".format)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(_SETTINGS), _VALUES))
def test_any_settings_are_read_or_named_as_faulty(environ: dict[str, str]) -> None:
    with suppress(SettingsError):
        load_settings(environ)
    with suppress(SettingsError):
        load_storage_settings(environ)
