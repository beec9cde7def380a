"""What the calendar shows of one offer: a text column of its row, so that the calendar reads nothing else of it.

The column is a JSON object: the offer's `name`, `customer`, `state` and `subState` as they were read, and for each
kind of date that it has or had an entry: `date`, `sequence`, `modifiedAt`, and where they apply `cancelledAt` and
`lapsesAt`. A live offer has an accept-by date until its customer accepts it, and an end date; both are cancelled when
the offer stops being live. The end of an offer that nobody accepts is cancelled when its accept-by date passes
(`lapsesAt`), although upstream says nothing then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.clock import rfc3339
from shared.json_codec import InvalidJson, JsonObject, dumps, loads
from shared.watch.offer import Deadline, WatchedOffer

# How long an entry is shown after its date, or after it was cancelled.
SHOWN_AFTERWARDS = timedelta(days=30)
# Upstream allows names of 128. Cut here, they bound the column and the calendar.
LONGEST_TEXT_CHARACTERS = 128
_HIGHEST_SEQUENCE = 2**31 - 1
_EARLIEST_YEAR = 1970
# Adding days to an earlier date cannot overflow.
_LATEST = date(9000, 1, 1)


class DateKind(StrEnum):
    """The kinds of date, as the column names them."""

    ACCEPT_BY = "acceptBy"
    END = "end"


class InvalidEntries(ValueError):
    """The column does not hold calendar entries."""


@dataclass(frozen=True)
class DateEntry:
    """One all-day entry. `sequence` counts the changes of its date and of whether it holds."""

    date: date
    sequence: int
    modified_at: datetime
    cancelled_at: datetime | None = None
    lapses_at: datetime | None = None

    def cancelled(self, at: datetime) -> "DateEntry":
        """The entry once it is cancelled."""
        return replace(self, sequence=self.sequence + 1, modified_at=at, cancelled_at=at, lapses_at=None)

    def as_of(self, now: datetime) -> "DateEntry":
        """The entry with what time alone has changed."""
        return self if self.lapses_at is None or now < self.lapses_at else self.cancelled(self.lapses_at)

    def is_shown(self, now: datetime) -> bool:
        """Whether the calendar still has the entry."""
        if self.cancelled_at is not None:
            return now < self.cancelled_at + SHOWN_AFTERWARDS
        return now.astimezone(UTC).date() <= self.date + SHOWN_AFTERWARDS


@dataclass(frozen=True)
class CalendarEntries:
    """The entries of one offer, by kind of date, and what they say about it. Texts may hold any character."""

    name: str
    customer: str
    state: str
    sub_state: str
    dates: dict[DateKind, DateEntry]


def column_after(stored: str | None, offer: WatchedOffer | None, *, now: datetime) -> str:
    """The column for an offer as it is now (None: it is gone); empty if it has never had a date.

    `stored` is the column that it had, if any.

    An entry that has not changed keeps its sequence and its time, so that the calendar's ETag holds.
    """
    before = _stored(stored)
    after = replace(before, state="deleted", sub_state="") if offer is None else _described(offer.content)
    texts_changed = replace(before, dates={}) != replace(after, dates={})
    wanted = {} if offer is None else dict(_wanted(offer, now))
    dates = {}
    for kind in DateKind:
        entry = _entry_after(before.dates.get(kind), wanted.get(kind), now)
        if entry is not None:
            dates[kind] = replace(entry, modified_at=now) if texts_changed and entry.is_shown(now) else entry
    return _column(replace(after, dates=dates)) if dates else ""


def entries_in(column: str) -> CalendarEntries:
    """The entries that a column holds. Raises InvalidEntries: other systems write rows too."""
    try:
        content = loads(column)
        return CalendarEntries(
            name=_text(content["name"]),
            customer=_text(content["customer"]),
            state=_text(content["state"]),
            sub_state=_text(content["subState"]),
            dates={kind: _entry(content[kind]) for kind in DateKind if kind in content},
        )
    except (InvalidJson, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidEntries(f"it does not hold calendar entries ({type(error).__name__})") from error


def _entry_after(stored: DateEntry | None, wanted: "_Wanted | None", now: datetime) -> DateEntry | None:
    old = None if stored is None else stored.as_of(now)
    if wanted is None:
        # One that the calendar no longer shows is not brought back to say that it is cancelled.
        return old.cancelled(now) if old is not None and old.cancelled_at is None and old.is_shown(now) else old
    if old is None:
        return DateEntry(wanted.date, 0, now, lapses_at=wanted.lapses_at)
    if old.date == wanted.date and old.cancelled_at is None:
        return replace(old, lapses_at=wanted.lapses_at)
    return DateEntry(wanted.date, old.sequence + 1, now, lapses_at=wanted.lapses_at)


@dataclass(frozen=True)
class _Wanted:
    date: date
    lapses_at: datetime | None = None


def _wanted(offer: WatchedOffer, now: datetime) -> Iterator[tuple[DateKind, _Wanted]]:
    """The dates that hold now."""
    accept_by = _near(offer.accept_by) if offer.waits_for_acceptance else None
    end = _near(offer.end) if offer.live else None
    lapses_at = None if accept_by is None else accept_by.passes_at
    if accept_by is not None:
        yield DateKind.ACCEPT_BY, _Wanted(accept_by.day)
    if end is not None and (lapses_at is None or now < lapses_at):
        yield DateKind.END, _Wanted(end.day, lapses_at)


def _near(deadline: Deadline | None) -> Deadline | None:
    return deadline if deadline is not None and deadline.day < _LATEST else None


def _described(offer: JsonObject) -> CalendarEntries:
    """The texts of an offer, without entries."""
    return CalendarEntries(
        name=_cut(offer.get("name")),
        customer=_customer(offer),
        state=_cut(offer.get("state")),
        sub_state=_cut(offer.get("subState")),
        dates={},
    )


def _customer(offer: JsonObject) -> str:
    """The first beneficiary that has a name, and how many others there are; if none has, the selling partner."""
    names = _names(offer.get("beneficiaries"), "description") or _names(offer.get("partners"), "partnerName")
    match len(names):
        case 0:
            return ""
        case 1:
            return names[0]
        case 2:
            return f"{names[0]} and 1 other"
        case count:
            return f"{names[0]} and {count - 1} others"


def _names(elements: Any, member: str) -> list[str]:  # noqa: ANN401 - upstream's JSON
    found = (
        [_cut(each.get(member)) for each in elements if isinstance(each, dict)] if isinstance(elements, list) else []
    )
    return [name for name in found if name]


def _cut(value: object) -> str:
    """The text, shortened if it is too long; empty for any other value."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= LONGEST_TEXT_CHARACTERS else text[: LONGEST_TEXT_CHARACTERS - 1] + "…"


