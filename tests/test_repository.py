"""What the repository says about itself: links lead somewhere, commands exist, lists and locks agree."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "sandbox" / "README.md"])
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
# What https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes gives an instance.
CORES = {
    512: 0.25,
    2048: 1.0,
    4096: 1.0,
}  # of its two cores the largest instance uses one: Python runs on one at a time


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_page_of_the_repository_leads_there(page: Path) -> None:
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z][\w-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


def test_the_lock_of_the_development_packages_has_the_versions_of_their_list() -> None:
    def pins(*names: str) -> dict[str, str]:
        text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)
        found = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}

    locked = pins("requirements-dev.lock")
    listed = pins("requirements.txt", "requirements-dev.txt")
    assert {name: locked.get(name) for name in listed} == listed


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [("dependabot", ".github/dependabot.yml"), ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml")],
)
def test_githubs_files_are_valid_by_its_schemas(schema: str, pattern: str) -> None:
    files = sorted(map(str, ROOT.glob(pattern)))
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_pre_commit_runs_the_checks_of_make_lint_with_the_tools_of_the_lock() -> None:
    config = YAML(typ="safe").load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    entries = [hook["entry"] for hook in config["repos"][0]["hooks"]]
    assert all(entry.startswith(".venv/bin/python -m ") for entry in entries)
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    checks = re.findall(r"-m (ruff check|ruff format|mypy)", lint)
    assert re.findall(r"-m (ruff check|ruff format|mypy)", "\n".join(entries)) == checks


def test_the_dev_container_has_the_python_of_the_project_and_sets_itself_up() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    version = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert container["image"].partition(":")[2].startswith(f"{version}-")
    assert container["postCreateCommand"].startswith("make setup")


def test_the_capacity_table_follows_from_its_figures() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("\n## Capacity\n")[2].partition("\n## ")[0]
    [(per_poll, per_row)] = re.findall(r"about ([\d.]+) ms of a full core, and reading its row ([\d.]+) ms", section)
    columns = [(0.2, 32), (0.5, 32), (1.0, 32), (1.0, 128)]
    rows = re.findall(r"^\| (\d+) \| [\d.]+ \| ([\d,]+) \|(.*)\|$", section, re.MULTILINE)
    assert [int(memory) for memory, _, _ in rows] == list(CORES)

    def close(said: str, exact: float) -> bool:
        return abs(int(said.replace(",", "")) / exact - 1) < 0.02

    for memory, by_cpu, cells in rows:
        cpu = 36_000 * CORES[int(memory)] / (float(per_poll) + float(per_row))
        assert close(by_cpu, cpu)
        for cell, (latency, concurrency) in zip(cells.split("|"), columns, strict=True):
            [(said, bound)] = re.findall(r"\*\*([\d,]+)\*\* \((\w+)\)", cell)
            waiting = 36 * concurrency / latency
            assert close(said, min(cpu, waiting)), cell
            assert bound == ("CPU" if cpu < waiting else "waiting"), cell
