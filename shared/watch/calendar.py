"""The iCalendar feed (RFC 5545) of the followed offers' dates.

Every entry is written from one column of the offer's row (`calendar_entries.py`), so the same rows give the same
bytes. Names come from others: characters that could break a line or hide text are replaced before the library
escapes and folds what is left.
"""

import logging
from collections.abc import Iterator
from datetime import date, timedelta

from shared.clock import Clock
from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.storage.partition import Partition
from shared.watch.calendar_entries import CalendarEntries, DateEntry, DateKind, InvalidEntries, entries_in

NAME = "Private offers"
PRODUCT = "-//offer-monitor//Private offers//EN"
# How often a subscriber should ask. The watch runs every 15 minutes.
REFRESH_INTERVAL = timedelta(hours=1)
# About 20,000 offers. What would be more is left out: an answer is in memory as a whole.
CALENDAR_MAX_BYTES = 16 * 1024 * 1024
ROWS_READ_AT_ONCE = 500
OFFER_PREFIX = "offer~"
_SUMMARIES = {DateKind.ACCEPT_BY: "Accept by", DateKind.END: "Ends"}
_UID_PARTS = {DateKind.ACCEPT_BY: "accept-by", DateKind.END: "end"}
_IN_WORDS = {
    "pendingacceptance": "waiting for acceptance",
    "pendingpartneraction": "waiting for the partner",
}
# Joins emoji, although Unicode counts it as a formatting character.
_ZERO_WIDTH_JOINER = "\u200d"
_log = logging.getLogger("offer_monitor.watch")


class Calendar:
    """Writes the feed. `public_url` is where people reach the app, for links to its dashboard; None: no links."""

    def __init__(self, offers: Partition, clock: Clock, public_url: str | None) -> None:
        self._offers = offers
        self._clock = clock
        self._public_url = public_url

    def feed(self) -> bytes:
        """The feed as it is now. A row that cannot be read is logged and left out. Raises StorageError."""
        now = self._clock.now()
        begin, end = _frame()
        parts, size_bytes = [begin], len(begin) + len(end)
        for offer_id, entries in self._entries():
            for kind, stored in entries.dates.items():
                entry = stored.as_of(now)
                if not entry.is_shown(now):
                    continue
                part = _event(offer_id, kind, entry, entries, self._link(offer_id))
                size_bytes += len(part)
                if size_bytes > CALENDAR_MAX_BYTES:
                    _log.warning("the calendar is too large: the offers from %s on are left out", offer_id)
                    return b"".join([*parts, end])
                parts.append(part)
        return b"".join([*parts, end])

    def _entries(self) -> Iterator[tuple[str, CalendarEntries]]:
        """The id of each offer that has entries, in the order of ids, and the entries."""
        rows = self._offers.rows(
            after=OFFER_PREFIX,
            before=f"{OFFER_PREFIX}~",
            columns=["RowKey", "calendar"],
            page_size=ROWS_READ_AT_ONCE,
        )
        for row in rows:
            column = row.get("calendar")
            if not column:
                continue
            try:
                offer_id = private_offer_id(row["RowKey"].removeprefix(OFFER_PREFIX))
                yield offer_id, entries_in(column if isinstance(column, str) else "")
            except (InvalidIdentifier, InvalidEntries) as error:
                _log.error("the row %r of the watch has no place in the calendar: %s", row["RowKey"], error)

    def _link(self, offer_id: str) -> str | None:
        return None if self._public_url is None else f"{self._public_url}/api/dashboard#/offers/{offer_id}"


def _frame() -> tuple[bytes, bytes]:
    """What comes before the entries, and after them."""
    import icalendar  # here, because only this call needs it

    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", "PUBLISH")
    # Some programs know the newer name of a property, some the older one.
    calendar.add("name", NAME)
    calendar.add("x-wr-calname", NAME)
    calendar.add("refresh-interval", icalendar.vDuration(REFRESH_INTERVAL), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", icalendar.vDuration(REFRESH_INTERVAL))
    written = calendar.to_ical()
    end = b"END:VCALENDAR\r\n"
    return written.removesuffix(end), end


def _event(offer_id: str, kind: DateKind, entry: DateEntry, entries: CalendarEntries, link: str | None) -> bytes:
    """One entry. The library's own component takes several times as long, which for thousands of entries is seconds:
    lines of a fixed form are written here, and those with text by the library."""
    is_cancelled = entry.cancelled_at is not None
    modified_at = entry.modified_at.strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VEVENT",
        _text_line("UID", f"{offer_id}-{_UID_PARTS[kind]}@offer-monitor"),
        f"DTSTART;VALUE=DATE:{_day(entry.date)}",
        f"DTEND;VALUE=DATE:{_day(entry.date + timedelta(days=1))}",
        # The date blocks nobody's day.
        "TRANSP:TRANSPARENT",
        _text_line("SUMMARY", _summary(kind, entries, offer_id)),
        _text_line("DESCRIPTION", _description(entries, link, is_cancelled=is_cancelled)),
        f"STATUS:{'CANCELLED' if is_cancelled else 'CONFIRMED'}",
        f"SEQUENCE:{entry.sequence}",
        # In a published calendar DTSTAMP says when the entry was revised last, so it moves only with the entry.
        f"DTSTAMP:{modified_at}",
        f"LAST-MODIFIED:{modified_at}",
        "END:VEVENT",
        "",
    ]
    return "\r\n".join(lines).encode()


def _text_line(name: str, text: str) -> str:
    """A property with a text, escaped and folded."""
    from icalendar import Parameters, vText
    from icalendar.parser import Contentline

    written: bytes = Contentline.from_parts(name, Parameters(), vText(text)).to_ical()
    return written.decode()


def _day(day: date) -> str:
    return day.isoformat().replace("-", "")


def _summary(kind: DateKind, entries: CalendarEntries, offer_id: str) -> str:
    customer = _plain(entries.customer)
    return f"{_SUMMARIES[kind]}: {_plain(entries.name) or offer_id}" + (f" ({customer})" if customer else "")


def _description(entries: CalendarEntries, link: str | None, *, is_cancelled: bool) -> str:
    words = [
        _IN_WORDS.get(word.casefold(), word) for word in (_plain(entries.state), _plain(entries.sub_state)) if word
    ]
    lines = ["This date no longer applies."] if is_cancelled else []
    lines += [f"State: {', '.join(words) or 'unknown'}", *([] if link is None else [link])]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """The text on one line, without control characters, lone surrogates and marks that change the direction."""
    if text.isprintable():  # as nearly every text is
        return " ".join(text.split())
    kept = (each if each.isprintable() or each == _ZERO_WIDTH_JOINER else " " for each in text)
    return " ".join("".join(kept).split())
