"""Runs pages/build.mjs."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def build(root: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Build the pages of a repository at `root`; what is built already is left as it is."""
    command = ["node", str(root / "pages/build.mjs")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
