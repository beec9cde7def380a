"""Every fast test runs, and coverage.py notes which branches of `shared/` were taken.

Less than 95 % of the branches fails the command, which CI runs. Only the tests' own processes are measured, not the
hosts and other processes that they start. Coverage says which code no test reaches; whether a test would notice that
the code is wrong is the question of the section about mutations.
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.report import ROOT, Table, record

LEAST_PERCENT = 95.0
JUNIT = ROOT / ".local" / "tests.xml"


@dataclass
class Covered:
    """Statements and branches, and how many of them a test has reached."""

    statements: int = 0
    reached_statements: int = 0
    branches: int = 0
    reached_branches: int = 0

    def add(self, summary: Mapping[str, int]) -> None:
        """Add a file of coverage.py's report."""
        self.statements += summary["num_statements"]
        self.reached_statements += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.reached_branches += summary["covered_branches"]

    @property
    def percent_of_branches(self) -> float:
        return 100.0 * self.reached_branches / self.branches if self.branches else 100.0


def covered(report: Mapping[str, Any]) -> dict[str, Covered]:
    """What of each package of `shared/` was reached, from coverage.py's JSON report. The key "" has the sum."""
    packages: dict[str, Covered] = defaultdict(Covered)
    for path, file in report["files"].items():
        parts = Path(path).parts
        if parts[0] == "shared":
            packages["shared" if len(parts) == 2 else f"shared/{parts[1]}"].add(file["summary"])
            packages[""].add(file["summary"])
    return dict(packages)


def number_of_tests(junit: Path) -> int:
    """How many tests pytest ran, from its JUnit report."""
    return sum(int(suite.get("tests", 0)) for suite in ET.parse(junit).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it


def _report() -> dict[str, Any]:
    command = [sys.executable, "-m", "coverage", "json", "--quiet", "--fail-under", "0", "-o", "-"]
    report: dict[str, Any] = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return report


def _rows(packages: Mapping[str, Covered]) -> Iterator[tuple[str, int, int, str]]:
    for name in sorted(set(packages) - {""}):
        found = packages[name]
        yield name, found.branches, found.branches - found.reached_branches, f"{found.percent_of_branches:.1f} %"


def main() -> int:
    """Write the last figures to the page. The exit status is 1 if too few branches were taken."""
    packages = covered(_report())
    whole = packages[""]
    if whole.percent_of_branches < LEAST_PERCENT:
        sys.stderr.write(
            f"{whole.percent_of_branches:.1f} % of the branches of shared/ are covered: {LEAST_PERCENT} %\n"
        )
        return 1
    record(
        "coverage",
        figures={
            "tests": number_of_tests(JUNIT),
            "statements in `shared/`": whole.statements,
            "of these reached by a test": f"{100 * whole.reached_statements / whole.statements:.1f} %",
            "branches in `shared/`": whole.branches,
            "of these taken in a test": f"{whole.percent_of_branches:.1f} %",
            "CI fails below": f"{LEAST_PERCENT:.0f} %",
        },
        tables=[Table("Branches", ("package", "branches", "never taken", "taken"), list(_rows(packages)))],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
