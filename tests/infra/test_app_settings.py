"""The settings that the template gives the app: each one has a reader, and the app accepts them all."""

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
# Settings that the Functions host reads, not the app.
FOR_THE_HOST = {
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__credential",
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


def credential_choices() -> dict[str, set[str]]:
    """The names that each choice of credential sets."""
    choices = properties(body_of(APP.variables["credentialSettings"]))
    return {choice: set(properties(settings)) for choice, settings in choices.items()}


def every_name_set() -> set[str]:
    return (
        names_in("platformSettings")
        | names_in("partnerCenterSettings")
        | names_in("webhookSettings")
        | set().union(*credential_choices().values())
        | names_of_type("AppSettings")
    )


def names_that_the_app_reads() -> set[str]:
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "shared").glob("setting*.py"))
    return set(re.findall(r'"((?:AzureWebJobsStorage|[A-Z]+_)[A-Za-z_]*)"', source))


def test_every_setting_that_the_app_reads_is_set_or_left_out_for_a_reason() -> None:
    assert names_that_the_app_reads() - every_name_set() - set(LEFT_OUT) == set()


def test_every_name_is_one_that_the_app_or_the_host_reads() -> None:
    assert (every_name_set() | set(LEFT_OUT)) - FOR_THE_HOST - names_that_the_app_reads() == set()


def test_a_setting_that_is_left_out_is_not_set() -> None:
    assert every_name_set() & set(LEFT_OUT) == set()


def test_no_setting_is_forbidden_on_flex_consumption() -> None:
    assert not every_name_set() & FORBIDDEN_SETTINGS


def test_no_site_property_is_refused_on_flex_consumption() -> None:
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
def test_the_site_is_as_secure_as_the_documentation_says(path: tuple[str, ...], value: str) -> None:
    assert text(property_value(site(), *path)) == value


def test_deployment_with_user_name_and_password_is_off() -> None:
    policies = [r for r in APP.resources if r.type == "Microsoft.Web/sites/basicPublishingCredentialsPolicies"]
    assert {literal(properties(body_of(policy.node))["name"]) for policy in policies} == {"ftp", "scm"}
    assert all(text(property_value(body_of(policy.node), "properties", "allow")) == "false" for policy in policies)


def test_an_instance_has_a_thread_for_every_concurrent_http_request() -> None:
    """A request without a thread waits, and the default is one thread."""
    threads = properties(body_of(APP.variables["platformSettings"]))["PYTHON_THREADPOOL_THREAD_COUNT"]
    assert text(threads) == "string(httpConcurrency)"


def test_a_chosen_setting_overrides_the_templates_own() -> None:
    settings = next(resource for resource in APP.resources if resource.symbol == "settings")
    assert text(properties(body_of(settings.node))["properties"]).endswith("chosenSettings, hostSettings)")


# A value for each setting that the template computes. The app checks the form of every value.
EXAMPLES = {
    "AzureWebJobsStorage__blobServiceUri": "https://stofferexample.blob.core.windows.net/",
    "AzureWebJobsStorage__tableServiceUri": "https://stofferexample.table.core.windows.net/",
    "AzureWebJobsStorage__credential": "managedidentity",
    "AzureWebJobsStorage__clientId": "11111111-2222-4333-8444-555555555555",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=00000000-0000-0000-0000-000000000000",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD",
    "PYTHON_THREADPOOL_THREAD_COUNT": "32",
    "PARTNER_CENTER_TENANT_ID": "99999999-8888-4777-8666-555555555555",
    "PARTNER_CENTER_CLIENT_ID": "11111111-2222-4333-8444-666666666666",
    "PARTNER_CENTER_FEDERATED_IDENTITY_CLIENT_ID": "11111111-2222-4333-8444-555555555555",
    "PARTNER_CENTER_CLIENT_SECRET": "from-the-vault",
    "PARTNER_CENTER_CERTIFICATE": base64.b64encode(b"from the vault").decode(),
    "WEBHOOK_URL": "https://receiver.example/hooks",
    "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode(),
}


def deployed(choice: str) -> dict[str, str]:
    """The environment that a deployment with a webhook gives the app."""
    groups = ("platformSettings", "partnerCenterSettings", "webhookSettings")
    names = set().union(*map(names_in, groups)) | credential_choices()[choice]
    return {name: EXAMPLES[name] for name in names}


@pytest.mark.parametrize(
    ("choice", "kind"),
    [("federated", FederatedIdentity), ("secret", ClientSecret), ("certificate", ClientCertificate)],
)
def test_the_app_accepts_the_settings_of_each_choice_of_credential(choice: str, kind: type) -> None:
    settings = load_settings(deployed(choice))
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
def test_the_app_accepts_every_number_that_the_template_accepts(name: str, value: str) -> None:
    load_settings(deployed("federated") | {name: value})


@pytest.mark.parametrize("value", ["True", "False"])
def test_the_app_reads_true_and_false_as_bicep_writes_them(value: str) -> None:
    """`string(true)` is `True`."""
    settings = load_settings(deployed("federated") | {"WATCH_PRIVATE_OFFERS": value})
    assert settings.watch_private_offers == (value == "True")
