"""sandbox/README.md describes everything that the sandbox can do, and its examples work as printed."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.answers import camel_case
from sandbox.dialects import DIALECT_CHOICES
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from sandbox.tokens import Account

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "sandbox" / "README.md").read_text(encoding="utf-8")
SETTINGS = camel_case({setting.name: None for setting in fields(SandboxSettings)})
EXAMPLES = [block for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) if "curl" in block]


@pytest.fixture
def shell_line() -> Iterator[str]:
    """The line that a sandbox of its own prints when it starts."""
    with Sandbox.start() as sandbox:
        yield sandbox.shell_line()


@pytest.mark.parametrize("name", sorted({*FAULT_NAMES, *DIALECT_CHOICES, *SETTINGS}))
def test_the_guide_names_every_fault_dialect_and_setting(name: str) -> None:
    assert f"`{name}`" in GUIDE


def test_the_guide_names_every_route(fresh_sandbox: Sandbox) -> None:
    variants = (".page", ".bare", ".old", ".put", ".action")
    names = {name for name in fresh_sandbox.state.route_names if not name.endswith(variants)}
    assert [name for name in sorted(names) if f"`{name.removeprefix('cloud-partner-portal.')}`" not in GUIDE] == []


@pytest.mark.parametrize("field", [field.name for field in fields(Account)])
def test_the_guide_has_the_real_values_of_the_accounts(field: str) -> None:
    assert getattr(Account(), field) in GUIDE


def test_the_sandbox_imports_nothing_else_of_the_repository() -> None:
    imported = {
        (path.name, name)
        for path in (ROOT / "sandbox").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    others = {"bench", "function_app", "local", "shared", "tests"}
    assert {(file, name) for file, name in imported if name.partition(".")[0] in others} == set()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")
def test_the_printed_line_makes_every_example_work(shell_line: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.symlink_to(sys.executable)
    script = ["set -eu", f"PATH={tmp_path}:$PATH", 'curl() { command curl --fail-with-body --show-error "$@"; }']
    answer = subprocess.run(
        ["sh", "-c", "\n".join([*script, shell_line, *EXAMPLES])],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert '"jobStatus": "notStarted"' in answer.stdout
    assert '"publisherId": "contoso"' in answer.stdout
