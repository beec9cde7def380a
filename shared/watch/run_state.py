"""The row `run`: where the watch stands, and which instance is at work.

Every write of a run changes this row too, in the same transaction and on condition that it is as this instance last
wrote it. So of two instances that both believe to have the run, one stops at its first write and has written nothing.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from shared.clock import Clock
from shared.json_codec import dumps, loads
from shared.storage.documents import Documents
from shared.storage.errors import ChangeRefused, RecordBroken, RowChanged
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, count, flag, moment, read_row, text
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Row, Table, Write, etag_of
from shared.storage.transactions import batches
from shared.upstream.private_offer_pages import ForeignLink, Place
from shared.watch.notices import Thresholds
from shared.watch.rows import OFFERS_PARTITION

RUN_KEY = "run"
DOCUMENT_OWNER = "run"
LONGEST_TROUBLE_CHARACTERS = 1000
# A claim that ends later than this after one's own was not made by an instance.
CLOCKS_DIFFER_BY = timedelta(minutes=1)
_log = logging.getLogger("offer_monitor.watch")


class RunElsewhere(Exception):
    """Another instance has the run."""


class Stored(Enum):
    """What became of the changes of one offer."""

    WRITTEN = auto()
    # A job that finished has changed the row since it was read. Nothing was written.
    CHANGED_MEANWHILE = auto()
    # Storage will never take it.
    REFUSED = auto()


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The row's content. Times are aware UTC.

    The run over the list began at `started_at` and is at `place`; None for the first page. `page_failed`: the last
    invocation stopped there because that page failed. Once all pages are read it is `confirming` the offers that
    were not listed. `seen_document` has the ids that were listed or confirmed until then.
    """

    baseline_at: datetime | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    claimed_until: datetime | None = None
    claimed_by: str = ""
    # When an instance last took the run.
    claimed_at: datetime | None = None
    # Counts the writes of all holders: so the present one recognises its own if storage's answer was lost.
    writes: int = 0
    started_at: datetime | None = None
    place: Place | None = None
    page_failed: bool = False
    confirming: bool = False
    seen_document: str = ""
    # Until then upstream has asked for no request.
    not_before: datetime | None = None
    cpp_not_before: datetime | None = None
    trouble: str | None = None
    trouble_since: datetime | None = None
    # The CPP entry after which the next invocation begins, as the key of its row.
    cpp_after: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether a run waits to be continued."""
        return self.started_at is not None

    def started_over(self) -> "RunState":
        """The state before the first page."""
        return replace(
            self,
            started_at=None,
            place=None,
            page_failed=False,
            confirming=False,
            seen_document="",
        )

    def in_trouble(self, reason: str | None, now: datetime) -> "RunState":
        """With the reason why the watch could not do its work; None if it could."""
        if reason is None:
            return replace(self, trouble=None, trouble_since=None)
        since = self.trouble_since if self.trouble is not None else None
        return replace(self, trouble=reason[:LONGEST_TROUBLE_CHARACTERS], trouble_since=since or now)


class RunRow:
    """Reads and claims the run. Methods raise StorageError."""

    def __init__(self, table: Table, documents: Documents) -> None:
        self._partition = Partition(table, OFFERS_PARTITION)
        self._documents = documents

    def read(self) -> tuple[RunState, str] | None:
        """The state and its ETag; None if there is no row. A row that cannot be read counts as a new one."""
        row = self._partition.get(RUN_KEY)
        return None if row is None else (_state(row), etag_of(row))

    def claim(self, clock: Clock, lasting: timedelta, thresholds: Callable[[Thresholds], Thresholds]) -> "ClaimedRun":
        """Take the run for that time, with the thresholds as the settings have them now. Raises RunElsewhere."""
        found = self.read()
        state, etag = (RunState(), None) if found is None else found
        # After the row has been read: a claim that another instance has made meanwhile is not one of the future.
        now = clock.now()
        until = now + lasting
        if state.claimed_until is not None and now < state.claimed_until < until + CLOCKS_DIFFER_BY:
            raise RunElsewhere
        if state.claimed_at is not None and state.claimed_at > now + CLOCKS_DIFFER_BY:
            # The clock has been set back since: how much of a pause is over cannot be told.
            state = replace(state, not_before=None, cpp_not_before=None)
        claimed = ClaimedRun(self._partition, self._documents, state, etag)
        state = replace(state, thresholds=thresholds(state.thresholds))
        claimed.store(replace(state, claimed_by=uuid.uuid4().hex, claimed_until=until, claimed_at=now))
        return claimed

    def delete(self) -> None:
        """Delete the row, if no instance has the run."""
        row = self._partition.get(RUN_KEY)
        if row is not None and _state(row).claimed_until is None:
            self._partition.table.commit_each([[self._partition.change(Write.DELETE, RUN_KEY, etag=etag_of(row))]])


class ClaimedRun:
    """The run while this instance has it. Methods raise RunElsewhere, and StorageError."""

    def __init__(self, partition: Partition, documents: Documents, state: RunState, etag: str | None) -> None:
        self._partition = partition
        self._documents = documents
        self.state = state
        self._etag = etag

    def store(self, state: RunState) -> None:
        """Store the state alone."""
        self._commit(state, [])

    def write(self, groups: Sequence[Sequence[Change]]) -> list[Stored]:
        """Write groups of changes, each whole or not at all, in as few transactions as possible."""
        results: list[Stored] = []
        for batch in batches(groups, rows_at_most=TRANSACTION_MAX_ROWS - 1):
            results += self._commit(self.state, batch)
        return results

    def release(self, state: RunState, seen: Iterable[str] | None = None) -> None:
        """Store the state with which the next invocation goes on, and give the run back.

        `seen` are the ids that an interrupted run has to remember; None if they are what they were.
        """
        before = self.state.seen_document
        document = before
        if seen is not None:
            data = "\n".join(sorted(seen)).encode()
            document = self._documents.put(DOCUMENT_OWNER, data) if data and state.interrupted else ""
        self.store(replace(state, seen_document=document, claimed_until=None))
        if before and before != document:
            self._documents.delete(DOCUMENT_OWNER, before)

    def seen(self) -> set[str] | None:
        """The ids that earlier invocations of this run have seen; None if they cannot be read any more."""
        if not self.state.seen_document:
            return set()
        try:
            return set(self._documents.get(DOCUMENT_OWNER, self.state.seen_document).decode().split())
        except (RecordBroken, UnicodeDecodeError) as error:
            _log.error("the run over the offers starts over, since its document cannot be read: %s", error)
            return None

    def _commit(self, state: RunState, batch: Sequence[Sequence[Change]]) -> list[Stored]:
        state = replace(state, writes=self.state.writes + 1)
        write = Write.INSERT if self._etag is None else Write.UPSERT
        own = self._partition.change(write, RUN_KEY, _columns(state), self._etag)
        try:
            etags = self._partition.table.commit([own, *(change for group in batch for change in group)])
        except (RowChanged, ChangeRefused) as error:
            if isinstance(error, RowChanged) and self._written_after_all(state):
                return [Stored.WRITTEN] * len(batch)
            if not batch:
                raise
            if len(batch) == 1:
                if isinstance(error, ChangeRefused):
                    _log.error("an offer is not followed: %s", error)
                    return [Stored.REFUSED]
                return [Stored.CHANGED_MEANWHILE]
            middle = len(batch) // 2
            return self._commit(state, batch[:middle]) + self._commit(self.state, batch[middle:])
        self.state, self._etag = state, etags[0]
        return [Stored.WRITTEN] * len(batch)

    def _written_after_all(self, state: RunState) -> bool:
        """After a lost race: whether only storage's answer was lost. Raises RunElsewhere if the run is."""
        row = self._partition.get(RUN_KEY)
        if row is None:
            raise RunElsewhere
        etag = etag_of(row)
        if etag == self._etag:
            return False
        found = _state(row)
        if (found.claimed_by, found.writes) != (state.claimed_by, state.writes):
            raise RunElsewhere
        self.state, self._etag = state, etag
        return True


