"""release-notes.sh: what a release says comes from the changelog."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.scripts.script import SYSTEM_PATH, put_program, run
from tests.infra.template import REPOSITORY


@pytest.mark.parametrize(
    ("tag", "said"),
    [("1.0.0", "is tagged v1.2.3"), ("v9.9.9", "pyproject.toml says")],
    ids=["no tag of a release", "another version"],
)
def test_a_tag_that_does_not_name_the_release_is_refused(tag: str, said: str) -> None:
    result = run("release-notes.sh", tag, environment={**os.environ})
    assert result.returncode == 1
    assert said in result.stderr


def test_the_notes_are_the_changelogs_section_of_the_release(tmp_path: Path) -> None:
    for file in ("CHANGELOG.md", "pyproject.toml", "infra/scripts/release-notes.sh"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / file, tmp_path / file)
    put_program(tmp_path, "git", "#!/bin/sh\nexit 0\n")
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    [version] = re.findall(r'^version = "(.*)"$', project, re.M)
    result = subprocess.run(
        [str(tmp_path / "infra/scripts/release-notes.sh"), f"v{version}"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:{SYSTEM_PATH}"},
    )
    assert result.returncode == 0, result.stderr
    assert "The first release." in result.stdout
    assert "## " not in result.stdout.replace("### ", "")
