"""Every setting of the app is set or left out on purpose, none is misspelt, none is one that Flex forbids."""

import base64
import re

import pytest
from tree_sitter import Node

from shared.settings import (
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    StorageByIdentity,
    load_settings,
)
from tests.infra.template import (
    INFRA,
    REPOSITORY,
    Template,
    body_of,
    literal,
    properties,
    property_value,
    text,
)

APP = Template(INFRA / "modules/app.bicep")

CREDENTIAL_SETTINGS = {
    "federated": "PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID",
    "secret": "PARTNER_CENTER_CLIENT_SECRET",
    "certificate": "PARTNER_CENTER_CERTIFICATE",
}
ALWAYS_SET = {"PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID"}
SET_WITH_A_WEBHOOK = {"WEBHOOK_URL", "WEBHOOK_SECRET"}
# Set when the parameter appSettings names them; else the deployed version's own default holds, also after an upgrade.
SET_ON_REQUEST = {
    "JOBS_TABLE",
    "PRODUCT_INGESTION_URL",
    "PRODUCT_INGESTION_SCOPE",
    "PRODUCT_INGESTION_STATUS_VERSION",
    "PRODUCT_INGESTION_OFFER_VERSION",
    "CLOUD_PARTNER_PORTAL_URL",
    "CLOUD_PARTNER_PORTAL_SCOPE",
    "CLOUD_PARTNER_PORTAL_VERSION",
    "UPSTREAM_TIMEOUT_SECONDS",
    "POLL_CONCURRENCY",
    "JOB_STALLED_AFTER_HOURS",
    "JOB_EXPIRES_AFTER_DAYS",
    "JOB_LOST_AFTER_NOT_FOUND",
    "JOB_HISTORY_DAYS",
    "DELIVERY_HISTORY_DAYS",
    "PUBLIC_URL",
    "WATCH_PRIVATE_OFFERS",
    "WATCH_CPP_OFFERS",
    "WATCH_EXPIRING_DAYS",
    "WATCH_ENDING_DAYS",
}
# Settings that the app is about to know. Until it does, they have no effect.
ANNOUNCED = {
    "WATCH_PRIVATE_OFFERS",
    "WATCH_CPP_OFFERS",
    "WATCH_EXPIRING_DAYS",
    "WATCH_ENDING_DAYS",
}
LEFT_OUT = {
    "AzureWebJobsStorage": "a connection string holds the account's key, which opens nothing here",
    "AzureWebJobsStorage__accountName": "the services' full addresses are set instead: right in every Azure cloud",
    "PARTNER_CENTER_CERTIFICATE_PATH": "a file: there is none on Azure; the certificate comes from the key vault",
    "PARTNER_CENTER_CERTIFICATE_PASSWORD": "a certificate in the vault needs no second secret beside it",
    "WEBSITE_HOSTNAME": "Azure sets it itself",
    "REQUESTS_CA_BUNDLE": "for the sandbox's certificates; Azure's own are right for Microsoft",
    "AZURITE_TABLE_PORT": "the storage emulator's port on this machine",
    "AZURE_AUTHORITY_HOST": "for the sandbox and national clouds; setting it turns instance discovery off",
    "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "local use only: it would let webhooks into private networks",
}
STORAGE_SETTINGS = {
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
}
PLATFORM_SETTINGS = STORAGE_SETTINGS | {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_THREADPOOL_THREAD_COUNT",
}

# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
FORBIDDEN_SETTINGS = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_SKIP_CONTENTSHARE_VALIDATION",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}
# Refused by Azure with error 51021, or without effect, on a Flex Consumption site.
FORBIDDEN_SITE_PROPERTIES = {
    "alwaysOn",
    "clientAffinityEnabled",
    "containerSize",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "isReserved",
    "isXenon",
    "javaVersion",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "netFrameworkVersion",
    "powerShellVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
    "windowsFxVersion",
}


def names_in(variable: str) -> set[str]:
    return set(properties(body_of(APP.variables[variable])))


def names_of_type(name: str) -> set[str]:
    return set(properties(body_of(Template(INFRA / "types.bicep").types[name])))


