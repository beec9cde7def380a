"""The tests notice small changes of the code that keeps the promises.

[mutmut](https://mutmut.readthedocs.io) changes one thing at a time: a comparison, a number, a text, a call. Each of
these changes is a mutant. mypy refuses some, as `make lint` would. The others are tried with the fast tests that call
the changed function, each in a process of its own, over a real Azurite. A mutant is killed if a test fails, and
survives if all pass. The modules below poll, claim and finish jobs, write and deliver events, sign them, guard the
network, redact secrets, and watch offers.

Every survivor is listed with the reason why nobody would notice it. The command fails if less than 90 percent of a
package's mutants are killed, if a survivor has no reason, or if a reason is for a mutant that does not survive. A run
takes hours, and one that was stopped goes on where it was. Until all mutants have been tried, the command fails too:
the table says how many have not, and the percentages leave them out.

Its limits: mutmut changes functions and methods, but no constants of modules and no decorated functions, such as
properties. The texts of errors and of most log lines are left out. A mutant whose tests take four times as long as
usual, twice, counts as killed; the table says how many. So does one with a test that hangs for 75 seconds, or that
fails for another reason: on a machine that is too busy, an answer may come too late. The tests of hosts and
processes are too slow to be used.
"""

import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.mutants import Mutant, Outcome, modules_by_package, read_commits, read_mutants
from tests.reliability.report import Table, record

LEAST_SHARE_PERCENT = 90.0
_REASONS = Path(__file__).parent / "survivors"


@dataclass(frozen=True)
class Survivor:
    """What identifies a mutant in every run: its number may change with any line, these texts only with its own."""

    module: str
    function: str
    change: str

    @classmethod
    def of(cls, mutant: Mutant) -> "Survivor":
        return cls(mutant.module, mutant.function, mutant.change)


@dataclass(frozen=True)
class Evidence:
    """The mutants, the modules that should have some, and the reasons given for survivors."""

    mutants: Sequence[Mutant]
    packages: Sequence[str]
    reasons: Mapping[Survivor, str]

    def survivors(self) -> dict[str, Survivor]:
        """By the mutant's name."""
        return {
            mutant.name: Survivor.of(mutant)
            for mutant in self.mutants
            if mutant.outcome in (Outcome.SURVIVED, Outcome.NO_TESTS)
        }

    def faults(self) -> list[str]:
        """Every reason why the tests, or the reasons, do not suffice."""
        faults = []
        missing = set(self.packages) - {mutant.package for mutant in self.mutants}
        faults += [f"{package}: no mutants were tried" for package in sorted(missing)]
        untried = Counter(mutant.module for mutant in self.mutants if mutant.outcome is Outcome.UNTRIED)
        faults += [f"{module}: {count} mutants were not tried" for module, count in untried.items()]
        faults += [f"{each.name}: its test run broke" for each in self.mutants if each.outcome is Outcome.UNCLEAR]
        for package in sorted(set(self.packages) - missing):
            share = share_percent([mutant for mutant in self.mutants if mutant.package == package])
            if share < LEAST_SHARE_PERCENT:
                faults.append(f"{package}: {share} percent are killed; at least {LEAST_SHARE_PERCENT} have to be")
        faults += [
            f"{name} survives, and nothing says why:\n{_entry(survivor)}"
            for name, survivor in self.survivors().items()
            if survivor not in self.reasons
        ]
        surviving = set(self.survivors().values())
        faults += [
            f"a reason is for a mutant that does not survive:\n{_entry(survivor)}"
            for survivor in self.reasons
            if survivor not in surviving
        ]
        return faults


def share_percent(mutants: Sequence[Mutant]) -> float:
    """How many of the mutants that were tried are killed or time out, rounded down to a tenth."""
    tried = [mutant for mutant in mutants if mutant.outcome not in (Outcome.MYPY, Outcome.UNTRIED)]
    killed = sum(mutant.outcome in (Outcome.KILLED, Outcome.TIMED_OUT) for mutant in tried)
    return killed * 1000 // len(tried) / 10 if tried else 100.0


