"""Notices before an offer's date and once it has passed."""

import json
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.watch.notices import (
    PASSED,
    REMEMBERED_DATES,
    Announced,
    Notice,
    OpenDate,
    Thresholds,
    due_notice,
)
from shared.watch.offer import OfferSummary, WatchedOffer
from tests.json_texts import json_values
from tests.watch.samples import watched

BASELINE_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
THRESHOLDS = Thresholds().renewed([7, 1], [30, 7], BASELINE_AT)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00Z")


def told(
    offer: OfferSummary,
    *moments: str,
    announced: Announced | None = None,
    thresholds: Thresholds = THRESHOLDS,
) -> list[tuple[str, str, int]]:
    """When runs at these moments announce what, if the offer was first seen at the baseline."""
    _, known = due_notice(offer, announced or Announced(), thresholds, now=BASELINE_AT, baseline_at=None)
    found: list[tuple[str, str, int]] = []
    for moment in moments:
        notice, known = due_notice(offer, known, thresholds, now=at(moment), baseline_at=BASELINE_AT)
        known = Announced.read(known.text())
        if notice is not None:
            found.append((moment, notice.type.removeprefix("private_offer."), notice.days_left))
    return found


# Before the date


def test_each_threshold_is_announced_once_and_then_that_the_date_has_passed() -> None:
    runs = ["11-23T23:59", "11-24T00:00", "11-24T00:15", "11-29T12:00", "11-30T00:00", "12-01T23:59", "12-02T00:00"]

    assert told(watched(acceptBy="2026-12-01"), *runs, "12-02T00:15") == [
        ("11-24T00:00", "expiring", 7),
        ("11-30T00:00", "expiring", 1),
        ("12-02T00:00", "expired", 0),
    ]


def test_the_end_of_an_accepted_offer_has_its_own_thresholds() -> None:
    offer = watched(subState="accepted", end="2026-12-20")

    assert told(offer, "11-20T10:00", "12-13T10:00", "12-19T10:00", "12-21T10:00") == [
        ("11-20T10:00", "ending", 30),
        ("12-13T10:00", "ending", 7),
        ("12-21T10:00", "ended", 0),
    ]


def test_after_missed_runs_only_the_nearest_threshold_is_announced() -> None:
    offer = watched(acceptBy="2026-12-01")

    assert told(offer, "11-20T10:00", "11-26T10:00", "11-30T10:00") == [
        ("11-26T10:00", "expiring", 5),
        ("11-30T10:00", "expiring", 1),
    ]
    assert told(offer, "11-20T10:00", "12-01T10:00") == [("12-01T10:00", "expiring", 0)]
    assert told(offer, "11-20T10:00", "12-05T10:00", "12-06T10:00") == [("12-05T10:00", "expired", 0)]


def test_a_date_with_a_time_has_passed_at_that_moment() -> None:
    offer = watched(acceptBy="2026-12-01T09:00:00")

    assert told(offer, "12-01T08:59", "12-01T09:00") == [
        ("12-01T08:59", "expiring", 0),
        ("12-01T09:00", "expired", 0),
    ]


@pytest.mark.parametrize(
    "offer",
    [
        watched(state="draft", acceptBy="2026-12-01"),
        watched(state="withdrawn", acceptBy="2026-12-01"),
        watched(state="deleted", subState="accepted", end="2026-12-01"),
        watched(subState="accepted", acceptBy="2026-12-01", end="2027-12-31"),
        watched(acceptBy="2027-12-31", end="2026-12-01"),
        watched(acceptBy="0001-01-01"),
        watched(acceptBy="31/12/2026"),
    ],
    ids=["draft", "withdrawn", "deleted", "accepted", "waiting", "year one", "impossible"],
)
def test_a_date_that_does_not_matter_is_not_announced(offer: WatchedOffer) -> None:
    assert told(offer, "11-24T10:00", "11-30T10:00", "12-05T10:00") == []


