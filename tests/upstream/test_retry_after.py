from datetime import UTC, datetime

import pytest

from shared.upstream.retry_after import RETRY_AFTER_MAX_SECONDS, retry_after_seconds

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(("header", "seconds"), [("57", 57.0), (" 0 ", 0.0), ("1.5", 1.5)])
def test_a_number_is_seconds(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.parametrize(
    "header", ["Fri, 20 Nov 2026 09:02:00 GMT", "Fri, 20 Nov 2026 09:02:00 -0000", "Friday, 20-Nov-26 09:02:00 GMT"]
)
def test_a_date_is_the_time_until_then(header: str) -> None:
    assert retry_after_seconds(header, NOW) == 120.0


def test_a_date_that_has_passed_is_now() -> None:
    assert retry_after_seconds("Fri, 20 Nov 2026 08:00:00 GMT", NOW) == 0.0


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1e9", "٣", "Fri, 99 Nov 2026 09:02:00 GMT"])
def test_anything_else_says_nothing(header: str | None) -> None:
    assert retry_after_seconds(header, NOW) is None


@pytest.mark.parametrize("header", ["99999999999999999999", "Fri, 20 Nov 9999 09:02:00 GMT"])
def test_nobody_waits_longer_than_a_day(header: str) -> None:
    assert retry_after_seconds(header, NOW) == RETRY_AFTER_MAX_SECONDS
