"""mutmut's results, which are in mutants/<package>/, and the commit at which each was made."""

import contextlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mutmut.configuration import reset_config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import compute_function_hashes
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name, orig_function_and_class_names_from_key

from tests.reliability.report import ROOT

MUTANTS = ROOT / "mutants"


class Outcome(StrEnum):
    """What became of a mutant."""

    MYPY = "refused by mypy"
    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NO_TESTS = "no tests"
    UNCLEAR = "unclear"  # the test run itself broke
    UNTRIED = "not tried"


_OUTCOMES = {
    "caught by type check": Outcome.MYPY,
    "killed": Outcome.KILLED,
    "timeout": Outcome.TIMED_OUT,
    "survived": Outcome.SURVIVED,
    "no tests": Outcome.NO_TESTS,
    "not checked": Outcome.UNTRIED,
}


@dataclass(frozen=True)
class Mutant:
    """One small change of a function. `name` is mutmut's; it ends with a number that changes with the code."""

    name: str
    package: str
    module: str
    outcome: Outcome
    seconds: float = 0.0
    # The lines that differ, each after `-` or `+`, without their indentation. Only of a survivor.
    change: str = ""

    @property
    def function(self) -> str:
        function, in_class = orig_function_and_class_names_from_key(self.name)
        return function if in_class is None else f"{in_class}.{function}"

    @property
    def pattern(self) -> str:
        """Names all mutants of its function."""
        return self.name.rpartition("__mutmut_")[0] + "__mutmut_*"


def mutmut_settings() -> dict[str, Any]:
    """What pyproject.toml says about all packages."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    return settings


def modules_by_package() -> dict[str, list[str]]:
    """The modules to mutate. `redaction` is the package of shared/redaction.py."""
    settings = mutmut_settings()
    modules: dict[str, list[str]] = {}
    for path in sorted((ROOT / "shared").rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        if _matches(module, settings["only_mutate"]) and not _matches(module, settings["do_not_mutate"]):
            modules.setdefault(Path(module).parts[1].removesuffix(".py"), []).append(module)
    return modules


def read_mutants(package: str) -> list[Mutant]:
    """All mutants of the package; none before the first run."""
    folder = MUTANTS / package
    if not folder.exists():
        return []
    found = []
    with contextlib.chdir(folder):
        reset_config()
        for path in sorted(walk_mutatable_files()):
            results = SourceFileMutationData(path=path)
            results.load()
            functions = compute_function_hashes(path.read_text(encoding="utf-8"))
            for name, exit_code in results.exit_code_by_key.items():
                outcome = _OUTCOMES.get(status_by_exit_code[exit_code], Outcome.UNCLEAR)
                function = mangled_name_from_mutant_name(name).rpartition(".")[2]
                if results.hash_by_function_name.get(function) != functions.get(function):
                    outcome = Outcome.UNTRIED  # the function has changed since
                change = _change(name, path) if outcome in (Outcome.SURVIVED, Outcome.NO_TESTS) else ""
                seconds = results.durations_by_key.get(name, 0.0)
                found.append(Mutant(name, package, str(path), outcome, seconds, change))
    reset_config()
    return found


def _change(name: str, path: Path) -> str:
    lines = get_diff_for_mutant(name, path=path).splitlines()
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines[2:] if line[0] in "-+")


def _matches(module: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(module, pattern) for pattern in patterns)


def read_commits(package: str) -> dict[str, str]:
    """The commit at which each mutant, by name, was tried."""
    path = _commits(package)
    if not path.exists():
        return {}
    commits: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return commits


def add_commits(package: str, commits: Mapping[str, str]) -> None:
    text = json.dumps(read_commits(package) | dict(commits), indent=0, ensure_ascii=False)
    _commits(package).write_text(text, encoding="utf-8")


def _commits(package: str) -> Path:
    return MUTANTS / package / "commits.json"