def test_a_live_offer_to_resellers_ends_without_being_accepted() -> None:
    offer = watched(privateOfferType="cspPromotion", subState=None, acceptBy=None, end="2026-12-01")

    assert told(offer, "11-24T10:00") == [("11-24T10:00", "ending", 7)]


def test_another_date_has_its_own_notices() -> None:
    _, announced = due_notice(
        watched(acceptBy="2026-12-01"), Announced(), THRESHOLDS, now=at("11-30T10:00"), baseline_at=BASELINE_AT
    )

    assert told(watched(acceptBy="2026-12-02"), "12-01T10:00", announced=announced) == [
        ("12-01T10:00", "expiring", 1)
    ]
    assert told(watched(acceptBy="2026-12-01"), "12-01T10:00", announced=announced) == []


# The baseline


def test_what_was_true_or_had_passed_at_the_baseline_is_not_announced() -> None:
    assert told(watched(acceptBy="2026-10-31"), "11-01T12:15") == []
    assert told(watched(acceptBy="2026-11-08"), "11-01T12:15", "11-02T10:00") == []
    assert told(watched(acceptBy="2026-11-01T11:00:00Z"), "11-01T12:15") == []


def test_what_comes_after_the_baseline_is_announced() -> None:
    assert told(watched(acceptBy="2026-11-01"), "11-02T00:00") == [("11-02T00:00", "expired", 0)]
    assert told(watched(acceptBy="2026-11-08"), "11-07T10:00") == [("11-07T10:00", "expiring", 1)]
    assert told(watched(acceptBy="2026-11-09"), "11-02T10:00") == [("11-02T10:00", "expiring", 7)]


@pytest.mark.parametrize(
    ("accept_by", "expected"),
    [("2026-11-04", ("expiring", 3)), ("2026-11-01", ("expiring", 0)), ("2026-10-30", ("expired", 0))],
)
def test_an_offer_that_came_after_the_baseline_is_announced_however_near_its_date_is(
    accept_by: str, expected: tuple[str, int]
) -> None:
    offer = watched(acceptBy=accept_by)

    notice, announced = due_notice(offer, Announced(), THRESHOLDS, now=at("11-01T15:00"), baseline_at=BASELINE_AT)

    assert notice is not None
    assert (notice.type.removeprefix("private_offer."), notice.days_left) == expected
    assert due_notice(offer, announced, THRESHOLDS, now=at("11-01T15:15"), baseline_at=BASELINE_AT)[0] is None


def test_an_acceptance_opens_the_end_however_near_it_is() -> None:
    _, announced = due_notice(watched(end="2026-11-04"), Announced(), THRESHOLDS, now=BASELINE_AT, baseline_at=None)

    notice, _ = due_notice(
        watched(end="2026-11-04", subState="accepted"),
        announced,
        THRESHOLDS,
        now=at("11-01T15:00"),
        baseline_at=BASELINE_AT,
    )

    assert notice == Notice("end", date(2026, 11, 4), 7, 3)


def test_a_date_that_is_open_at_the_baseline_has_no_moment_since_which_it_is_open() -> None:
    offer = watched(acceptBy="2026-12-01")
    _, announced = due_notice(offer, Announced(), THRESHOLDS, now=BASELINE_AT, baseline_at=None)
    found = announced.find("acceptBy", date(2026, 12, 1))

    assert found is not None
    assert found.opened_at is None


def test_an_offer_that_could_not_be_read_at_the_baseline_is_announced_from_its_next_threshold() -> None:
    offer, now = watched(acceptBy="2026-11-04"), at("11-01T15:00")
    notice, announced = due_notice(offer, Announced(), THRESHOLDS, now=now, baseline_at=BASELINE_AT, is_news=False)
    assert notice is None

    later, _ = due_notice(offer, announced, THRESHOLDS, now=at("11-03T10:00"), baseline_at=BASELINE_AT)
    assert later == Notice("acceptBy", date(2026, 11, 4), 1, 1)


# The settings


def test_an_empty_list_of_days_means_no_notices() -> None:
    thresholds = Thresholds().renewed([], [30], BASELINE_AT)

    assert told(watched(acceptBy="2026-12-01"), "11-30T10:00", "12-05T10:00", thresholds=thresholds) == []


