"""NCRONTAB expressions: which ones Azure accepts, and when they fire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.host.errors import FunctionError
from local.host.schedules import Schedule


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 * * * * *", "2026-11-20T09:00:00", "2026-11-20T09:01:00"),
        ("0 * * * * *", "2026-11-20T09:00:59.999", "2026-11-20T09:01:00"),
        ("30 * * * * *", "2026-11-20T09:00:00", "2026-11-20T09:00:30"),
        ("30 * * * * *", "2026-11-20T09:00:30", "2026-11-20T09:01:30"),
        ("*/10 * * * * *", "2026-12-31T23:59:55", "2027-01-01T00:00:00"),
        ("0 */5 * * * *", "2026-11-20T09:01:00", "2026-11-20T09:05:00"),
        ("*/5 * * * *", "2026-11-20T09:01:00", "2026-11-20T09:05:00"),
        ("0 */0 * * * *", "2026-11-20T09:01:00", "2026-11-20T09:02:00"),
        ("0 7/20 * * * *", "2026-11-20T09:08:00", "2026-11-20T09:27:00"),
        ("0 10-30/10 * * * *", "2026-11-20T09:30:00", "2026-11-20T10:10:00"),
        ("0 0 9 * * MON-FRI", "2026-11-20T09:00:00", "2026-11-23T09:00:00"),
        ("0 0 9 * * fri-mon", "2026-11-20T09:00:00", "2026-11-23T09:00:00"),
        ("0 0 9 * * Sunday", "2026-11-20T09:00:00", "2026-11-22T09:00:00"),
        ("0 0 9 * * 0", "2026-11-20T09:00:00", "2026-11-22T09:00:00"),
        ("0 0 0 1 jan,JUL *", "2026-11-20T09:00:00", "2027-01-01T00:00:00"),
        ("0 0 0 13 * 5", "2026-01-01T00:00:00", "2026-02-13T00:00:00"),
        ("45 7 3 * * *", "2026-11-20T09:00:00", "2026-11-21T03:07:45"),
    ],
)
def test_the_next_occurrence(expression: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert Schedule(expression).next_after(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_schedules_are_in_utc_whatever_the_zone_of_the_moment() -> None:
    local = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert Schedule("0 0 4 * * *").next_after(local) == datetime(2026, 11, 21, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "@hourly",
        "00:01:00",
        "60 * * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * 7",
        "0 0 0 L * *",
        "0 0 0 l * *",
        "0 0 0 ? * *",
        "0 0 0 * * ?",
        "0 0 0 15W * *",
        "0 0 0 * * 1#2",
        "0 0 0 * * MON#1",
        "0 0 0 * * 5L",
        "0 R * * * *",
        "H * * * * *",
        "0 1,,2 * * * *",
        "0 -1 * * * *",
        "0 0 0 * XYZ *",
        "0 0 0 JAN * *",
    ],
)
def test_an_expression_that_azure_refuses_is_refused(expression: str) -> None:
    with pytest.raises(FunctionError, match="is not an NCRONTAB expression"):
        Schedule(expression)


def test_a_date_that_never_comes_is_refused() -> None:
    with pytest.raises(FunctionError, match="never comes"):
        Schedule("0 0 0 30 2 *")
