"""NCRONTAB expressions, as the NCrontab library of Azure's host reads them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from croniter import CroniterError, croniter

from local.host.errors import FunctionError

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ITEM = re.compile(r"(?:\*|(?P<first>[0-9]+|[A-Za-z]+)(?:-(?P<last>[0-9]+|[A-Za-z]+))?)(?:/(?P<step>[0-9]+))?")


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    value_names: Sequence[str] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class Schedule:
    """An NCRONTAB expression: second, minute, hour, day, month, day of week; or five fields without seconds. UTC."""

    def __init__(self, expression: str) -> None:
        """Check `expression`. Raises FunctionError if Azure would refuse it."""
        texts = expression.split()
        if len(texts) not in (5, 6):
            raise FunctionError(
                f"the schedule {expression!r} is not an NCRONTAB expression: six fields, seconds first,"
                ' such as "0 */5 * * * *"'
            )
        if len(texts) == 5:
            texts = ["0", *texts]
        try:
            fields = [_canonical(text, field) for text, field in zip(texts, _FIELDS, strict=True)]
        except ValueError as error:
            raise FunctionError(f"the schedule {expression!r} is not an NCRONTAB expression: {error}") from None
        self.expression = expression
        self._expression = " ".join(fields)
        try:
            self.next_after(datetime.now(UTC))
        except CroniterError:
            raise FunctionError(f"the schedule {expression!r} never comes") from None

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment` (aware)."""
        # In NCRONTAB, both the day of month and the day of week must match; in classic cron, either.
        dates = croniter(self._expression, moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        occurrence: datetime = dates.get_next(datetime)
        return occurrence


def _canonical(text: str, field: _Field) -> str:
    """The field as a list of numbers or `*`. Raises ValueError that says what is wrong."""
    values: set[int] = set()
    for item in text.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise ValueError(f"{item!r} is not a {field.name}")
        first = _value(found["first"], field) if found["first"] else field.lowest
        last = _value(found["last"], field) if found["last"] else field.highest
        if found["first"] and not found["last"] and not found["step"]:
            last = first
        # NCrontab treats a step of 0 as 1, and reverses a range that runs backwards.
        step = max(1, int(found["step"] or 1))
        values.update(range(min(first, last), max(first, last) + 1, step))
    every = len(values) == field.highest - field.lowest + 1
    return "*" if every else ",".join(str(value) for value in sorted(values))


def _value(text: str, field: _Field) -> int:
    if text.isdecimal():
        value = int(text)
        if not field.lowest <= value <= field.highest:
            raise ValueError(f"{text} is not a {field.name}: {field.lowest} to {field.highest}")
        return value
    for index, name in enumerate(field.value_names):
        if name.lower().startswith(text.lower()):
            return field.lowest + index
    raise ValueError(f"{text!r} is not a {field.name}")