def test_a_threshold_that_is_new_in_the_setting_holds_from_its_next_crossing() -> None:
    changed = THRESHOLDS.renewed([14, 7, 1], [], at("11-20T10:00"))

    assert told(watched(acceptBy="2026-12-04"), "11-20T10:00", "11-21T10:00", thresholds=changed) == []
    assert told(watched(acceptBy="2026-12-05"), "11-21T10:00", thresholds=changed) == [
        ("11-21T10:00", "expiring", 14)
    ]
    assert told(watched(acceptBy="2026-11-27"), "11-20T10:00", thresholds=changed) == [("11-20T10:00", "expiring", 7)]


def test_dates_that_passed_while_the_list_was_empty_are_not_announced_later() -> None:
    back = THRESHOLDS.renewed([], [], at("11-10T10:00")).renewed([7], [7], at("11-20T10:00"))

    assert told(watched(acceptBy="2026-11-15"), "11-20T10:15", thresholds=back) == []
    assert told(watched(acceptBy="2026-11-20"), "11-21T10:15", thresholds=back) == [("11-21T10:15", "expired", 0)]


def test_a_threshold_longer_than_the_calendar_does_no_harm() -> None:
    thresholds = Thresholds().renewed([10**9], [], BASELINE_AT)

    assert told(watched(acceptBy="2026-12-01"), "11-24T10:00", thresholds=thresholds) == []


# The columns


def test_thresholds_are_read_back_as_they_were_written() -> None:
    assert Thresholds.read(THRESHOLDS.text()) == THRESHOLDS


def test_what_was_announced_is_read_back_as_it_was_written() -> None:
    offer = watched(acceptBy="2026-11-04")
    _, announced = due_notice(offer, Announced(), THRESHOLDS, now=at("11-01T15:00"), baseline_at=BASELINE_AT)

    assert Announced.read(announced.text()) == announced
    assert announced.text() == '{"acceptBy":{"2026-11-04":["2026-11-01T15:00:00+00:00",7]}}'


def test_only_the_dates_that_opened_last_are_remembered() -> None:
    announced = Announced()
    days = [date(2027, 1, 31) - timedelta(days) for days in range(REMEMBERED_DATES + 3)]
    for day in days:
        offer = watched(acceptBy=f"{day}")
        _, announced = due_notice(offer, announced, THRESHOLDS, now=at("11-05T10:00"), baseline_at=BASELINE_AT)

    assert list(announced.dates["acceptBy"]) == days[-REMEMBERED_DATES:]


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=20)
    | json_values(
        ("acceptBy", "end", "2026-12-01", "7", "-1"), ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59-14:00")
    )
)
def test_any_column_can_be_read(column: object) -> None:
    for text in (column, json.dumps(column)):
        announced, thresholds = Announced.read(text), Thresholds.read(text)
        due_notice(watched(), announced, thresholds, now=at("12-25T10:00"), baseline_at=BASELINE_AT)


# A column of somebody else's


@pytest.mark.parametrize(
    "bad", [{"soon": [None, 7]}, {"2026-11-01": "x"}, {"2026-11-01": [7, 7]}, {"2026-11-01": ["x", 7]}]
)
def test_a_date_that_cannot_be_read_hides_no_other(bad: dict[str, object]) -> None:
    text = json.dumps({"acceptBy": {**bad, "2026-12-01": [None, 7]}, "end": 5})

    assert Announced.read(text) == Announced({"acceptBy": {date(2026, 12, 1): OpenDate(None, 7)}})


@pytest.mark.parametrize("bad", [{"soon": "2026-11-01T12:00:00Z"}, {"3": "x"}, {"3": 5}])
def test_a_threshold_that_cannot_be_read_hides_no_other(bad: dict[str, object]) -> None:
    text = json.dumps({"acceptBy": {**bad, "7": "2026-11-01T12:00:00+00:00"}})

    assert Thresholds.read(text) == Thresholds({"acceptBy": {7: BASELINE_AT}})


