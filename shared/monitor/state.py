"""The monitor's own row: its last cycle, how many in a row have failed, and whether that was announced.

The timer and the HTTP functions run on different instances, so what health tells must stand in storage. An event
(`monitor.degraded`, `monitor.recovered`) is written into the row in the same write that decides on it, and leaves it
when it was announced: killed between, the next cycle announces the same event again, under the same id.

How many rows are set aside is counted when some came or went, not with every cycle: whoever changes them marks the
count as outdated, and the next cycle counts them.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, TypedDict, cast

from shared.clock import rfc3339
from shared.events.event import Announcer, Event
from shared.jobs.set_aside import SetAsideCount, addressable
from shared.json_codec import JsonObject, dumps, loads
from shared.polling.report import CycleFailure, CycleReport
from shared.storage.errors import RowChanged, StorageError
from shared.storage.rows import BadRow, count, flag, moment, read_row, text
from shared.storage.table import Row, Table, etag_of

MONITOR_PARTITION = "monitor"
STATE_KEY = "state"
# "announced once after three cycles in a row that could not do their work"
DEGRADED_AFTER_FAILED_CYCLES = 3
# A cycle writes its report at most so often against other instances that write theirs.
WRITE_TRIES = 5
# Storage may be down for days; what happened in the last cycles is enough to tell of it afterwards.
REMEMBERED_REPORTS = 10
# A cycle that ended in one of these ways has not counted the jobs.
_UNCOUNTED = {CycleFailure.STORAGE_UNREACHABLE, CycleFailure.SETTINGS_INVALID, CycleFailure.UNFORESEEN}
_log = logging.getLogger("offer_monitor.monitor")


class SetAsideNewest(TypedDict):
    """The row that was set aside last."""

    rowKey: str
    at: str
    reason: str


class SetAside(TypedDict):
    """Rows of the jobs table that are no jobs: how many (10,000 at most), and the newest."""

    count: int
    newest: SetAsideNewest | None


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
    failure: str | None = None
    failure_detail: str | None = None
    degraded_announced: bool = False
    last_token_error: str | None = None
    unannounced: Event | None = None

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
            state = replace(state, failed_cycles_in_a_row=0, failure=None, failure_detail=None)
            return state._announcing("monitor.recovered", report) if self.degraded_announced else state
        state = replace(
            state,
            failed_cycles_in_a_row=self.failed_cycles_in_a_row + 1,
            failure=report.failure,
            failure_detail=report.failure_detail,
            last_token_error=report.failure_detail if report.failure == "token_refused" else self.last_token_error,
        )
        is_due = state.failed_cycles_in_a_row >= DEGRADED_AFTER_FAILED_CYCLES and not self.degraded_announced
        return state._announcing("monitor.degraded", report) if is_due else state

    def _says_nothing_new(self, report: CycleReport) -> bool:
        """After a failure upstream most ticks have nothing to ask, since polling slows down: no sign of recovery."""
        asked_nothing = report.failure is None and not report.polled and report.pending > 0
        return asked_nothing and self.failure in {CycleFailure.UPSTREAM_DOWN, CycleFailure.TOKEN_REFUSED}

    def _announcing(self, event_type: str, report: CycleReport) -> "MonitorState":
        data = {
            "monitor": {
                "reason": report.failure,
                "detail": report.failure_detail,
                "failedCyclesInARow": self.failed_cycles_in_a_row,
                "lastTickAt": rfc3339(report.started_at),
            }
        }
        event = Event(id=f"evt_{uuid.uuid4().hex}", type=event_type, created_at=report.started_at, data=data)
        return replace(self, degraded_announced=event_type == "monitor.degraded", unannounced=event)


class MonitorStateStore:
    """Keeps the monitor's row. One per process. Thread-safe: a tick fired by hand may overlap the timer's."""

    def __init__(self, table: Table, announcer: Announcer, *, count_set_aside: Callable[[], SetAsideCount]) -> None:
        self._table = table
        self._announcer = announcer
        self._count_set_aside = count_set_aside
        self._recording = Lock()
        # Reading the row back every minute would double the requests of an idle tick; its ETag tells if it changed.
        self._known: tuple[MonitorState, str] | None = None
        self._unwritten: list[CycleReport] = []

    def read(self) -> MonitorState:
        """The state as it stands in storage. Raises StorageError."""
        row = self._table.get(MONITOR_PARTITION, STATE_KEY)
        return MonitorState() if row is None else _state(row)

    def stopped_at(self) -> str:
        """Where the last cycle stopped reading. Asks storage only if this process has not written the row yet."""
        known = self._known
        return (self.read() if known is None else known[0]).stopped_at

    def record(self, report: CycleReport) -> None:
        """Write one more cycle into the state and announce what follows from it. Raises StorageError.

        Cycles that could not be written, because storage was what failed, are written with the next that can.
        """
        with self._recording:
            self._unwritten = [*self._unwritten, report][-REMEMBERED_REPORTS:]
            while self._unwritten:
                known = self._write(self._unwritten[0])
                del self._unwritten[0]
                try:
                    self._known = self._announced(*known)
                except RowChanged:
                    self._known = None  # another instance's next cycle finds the event and announces it

    def set_aside_changed(self) -> None:
        """Have the rows that are set aside counted by the next cycle. A failure is logged: it is only a count."""
        for _ in range(WRITE_TRIES):
            try:
                row = self._table.get(MONITOR_PARTITION, STATE_KEY)
                if row is not None:
                    self._table.merge(_KEY | {"setAside": ""}, etag_of(row))
            except RowChanged:
                continue
            except StorageError as error:
                _log.warning("the count of rows that are set aside is outdated: %s", error)
            return

    def _write(self, report: CycleReport) -> tuple[MonitorState, str]:
        tried: MonitorState | None = None
        for _ in range(WRITE_TRIES):
            try:
                # An event left over from a killed cycle goes out first, so that the next cannot overwrite it.
                state, etag = self._announced(*(self._known or self._read_or_create()))
                if state == tried:
                    self._known = state, etag
                    return self._known  # it was written, and only storage's answer was lost
                state = state.after(report)
                if state.set_aside is None:
                    state = replace(state, set_aside=_shown(self._count_set_aside()))
                tried = replace(state, unannounced=None)
                self._known = state, self._table.merge(_row(state), etag)
            except RowChanged:
                self._known = None
            else:
                return self._known
        raise RowChanged("other instances kept changing the monitor's row")

    def _announced(self, state: MonitorState, etag: str) -> tuple[MonitorState, str]:
        if state.unannounced is None:
            return state, etag
        self._announcer.announce([state.unannounced])
        state = replace(state, unannounced=None)
        return state, self._table.merge(_row(state), etag)

    def _read_or_create(self) -> tuple[MonitorState, str]:
        row = self._table.get(MONITOR_PARTITION, STATE_KEY)
        if row is None:
            self._table.insert(_row(MonitorState()))
            row = self._table.get(MONITOR_PARTITION, STATE_KEY)
        if row is None:
            raise StorageError("the monitor's row cannot be kept")
        return _state(row), etag_of(row)


_KEY: Row = {"PartitionKey": MONITOR_PARTITION, "RowKey": STATE_KEY}


def _shown(set_aside: SetAsideCount) -> SetAside:
    newest = set_aside.newest
    if newest is None:
        return SetAside(count=set_aside.count, newest=None)
    at = rfc3339(newest.set_aside_at)
    shown = SetAsideNewest(rowKey=addressable(newest.row_key), at=at, reason=newest.reason)
    return SetAside(count=set_aside.count, newest=shown)


def _row(state: MonitorState) -> Row:
    event = state.unannounced
    return _KEY | {
        "lastTick": _json(state.last_tick),
        **({} if state.last_tick_at is None else {"lastTickAt": state.last_tick_at}),
        "stoppedAt": state.stopped_at,
        "pendingJobs": -1 if state.pending is None else state.pending,
        "overdueJobs": -1 if state.overdue is None else state.overdue,
        "setAside": _json(state.set_aside),
        "failedCyclesInARow": state.failed_cycles_in_a_row,
        "failure": state.failure or "",
        "failureDetail": state.failure_detail or "",
        "degradedAnnounced": state.degraded_announced,
        "lastTokenError": state.last_token_error or "",
        "unannounced": _json(
            None
            if event is None
            else {"id": event.id, "type": event.type, "createdAt": event.created_at.isoformat(), "data": event.data}
        ),
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
    event = _object(row, "unannounced")
    return MonitorState(
        last_tick=_object(row, "lastTick"),
        last_tick_at=moment(row, "lastTickAt"),
        stopped_at=text(row, "stoppedAt") or "",
        pending=_counted(row, "pendingJobs"),
        overdue=_counted(row, "overdueJobs"),
        set_aside=cast("SetAside | None", _object(row, "setAside")),
        failed_cycles_in_a_row=count(row, "failedCyclesInARow"),
        failure=text(row, "failure"),
        failure_detail=text(row, "failureDetail"),
        degraded_announced=flag(row, "degradedAnnounced"),
        last_token_error=text(row, "lastTokenError"),
        unannounced=None
        if event is None
        else Event(
            id=str(event["id"]),
            type=str(event["type"]),
            created_at=datetime.fromisoformat(event["createdAt"]),
            data=event["data"],
        ),
    )


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
