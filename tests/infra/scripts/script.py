"""A script of infra/scripts as the tests run it: for real, with other programs put in its path."""

import subprocess
from pathlib import Path

from tests.infra.template import INFRA

SCRIPTS = INFRA / "scripts"
SYSTEM_PATH = "/usr/bin:/bin"


def run(script: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with this environment and nothing else in it."""
    command = [str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


def put_program(folder: Path, name: str, content: str) -> None:
    """Write a program into a folder of the path."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    path.chmod(0o755)
