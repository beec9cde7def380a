"""The ways in which answers of the real service differ from one another; jobs take turns in speaking them."""

from dataclasses import dataclass
from typing import Literal

from sandbox.timestamps import YEAR_ONE_DATE, YEAR_ONE_DATE_TIME


@dataclass(frozen=True)
class Dialect:
    """How one job is written. The field comments name the quirk's place in upstream-api.md."""

    name: str
    job_id_key: Literal["jobId", "jobID"] = "jobId"  # C6
    pascal_case: bool = False  # C9
    trimmed_fractions: bool = False  # A5
    pending_end: Literal["date", "date-time", "plausible", "absent"] = "date"  # A5, C4
    leading_space: bool = True  # C1, on completed jobs
    detail: Literal["wrapped", "bare", "several"] = "wrapped"  # A6
    empty_details: Literal["list", "object", "missing"] = "list"  # C8
    surplus_whitespace: bool = False
    misprints: bool = False  # C1, C9: those of the documentation, in the detail's offer

    def word(self, value: str) -> str:
        """An enum value in this dialect's casing."""
        return value[0].upper() + value[1:] if self.pascal_case else value

    def end_while_pending(self, plausible: str) -> str | None:
        """What `jobEnd` holds before the job has ended; None leaves it out."""
        return {
            "date": YEAR_ONE_DATE,
            "date-time": YEAR_ONE_DATE_TIME,
            "plausible": plausible,
            "absent": None,
        }[self.pending_end]


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("private-offer"),
        Dialect("core", job_id_key="jobID", pending_end="date-time", leading_space=False, empty_details="missing"),
        Dialect("trimmed", trimmed_fractions=True, pending_end="plausible", detail="bare"),
        Dialect("pascal", pascal_case=True, detail="several", empty_details="object"),
        Dialect("spaced", pending_end="absent", surplus_whitespace=True, trimmed_fractions=True, misprints=True),
    )
}
