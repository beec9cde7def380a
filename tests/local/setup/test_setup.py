"""The set-up script on machines where something is missing, in a folder of its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.processes.child import REPOSITORY

TOOLS = ("sh", "cat", "cksum", "dirname")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that the script reads, and an empty folder of programs."""
    for name in ("requirements-dev.lock", "package.json", "package-lock.json"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "local" / "setup").mkdir(parents=True)
    shutil.copy(REPOSITORY / "local" / "setup" / "setup.sh", tmp_path / "local" / "setup")
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def _program(clone: Path, name: str, script: str) -> None:
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _set_up(clone: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone / "bin"), "HOME": str(clone), "PYENV_ROOT": str(clone / "pyenv")}
    script = clone / "local" / "setup" / "setup.sh"
    return subprocess.run(["sh", script], env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_without_node_it_says_so_in_one_line(clone: Path) -> None:
    result = _set_up(clone)
    assert (result.returncode, result.stderr) == (1, "Missing: Node.js 20 or newer (node).\n")


def test_an_old_node_is_named_with_its_version(clone: Path) -> None:
    _program(clone, "node", '[ "$1" = --version ] && echo v18.1.0; [ "$1" = --version ]')
    result = _set_up(clone)
    assert (result.returncode, result.stderr) == (1, "Missing: Node.js 20 or newer; node is v18.1.0.\n")


needs_no_python_in_the_system = pytest.mark.skipif(
    any(Path(path).exists() for path in ("/usr/bin/python3.13", "/usr/local/bin/python3.13")),
    reason="this machine has a Python 3.13 where the script looks without PATH",
)


@needs_no_python_in_the_system
@pytest.mark.parametrize("python", [None, "exit 127", "exit 1"])
def test_without_a_python_313_that_runs_it_says_so_in_one_line(clone: Path, python: str | None) -> None:
    _program(clone, "node", "exit 0")
    if python is not None:
        _program(clone, "python3.13", python)
    result = _set_up(clone)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("Missing: Python 3.13.")


UV = """
echo "$*" >>uv-calls
case "$1 $2" in
"python find") [ -e got-python ] && echo "$PWD/bin/uv-python" ;;
"python install") {install} ;;
esac
"""
# It runs, but has neither ensurepip nor pip: the error shows that the script has used it.
PYTHON_FROM_UV = 'case "$2" in *version_info*) exit 0 ;; *) exit 1 ;; esac'


@needs_no_python_in_the_system
def test_without_a_python_313_uv_gets_one(clone: Path) -> None:
    _program(clone, "node", "exit 0")
    _program(clone, "uv", UV.format(install=": >got-python"))
    _program(clone, "uv-python", PYTHON_FROM_UV)
    result = _set_up(clone)
    assert (clone / "uv-calls").read_text().splitlines() == [
        "python find --no-project 3.13",
        "python install 3.13",
        "python find --no-project 3.13",
    ]
    assert "Installing Python 3.13 with uv" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Missing: pip for {clone}/bin/uv-python")


@needs_no_python_in_the_system
def test_a_python_313_that_uv_has_already_is_used_as_it_is(clone: Path) -> None:
    _program(clone, "node", "exit 0")
    _program(clone, "uv", UV.format(install="exit 1"))
    _program(clone, "uv-python", PYTHON_FROM_UV)
    (clone / "got-python").touch()
    result = _set_up(clone)
    assert (clone / "uv-calls").read_text().splitlines() == ["python find --no-project 3.13"]
    assert result.stderr.splitlines()[-1].startswith(f"Missing: pip for {clone}/bin/uv-python")


@needs_no_python_in_the_system
def test_if_uv_cannot_get_python_the_last_line_says_so(clone: Path) -> None:
    _program(clone, "node", "exit 0")
    _program(clone, "uv", UV.format(install="echo no network >&2; exit 1"))
    result = _set_up(clone)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-2:] == [
        "no network",
        "Missing: Python 3.13, and uv could not install it: see its message above.",
    ]


def test_a_python_313_of_the_machine_goes_before_uv(clone: Path) -> None:
    _program(clone, "node", "exit 0")
    _program(clone, "uv", UV.format(install=": >got-python"))
    _program(clone, "python3.13", PYTHON_FROM_UV)
    result = _set_up(clone)
    assert "Missing: pip for python3.13" in result.stderr
    assert not (clone / "uv-calls").exists()


@pytest.fixture
def complete(clone: Path) -> Path:
    """A clone in which everything is set up."""
    _program(clone, "node", "exit 0")
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    (clone / "node_modules").mkdir()
    (clone / ".venv" / ".requirements").write_text(_checksum(clone, "requirements-dev.lock"))
    (clone / "node_modules" / ".lock").write_text(_checksum(clone, "package-lock.json"))
    return clone


def test_with_everything_set_up_it_does_nothing_and_needs_no_network(complete: Path) -> None:
    result = _set_up(complete)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_at_the_end_it_builds_the_pages_and_fails_if_they_cannot_be_built(complete: Path) -> None:
    _program(complete, "node", '[ "$1" != pages/build.mjs ] || { echo "No page." >&2; exit 1; }')
    result = _set_up(complete)
    assert (result.returncode, result.stderr) == (1, "No page.\n")


def test_a_changed_list_of_requirements_is_set_up_again(complete: Path) -> None:
    with (complete / "requirements-dev.lock").open("a") as requirements:
        requirements.write("another==1.0\n")
    result = _set_up(complete)
    assert result.returncode == 1
    assert "Setting up Python packages" in result.stderr


def _checksum(clone: Path, *names: str) -> str:
    content = b"".join((clone / name).read_bytes() for name in names)
    return subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode()
