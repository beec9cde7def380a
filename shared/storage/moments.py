"""Dates and times as Table Storage gives them back."""

from datetime import UTC, datetime
from typing import Any


def stored_moment(value: Any) -> datetime | None:  # noqa: ANN401 - a column of any type
    """A column as a plain aware datetime: the SDK's own subclass would follow every value derived from it."""
    if not isinstance(value, datetime):
        return None
    moment = value.astimezone(UTC) if value.tzinfo else value
    return datetime.combine(moment.date(), moment.time(), UTC)
