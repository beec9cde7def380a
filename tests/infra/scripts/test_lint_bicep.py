"""lint-bicep.sh, with compilers that print a given message."""

import os
import shutil
from pathlib import Path

import pytest

from tests.infra.scripts.script import put_program, run

OLD_VERSION = "/x/main.bicep(1,1) : Warning use-recent-api-versions: too old [https://aka.ms]"


def test_it_says_so_where_there_is_no_compiler(tmp_path: Path) -> None:
    for tool in ("dirname", "bash"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    result = run("lint-bicep.sh", environment={"PATH": str(tmp_path)})
    assert result.returncode == 0
    assert "no Bicep CLI here" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ([], "", 0),
        ([], "/x/main.bicep(1,1) : Warning BCP334: too short [https://aka.ms]", 1),
        ([], OLD_VERSION, 0),
        (["--api-versions"], OLD_VERSION, 1),
        (["--api-versions"], "", 0),
    ],
    ids=["clean", "a warning", "an old version in a build", "an old version in the weekly run", "no old version"],
)
def test_it_fails_on_a_warning_and_on_an_old_version_only_when_asked(
    tmp_path: Path, arguments: list[str], message: str, code: int
) -> None:
    put_program(tmp_path, "bicep", f'#!/bin/sh\n[ -n "{message}" ] && echo "{message}" >&2\nexit 0\n')
    result = run("lint-bicep.sh", *arguments, environment={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert result.returncode == code, result.stderr
