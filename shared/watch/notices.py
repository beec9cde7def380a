"""Notices: an offer's date is so many days away, or has passed.

A date is open while the offer waits for acceptance (accept-by), or is accepted (end). A threshold of t days is
crossed on the day that is t days before the date, or when the date opens, if that is later. A notice is due if the
nearest threshold that has been crossed was not announced for this date, nor a nearer one. So missed runs make no
notice come twice, and of several notices that were missed only the nearest comes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from shared.json_codec import InvalidJson, dumps, loads
from shared.watch.offer import DateKind, Deadline, OfferSummary

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


@dataclass(frozen=True, slots=True)
class OpenDate:
    """A date that is or was open, since `opened_at`; None if it was open at the baseline.

    `announced` is the smallest threshold that was announced for it; None if none was.
    """

    opened_at: datetime | None
    announced: int | None = None


@dataclass(frozen=True)
class Announced:
    """What was announced of one offer. Of each kind of date it keeps the REMEMBERED_DATES that opened last."""

    dates: Mapping[DateKind, Mapping[date, OpenDate]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: object) -> "Announced":
        """From the column that `text` wrote. What cannot be read counts as never opened."""
        return cls({kind: _dates_in(found) for kind, found in _objects_by_kind(text).items()})

    def text(self) -> str:
        """As a column: `{"acceptBy": {"2026-12-31": ["2026-11-21T19:30:00+00:00", 7]}}`."""
        return dumps(
            {
                kind: {
                    f"{day}": [each.opened_at and each.opened_at.isoformat(), each.announced]
                    for day, each in days.items()
                }
                for kind, days in self.dates.items()
            }
        )

    def find(self, kind: DateKind, day: date) -> OpenDate | None:
        return self.dates.get(kind, {}).get(day)

    def including(self, kind: DateKind, day: date, found: OpenDate) -> "Announced":
        days = {**self.dates.get(kind, {}), day: found}
        return Announced({**self.dates, kind: dict(list(days.items())[-REMEMBERED_DATES:])})


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of each kind of date, in days, each with the moment (UTC) since which crossing it counts.

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
    is_news: bool = True,
) -> tuple[Notice | None, Announced]:
    """The notice that is due for an offer, if any, and what has been announced of it then: store both together.

    `baseline_at` is the moment of the baseline, None while there is none: then no notice is due, and what is true or
    passed counts as announced. `is_news` is false for an offer that was there at the baseline but could not be read:
    its date counts as open since then. An offer has at most one open date, so at most one notice.
    """
    if offer.open_date is None:
        return None, announced
    kind, deadline = offer.open_date
    found = announced.find(kind, deadline.day)
    if found is None:
        found = OpenDate(opened_at=now if is_news and baseline_at is not None else None)
        announced = announced.including(kind, deadline.day, found)
    if baseline_at is None:
        return None, announced
    crossed = (
        threshold
        for threshold, since in thresholds.since.get(kind, {}).items()
        if _crossed(threshold, deadline, found.opened_at, since=max(since, baseline_at), now=now)
    )
    nearest = min(crossed, default=None)
    if nearest is None or (found.announced is not None and found.announced <= nearest):
        return None, announced
    notice = Notice(kind, deadline.day, nearest, deadline.days_left(now))
    return notice, announced.including(kind, deadline.day, replace(found, announced=nearest))


def _crossed(
    threshold: int, deadline: Deadline, opened_at: datetime | None, *, since: datetime, now: datetime
) -> bool:
    """Whether a threshold has been crossed since that moment, and still says something about the date."""
    if deadline.passed(now) != (threshold == PASSED):
        return False
    opened_since = opened_at is not None and opened_at > since
    if threshold == PASSED:
        return opened_since or deadline.passes_at > since
    # Ordinals, because a threshold may lead to a day before the calendar begins.
    crossed_on = deadline.day.toordinal() - threshold
    return threshold >= deadline.days_left(now) and (opened_since or crossed_on > since.date().toordinal())


def _objects_by_kind(text: object) -> dict[DateKind, dict[str, object]]:
    try:
        value = loads(text) if isinstance(text, str) else None
    except InvalidJson:
        return {}
    found = value if isinstance(value, dict) else {}
    return {kind: found[kind] for kind in _KINDS if isinstance(found.get(kind), dict)}


def _dates_in(found: Mapping[str, object]) -> dict[date, OpenDate]:
    read: dict[date, OpenDate] = {}
    for text, stored in found.items():
        match stored:
            case [None | str() as opened_at, None | int() as threshold]:
                pass
            case _:
                continue
        try:
            read[date.fromisoformat(text)] = OpenDate(None if opened_at is None else _moment(opened_at), threshold)
        except (ValueError, OverflowError):
            continue
    return dict(list(read.items())[-REMEMBERED_DATES:])


def _moments_by_number(found: Mapping[str, object]) -> dict[int, datetime]:
    read: dict[int, datetime] = {}
    for text, moment in found.items():
        try:
            read[int(text)] = _moment(str(moment))
        except (ValueError, OverflowError):
            continue
    return read


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
