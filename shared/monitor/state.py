"""The monitor's own row: its last cycle, how many in a row have failed, and whether it counts as degraded.

The timer and the HTTP functions run on different instances, so what health tells must be in storage. The event that a
change of this row makes (`monitor.degraded`, `monitor.recovered`) is inserted in the same transaction, and sent like
every other (`shared/events/outbox.py`).

The polls of the cycle are added to those of its day (`stats.py`) in that transaction too.

The rows that are set aside are counted when some came or went, not with every cycle: the code that changes them marks
the count as outdated, and the next cycle counts them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, cast

from shared.clock import rfc3339
from shared.events.event import Event, new_event_id
from shared.events.outbox import OUTBOX_PREFIX, EventRow, Outbox, event_row
from shared.jobs.set_aside import SetAside
from shared.json_codec import JsonObject, dumps, loads
from shared.monitor.stats import PollCounts
from shared.polling.report import CycleFailure, CycleReport
from shared.storage.errors import RowChanged, StorageError
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, count, flag, moment, read_row, text, written_moment
from shared.storage.table import Row, Table, Write, etag_of

MONITOR_PARTITION = "monitor"
STATE_KEY = "state"
# "announced once after three cycles in a row that could not do their work"
DEGRADED_AFTER_FAILED_CYCLES = 3
# How many times to write a report when another instance writes its own first.
WRITE_TRIES = 5
# Storage may be down for days; what happened in the last cycles is enough to tell of it afterwards.
REMEMBERED_REPORTS = 10
# A cycle that ended in one of these ways has not counted the jobs.
_UNCOUNTED = {CycleFailure.STORAGE_UNREACHABLE, CycleFailure.SETTINGS_INVALID, CycleFailure.UNFORESEEN}
_log = logging.getLogger("offer_monitor.monitor")


@dataclass(frozen=True)
class MonitorState:
    """What is known of the last cycles."""

    last_tick: JsonObject | None = None
    last_tick_at: datetime | None = None
    # Where the next cycle goes on reading; empty if the last one read everything.
    stopped_at: str = ""
    # Jobs at the end of the last cycle that counted them; None before the first. After a cycle that could not read
    # all of them: at least so many.
    pending: int | None = None
    overdue: int | None = None
    # None if the rows that are set aside have to be counted again.
    set_aside: SetAside | None = None
    failed_cycles_in_a_row: int = 0
    # When the first of them began.
    failing_since: datetime | None = None
    failure: str | None = None
    failure_detail: str | None = None
    degraded: bool = False
    last_token_error: str | None = None

    @property
    def last_tick_ok(self) -> bool:
        return self.last_tick is not None and self.last_tick.get("outcome") == "ok"

    def after(self, report: CycleReport) -> "MonitorState":
        """The state after one more cycle."""
        last_tick = report.facts() | {"at": rfc3339(report.started_at)}
        state = replace(self, last_tick=last_tick, last_tick_at=report.started_at, stopped_at=report.stopped_at)
        if report.failure not in _UNCOUNTED:
            left = max(report.pending - report.finished, 0)
            state = replace(
                state,
                pending=left if report.read_all else max(left, self.pending or 0),
                # Those that have waited longest come first: what is overdue at the end is among what was not reached.
                overdue=min(report.overdue, report.unreached) if report.read_all else report.overdue,
            )
        if self.failed_cycles_in_a_row and self._says_nothing_new(report):
            return state
        if report.failure is None:
            # A cycle with nothing to ask proves nothing about the credential.
            state = replace(state, last_token_error=None if report.polled else self.last_token_error)
            state = replace(state, failed_cycles_in_a_row=0, failing_since=None, failure=None, failure_detail=None)
            return replace(state, degraded=False)
        state = replace(
            state,
            failed_cycles_in_a_row=self.failed_cycles_in_a_row + 1,
            failing_since=self.failing_since or report.started_at,
            failure=report.failure,
            failure_detail=report.failure_detail,
            last_token_error=report.failure_detail if report.failure == "token_refused" else self.last_token_error,
        )
        return replace(state, degraded=state.failed_cycles_in_a_row >= DEGRADED_AFTER_FAILED_CYCLES)

    def _says_nothing_new(self, report: CycleReport) -> bool:
        """After a failure upstream most ticks have nothing to ask, since polling slows down: no sign of recovery."""
        asked_nothing = report.failure is None and not report.polled and report.pending > 0
        return asked_nothing and self.failure in {CycleFailure.UPSTREAM_DOWN, CycleFailure.TOKEN_REFUSED}

    def event_after(self, before: "MonitorState", report: CycleReport) -> Event | None:
        """The event that the step from `before` to this state makes."""
        if self.degraded == before.degraded:
            return None
        return Event(
            id=new_event_id(),
            type="monitor.degraded" if self.degraded else "monitor.recovered",
            created_at=report.started_at,
            data={
                "monitor": {
                    "reason": report.failure,
                    "detail": report.failure_detail,
                    "failedCyclesInARow": self.failed_cycles_in_a_row,
                    "lastTickAt": rfc3339(report.started_at),
                }
            },
        )


class MonitorStateStore:
    """Keeps the monitor's row. One per process. Thread-safe: a tick fired by hand may overlap the timer's."""

    def __init__(self, table: Table, poll_counts: PollCounts) -> None:
        self._table = table
        self._partition = Partition(table, MONITOR_PARTITION)
        self._poll_counts = poll_counts
        self._recording = Lock()
        # Reading the row back every minute would double the requests of an idle tick; its ETag tells if it changed.
        self._known: tuple[MonitorState, str] | None = None
        self._unwritten: list[CycleReport] = []
        # Events that are stored and, as far as this process knows, not sent.
        self._unsent: list[EventRow] = []

    def read(self) -> MonitorState:
        """The state as it is in storage. Raises StorageError."""
        row = self._partition.get(STATE_KEY)
        return MonitorState() if row is None else _state(row)

    def stopped_at(self) -> str:
        """Where the last cycle stopped reading. Asks storage only if this process has not written the row yet."""
        known = self._known
        return (self.read() if known is None else known[0]).stopped_at

    def record(self, report: CycleReport, count_set_aside: Callable[[], SetAside]) -> None:
        """Store what one more cycle means for the state, and the event that follows from it. Raises StorageError.

        Cycles that could not be stored, because storage was what failed, are stored with the next that can.
        """
        with self._recording:
            self._unwritten = [*self._unwritten, report][-REMEMBERED_REPORTS:]
            while self._unwritten:
                self._write(self._unwritten[0], count_set_aside)
                del self._unwritten[0]

    def send_events(self, outbox: Outbox) -> None:
        """Send the events that are stored, those of an instance that was killed too. Raises StorageError."""
        with self._recording:
            outbox.send(self._unsent)
            self._unsent = []

    def set_aside_changed(self) -> None:
        """Have the rows that are set aside counted by the next cycle. A failure is logged: it is only a count."""
        for _ in range(WRITE_TRIES):
            try:
                row = self._partition.get(STATE_KEY)
                if row is not None:
                    self._partition.merge(STATE_KEY, {"setAside": ""}, etag_of(row))
            except RowChanged:
                continue
            except StorageError as error:
                _log.warning("the count of rows that are set aside is outdated: %s", error)
            return

    def _write(self, report: CycleReport, count_set_aside: Callable[[], SetAside]) -> None:
        tried: MonitorState | None = None
        for _ in range(WRITE_TRIES):
            before, etag = self._known or self._read_or_create()
            if before == tried:
                return  # it was written, and only storage's answer was lost
            state = before.after(report)
            if state.set_aside is None:
                state = replace(state, set_aside=count_set_aside())
            event = state.event_after(before, report)
            rows = [] if event is None else [EventRow(MONITOR_PARTITION, event)]
            counted = self._poll_counts.with_tick(report)
            changes = [
                self._partition.change(Write.MERGE, STATE_KEY, _columns(state), etag),
                *(row.insertion for row in rows),
            ]
            tried = state
            try:
                etags = self._table.commit(changes if counted is None else [*changes, counted.change])
            except RowChanged:
                self._known = None
                if counted is not None:
                    self._poll_counts.not_stored(counted)
                continue
            if counted is not None:
                self._poll_counts.stored(counted, etags[-1])
            self._known = state, etags[0]
            self._unsent += [replace(row, etag=etags[1]) for row in rows]
            return
        raise RowChanged("other instances kept changing the monitor's row")

    def _read_or_create(self) -> tuple[MonitorState, str]:
        """The state as it is in storage, and with it the events that are there."""
        rows = self._rows()
        if STATE_KEY not in rows:
            self._partition.insert(STATE_KEY, _columns(MonitorState()))
            rows = self._rows()
        if STATE_KEY not in rows:
            raise StorageError("the monitor's row cannot be kept")
        row = rows.pop(STATE_KEY)
        self._unsent = list(_events(rows.values()))
        self._known = _state(row), etag_of(row)
        return self._known

    def _rows(self) -> dict[str, Row]:
        """The monitor's row and those of its events, by their row keys."""
        rows = self._partition.rows(
            where="(RowKey eq @state or RowKey ge @outbox)", parameters={"state": STATE_KEY, "outbox": OUTBOX_PREFIX}
        )
        return {row["RowKey"]: row for row in rows}


