"""When each timer function last ran, and how it went.

Each function has its own row in the `monitor` partition, which each run overwrites. The last run of
`poll_pending_jobs` is in the monitor's state instead (`state.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.json_codec import dumps, loads
from shared.monitor.state import MONITOR_PARTITION
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, flag, moment, read_row, text
from shared.storage.table import Row, Table

_TIMER_PREFIX = "timer~"


@dataclass(frozen=True)
class TimerReport:
    """One run: when it began, whether it succeeded, and further facts (a JSON object)."""

    at: datetime
    ok: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


class TimerReports:
    """Keeps the last report of each timer function. Every method raises StorageError."""

    def __init__(self, table: Table) -> None:
        self._partition = Partition(table, MONITOR_PARTITION)

    def record(self, function: str, report: TimerReport) -> None:
        """Store the report of the function's latest run."""
        self._partition.upsert(
            _TIMER_PREFIX + function, {"at": report.at, "ok": report.ok, "facts": dumps(report.facts)}
        )

    def last(self, function: str) -> TimerReport | None:
        """The function's last report."""
        row = self._partition.get(_TIMER_PREFIX + function)
        return None if row is None else _report(row)

    def all(self) -> dict[str, TimerReport]:
        """The last report of each function that has run."""
        rows = self._partition.rows(after=_TIMER_PREFIX, before=f"{_TIMER_PREFIX}~")
        reports = {row["RowKey"].removeprefix(_TIMER_PREFIX): _report(row) for row in rows}
        return {function: report for function, report in reports.items() if report is not None}


def _report(row: Row) -> TimerReport | None:
    """The report in a row; None if the row is not a report."""

    def read() -> TimerReport:
        at, facts = moment(row, "at"), loads(text(row, "facts") or "{}")
        if at is None or not isinstance(facts, dict):
            raise BadRow("it is not a report")
        return TimerReport(at, flag(row, "ok"), facts)

    try:
        return read_row(read)
    except BadRow:
        return None
