"""The workflows and azd's file: valid, with few permissions, and safe with values from outside."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra.template import INFRA, REPOSITORY, Template

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))


@cache
def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


# check-jsonschema imports rfc3987_syntax if it is there, which takes seconds. GitHub's schema does not need it.
CHECK_JSONSCHEMA = """
import sys
sys.modules["rfc3987_syntax"] = None
from check_jsonschema import main
main()
"""


def test_the_workflows_follow_githubs_schema() -> None:
    command = [sys.executable, "-c", CHECK_JSONSCHEMA, "--builtin-schema", "vendor.github-workflows"]
    run = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_the_code_unless_a_job_asks_for_more(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert set(job.get("permissions", {})) <= {"contents", "id-token", "attestations"}, name
        assert "uses" in job or "timeout-minutes" in job, name


def test_a_job_signs_in_to_azure_or_writes_to_github_but_never_both() -> None:
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            signs_in = any(step.get("uses", "").startswith("azure/login") for step in job.get("steps", []))
            if signs_in:
                assert "environment" in job, name
                assert job["permissions"] == {"contents": "read", "id-token": "write"}, name
            if job.get("permissions", {}).get("contents") == "write":
                assert not signs_in, name


def test_an_unreviewed_change_starts_no_workflow_that_signs_in_to_azure() -> None:
    """A branch can change the workflows that its push or pull request starts, but not main's."""
    for path in WORKFLOWS:
        workflow = load(path)
        triggers = set(workflow["on"])
        if any(step.get("uses", "").startswith("azure/login") for step in steps(workflow)):
            assert triggers == {"workflow_dispatch"}, path.name
        assert "pull_request_target" not in triggers


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_script_in_a_workflow_reads_values_from_its_environment_only(path: Path) -> None:
    """An expression inside a script is pasted into it before it runs: a value could then be a command."""
    for step in steps(load(path)):
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_and_checkout_keeps_no_token(path: Path) -> None:
    for step in steps(load(path)):
        if "uses" in step:
            assert re.fullmatch(r"(actions|azure)/[\w-]+@[0-9a-f]{40}", step["uses"])
            if step["uses"].startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_pinned_action_says_which_version_it_is(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.search(r"uses: \w+/", line):
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_commit_of_an_action_is_used_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, commit in re.findall(r"uses: (\w+/[\w-]+)@(\w+)", path.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


def workflow_named(name: str) -> dict[str, Any]:
    return load(REPOSITORY / f".github/workflows/{name}.yml")


def commands_of(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def position(commands: list[str], part: str) -> int:
    return next(number for number, command in enumerate(commands) if part in command)


def test_ci_runs_tests_lint_package_audit_and_the_compiler() -> None:
    jobs = {name: "\n".join(commands_of(job)) for name, job in workflow_named("ci")["jobs"].items()}
    for command in (
        "make test\n",
        "make lint",
        "make test-package",
        "make audit",
        "az bicep install",
        "lint-bicep.sh",
    ):
        assert sum(command in f"{commands}\n" for commands in jobs.values()) == 1, command
    assert jobs["audit"].splitlines()[-1] == "make audit"


def test_api_versions_and_vulnerabilities_are_checked_every_week() -> None:
    weekly = workflow_named("weekly")
    assert "schedule" in weekly["on"]
    commands = [command for job in weekly["jobs"].values() for command in commands_of(job)]
    assert any("lint-bicep.sh --api-versions" in command for command in commands)
    assert any("make audit" in command for command in commands)


def test_a_release_is_tested_built_and_attested_before_it_is_published_and_touches_no_azure() -> None:
    workflow = workflow_named("release")
    assert workflow["jobs"]["release"]["needs"] == "ci"
    commands = commands_of(workflow["jobs"]["release"])
    assert (
        position(commands, "release-notes.sh")
        < position(commands, "make package")
        < position(commands, "gh release create")
    )
    attested = [step["with"] for step in steps(workflow) if step.get("uses", "").startswith("actions/attest")]
    assert {"subject-checksums": "dist/SHA256SUMS"} in attested
    assert any("sbom-path" in inputs for inputs in attested)
    assert not any("azure" in step.get("uses", "") for step in steps(workflow))


def test_a_deployment_takes_a_chosen_release_and_verifies_its_origin() -> None:
    workflow = workflow_named("deploy")
    trigger = workflow["on"]["workflow_dispatch"]
    assert trigger["inputs"]["release"]["required"] is True
    verify = workflow["jobs"]["verify"]
    assert "refs/tags/${{ inputs.release }}" in [step.get("with", {}).get("ref") for step in verify["steps"]]
    check = commands_of(verify)[position(commands_of(verify), "gh attestation verify")]
    assert "--signer-workflow" in check
    assert "--source-digest" in check
    for name in ("what-if", "deploy"):
        checkout = workflow["jobs"][name]["steps"][0]
        assert checkout["with"]["ref"] == "${{ needs.verify.outputs.commit }}"


def test_a_deployment_signs_in_without_a_secret() -> None:
    logins = [step for step in steps(workflow_named("deploy")) if step.get("uses", "").startswith("azure/login")]
    assert len(logins) == 2
    for login in logins:
        assert set(login["with"]) == {"client-id", "tenant-id", "subscription-id"}


def test_the_what_if_runs_in_its_own_environment_and_needs_no_right_to_write() -> None:
    jobs = workflow_named("deploy")["jobs"]
    assert jobs["what-if"]["environment"] == f"{jobs['deploy']['environment']}-what-if"
    assert "--validation-level ProviderNoRbac" in "".join(commands_of(jobs["what-if"]))
    assert "secrets." not in str(jobs["what-if"])


def test_a_deployment_shows_its_changes_first_and_checks_the_app_afterwards() -> None:
    jobs = workflow_named("deploy")["jobs"]
    assert jobs["what-if"]["needs"] == "verify"
    assert jobs["deploy"]["needs"] == ["verify", "what-if"]
    commands = commands_of(jobs["deploy"])
    order = [position(commands, part) for part in ("az deployment sub create", "deploy-package.sh", "smoke.sh")]
    assert order == sorted(order)


def test_nothing_is_built_on_azure() -> None:
    for path in WORKFLOWS:
        assert "build-remote" not in path.read_text(encoding="utf-8")
    assert "RemoteBuild=false" in (INFRA / "scripts/deploy-package.sh").read_text(encoding="utf-8")


def test_the_pipeline_sets_every_variable_that_the_parameter_file_reads() -> None:
    parameters = (INFRA / "parameters/main.bicepparam").read_text(encoding="utf-8")
    read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", parameters))
    deploy = next(
        step
        for step in steps(load(REPOSITORY / ".github/workflows/deploy.yml"))
        if step.get("id") == "infrastructure"
    )
    assert read == set(deploy["env"])


def test_azd_deploys_the_built_package_and_builds_nothing() -> None:
    azure = load(REPOSITORY / "azure.yaml")
    assert azure["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    ((service, settings),) = azure["services"].items()
    assert settings["host"] == "function"
    assert settings["remoteBuild"] is False
    assert settings["dist"] == "dist/offer-monitor.zip"
    assert settings["hooks"]["prepackage"]["run"] == "make package"
    assert f"var serviceName = '{service}'" in Template(INFRA / "main.bicep").path.read_text(encoding="utf-8")


def test_no_bicepparam_file_hides_the_parameters_file_from_azd() -> None:
    infra = load(REPOSITORY / "azure.yaml")["infra"]
    beside_the_module = REPOSITORY / infra["path"] / infra["module"]
    assert beside_the_module.with_suffix(".bicep").exists()
    assert beside_the_module.with_suffix(".parameters.json").exists()
    assert not beside_the_module.with_suffix(".bicepparam").exists()


def test_the_template_has_every_output_that_the_scripts_read() -> None:
    outputs = set(Template(INFRA / "main.bicep").outputs)
    scripts = "".join(path.read_text(encoding="utf-8") for path in (INFRA / "scripts").glob("*.sh"))
    asked = set(re.findall(r"from_azd (\w+)\)", scripts)) | set(re.findall(r"azd env get-value ([A-Z_]+)", scripts))
    assert asked
    assert asked <= outputs


def test_azd_can_fill_every_value_of_the_parameters_file() -> None:
    document = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
    for entry in document["parameters"].values():
        assert re.fullmatch(r"\$\{[A-Z_]+(=[^}]*)?\}", entry["value"])
