"""Notices: an offer's date is so many days away, or has passed.

A threshold of t days is crossed on the day that is t days before the date. A notice is due if the nearest threshold
that has been crossed was not announced for this date, nor a nearer one. So a run that was missed makes no notice
late, and none twice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from shared.json_codec import InvalidJson, dumps, loads
from shared.watch.offer import DateKind, OfferSummary

REMEMBERED_DATES = 10
# The threshold that is crossed when a date has passed.
PASSED = -1
_KINDS: tuple[DateKind, ...] = ("acceptBy", "end")
_TYPES: dict[DateKind, tuple[str, str]] = {
    "acceptBy": ("private_offer.expiring", "private_offer.expired"),
    "end": ("private_offer.ending", "private_offer.ended"),
}


@dataclass(frozen=True)
class Notice:
    """The offer's date of this kind is `days_left` calendar days away, or has passed: then `days_left` is 0.

    `threshold` is the one that was crossed, in days, PASSED once the date has passed.
    """

    kind: DateKind
    day: date
    threshold: int
    days_left: int

    @property
    def type(self) -> str:
        """The type of the event."""
        return _TYPES[self.kind][self.threshold == PASSED]


@dataclass(frozen=True)
class Announced:
    """What was announced of one offer: of each kind, per date, the smallest threshold.

    Of each kind the REMEMBERED_DATES last announced are kept, in that order.
    """

    thresholds: Mapping[DateKind, Mapping[date, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: object) -> "Announced":
        """From the column that `text` wrote. What cannot be read counts as not announced."""
        return cls({kind: _numbers_by_day(found) for kind, found in _objects_by_kind(text).items()})

    def text(self) -> str:
        """As a column: `{"acceptBy": {"2026-12-31": 7}, "end": {"2027-01-31": -1}}`."""
        return dumps({kind: {f"{day}": t for day, t in days.items()} for kind, days in self.thresholds.items()})

    def smallest(self, kind: DateKind, day: date) -> int | None:
        """The smallest threshold that was announced for a date; None if none was."""
        return self.thresholds.get(kind, {}).get(day)

    def including(self, notice: Notice) -> "Announced":
        """With a notice that is announced now."""
        days = {day: t for day, t in self.thresholds.get(notice.kind, {}).items() if day != notice.day}
        kept = list(days.items())[1 - REMEMBERED_DATES :]
        return Announced({**self.thresholds, notice.kind: dict([*kept, (notice.day, notice.threshold)])})


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of each kind of date, in days, each with the moment since which crossing it counts.

    PASSED is among them if the kind has any: an empty list of days means no notices at all.
    """

    since: Mapping[DateKind, Mapping[int, datetime]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: object) -> "Thresholds":
        """From the column that `text` wrote. What cannot be read counts as new, see `renewed`."""
        return cls({kind: _moments_by_number(found) for kind, found in _objects_by_kind(text).items()})

    def text(self) -> str:
        """As a column: `{"acceptBy": {"7": "2026-11-21T19:30:00+00:00", ...}, "end": ...}`."""
        return dumps(
            {kind: {f"{t}": at.isoformat() for t, at in since.items()} for kind, since in self.since.items()}
        )

    def renewed(self, expiring_days: Collection[int], ending_days: Collection[int], now: datetime) -> "Thresholds":
        """With the days that the settings have now. Those that are new count from their next crossing."""
        settings: dict[DateKind, Collection[int]] = {"acceptBy": expiring_days, "end": ending_days}
        return Thresholds(
            {
                kind: {t: self.since.get(kind, {}).get(t, now) for t in ([*days, PASSED] if days else ())}
                for kind, days in settings.items()
            }
        )


def due_notice(
    offer: OfferSummary,
    announced: Announced,
    thresholds: Thresholds,
    *,
    now: datetime,
    baseline_at: datetime | None,
) -> Notice | None:
    """The notice that is due for an offer, if any: an offer has at most one date that matters.

    `baseline_at` is the moment of the baseline: what was crossed by then counts as announced. None while there is no
    baseline.
    """
    if baseline_at is None or offer.open_date is None:
        return None
    kind, deadline = offer.open_date
    since = {t: max(at, baseline_at) for t, at in thresholds.since.get(kind, {}).items()}
    if deadline.passed(now):
        nearest = PASSED if PASSED in since and deadline.passes_at > since[PASSED] else None
    else:
        days_left = deadline.days_left(now)
        crossed = (
            t
            for t, at in since.items()
            # A threshold that was crossed on the day since which it counts was true at that moment.
            if t >= days_left and deadline.day.toordinal() - t > at.date().toordinal()
        )
        nearest = min(crossed, default=None)
    smallest = announced.smallest(kind, deadline.day)
    if nearest is None or (smallest is not None and smallest <= nearest):
        return None
    return Notice(kind, deadline.day, nearest, deadline.days_left(now))


def _objects_by_kind(text: object) -> dict[DateKind, dict[str, object]]:
    try:
        value = loads(text) if isinstance(text, str) else None
    except InvalidJson:
        value = None
    found = value if isinstance(value, dict) else {}
    return {kind: found[kind] for kind in _KINDS if isinstance(found.get(kind), dict)}


def _numbers_by_day(found: Mapping[str, object]) -> dict[date, int]:
    read: dict[date, int] = {}
    for text, threshold in found.items():
        try:
            day = date.fromisoformat(text)
        except ValueError:
            continue
        if isinstance(threshold, int):
            read[day] = threshold
    return dict(list(read.items())[-REMEMBERED_DATES:])


def _moments_by_number(found: Mapping[str, object]) -> dict[int, datetime]:
    read: dict[int, datetime] = {}
    for text, moment in found.items():
        try:
            at = datetime.fromisoformat(str(moment))
            read[int(text)] = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return read
