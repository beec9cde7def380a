"""The scripts, run for real: against an Azure CLI that answers from a file, and against small HTTP servers."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.infra.template import INFRA
from tests.infra.test_templates import BUILT_IN_ROLES, GRANTED_ROLES

SCRIPTS = INFRA / "scripts"
CLIENT_ID = "11111111-2222-4333-8444-555555555555"
PRINCIPAL_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
TENANT_ID = "99999999-8888-4777-8666-555555555555"

# Answers as the Azure CLI does, remembers what it was asked to create, and fails on anything it does not know.
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


def executable(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o755)


def run(script: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


@pytest.fixture
def azure(tmp_path: Path) -> dict[str, str]:
    """An environment whose `az` is the fake one; AZ_CALLS is what it was called with."""
    executable(tmp_path / "az", FAKE_AZ)
    return {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
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


def test_trusting_it_again_changes_nothing(azure: dict[str, str]) -> None:
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
def test_what_cannot_work_is_said_before_anything_changes(
    azure: dict[str, str], change: dict[str, str], said: str
) -> None:
    result = run("trust-identity.sh", environment=azure | change)
    assert result.returncode == 1
    assert said in result.stderr
    assert not Path(azure["AZ_STATE"]).exists()


Answer = Callable[[str, str], tuple[int, str]]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A server that answers every request with what `answer(method, path)` says; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            status, body = answer(self.command, self.path)
            # Read to the end: curl waits for that before it takes the answer.
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(status)
            self.send_header("Cache-Control", "private, no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def app_that_is_well(method: str, path: str) -> tuple[int, str]:
    if (method, path) == ("GET", "/api/health"):
        return 200, '{"status": "ok"}'
    return (200, "{}") if path == "/api/openapi.json" else (401, "")


def app_that_is_degraded(method: str, path: str) -> tuple[int, str]:
    return (503, '{"status": "degraded"}') if path == "/api/health" else app_that_is_well(method, path)


def app_that_lists_jobs_to_strangers(method: str, path: str) -> tuple[int, str]:
    return (200, "[]") if path == "/api/jobs" else app_that_is_well(method, path)


def app_whose_health_tells_too_much(method: str, path: str) -> tuple[int, str]:
    return (200, '{"status": "ok", "jobs": 7}') if path == "/api/health" else app_that_is_well(method, path)


@pytest.mark.parametrize(
    ("app", "code", "said"),
    [
        (app_that_is_well, 0, "smoke: passed"),
        (app_that_is_degraded, 2, "degraded"),
        (app_that_lists_jobs_to_strangers, 1, "GET /api/jobs without a key is 401 (it is 200)"),
        (app_whose_health_tells_too_much, 1, "an answer other than"),
    ],
)
def test_the_smoke_test_tells_a_sound_app_from_an_unsound_one(app: Answer, code: int, said: str) -> None:
    with served(app) as address:
        result = run("smoke.sh", address, environment={**os.environ, "WAIT_SECONDS": "0"})
    assert result.returncode == code, result.stdout + result.stderr
    assert said in result.stdout + result.stderr


def test_the_smoke_test_fails_when_nothing_answers() -> None:
    result = run("smoke.sh", "http://127.0.0.1:9", environment={**os.environ, "WAIT_SECONDS": "0"})
    assert result.returncode == 1


def test_lint_bicep_says_so_where_there_is_no_compiler(tmp_path: Path) -> None:
    for tool in ("dirname", "bash"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    result = run("lint-bicep.sh", environment={"PATH": str(tmp_path)})
    assert result.returncode == 0
    assert "no Bicep CLI here" in result.stderr


OLD_VERSION = "/x/main.bicep(1,1) : Warning use-recent-api-versions: too old [https://aka.ms]"


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ([], "", 0),
        ([], "/x/main.bicep(1,1) : Warning BCP334: too short [https://aka.ms]", 1),
        ([], OLD_VERSION, 0),
        (["--api-versions"], OLD_VERSION, 1),
        (["--api-versions"], "", 0),
    ],
    ids=["clean", "a warning", "an old version in a build", "an old version in the weekly run", "no old version"],
)
def test_lint_bicep_fails_on_a_warning_and_on_old_versions_only_when_asked(
    tmp_path: Path, arguments: list[str], message: str, code: int
) -> None:
    executable(tmp_path / "bicep", f'#!/bin/sh\n[ -n "{message}" ] && echo "{message}" >&2\nexit 0\n')
    result = run("lint-bicep.sh", *arguments, environment={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert result.returncode == code, result.stderr


# Knows the app's deployment endpoint and gives a token, as the Azure CLI does.
FAKE_DEPLOYER = """#!/bin/sh
case "$*" in
  "functionapp show"*) echo "$SCM_HOST" ;;
  "account get-access-token"*) echo the-token ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


class DeploymentEndpoint:
    """Takes a package, and says what became of it after one more question."""

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
def test_a_package_is_deployed_as_it_is_and_its_end_is_waited_for(
    tmp_path: Path, endpoint: DeploymentEndpoint, code: int, said: str
) -> None:
    executable(tmp_path / "az", FAKE_DEPLOYER)
    (tmp_path / "app.zip").write_bytes(b"a package")
    with served(endpoint) as address:
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
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


def test_a_package_that_is_not_there_is_not_deployed(tmp_path: Path) -> None:
    result = run("deploy-package.sh", str(tmp_path / "none.zip"), environment={"PATH": "/usr/bin:/bin"})
    assert result.returncode == 1
    assert "make package" in result.stderr


