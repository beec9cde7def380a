"""The workflows and azd's file: valid by their schemas, and careful with what they are given."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra.template import INFRA, REPOSITORY, Template

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_the_workflows_are_valid_by_githubs_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    run = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_the_code_and_nothing_else_unless_a_job_says_so(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert set(job.get("permissions", {})) <= {"contents", "id-token"}, name
        assert "uses" in job or "timeout-minutes" in job, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_script_in_a_workflow_takes_values_from_its_environment_only(path: Path) -> None:
    """An expression inside a script is pasted into it before it runs: a value could then be a command."""
    for step in steps(load(path)):
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_and_checkout_keeps_no_token(path: Path) -> None:
    for step in steps(load(path)):
        if "uses" in step:
            assert re.fullmatch(r"(actions|azure)/[\w-]+@(v\d+|[0-9a-f]{40})", step["uses"])
            if step["uses"].startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_ci_runs_tests_lint_and_the_compiler() -> None:
    commands = "\n".join(step.get("run", "") for step in steps(load(REPOSITORY / ".github/workflows/ci.yml")))
    for command in ("make test", "make lint", "az bicep install", "lint-bicep.sh", "lint-checkov.sh"):
        assert command in commands


def test_deployment_signs_in_without_a_secret_of_azure() -> None:
    workflow = load(REPOSITORY / ".github/workflows/deploy.yml")
    for name in ("what-if", "deploy"):
        assert workflow["jobs"][name]["permissions"]["id-token"] == "write"
    logins = [step for step in steps(workflow) if step.get("uses", "").startswith("azure/login")]
    assert len(logins) == 2
    for login in logins:
        assert set(login["with"]) == {"client-id", "tenant-id", "subscription-id"}


def test_deployment_shows_what_would_change_before_it_changes_it_and_checks_the_app_after() -> None:
    workflow = load(REPOSITORY / ".github/workflows/deploy.yml")
    jobs = workflow["jobs"]
    assert jobs["what-if"]["needs"] == "ci"
    assert jobs["deploy"]["needs"] == "what-if"
    assert "what-if" in "".join(step.get("run", "") for step in jobs["what-if"]["steps"])
    runs = [step["run"] for step in jobs["deploy"]["steps"] if "run" in step]
    order = [
        next(i for i, run in enumerate(runs) if part in run)
        for part in ("az deployment sub create", 'app.zip" function_app.py', "config-zip", "smoke.sh")
    ]
    assert order == sorted(order)


def test_the_pipeline_gives_every_variable_that_the_parameter_file_reads() -> None:
    parameters = (INFRA / "parameters/main.bicepparam").read_text(encoding="utf-8")
    read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", parameters))
    deploy = next(
        step
        for step in steps(load(REPOSITORY / ".github/workflows/deploy.yml"))
        if step.get("id") == "infrastructure"
    )
    assert read == set(deploy["env"])


def test_the_package_holds_the_app_and_nothing_else() -> None:
    ignored = (REPOSITORY / ".funcignore").read_text(encoding="utf-8").splitlines()
    deploy = (REPOSITORY / ".github/workflows/deploy.yml").read_text(encoding="utf-8")
    packed = set(re.findall(r"app\.zip\" (.*?) --exclude", deploy)[0].split())
    assert packed == {"function_app.py", "host.json", "requirements.txt", "shared"}
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    top_level = {line.partition("/")[0] for line in tracked.splitlines()}
    kept = {
        name
        for name in top_level
        if not any(Path(name).match(pattern) for pattern in ignored if not pattern.startswith("#"))
    }
    assert kept <= packed


def test_azd_deploys_this_folder_to_the_app_that_the_template_tags() -> None:
    azure = load(REPOSITORY / "azure.yaml")
    assert set(azure) == {"name", "infra", "services"}
    assert azure["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    ((service, settings),) = azure["services"].items()
    assert settings == {"project": ".", "language": "python", "host": "function"}
    assert f"var serviceName = '{service}'" in Template(INFRA / "main.bicep").path.read_text(encoding="utf-8")


def test_azd_finds_no_bicepparam_that_it_would_take_instead_of_the_parameters_file() -> None:
    infra = load(REPOSITORY / "azure.yaml")["infra"]
    beside_the_module = REPOSITORY / infra["path"] / infra["module"]
    assert beside_the_module.with_suffix(".bicep").exists()
    assert beside_the_module.with_suffix(".parameters.json").exists()
    assert not beside_the_module.with_suffix(".bicepparam").exists()


def test_azd_has_every_output_that_the_scripts_ask_it_for() -> None:
    outputs = set(Template(INFRA / "main.bicep").outputs)
    scripts = "".join(path.read_text(encoding="utf-8") for path in (INFRA / "scripts").glob("*.sh"))
    asked = set(re.findall(r"from_azd (\w+)\)", scripts)) | set(re.findall(r"azd env get-value ([A-Z_]+)", scripts))
    assert asked
    assert asked <= outputs


def test_the_parameters_file_is_json_that_azd_can_fill() -> None:
    document = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
    for entry in document["parameters"].values():
        assert re.fullmatch(r"\$\{[A-Z_]+(=[^}]*)?\}", entry["value"])
