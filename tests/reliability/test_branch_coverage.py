"""The figures about coverage are those of coverage.py's report."""

from pathlib import Path

from tests.reliability.branch_coverage import covered, number_of_tests


def file(branches: int, taken: int) -> dict[str, object]:
    """A file of coverage.py's report."""
    return {
        "summary": {"num_statements": 10, "covered_lines": 9, "num_branches": branches, "covered_branches": taken}
    }


def test_branches_are_counted_by_package_and_only_in_shared() -> None:
    found = covered(
        {
            "files": {
                "shared/jobs/a.py": file(4, 4),
                "shared/jobs/b.py": file(4, 0),
                "shared/log.py": file(2, 1),
                "function_app.py": file(100, 100),
            }
        }
    )
    assert {name: (each.branches, each.percent_of_branches) for name, each in found.items()} == {
        "shared/jobs": (8, 50.0),
        "shared": (2, 50.0),
        "": (10, 50.0),
    }


def test_the_number_of_tests_is_pytests_own(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text('<testsuites><testsuite tests="7"/></testsuites>', encoding="utf-8")
    assert number_of_tests(report) == 7
