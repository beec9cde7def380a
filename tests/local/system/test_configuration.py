"""What `make run` starts, from the environment and local.settings.json."""

import json
import os
import re
import socket
from pathlib import Path

import pytest

from local.system.configuration import ConfigurationError, SandboxAccess, read_configuration

SANDBOX = SandboxAccess(
    url="https://localhost:7443",
    authority_host="https://localhost:7443",
    product_ingestion_url="https://localhost:7443/rp/product-ingestion",
    cloud_partner_portal_url="https://localhost:7443/api",
    tenant_id="tenant",
    client_id="client",
    client_secret="invented",
    ca_bundle="/tmp/ca.pem",
)
STORAGE = "UseDevelopmentStorage=true"


def _local_settings(directory: Path, values: dict[str, str]) -> None:
    (directory / "local.settings.json").write_text(json.dumps({"Values": values}))


def test_without_settings_it_runs_the_sandbox_on_the_default_ports(tmp_path: Path) -> None:
    configuration = read_configuration(tmp_path, {})
    assert not configuration.is_real
    assert configuration.ports["FUNCTIONS_PORT"] == 7071
    assert (configuration.function_key, configuration.master_key) == ("local", "master")


def test_the_host_gets_the_sandbox_as_its_upstream(tmp_path: Path) -> None:
    configuration = read_configuration(tmp_path, {"RECEIVER_PORT": "9999"})
    settings = configuration.host_environment(STORAGE, SANDBOX)
    assert settings["AzureWebJobsStorage"] == STORAGE
    assert settings["PRODUCT_INGESTION_URL"] == SANDBOX.product_ingestion_url
    assert settings["REQUESTS_CA_BUNDLE"] == SANDBOX.ca_bundle
    assert settings["WEBHOOK_URL"] == "http://127.0.0.1:9999/webhook"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", settings["WEBHOOK_SECRET"])


def test_the_host_follows_the_sample_cpp_offers_and_links_to_itself(tmp_path: Path) -> None:
    settings = read_configuration(tmp_path, {"FUNCTIONS_PORT": "8071"}).host_environment(STORAGE, SANDBOX)
    assert settings["WATCH_CPP_OFFERS"] == "contoso/contoso-gateway,contoso/contoso-sensor-hub"
    assert settings["PUBLIC_URL"] == "http://localhost:8071"


def test_a_public_url_of_ones_own_stays(tmp_path: Path) -> None:
    configuration = read_configuration(tmp_path, {"PUBLIC_URL": "https://monitor.contoso.example"})
    assert "PUBLIC_URL" not in configuration.host_environment(STORAGE, SANDBOX)


def test_each_start_has_a_webhook_secret_of_its_own(tmp_path: Path) -> None:
    assert read_configuration(tmp_path, {}).webhook_secret != read_configuration(tmp_path, {}).webhook_secret


@pytest.mark.parametrize("where", ["environment", "local.settings.json"])
def test_with_partner_center_settings_it_uses_the_real_partner_center(tmp_path: Path, where: str) -> None:
    values = {"PARTNER_CENTER_CERTIFICATE_PATH": "app.pem"}
    if where == "local.settings.json":
        _local_settings(tmp_path, values)
    configuration = read_configuration(tmp_path, values if where == "environment" else {})
    assert configuration.is_real
    settings = configuration.host_environment(STORAGE, None)
    assert (
        not {"PRODUCT_INGESTION_URL", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE", "WATCH_CPP_OFFERS"}
        & settings.keys()
    )
    assert settings["WEBHOOK_URL"] == "http://127.0.0.1:7072/webhook"


def test_an_empty_partner_center_setting_counts_as_unset(tmp_path: Path) -> None:
    assert not read_configuration(tmp_path, {"PARTNER_CENTER_TENANT_ID": ""}).is_real


def test_a_webhook_of_ones_own_stays_with_the_real_partner_center(tmp_path: Path) -> None:
    values = {"PARTNER_CENTER_TENANT_ID": "contoso.example", "WEBHOOK_URL": "https://crm.contoso.example/hook"}
    settings = read_configuration(tmp_path, values).host_environment(STORAGE, None)
    assert not {"WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_ALLOW_PRIVATE_NETWORKS"} & settings.keys()


def test_the_real_environment_wins_over_local_settings(tmp_path: Path) -> None:
    _local_settings(tmp_path, {"FUNCTIONS_PORT": "8001", "SANDBOX_PORT": "8002"})
    ports = read_configuration(tmp_path, {"FUNCTIONS_PORT": "9001"}).ports
    assert (ports["FUNCTIONS_PORT"], ports["SANDBOX_PORT"]) == (9001, 8002)


def test_every_invalid_port_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as failure:
        read_configuration(tmp_path, {"FUNCTIONS_PORT": "high", "SANDBOX_PORT": "70000"})
    assert str(failure.value).splitlines() == [
        "FUNCTIONS_PORT should be a port number; it is 'high'.",
        "SANDBOX_PORT should be a port number; it is '70000'.",
    ]


def test_a_port_in_use_is_named_with_its_holder_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        configuration = read_configuration(tmp_path, {"FUNCTIONS_PORT": str(port)})
        with pytest.raises(ConfigurationError) as failure:
            configuration.check_ports()
    line = next(line for line in str(failure.value).splitlines() if str(port) in line)
    assert f"(pid {os.getpid()})" in line
    assert line.endswith("set FUNCTIONS_PORT to another port.")
