"""The tools that are too large for .venv: they get an environment of their own, .venv-openapi."""

import fcntl
import subprocess
import sys
from pathlib import Path

from openapi.document import REPOSITORY

REQUIREMENTS = REPOSITORY / "requirements-openapi.txt"
ENVIRONMENT = REPOSITORY / ".venv-openapi"
_INSTALLED = ENVIRONMENT / "installed.txt"


def tools_folder() -> Path:
    """The folder with the tools' programs. They are installed first if they are missing or out of date."""
    with REQUIREMENTS.open(encoding="utf-8") as requirements:
        # Tests that run at the same time install them once.
        fcntl.flock(requirements, fcntl.LOCK_EX)
        wanted = requirements.read()
        if not _INSTALLED.exists() or _INSTALLED.read_text(encoding="utf-8") != wanted:
            python = ENVIRONMENT / "bin/python"
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
            quietly = ("--quiet", "--disable-pip-version-check")
            subprocess.run([python, "-m", "pip", "install", *quietly, "-r", REQUIREMENTS], check=True)
            _INSTALLED.write_text(wanted, encoding="utf-8")
    return ENVIRONMENT / "bin"
