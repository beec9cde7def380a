"""Dates the way upstream writes them (upstream-api A5)."""

from datetime import datetime

YEAR_ONE_DATE = "0001-01-01"
YEAR_ONE_DATE_TIME = "0001-01-01T00:00:00"


def seven_digits(moment: datetime) -> str:
    """.NET's round-trip form: `2024-05-01T09:15:30.1234567Z`. The seventh digit is made up, and never zero."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{1 + moment.microsecond % 9}Z"


def trimmed(moment: datetime) -> str:
    """The same with trailing zeros cut off: `.866244Z`, `.5Z`. Cut to four digits, so that zeros are common."""
    fraction = f"{moment.microsecond:06d}"[:4].rstrip("0") or "5"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def without_zone(moment: datetime) -> str:
    """Three digits and no zone, as CPP lists have it: `2024-06-02T12:25:56.651`. It means UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"


def date_only(moment: datetime) -> str:
    """`2024-05-01`."""
    return f"{moment:%Y-%m-%d}"
