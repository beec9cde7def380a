"""The verdict on mutants: each way in which the tests, or the reasons for survivors, fall short fails it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.reliability.mutants import Mutant, Outcome
from tests.reliability.mutations import Evidence, Survivor, read_reasons, share_percent, tables

MODULE = "shared/webhooks/signing.py"
CHANGE = "- return 1\n+ return 2"
SURVIVOR = Survivor(MODULE, "sign", CHANGE)


def mutant(number: int, outcome: Outcome = Outcome.KILLED) -> Mutant:
    change = CHANGE if outcome in (Outcome.SURVIVED, Outcome.NO_TESTS) else ""
    return Mutant(f"shared.webhooks.signing.x_sign__mutmut_{number}", "webhooks", MODULE, outcome, change=change)


def evidence(*outcomes: Outcome, killed: int = 20) -> Evidence:
    """Killed mutants, one for each outcome, and a reason for the survivors."""
    mutants = [mutant(number, outcome) for number, outcome in enumerate([Outcome.KILLED] * killed + list(outcomes))]
    reasons = {SURVIVOR: "Nothing calls it."} if Outcome.SURVIVED in outcomes else {}
    return Evidence(mutants, ["webhooks"], reasons)


def test_survivors_with_reasons_are_accepted() -> None:
    assert evidence(Outcome.SURVIVED, Outcome.MYPY, Outcome.TIMED_OUT).faults() == []


def test_a_survivor_without_a_reason_is_a_fault_that_shows_the_entry_to_fill_in() -> None:
    [fault] = replace(evidence(Outcome.SURVIVED), reasons={}).faults()
    assert "x_sign__mutmut_20 survives" in fault
    assert CHANGE in fault


def test_a_mutant_without_tests_needs_a_reason_too() -> None:
    [fault] = evidence(Outcome.NO_TESTS).faults()
    assert "nothing says why" in fault


@pytest.mark.parametrize(
    "stale",
    [
        Survivor(MODULE, "sign", "- return 3\n+ return 4"),
        Survivor(MODULE, "other", CHANGE),
        Survivor("shared/redaction.py", "sign", CHANGE),
    ],
)
def test_a_reason_for_a_mutant_that_does_not_survive_is_a_fault(stale: Survivor) -> None:
    found = evidence(Outcome.SURVIVED)
    [fault] = replace(found, reasons={**found.reasons, stale: "Once it did."}).faults()
    assert "does not survive" in fault


def test_less_than_nine_in_ten_killed_is_a_fault() -> None:
    assert evidence(Outcome.SURVIVED, killed=9).faults() == []
    [fault] = evidence(Outcome.SURVIVED, killed=8).faults()
    assert "webhooks: 88.8 percent" in fault


def test_mutants_that_were_not_tried_are_a_fault() -> None:
    [fault] = evidence(Outcome.UNTRIED, killed=30).faults()
    assert fault == f"{MODULE}: 1 mutants were not tried"


def test_a_mutant_whose_test_run_broke_is_a_fault() -> None:
    [fault] = evidence(Outcome.UNCLEAR, killed=30).faults()
    assert "its test run broke" in fault


def test_a_package_without_mutants_is_a_fault() -> None:
    [fault] = replace(evidence(), packages=["polling", "webhooks"]).faults()
    assert fault == "polling: no mutants were tried"


def test_mutants_that_mypy_refuses_or_that_were_not_tried_do_not_change_the_share() -> None:
    others = [*[Outcome.MYPY] * 100, *[Outcome.UNTRIED] * 100]
    mutants = evidence(Outcome.SURVIVED, Outcome.TIMED_OUT, *others, killed=1).mutants
    assert share_percent(mutants) == 66.6


def test_the_page_shows_each_module_with_its_commits_and_each_survivor_with_its_reason() -> None:
    found = evidence(Outcome.SURVIVED, Outcome.TIMED_OUT, Outcome.MYPY, Outcome.UNTRIED, killed=2)
    commits = {mutant(0).name: "abc", mutant(1).name: "abd", mutant(2).name: "abc", mutant(3).name: "abc"}
    modules, survivors = tables(found, commits)
    assert list(modules.rows) == [[MODULE, 6, 1, 2, 1, 1, 0, 1, 75.0, "abc, abd"]]
    assert list(survivors.rows) == [(f"{MODULE}: sign", f"`{CHANGE}`", "Nothing calls it.")]


def test_reasons_are_read_without_indentation_and_each_may_be_for_several_changes(tmp_path: Path) -> None:
    (tmp_path / "webhooks.toml").write_text(
        f"""
        [[survivor]]
        module = "{MODULE}"
        function = "sign"
        why = "Nothing calls it."
        changes = ['''
            - return 1
            + return 2
        ''', '''- a
        + b''']
        """
    )
    assert read_reasons(tmp_path) == {
        SURVIVOR: "Nothing calls it.",
        Survivor(MODULE, "sign", "- a\n+ b"): "Nothing calls it.",
    }


@pytest.mark.parametrize("entries", [[""], ["It is.", "It is."]], ids=["empty", "twice"])
def test_a_reason_that_is_empty_or_given_twice_is_refused(tmp_path: Path, entries: list[str]) -> None:
    text = f"module = '{MODULE}'\nfunction = 'sign'\nchanges = ['''{CHANGE}''']\n"
    whole = "".join(f"[[survivor]]\nwhy = '{why}'\n{text}" for why in entries)
    (tmp_path / "webhooks.toml").write_text(whole)
    with pytest.raises(ValueError, match="needs one reason"):
        read_reasons(tmp_path)
