"""docs/reliability.md shows what the proofs have seen, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.reliability.page import PROOFS, render
from tests.reliability.report import FOLDER, PAGE, Image, Table, record


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """The page after one proof has run."""
    record(
        "spacing",
        figures={"jumps": 1234, "seed": "a|b"},
        tables=[Table("Jumps", ("by", "polls"), [("-3 h", 2), ("3 h", 1)])],
        images=[Image("clock.svg", "Polls by hour")],
        folder=tmp_path,
        page=tmp_path / "page.md",
    )
    return (tmp_path / "page.md").read_text(encoding="utf-8")


def test_a_proofs_figures_tables_and_pictures_are_on_the_page(recorded: str) -> None:
    assert "| jumps | 1,234 |" in recorded
    assert "| seed | a\\|b |" in recorded
    assert "**Jumps**\n\n| by | polls |\n| --- | --- |\n| -3 h | 2 |" in recorded
    assert "![Polls by hour](reliability/clock.svg)" in recorded


def test_each_result_has_the_command_the_commit_and_the_day(tmp_path: Path, recorded: str) -> None:
    results = json.loads((tmp_path / "spacing.json").read_text(encoding="utf-8"))
    assert results["command"] == "make test-slow ARGS=tests/reliability/test_spacing.py"
    assert f"`{results['command']}` at commit `{results['commit']}` on {results['date']}" in recorded


def test_a_proof_that_has_not_run_is_on_the_page_without_figures(recorded: str) -> None:
    assert "Not run in full yet: `make test-slow ARGS=tests/reliability/test_kills.py`." in recorded


@pytest.mark.parametrize(("left", "shown"), [(0, " |"), (1234, ", 1,234 not tried yet |")])
def test_mutants_that_were_not_tried_are_beside_the_day(tmp_path: Path, left: int, shown: str) -> None:
    record("mutations", figures={"not tried": left}, folder=tmp_path, page=tmp_path / "page.md")
    date = json.loads((tmp_path / "mutations.json").read_text(encoding="utf-8"))["date"]
    assert f"| {date}{shown}" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_results_render_to() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(FOLDER), "run `python -m tests.reliability.report`"


def test_every_result_belongs_to_a_proof_on_the_page() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} <= set(PROOFS)


def test_no_result_is_of_a_commit_with_uncommitted_changes() -> None:
    changed = [path.name for path in FOLDER.glob("*.json") if "uncommitted" in path.read_text(encoding="utf-8")]
    assert changed == []