def _columns(state: RunState) -> Row:
    columns: Row = {
        "baselineAt": state.baseline_at,
        "thresholds": state.thresholds.text(),
        "claimedUntil": state.claimed_until,
        "claimedBy": state.claimed_by,
        "claimedAt": state.claimed_at,
        "writes": state.writes,
        "startedAt": state.started_at,
        "place": None if state.place is None else dumps(state.place.values),
        "pageFailed": state.page_failed,
        "confirming": state.confirming,
        "seenDocument": state.seen_document or None,
        "notBefore": state.not_before,
        "cppNotBefore": state.cpp_not_before,
        "trouble": state.trouble,
        "troubleSince": state.trouble_since,
        "cppAfter": state.cpp_after or None,
    }
    return {name: value for name, value in columns.items() if value is not None}


def _state(row: Row) -> RunState:
    try:
        return read_row(lambda: _read(row))
    except BadRow as error:
        # Another baseline is better than news that are none.
        _log.error("the watch makes a new baseline: its row cannot be read: %s", error)
        return RunState()


def _read(row: Row) -> RunState:
    return RunState(
        baseline_at=moment(row, "baselineAt"),
        thresholds=Thresholds.read(row.get("thresholds")),
        claimed_until=moment(row, "claimedUntil"),
        claimed_by=text(row, "claimedBy") or "",
        claimed_at=moment(row, "claimedAt"),
        writes=count(row, "writes"),
        started_at=moment(row, "startedAt"),
        place=_place_in(row),
        page_failed=flag(row, "pageFailed"),
        confirming=flag(row, "confirming"),
        seen_document=text(row, "seenDocument") or "",
        not_before=moment(row, "notBefore"),
        cpp_not_before=moment(row, "cppNotBefore"),
        trouble=text(row, "trouble"),
        trouble_since=moment(row, "troubleSince"),
        cpp_after=text(row, "cppAfter") or "",
    )


def _place_in(row: Row) -> Place | None:
    value = text(row, "place")
    try:
        return None if value is None else Place.stored(loads(value))
    except ForeignLink as error:
        raise BadRow("its place is not one in upstream's list") from error