def every_name_set() -> set[str]:
    return (
        names_in("platformSettings")
        | names_in("partnerCenterSettings")
        | names_in("webhookSettings")
        | set(CREDENTIAL_SETTINGS.values())
        | names_of_type("AppSettings")
    )


def names_that_the_app_reads() -> set[str]:
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "shared").glob("setting*.py"))
    return set(re.findall(r'"((?:AzureWebJobsStorage|[A-Z]+_)[A-Za-z_]*)"', source))


def test_what_must_be_set_is_set() -> None:
    assert names_in("platformSettings") == PLATFORM_SETTINGS
    assert names_in("partnerCenterSettings") == ALWAYS_SET
    assert names_in("webhookSettings") == SET_WITH_A_WEBHOOK


def test_what_may_be_set_is_every_setting_that_has_a_default() -> None:
    assert names_of_type("AppSettings") == SET_ON_REQUEST


def test_each_choice_of_credential_sets_its_own_setting_and_no_other() -> None:
    choices = properties(body_of(APP.variables["credentialSettings"]))
    assert {choice: set(properties(settings)) for choice, settings in choices.items()} == {
        choice: {setting} for choice, setting in CREDENTIAL_SETTINGS.items()
    }


def test_every_setting_that_the_app_reads_is_set_or_left_out_on_purpose() -> None:
    assert names_that_the_app_reads() - every_name_set() - set(LEFT_OUT) == set()


def test_no_setting_is_misspelt() -> None:
    platform = PLATFORM_SETTINGS - {"AzureWebJobsStorage__tableServiceUri", "AzureWebJobsStorage__clientId"}
    assert every_name_set() - platform <= names_that_the_app_reads() | ANNOUNCED


def test_nothing_that_is_left_out_is_set_after_all() -> None:
    assert not every_name_set() & set(LEFT_OUT)


def test_no_setting_is_one_that_flex_consumption_forbids() -> None:
    assert not every_name_set() & FORBIDDEN_SETTINGS


def test_no_site_property_is_one_that_flex_consumption_refuses() -> None:
    site = next(resource for resource in APP.resources if resource.type == "Microsoft.Web/sites")
    keys = set(re.findall(r"^\s+(\w+):", text(site.node), re.MULTILINE))
    assert not keys & FORBIDDEN_SITE_PROPERTIES


def test_secrets_are_key_vault_references() -> None:
    reference = re.compile(r"'@Microsoft\.KeyVault\(VaultName=\$\{vaultName\};SecretName=\$\{\w+EntryName\}\)'")
    choices = properties(body_of(APP.variables["credentialSettings"]))
    values = [
        properties(choices["secret"])["PARTNER_CENTER_CLIENT_SECRET"],
        properties(choices["certificate"])["PARTNER_CENTER_CERTIFICATE"],
        properties(body_of(APP.variables["webhookSettings"]))["WEBHOOK_SECRET"],
    ]
    for value in values:
        assert reference.fullmatch(text(value))


def test_every_group_of_settings_reaches_the_app() -> None:
    settings = next(resource for resource in APP.resources if resource.symbol == "settings")
    value = text(properties(body_of(settings.node))["properties"])
    for group in (
        "platformSettings",
        "partnerCenterSettings",
        "credentialSettings",
        "webhookSettings",
        "chosenSettings",
        "hostSettings",
    ):
        assert group in value


