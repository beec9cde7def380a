"""Tries mutants: `python -m tests.reliability.mutation_run [--survivors] [pattern ...]`, for `make mutate`.

A pattern is a package, such as `webhooks`, or names mutants, such as `shared.webhooks.signing*`. Without one, all
mutants that have no result yet are tried, so a run that was stopped goes on. With `--survivors`, those that have
survived are tried again, after tests were added.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from local.azurite import AzuriteProcess
from tests.reliability.mutants import (
    MUTANTS,
    Mutant,
    Outcome,
    add_commits,
    modules_by_package,
    mutmut_settings,
    read_mutants,
)
from tests.reliability.report import ROOT, tested_commit

_MUTMUT = Path(sys.executable).with_name("mutmut")
# A mutant that gathers without end is stopped before it takes the machine's memory. A test starts 1,600 threads, and
# their stacks take 13 GiB of addresses.
_MEMORY_MAX_BYTES = 16 * 2**30
# Without a mutation, the slowest of these tests takes about seven. One that hangs has failed, and the mutant's other
# tests need not be awaited.
_TEST_MAX_SECONDS = 75
_PYTEST_OPTIONS = f"-o faulthandler_timeout={_TEST_MAX_SECONDS} -o faulthandler_exit_on_timeout=true"
# A test may fail on a busy machine. It must not while nothing is mutated, so mutmut gives up, and has to start anew.
_STARTS_MAX = 3


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    tested_commit()
    for package, modules in modules_by_package().items():
        names = list(_names(package, given.patterns, survivors=given.survivors))
        if names:
            _prepare(package, modules)
            _try(package, names, given.processes)


def _names(package: str, patterns: Sequence[str], *, survivors: bool) -> Iterator[str]:
    """The mutants of the package to try, as mutmut takes them."""
    everything = f"shared.{package}.*"
    known = read_mutants(package)
    own = [everything if pattern == package else pattern for pattern in patterns]
    own = [pattern for pattern in own if pattern.startswith(f"shared.{package}.")] if patterns else [everything]
    if survivors:
        chosen = [each for each in known if any(fnmatchcase(each.name, pattern) for pattern in own)]
        yield from (each.name for each in chosen if each.outcome in (Outcome.SURVIVED, Outcome.NO_TESTS))
    elif patterns or not known:
        yield from own
    else:
        yield from dict.fromkeys(each.pattern for each in known if each.outcome is Outcome.UNTRIED)


def _prepare(package: str, modules: Sequence[str]) -> None:
    """Make the folder in which mutmut works: links to the repository, the package's settings, and mutmut's copy."""
    folder = MUTANTS / package
    copy = folder / "mutants"
    copy.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(copy / "tests", ignore_errors=True)  # mutmut adds to its copy, and deletes nothing
    settings = mutmut_settings()
    for name in (*settings["source_paths"], *settings["also_copy"], "tests", "node_modules"):
        for link in (folder / name, copy / name) if name == "node_modules" else (folder / name,):
            if not link.is_symlink():
                link.symlink_to((ROOT / name).resolve())
    tests = f"tests/{package}" if (ROOT / "tests" / package).is_dir() else f"tests/test_{package}.py"
    settings |= {
        "only_mutate": modules,
        "pytest_add_cli_args_test_selection": [*settings["pytest_add_cli_args_test_selection"], tests],
    }
    general, _, _ = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.mutmut]")
    own = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())  # JSON's lists are TOML's
    (folder / "pyproject.toml").write_text(f"{general}[tool.mutmut]\n{own}\n", encoding="utf-8")


def _try(package: str, names: Sequence[str], processes: int) -> None:
    """Try these mutants. One that times out is tried again, without others beside it."""
    before = set(read_mutants(package))
    try:
        _mutmut(package, names, processes)
        slow = [mutant.name for mutant in _tried_since(before, package) if mutant.outcome is Outcome.TIMED_OUT]
        if slow:
            _mutmut(package, slow, 1)
    finally:  # also of a run that is stopped
        tried = [mutant for mutant in _tried_since(before, package) if mutant.outcome is not Outcome.UNTRIED]
        add_commits(package, {mutant.name: tested_commit() for mutant in tried})


def _tried_since(before: set[Mutant], package: str) -> list[Mutant]:
    """A mutant that was tried again has taken another time, even if its outcome is the same."""
    return [mutant for mutant in read_mutants(package) if mutant not in before]


def _mutmut(package: str, names: Sequence[str], processes: int) -> None:
    limited = ["sh", "-c", f'ulimit -v {_MEMORY_MAX_BYTES // 1024}; exec "$@"', "sh"]
    command = [*limited, str(_MUTMUT), "run", "--max-children", str(processes), *names]
    path = f"{_MUTMUT.parent}{os.pathsep}{os.environ['PATH']}"  # mutmut looks for mypy there
    for start in range(_STARTS_MAX):
        with AzuriteProcess() as azurite:
            own = {"SHARED_AZURITE": azurite.connection_string, "PATH": path, "PYTEST_ADDOPTS": _PYTEST_OPTIONS}
            last = start == _STARTS_MAX - 1
            done = subprocess.run(command, env=os.environ | own, cwd=MUTANTS / package, check=last)
        if done.returncode == 0:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
