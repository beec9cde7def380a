"""The scripts, run for real: against an Azure CLI that answers from a file, and against small HTTP servers."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.infra.template import INFRA

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
        ({"AZ_NO_IDENTITY": "1"}, "must be of one tenant"),
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


@pytest.mark.parametrize(
    ("message", "code"),
    [("", 0), ("/x/main.bicep(1,1) : Warning BCP334: too short [https://aka.ms]", 1)],
    ids=["clean", "a warning"],
)
def test_lint_bicep_fails_on_a_warning(tmp_path: Path, message: str, code: int) -> None:
    executable(tmp_path / "bicep", f'#!/bin/sh\n[ -n "{message}" ] && echo "{message}" >&2\nexit 0\n')
    result = run("lint-bicep.sh", environment={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert result.returncode == code, result.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_scripts_are_clean_by_shellcheck() -> None:
    scripts = sorted(str(path) for path in SCRIPTS.glob("*.sh"))
    result = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