@pytest.mark.parametrize(
    "text", ["2026-11-01T12:00:00", "2026-11-01T12:00:00Z", "2026-11-01T14:00:00+02:00", "2026-11-01T07:00:00-05:00"]
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_moment_is_read_as_utc_wherever_it_was_written(
    text: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        found = Thresholds.read(json.dumps({"end": {"7": text}})).since["end"][7]
    time.tzset()

    assert (found, found.tzinfo) == (BASELINE_AT, UTC)


# At the same moment


def test_a_date_that_opens_when_its_threshold_is_new_is_announced_from_the_next_crossing() -> None:
    now = at("11-20T10:00")
    changed = THRESHOLDS.renewed([14], [], now)
    offer = watched(acceptBy="2026-11-25")
    _, announced = due_notice(offer, Announced(), changed, now=now, baseline_at=BASELINE_AT)

    assert due_notice(offer, announced, changed, now=at("11-21T10:00"), baseline_at=BASELINE_AT)[0] is None


def test_a_date_that_has_passed_at_the_baseline_to_the_second_is_not_announced() -> None:
    assert told(watched(acceptBy="2026-11-01T12:00:00Z"), "11-01T12:15") == []
    assert told(watched(acceptBy="2026-11-01T12:00:01Z"), "11-01T12:15") == [("11-01T12:15", "expired", 0)]


# Any sequence of runs

_STATES = st.sampled_from(
    [("live", "pendingAcceptance"), ("live", "pendingPartnerAction"), ("live", "accepted"), ("draft", "")]
)
_DATES = st.sampled_from(["2026-11-10", "2026-11-12T08:00:00Z", "2026-12-20", "0001-01-01"])
_RUNS = st.lists(st.tuples(st.integers(1, 24 * 9), _STATES, _DATES, _DATES), max_size=12)


@settings(max_examples=100, deadline=None)
@given(_RUNS, st.sets(st.integers(0, 40), max_size=3))
def test_whatever_happens_each_date_and_threshold_is_announced_once_and_only_while_it_matters(
    runs: list[tuple[int, tuple[str, str], str, str]], days: set[int]
) -> None:
    thresholds = Thresholds().renewed(days, days, BASELINE_AT)
    announced, now = Announced(), BASELINE_AT
    seen: dict[tuple[str, date], int] = {}
    for hours, (state, sub_state), accept_by, end in runs:
        now += timedelta(hours=hours)
        offer = watched(state=state, subState=sub_state, acceptBy=accept_by, end=end)
        notice, announced = due_notice(offer, announced, thresholds, now=now, baseline_at=BASELINE_AT)
        announced = Announced.read(announced.text())
        if notice is None:
            continue
        assert days
        assert state == "live"
        assert (notice.kind == "end") == (sub_state == "accepted")
        deadline = offer.end if notice.kind == "end" else offer.accept_by
        assert deadline is not None
        assert deadline.day == notice.day
        assert notice.days_left == max(0, (notice.day - now.date()).days)
        assert deadline.passed(now) == (notice.threshold == PASSED)
        # Never the same threshold again, nor a longer one after a shorter one.
        assert seen.get((notice.kind, notice.day), 10**9) > notice.threshold
        seen[notice.kind, notice.day] = notice.threshold


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 24 * 5), min_size=1, max_size=30))
def test_nothing_is_left_out_for_a_run_that_was_missed(gaps: list[int]) -> None:
    offer, now, announced = watched(acceptBy="2026-12-01"), BASELINE_AT, Announced()
    smallest = 10**9
    for gap in gaps:
        now += timedelta(hours=gap)
        notice, announced = due_notice(offer, announced, THRESHOLDS, now=now, baseline_at=BASELINE_AT)
        smallest = min(smallest, 10**9 if notice is None else notice.threshold)
        days_left = (date(2026, 12, 1) - now.date()).days
        assert smallest == next((t for t in (PASSED, 1, 7) if days_left <= t), 10**9)