# Makes what it is asked to, and remembers it; `az` and `gh` are both this.
FAKE_CLOUD = """#!/bin/sh
echo "$(basename "$0") $*" | tr '\\n' ' ' >> "$CALLS"; echo >> "$CALLS"
case "$*" in
  "account show --query id "*) echo 00000000-1111-4222-8333-444444444444 ;;
  "account show --query tenantId"*) echo 99999999-8888-4777-8666-555555555555 ;;
  "ad app create --display-name Offer monitor what-if"*) echo the-reader ;;
  "ad app create"*) echo the-deployer ;;
  "ad sp show --id "*" --query id "*) echo "object-of-$5" ;;
  "ad app list"*) echo "${EXISTING_APPLICATIONS:-}" ;;
  "ad app federated-credential list"*) echo "${TRUSTED_SUBJECT:-}" ;;
  "ad app show"*) echo "${EXISTING_SECRET:-}" ;;
  "api users/"*) echo 4711 ;;
  "api --silent --method PUT"*) cat >> "$CALLS" ;;
esac
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What the script that sets the pipeline up said, and every call that it made."""
    for tool in ("az", "gh"):
        executable(tmp_path / tool, FAKE_CLOUD)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(tmp_path / "calls")}
    result = run("set-up-pipeline.sh", "contoso/offer-monitor", "mona", environment=environment)
    return result, (tmp_path / "calls").read_text(encoding="utf-8").splitlines()


REPOSITORYS_OWN = "repo:contoso/offer-monitor:environment:production-what-if"


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        ({"TRUSTED_SUBJECT": "repo:contoso/another:environment:production-what-if"}, "trusts 'repo:contoso/another"),
        ({"TRUSTED_SUBJECT": REPOSITORYS_OWN, "EXISTING_SECRET": "a-key-id"}, "has a secret or a certificate"),
        ({"TRUSTED_SUBJECT": REPOSITORYS_OWN, "EXISTING_APPLICATIONS": "one\ntwo"}, "several applications"),
    ],
    ids=["another repository's", "one with a secret", "two of the same name"],
)
def test_an_application_that_opens_to_somebody_else_gets_no_role(
    tmp_path: Path, existing: dict[str, str], said: str
) -> None:
    for tool in ("az", "gh"):
        executable(tmp_path / tool, FAKE_CLOUD)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "CALLS": str(tmp_path / "calls"),
        "EXISTING_APPLICATIONS": "somebodys",
        **existing,
    }
    result = run("set-up-pipeline.sh", "contoso/offer-monitor", "mona", environment=environment)
    assert result.returncode == 1
    assert said in result.stderr
    assert "role assignment create" not in (tmp_path / "calls").read_text(encoding="utf-8")


def test_the_identity_of_the_what_if_can_change_nothing(
    pipeline: tuple[subprocess.CompletedProcess[str], list[str]],
) -> None:
    result, calls = pipeline
    assert result.returncode == 0, result.stderr
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


def test_the_deployer_may_give_the_apps_own_roles_and_no_other(
    pipeline: tuple[subprocess.CompletedProcess[str], list[str]],
) -> None:
    _, calls = pipeline
    grant = next(call for call in calls if "Role Based Access Control Administrator" in call and "create" in call)
    assert set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", grant)) - {
        "00000000-1111-4222-8333-444444444444"
    } == {BUILT_IN_ROLES[name] for name in GRANTED_ROLES}


def test_only_main_and_tags_use_either_environment_and_only_production_waits_for_a_reviewer(
    pipeline: tuple[subprocess.CompletedProcess[str], list[str]],
) -> None:
    _, calls = pipeline
    for environment in ("production", "production-what-if"):
        policies = [call for call in calls if f"environments/{environment}/deployment-branch-policies" in call]
        assert any("name=main" in call for call in policies)
        assert any("name=v*" in call for call in policies)
        subject = f"repo:contoso/offer-monitor:environment:{environment}"
        assert sum(f'"subject": "{subject}"' in call for call in calls) == 1
    bodies = [call for call in calls if call.startswith('{"reviewers"')]
    assert [body.count('"id": 4711') for body in bodies] == [0, 1]
    assert all('"custom_branch_policies": true' in body for body in bodies)


@pytest.mark.parametrize(
    ("tag", "said"),
    [("1.0.0", "is tagged v1.2.3"), ("v9.9.9", "pyproject.toml says")],
    ids=["no tag of a release", "another version"],
)
def test_a_tag_that_is_no_release_is_refused(tag: str, said: str) -> None:
    result = run("release-notes.sh", tag, environment={**os.environ})
    assert result.returncode == 1
    assert said in result.stderr


def test_a_release_says_what_the_changelog_says_of_it(tmp_path: Path) -> None:
    for file in ("CHANGELOG.md", "pyproject.toml", "infra/scripts/release-notes.sh"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(INFRA.parent / file, tmp_path / file)
    executable(tmp_path / "git", "#!/bin/sh\nexit 0\n")
    version = re.findall(r'^version = "(.*)"$', (INFRA.parent / "pyproject.toml").read_text(encoding="utf-8"), re.M)[
        0
    ]
    result = subprocess.run(
        [str(tmp_path / "infra/scripts/release-notes.sh"), f"v{version}"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert result.returncode == 0, result.stderr
    assert "The first release." in result.stdout
    assert "## " not in result.stdout.replace("### ", "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_clean_by_shellcheck() -> None:
    scripts = sorted(str(path) for path in SCRIPTS.glob("*.sh"))
    result = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