def _columns(state: MonitorState) -> Row:
    return {
        "lastTick": _json(state.last_tick),
        **({} if state.last_tick_at is None else {"lastTickAt": state.last_tick_at}),
        "stoppedAt": state.stopped_at,
        "pendingJobs": -1 if state.pending is None else state.pending,
        "overdueJobs": -1 if state.overdue is None else state.overdue,
        "setAside": _json(state.set_aside),
        "failedCyclesInARow": state.failed_cycles_in_a_row,
        "failingSince": "" if state.failing_since is None else rfc3339(state.failing_since),
        "failure": state.failure or "",
        "failureDetail": state.failure_detail or "",
        "degradedAnnounced": state.degraded,
        "lastTokenError": state.last_token_error or "",
    }


def _state(row: Row) -> MonitorState:
    """The state in a row; a row that someone has made something else of counts as none."""
    try:
        return read_row(lambda: _read_state(row))
    except BadRow as error:
        _log.error("the monitor's row is started anew: %s", error)
        return MonitorState()


def _read_state(row: Row) -> MonitorState:
    """A column that an earlier version did not write reads as empty."""
    return MonitorState(
        last_tick=_object(row, "lastTick"),
        last_tick_at=moment(row, "lastTickAt"),
        stopped_at=text(row, "stoppedAt") or "",
        pending=_counted(row, "pendingJobs"),
        overdue=_counted(row, "overdueJobs"),
        set_aside=cast("SetAside | None", _object(row, "setAside")),
        failed_cycles_in_a_row=count(row, "failedCyclesInARow"),
        failing_since=written_moment(row, "failingSince"),
        failure=text(row, "failure"),
        failure_detail=text(row, "failureDetail"),
        degraded=flag(row, "degradedAnnounced"),
        last_token_error=text(row, "lastTokenError"),
    )


def _events(rows: Iterable[Row]) -> Iterator[EventRow]:
    """The events in these rows; one that someone has made something else of is logged and left alone."""
    for row in rows:
        try:
            yield event_row(row)
        except BadRow as error:
            _log.error("the event %s of the monitor cannot be read: %s", row["RowKey"], error)


def _json(value: Mapping[str, Any] | None) -> str:
    return "" if value is None else dumps(value)


def _object(row: Row, column: str) -> JsonObject | None:
    value = loads(text(row, column) or "null")
    if value is not None and not isinstance(value, dict):
        raise BadRow(f"its {column} is not a JSON object")
    return value


def _counted(row: Row, column: str) -> int | None:
    value = row.get(column, -1)
    if not isinstance(value, int):
        raise BadRow(f"its {column} is not a count")
    return None if value < 0 else value
