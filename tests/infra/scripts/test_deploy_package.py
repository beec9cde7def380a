"""deploy-package.sh, with an Azure CLI that knows the deployment endpoint and gives a token."""

import json
from pathlib import Path

import pytest

from tests.infra.scripts.http_server import served
from tests.infra.scripts.script import SYSTEM_PATH, put_program, run

FAKE_AZ = """#!/bin/sh
case "$*" in
  "functionapp show"*) echo "$SCM_HOST" ;;
  "account get-access-token"*) echo the-token ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


class DeploymentEndpoint:
    """Takes a package, and gives its outcome at the second question about it."""

    def __init__(self, *, accepted: int = 202, outcome: int = 4) -> None:
        self.accepted, self.outcome = accepted, outcome
        self.asked: list[str] = []

    def __call__(self, method: str, path: str) -> tuple[int, str]:
        self.asked.append(f"{method} {path}")
        if method == "POST":
            return self.accepted, '"the-id"'
        questions = sum(1 for asked in self.asked if asked.startswith("GET"))
        return 200, json.dumps({"status": 1 if questions == 1 else self.outcome, "status_text": "no host.json"})


@pytest.mark.parametrize(
    ("endpoint", "code", "said"),
    [
        (DeploymentEndpoint(), 0, "done"),
        (DeploymentEndpoint(outcome=3), 1, "no host.json"),
        (DeploymentEndpoint(accepted=403), 1, "closed to your address"),
    ],
    ids=["deployed", "failed on Azure", "refused"],
)
def test_it_sends_the_package_and_waits_for_the_outcome(
    tmp_path: Path, endpoint: DeploymentEndpoint, code: int, said: str
) -> None:
    put_program(tmp_path, "az", FAKE_AZ)
    (tmp_path / "app.zip").write_bytes(b"a package")
    with served(endpoint) as address:
        environment = {
            "PATH": f"{tmp_path}:{SYSTEM_PATH}",
            "NO_PROXY": "127.0.0.1",
            "SCM_HOST": address.removeprefix("http://"),
            "FUNCTION_APP_NAME": "app",
            "AZURE_RESOURCE_GROUP": "group",
            "POLL_SECONDS": "0",
        }
        result = run("deploy-package.sh", str(tmp_path / "app.zip"), environment=environment)
    assert result.returncode == code, result.stderr
    assert said in result.stdout + result.stderr
    assert endpoint.asked[0].startswith("POST /api/publish?RemoteBuild=false")
    assert "the-token" not in result.stdout + result.stderr
    if code == 0:
        assert endpoint.asked[1:] == ["GET /api/deployments/the-id"] * 2


def test_without_a_package_it_says_how_to_make_one(tmp_path: Path) -> None:
    result = run("deploy-package.sh", str(tmp_path / "none.zip"), environment={"PATH": SYSTEM_PATH})
    assert result.returncode == 1
    assert "make package" in result.stderr
