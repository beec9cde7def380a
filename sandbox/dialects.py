"""Dialects: the form of the answers about a job.

`plain` follows Microsoft's schema. Each of the others has some of the oddities seen in the real service or its
documentation; docs/upstream.md describes them by number.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.answers import YEAR_ONE_DATE, YEAR_ONE_DATE_TIME

IN_TURN = "in-turn"  # as a setting: each new job takes the next dialect


@dataclass(frozen=True)
class Dialect:
    """The form of the answers about one job. The defaults are those of `plain`."""

    name: str
    job_id_key: Literal["jobId", "jobID"] = "jobId"  # quirk 6
    pascal_case: bool = False  # quirk 9
    capital_conflict: bool = False  # quirk 8: the error code `Conflict` instead of `conflict`
    trimmed_fractions: bool = False  # quirk 19
    pending_end: Literal["absent", "date", "date-time", "plausible"] = "absent"  # quirk 4: jobEnd before the end
    leading_space: bool = False  # quirk 1: before the `$schema` of a completed job
    empty_details: Literal["list", "object", "missing"] = "list"  # quirk 8
    detail: Literal["all", "offer-only", "bare", "prices-first"] = "all"  # quirk 20: resources of configure/{jobId}
    surplus_whitespace: bool = False
    misprints: bool = False  # quirks 1 and 9: the documentation's misprints, in the detail's offer

    def word(self, value: str) -> str:
        """An enum value in this dialect's case."""
        return value[0].upper() + value[1:] if self.pascal_case else value

    def end_while_pending(self, plausible: str) -> str | None:
        """The value of `jobEnd` before the job has ended; None leaves it out."""
        return {
            "absent": None,
            "date": YEAR_ONE_DATE,
            "date-time": YEAR_ONE_DATE_TIME,
            "plausible": plausible,
        }[self.pending_end]


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("plain"),
        Dialect("private-offer", capital_conflict=True, pending_end="date", leading_space=True, detail="offer-only"),
        Dialect(
            "core",
            job_id_key="jobID",
            capital_conflict=True,
            pending_end="date-time",
            empty_details="missing",
            detail="offer-only",
        ),
        Dialect(
            "trimmed",
            capital_conflict=True,
            trimmed_fractions=True,
            pending_end="plausible",
            leading_space=True,
            detail="bare",
        ),
        Dialect(
            "pascal",
            pascal_case=True,
            capital_conflict=True,
            pending_end="date",
            leading_space=True,
            empty_details="object",
            detail="prices-first",
        ),
        Dialect(
            "spaced",
            capital_conflict=True,
            trimmed_fractions=True,
            leading_space=True,
            detail="offer-only",
            surplus_whitespace=True,
            misprints=True,
        ),
    )
}
DIALECT_CHOICES = (*DIALECTS, IN_TURN)


def check_dialect(name: object) -> None:
    """Raises ValueError if the name is neither a dialect nor `in-turn`."""
    if name not in DIALECT_CHOICES:
        raise ValueError(f"dialect must be one of {', '.join(DIALECT_CHOICES)}, not {name!r}")