def _stored(column: str | None) -> CalendarEntries:
    """The entries of a column; none if it cannot be read."""
    try:
        return entries_in(column or "")
    except InvalidEntries:
        return CalendarEntries("", "", "", "", {})


def _column(entries: CalendarEntries) -> str:
    texts = {
        "name": entries.name,
        "customer": entries.customer,
        "state": entries.state,
        "subState": entries.sub_state,
    }
    return dumps(texts | {kind.value: _entry_json(entry) for kind, entry in entries.dates.items()})


def _entry_json(entry: DateEntry) -> JsonObject:
    moments = {"modifiedAt": entry.modified_at, "cancelledAt": entry.cancelled_at, "lapsesAt": entry.lapses_at}
    return {
        "date": entry.date.isoformat(),
        "sequence": entry.sequence,
        **{name: rfc3339(moment) for name, moment in moments.items() if moment is not None},
    }


def _entry(content: Any) -> DateEntry:  # noqa: ANN401 - whatever is in the column
    sequence = content["sequence"]
    day = date.fromisoformat(content["date"])
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence < _HIGHEST_SEQUENCE:
        raise ValueError("the sequence is not a count")
    if day >= _LATEST:
        raise ValueError("the date is too far away")
    return DateEntry(
        date=day,
        sequence=sequence,
        modified_at=_moment(content["modifiedAt"]),
        cancelled_at=_moment(content["cancelledAt"]) if "cancelledAt" in content else None,
        lapses_at=_moment(content["lapsesAt"]) if "lapsesAt" in content else None,
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    if not _EARLIEST_YEAR <= moment.year <= _LATEST.year:
        raise ValueError("the time is too far away")
    return moment


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it is not a text")
    return value[: 2 * LONGEST_TEXT_CHARACTERS]