def site() -> Node:
    return body_of(next(resource for resource in APP.resources if resource.type == "Microsoft.Web/sites").node)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("properties", "httpsOnly"), "true"),
        (("properties", "keyVaultReferenceIdentity"), "identity.id"),
        (("properties", "siteConfig", "minTlsVersion"), "'1.2'"),
        (("properties", "siteConfig", "scmMinTlsVersion"), "'1.2'"),
        (("properties", "siteConfig", "cors", "allowedOrigins"), "[]"),
        (("properties", "functionAppConfig", "runtime", "version"), "'3.13'"),
        (
            ("properties", "functionAppConfig", "deployment", "storage", "authentication", "type"),
            "'UserAssignedIdentity'",
        ),
        (
            ("properties", "functionAppConfig", "scaleAndConcurrency", "triggers", "http", "perInstanceConcurrency"),
            "httpConcurrency",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_security_review_finds_what_it_looks_for(path: tuple[str, ...], value: str) -> None:
    assert text(property_value(site(), *path)) == value


def test_nobody_deploys_with_a_user_name_and_a_password() -> None:
    policies = [r for r in APP.resources if r.type == "Microsoft.Web/sites/basicPublishingCredentialsPolicies"]
    assert {literal(properties(body_of(policy.node))["name"]) for policy in policies} == {"ftp", "scm"}
    assert all(text(property_value(body_of(policy.node), "properties", "allow")) == "false" for policy in policies)


def test_an_instance_has_a_thread_for_every_http_request_that_it_is_given() -> None:
    """Python answers one request at a time unless Azure is told otherwise, and a request without a thread waits."""
    threads = properties(body_of(APP.variables["platformSettings"]))["PYTHON_THREADPOOL_THREAD_COUNT"]
    assert text(threads) == "string(httpConcurrency)"


def test_a_setting_that_a_person_chose_wins_over_the_templates_own() -> None:
    settings = next(resource for resource in APP.resources if resource.symbol == "settings")
    assert text(properties(body_of(settings.node))["properties"]).endswith("chosenSettings, hostSettings)")


# What Azure would put in for each setting's expression; the app checks the form of every value.
EXAMPLES = {
    "AzureWebJobsStorage__blobServiceUri": "https://stofferexample.blob.core.windows.net/",
    "AzureWebJobsStorage__tableServiceUri": "https://stofferexample.table.core.windows.net/",
    "AzureWebJobsStorage__credential": "managedidentity",
    "AzureWebJobsStorage__clientId": "11111111-2222-4333-8444-555555555555",
    "PARTNER_CENTER_TENANT_ID": "99999999-8888-4777-8666-555555555555",
    "PARTNER_CENTER_CLIENT_ID": "11111111-2222-4333-8444-666666666666",
    "PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID": "11111111-2222-4333-8444-555555555555",
    "PARTNER_CENTER_CLIENT_SECRET": "from-the-vault",
    "PARTNER_CENTER_CERTIFICATE": base64.b64encode(b"from the vault").decode(),
    "WEBHOOK_URL": "https://receiver.example/hooks",
    "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode(),
}


def deployed(choice: str, *, webhook: bool = False) -> dict[str, str]:
    """The environment of the deployed app, host's own settings aside."""
    names = STORAGE_SETTINGS | ALWAYS_SET | {CREDENTIAL_SETTINGS[choice]} | (SET_WITH_A_WEBHOOK if webhook else set())
    return {name: EXAMPLES[name] for name in names}


@pytest.mark.parametrize(
    ("choice", "kind"),
    [("federated", FederatedIdentity), ("secret", ClientSecret), ("certificate", ClientCertificate)],
)
def test_the_app_accepts_what_each_choice_of_credential_sets(choice: str, kind: type) -> None:
    settings = load_settings(deployed(choice, webhook=True))
    assert isinstance(settings.credential, kind)
    assert isinstance(settings.storage, StorageByIdentity)
    assert settings.storage.table_endpoint == "https://stofferexample.table.core.windows.net"
    assert settings.webhook_url == EXAMPLES["WEBHOOK_URL"]


def bounds() -> list[tuple[str, str]]:
    """Every bound that the template sets for a number: the setting, and the least or the greatest value."""
    source = (INFRA / "types.bicep").read_text(encoding="utf-8")
    numbers = re.findall(r"@minValue\((\d+)\)\s+@maxValue\((\d+)\)\s+([A-Z_]+): int\?", source)
    return [(name, bound) for least, greatest, name in numbers for bound in (least, greatest)]


KNOWN_BOUNDS = [(name, value) for name, value in bounds() if name in names_that_the_app_reads()]


@pytest.mark.parametrize(("name", "value"), KNOWN_BOUNDS)
def test_the_app_accepts_every_number_that_the_template_lets_through(name: str, value: str) -> None:
    load_settings(deployed("federated") | {name: value})
