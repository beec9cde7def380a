"""The whole system from start to stop, in a copy of the project like a user's clone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local.processes.child import REPOSITORY, Child, python_command
from local.processes.ports import free_port, is_free

PORT_SETTINGS = (
    "FUNCTIONS_PORT",
    "SANDBOX_PORT",
    "RECEIVER_PORT",
    "AZURITE_TABLE_PORT",
    "AZURITE_BLOB_PORT",
    "AZURITE_QUEUE_PORT",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project without settings for the real Partner Center."""
    copy = tmp_path / "clone"
    copy.mkdir()
    for folder in ("local", "sandbox", "shared"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("function_app.py", "host.json"):
        shutil.copy(REPOSITORY / file, copy)
    (copy / "node_modules").symlink_to(REPOSITORY / "node_modules")
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Ports of its own, and a folder for temporary files in which nothing may stay."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith("PARTNER_CENTER_")}
    return {**own, "TMPDIR": str(temporary), **{setting: str(free_port()) for setting in PORT_SETTINGS}}


@pytest.fixture
def system(clone: Path, environment: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Child]:
    """`make run`, with the arguments that the test is parametrized with."""
    command = python_command("local.system", *getattr(request, "param", ()))
    child = Child("system", command, environment=environment, directory=clone)
    yield child
    if child.exit_code is None:
        child.terminate(timeout_seconds=30)


def test_it_polls_the_sample_jobs_and_leaves_nothing_behind(
    system: Child, environment: dict[str, str], clone: Path
) -> None:
    system.wait_for("works with the sandbox", timeout_seconds=90)
    system.wait_for(f"http://localhost:{environment['FUNCTIONS_PORT']}/api/dashboard#key=local", timeout_seconds=10)
    shell_line = system.wait_for(r"export CURL_CA_BUNDLE=(\S+) SANDBOX=(\S+) ", timeout_seconds=10)
    assert shell_line[1] == str(clone / ".local" / "sandbox" / "ca.pem")
    assert requests.get(f"{shell_line[2]}/sandbox", verify=shell_line[1], timeout=10).ok
    system.wait_for("job     Customer renewal for Northwind: pending", timeout_seconds=60)
    before = {path for path in _files(clone) if ".local" not in path.parts}
    assert system.interrupt(timeout_seconds=30) == 0
    assert all(is_free(int(environment[setting])) for setting in PORT_SETTINGS)
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
    assert _files(clone) == before


def test_wrong_settings_stop_it_with_a_line_about_each(
    clone: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["PARTNER_CENTER_TENANT_ID"] = "contoso.example"
    system = Child("system", python_command("local.system"), environment=environment, directory=clone)
    system.wait_for("Settings at fault: PARTNER_CENTER_CLIENT_ID is required", timeout_seconds=30)
    assert system.wait_until_ended(timeout_seconds=30) == 1
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_a_function_that_azure_would_drop_stops_it_with_the_reason(clone: Path, environment: dict[str, str]) -> None:
    with (clone / "function_app.py").open("a") as code:
        code.write('\n\n@app.route("runtime/list")\ndef reserved(req: func.HttpRequest) -> str: return ""\n')
    system = Child("system", python_command("local.system"), environment=environment, directory=clone)
    system.wait_for("AZURE DROPS THE FUNCTION reserved, .* the route 'runtime/list' begins with", timeout_seconds=30)
    assert system.wait_until_ended(timeout_seconds=30) == 1


@pytest.mark.slow
@pytest.mark.parametrize("system", [["--once"]], indirect=True)
def test_once_ends_by_itself_when_every_sample_job_has_ended_well(system: Child) -> None:
    system.wait_for(r"All \d+ samples ended well", timeout_seconds=280)
    assert system.wait_until_ended(timeout_seconds=30) == 0


def _files(clone: Path) -> set[Path]:
    return {path for path in clone.rglob("*") if "__pycache__" not in path.parts and "node_modules" not in path.parts}
