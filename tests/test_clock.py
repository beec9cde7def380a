from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import RETRY_AFTER_MAX_SECONDS, retry_after_seconds

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
def test_anything_else_is_unreadable(header: str | None) -> None:
    assert retry_after_seconds(header, NOW) is None


@pytest.mark.parametrize(
    "header",
    [
        "Fri, 31 Dec 99999999999999999999 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -9999999999",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "1" * 5000,
        "\x00",
        "Fri, 20 Nov 2026 09:02:00 GMT" + " " * 10_000 + "x",
    ],
)
def test_an_absurd_date_or_number_is_unreadable_or_within_a_day(header: str) -> None:
    assert retry_after_seconds(header, NOW) in {None, 0.0, RETRY_AFTER_MAX_SECONDS}


_PARTS = st.sampled_from(
    ["Fri, ", "20 ", "Nov ", "2026 ", "99999999999 ", "09:02:00 ", "GMT", "+9999", "-0000", ":", ","]
)


@settings(max_examples=100, deadline=None)
@given(st.text() | st.lists(_PARTS | st.integers().map(str), max_size=9).map("".join))
def test_any_header_is_unreadable_or_within_a_day(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0.0 <= seconds <= RETRY_AFTER_MAX_SECONDS


@pytest.mark.parametrize("header", ["99999999999999999999", "Fri, 20 Nov 9999 09:02:00 GMT"])
def test_the_wait_is_a_day_at_most(header: str) -> None:
    assert retry_after_seconds(header, NOW) == RETRY_AFTER_MAX_SECONDS