def read_reasons(folder: Path = _REASONS) -> dict[Survivor, str]:
    """One file for each package. Raises ValueError if a reason is empty, or given twice."""
    reasons: dict[Survivor, str] = {}
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []):
            why = " ".join(entry["why"].split())
            for change in entry["changes"]:
                lines = "\n".join(line.strip() for line in change.strip().splitlines())
                survivor = Survivor(entry["module"], entry["function"], lines)
                if not why or survivor in reasons:
                    raise ValueError(f"{path.name}: this needs one reason:\n{_entry(survivor)}")
                reasons[survivor] = why
    return reasons


def read_evidence() -> Evidence:
    packages = list(modules_by_package())
    return Evidence([mutant for package in packages for mutant in read_mutants(package)], packages, read_reasons())


def tables(evidence: Evidence, commits: Mapping[str, str]) -> list[Table]:
    """One table of all modules, one of all survivors."""
    rows: list[list[str | int | float]] = []
    for package in evidence.packages:
        of_package = [mutant for mutant in evidence.mutants if mutant.package == package]
        for module in sorted({mutant.module for mutant in of_package}):
            of_module = [mutant for mutant in of_package if mutant.module == module]
            tried = [each for each in of_module if each.outcome not in (Outcome.MYPY, Outcome.UNTRIED)]
            at = sorted({commits.get(each.name, "-") for each in tried})
            rows.append([module, *_counts(of_module), ", ".join(at)])
        if len({mutant.module for mutant in of_package}) > 1:
            rows.append([f"all of {package}", *_counts(of_package), ""])
    outcomes = [outcome.value for outcome in _SHOWN]
    survivors = sorted(set(evidence.survivors().values()), key=lambda each: (each.module, each.function, each.change))
    return [
        Table("Mutants", ("module", "mutants", *outcomes, "killed of those tried, percent", "commit"), rows),
        Table(
            "Survivors",
            ("where", "change", "why it does not matter"),
            [
                (f"{each.module}: {each.function}", f"`{each.change}`", evidence.reasons.get(each, "unexplained"))
                for each in survivors
            ],
        ),
    ]


_SHOWN = (Outcome.MYPY, Outcome.KILLED, Outcome.TIMED_OUT, Outcome.SURVIVED, Outcome.NO_TESTS, Outcome.UNTRIED)


def _counts(mutants: Sequence[Mutant]) -> list[str | int | float]:
    by_outcome = Counter(mutant.outcome for mutant in mutants)
    return [len(mutants), *(by_outcome[outcome] for outcome in _SHOWN), share_percent(mutants)]


def _entry(survivor: Survivor) -> str:
    """As it is written in survivors/<package>.toml."""
    return "\n".join(
        (
            "[[survivor]]",
            f'module = "{survivor.module}"',
            f'function = "{survivor.function}"',
            'why = ""',
            f"changes = ['''\n{survivor.change}\n''']\n",
        )
    )


def main() -> None:
    evidence = read_evidence()
    commits = {name: at for package in evidence.packages for name, at in read_commits(package).items()}
    found = tables(evidence, commits)
    for row in (found[0].columns, *found[0].rows):
        sys.stdout.write("  ".join(str(cell) for cell in row) + "\n")
    tried = {mutant.package for mutant in evidence.mutants if mutant.outcome is not Outcome.UNTRIED}
    if tried == set(evidence.packages):
        figures: dict[str, str | int | float] = {"mutants": len(evidence.mutants)}
        figures |= {outcome.value: sum(each.outcome is outcome for each in evidence.mutants) for outcome in Outcome}
        figures |= {"killed of those tried, percent": share_percent(evidence.mutants)}
        record("mutations", figures=figures, tables=found)
    if faults := evidence.faults():
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
