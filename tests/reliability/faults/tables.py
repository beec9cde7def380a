"""The fault table as it is printed: a table for each call, in which faults with the same outcome share a row."""

import re
from collections.abc import Sequence

from tests.reliability.faults.rows import Row
from tests.reliability.report import Table

COLUMNS = ("request", "faults", "upstream answered", "the caller saw", "stored")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PARTITIONS = {
    "asked": "the status request, for its minute",
    "finished": "the finished job",
    "monitor": "the report",
    "offers": "where the watch stands",
    "document~run": "the offers seen so far",
}


def tables(rows: Sequence[Row]) -> list[Table]:
    """One table for each call, in the order of the rows."""
    by_call: dict[str, list[Row]] = {}
    for row in rows:
        by_call.setdefault(row.call, []).append(row)
    return [Table(call, COLUMNS, _joined(found)) for call, found in by_call.items()]


def _joined(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Faults with the same outcome in one row, and then requests with the same faults and outcomes."""
    by_outcome: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        by_outcome.setdefault((row.target, row.upstream, _seen(row), _stored(row)), []).append(row.kind)
    by_faults: dict[tuple[str, ...], list[str]] = {}
    for (target, *outcome), kinds in by_outcome.items():
        by_faults.setdefault((", ".join(kinds), *outcome), []).append(target)
    return [(", ".join(targets), *cells) for cells, targets in by_faults.items()]


def _seen(row: Row) -> str:
    title = _GUID.sub("...", row.seen.title) if row.is_timer else ""
    return f"{row.seen.short}: {title}" if title else row.seen.short


def _stored(row: Row) -> str:
    job = row.job
    found = [_PARTITIONS[partition] for partition in row.stored if partition in _PARTITIONS]
    if "pending" in row.stored and job is not None:
        if not job.pending:
            found.append(f"the job {job.state}")
        elif job.poll_count:
            failures = f"{job.consecutive_poll_failures} failures, " if job.consecutive_poll_failures else ""
            found.append(f"the job: {failures}next poll in {row.waits_seconds:.0f} s, reason: {job.last_poll_error}")
        else:
            found.append("the job as it was")
    return "; ".join(found) or "nothing"
