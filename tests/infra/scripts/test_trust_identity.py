"""trust-identity.sh, with an Azure CLI that answers as the real one does and remembers its calls."""

from pathlib import Path

import pytest

from tests.infra.scripts.script import SYSTEM_PATH, put_program, run

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
PRINCIPAL_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
TENANT_ID = "99999999-8888-4777-8666-555555555555"
FAKE_AZ = f"""#!/bin/sh
echo "$@" >> "$AZ_CALLS"
case "$*" in
  "account show --query tenantId"*) echo {TENANT_ID} ;;
  "cloud show"*) echo https://login.microsoftonline.com ;;
  "ad app show"*) [ -z "$AZ_NO_APP" ] && echo {CLIENT_ID} ;;
  "ad sp show"*) [ -z "$AZ_NO_IDENTITY" ] && echo {PRINCIPAL_ID} ;;
  "ad app federated-credential list"*) cat "$AZ_STATE" 2>/dev/null || true ;;
  "ad app federated-credential create"*) echo offer-monitor-aaaaaaaa > "$AZ_STATE" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def azure(tmp_path: Path) -> dict[str, str]:
    """An environment with the fake `az`. AZ_CALLS is the file of its calls, AZ_STATE exists after a change."""
    put_program(tmp_path, "az", FAKE_AZ)
    return {
        "PATH": f"{tmp_path}:{SYSTEM_PATH}",
        "AZ_CALLS": str(tmp_path / "calls"),
        "AZ_STATE": str(tmp_path / "state"),
        "PARTNER_CENTER_CLIENT_ID": CLIENT_ID,
        "MANAGED_IDENTITY_PRINCIPAL_ID": PRINCIPAL_ID,
    }


def test_the_application_is_made_to_trust_the_identity(azure: dict[str, str]) -> None:
    result = run("trust-identity.sh", environment=azure)
    assert result.returncode == 0, result.stderr
    calls = Path(azure["AZ_CALLS"]).read_text(encoding="utf-8")
    assert f"federated-credential create --id {CLIENT_ID}" in calls
    assert f'"issuer": "https://login.microsoftonline.com/{TENANT_ID}/v2.0"' in calls
    assert f'"subject": "{PRINCIPAL_ID}"' in calls
    assert '"audiences": ["api://AzureADTokenExchange"]' in calls
    assert "role Manager" in result.stdout
    assert "Microsoft Entra applications" in result.stdout


def test_a_second_run_changes_nothing(azure: dict[str, str]) -> None:
    run("trust-identity.sh", environment=azure)
    again = run("trust-identity.sh", environment=azure)
    assert again.returncode == 0
    assert "already trusts" in again.stdout
    assert Path(azure["AZ_CALLS"]).read_text(encoding="utf-8").count("federated-credential create") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"PARTNER_CENTER_CLIENT_ID": "not-a-guid"}, "--client-id"),
        ({"MANAGED_IDENTITY_PRINCIPAL_ID": ""}, "--principal-id"),
        ({"AZ_NO_APP": "1"}, "has no application"),
        ({"AZ_NO_IDENTITY": "1"}, "must be in the same tenant"),
    ],
    ids=["client id", "principal id", "unknown application", "identity of another tenant"],
)
def test_a_wrong_id_stops_it_before_it_changes_anything(
    azure: dict[str, str], change: dict[str, str], said: str
) -> None:
    result = run("trust-identity.sh", environment=azure | change)
    assert result.returncode == 1
    assert said in result.stderr
    assert not Path(azure["AZ_STATE"]).exists()
