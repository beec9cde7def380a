"""set-up-pipeline.sh, with an `az` and a `gh` that do as they are told and remember it."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.roles import GRANTED_ROLES
from tests.infra.scripts.script import SYSTEM_PATH, put_program, run

SUBSCRIPTION_ID = "00000000-1111-4222-8333-444444444444"
FAKE_CLOUD = f"""#!/bin/sh
echo "$(basename "$0") $*" | tr '\\n' ' ' >> "$CALLS"; echo >> "$CALLS"
case "$*" in
  "account show --query id "*) echo {SUBSCRIPTION_ID} ;;
  "account show --query tenantId"*) echo 99999999-8888-4777-8666-555555555555 ;;
  "ad app create --display-name Offer monitor what-if"*) echo the-reader ;;
  "ad app create"*) echo the-deployer ;;
  "ad sp show --id "*" --query id "*) echo "object-of-$5" ;;
  "ad app list"*) echo "${{EXISTING_APPLICATIONS:-}}" ;;
  "ad app federated-credential list"*) echo "${{TRUSTED_SUBJECT:-}}" ;;
  "ad app show"*) echo "${{EXISTING_SECRET:-}}" ;;
  "api users/"*) echo 4711 ;;
  "api --silent --method PUT"*) cat >> "$CALLS" ;;
esac
"""
OWN_SUBJECT = "repo:contoso/offer-monitor:environment:production-what-if"


def set_up(folder: Path, **existing: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script; its result and the calls that it made."""
    for tool in ("az", "gh"):
        put_program(folder, tool, FAKE_CLOUD)
    environment = {"PATH": f"{folder}:{SYSTEM_PATH}", "CALLS": str(folder / "calls"), **existing}
    result = run("set-up-pipeline.sh", "contoso/offer-monitor", "mona", environment=environment)
    return result, (folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The calls of a run that finds nothing set up yet."""
    result, made = set_up(tmp_path_factory.mktemp("cloud"))
    assert result.returncode == 0, result.stderr
    return made


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        ({"TRUSTED_SUBJECT": "repo:contoso/another:environment:production-what-if"}, "trusts 'repo:contoso/another"),
        ({"TRUSTED_SUBJECT": OWN_SUBJECT, "EXISTING_SECRET": "a-key-id"}, "has a secret or a certificate"),
        ({"TRUSTED_SUBJECT": OWN_SUBJECT, "EXISTING_APPLICATIONS": "one\ntwo"}, "several applications"),
    ],
    ids=["another repository's", "one with a secret", "two of the same name"],
)
def test_an_application_that_others_can_use_gets_no_role(tmp_path: Path, existing: dict[str, str], said: str) -> None:
    result, calls = set_up(tmp_path, **{"EXISTING_APPLICATIONS": "somebodys", **existing})
    assert result.returncode == 1
    assert said in result.stderr
    assert not any("role assignment create" in call for call in calls)


def test_the_identity_of_the_what_if_can_change_nothing(calls: list[str]) -> None:
    definition = next(call for call in calls if "role definition create" in call)
    actions = re.findall(r'"Actions": \[([^]]*)\]', definition)[0]
    assert re.findall(r'"([^"]+)"', actions) == [
        "*/read",
        "Microsoft.Resources/deployments/whatIf/action",
        "Microsoft.Resources/deployments/validate/action",
    ]
    granted = [call for call in calls if "role assignment create --assignee-object-id object-of-the-reader" in call]
    assert len(granted) == 1
    assert "--role Offer monitor what-if" in granted[0]


def test_the_deployer_may_grant_only_the_roles_of_the_app(calls: list[str]) -> None:
    grant = next(call for call in calls if "Role Based Access Control Administrator" in call and "create" in call)
    ids = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", grant))
    assert ids - {SUBSCRIPTION_ID} == set(GRANTED_ROLES.values())


def test_both_environments_take_main_and_tags_only_and_production_needs_a_reviewer(calls: list[str]) -> None:
    for environment in ("production", "production-what-if"):
        policies = [call for call in calls if f"environments/{environment}/deployment-branch-policies" in call]
        assert any("name=main" in call for call in policies)
        assert any("name=v*" in call for call in policies)
        subject = f"repo:contoso/offer-monitor:environment:{environment}"
        assert sum(f'"subject": "{subject}"' in call for call in calls) == 1
    bodies = [call for call in calls if call.startswith('{"reviewers"')]
    assert [body.count('"id": 4711') for body in bodies] == [0, 1]
    assert all('"custom_branch_policies": true' in body for body in bodies)
