"""What a retry cycle starts, tidies up and counts, in what order, until when, and what it reports."""

from datetime import timedelta
from typing import Any

import pytest

from shared.storage.errors import ChangeRefused, StorageUnreachable
from shared.webhooks.deliveries import Counted
from shared.webhooks.delivery import DueDelivery
from shared.webhooks.endpoint import Endpoint
from tests.clock import FakeClock
from tests.webhooks.cycle_parts import Parts, Stopwatch
from tests.webhooks.logged import lines


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    stopwatch = Stopwatch()
    monkeypatch.setattr("shared.webhooks.retry_cycle.time", stopwatch)
    return Parts(stopwatch)


def endpoint(endpoint_id: str, **fields: Any) -> Endpoint:  # noqa: ANN401 - as of an endpoint
    return Endpoint(id=endpoint_id, url="https://hooks.example/", secret="", **fields)


def due(endpoint_id: str, number: int, clock: FakeClock, *, claimed_ago: float = 60) -> DueDelivery:
    return DueDelivery(
        endpoint_id=endpoint_id,
        id=f"dlv_{number}",
        log_key="",
        event_id=f"evt_{number}",
        event_type="job.succeeded",
        job_id=None,
        failures=1,
        attempts=1,
        etag="",
        claimed_until=clock.now() - timedelta(seconds=claimed_ago),
    )


def dues(endpoint_id: str, count: int, clock: FakeClock) -> list[DueDelivery]:
    return [due(endpoint_id, number, clock) for number in range(count)]


def test_deliveries_that_are_due_start_unless_their_endpoint_is_disabled(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2", enabled=False), endpoint("wh_3")]
    parts.dues = {name: dues(name, 2, clock) for name in ("wh_1", "wh_2", "wh_3")}
    report = parts.run(clock)
    assert parts.called("due") == [("wh_1", clock.now()), ("wh_3", clock.now())]
    started = [("wh_1", parts.dues["wh_1"], parts.batch), ("wh_3", parts.dues["wh_3"], parts.batch)]
    assert parts.called("start") == started
    assert (report.due, report.ok) == (4, True)


def test_a_hundred_of_every_endpoint_start_before_the_rest_of_any(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2")]
    parts.dues = {name: dues(name, 150, clock) for name in ("wh_1", "wh_2")}
    report = parts.run(clock)
    sizes = [(endpoint_id, len(some)) for endpoint_id, some, _ in parts.called("start")]
    assert sizes == [("wh_1", 100), ("wh_2", 100), ("wh_1", 50), ("wh_2", 50)]
    assert report.due == 300


def test_a_cycle_starts_2000_deliveries_of_an_endpoint_at_most(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1")]
    parts.dues = {"wh_1": dues("wh_1", 2010, clock)}
    assert parts.run(clock).due == 2000


def test_the_delivery_that_was_attempted_longest_ago_starts_first(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1")]
    parts.dues = {"wh_1": [due("wh_1", ago, clock, claimed_ago=ago) for ago in (60, 3600, 300)]}
    parts.run(clock)
    [(_, some, _)] = parts.called("start")
    assert [one.id for one in some] == ["dlv_3600", "dlv_300", "dlv_60"]


def test_nine_tenths_of_the_cycle_are_for_attempts(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1")]
    parts.dues = {"wh_1": dues("wh_1", 1, clock)}
    parts.takes["start"] = 3
    parts.run(clock, seconds=50)
    assert parts.called("finish_batch") == [(parts.batch, 42)]


def test_a_cycle_has_50_seconds_unless_it_is_told_otherwise(parts: Parts, clock: FakeClock) -> None:
    parts.run(clock)
    parts.run(clock, seconds=10)
    assert parts.called("finish_batch") == [(parts.batch, 45), (parts.batch, 9)]


@pytest.mark.parametrize(("seconds", "in_time"), [(44.5, True), (45, False)])
def test_nothing_begins_after_nine_tenths_of_the_cycle_except_counting(
    parts: Parts, clock: FakeClock, seconds: float, in_time: bool
) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2", enabled=False, disabled_reason="gone")]
    parts.removed = ["wh_3"]
    parts.dues = {"wh_1": dues("wh_1", 1, clock)}
    parts.requests = {"wh_1": [{}]}
    parts.takes["listing"] = seconds
    report = parts.run(clock)
    for step in ("start", "mark_pending_dead", "clean", "resume"):
        assert len(parts.called(step)) == in_time, step
    assert len(parts.called("count")) == 2
    assert report.all_counted


def test_counting_ends_with_the_cycle(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2")]
    parts.takes["listing"] = 49
    parts.takes["count"] = 1
    report = parts.run(clock)
    assert [endpoint_id for endpoint_id, _ in parts.called("count")] == ["wh_1"]
    assert not report.all_counted
    assert report.ok


def test_steps_for_one_endpoint_have_time_until_nine_tenths_of_the_cycle(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2", enabled=False, disabled_reason="gone")]
    parts.removed = ["wh_3"]
    parts.requests = {"wh_1": [{}]}
    began = parts.stopwatch.seconds
    parts.run(clock)
    for step in ("mark_pending_dead", "clean", "resume"):
        [(*_, has_time)] = parts.called(step)
        parts.stopwatch.seconds = began + 44.5
        assert has_time(), step
        parts.stopwatch.seconds = began + 45
        assert not has_time(), step


def test_what_endpoints_have_that_the_monitor_disabled_is_marked_as_dead(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [
        endpoint("wh_1"),
        endpoint("wh_2", enabled=False, disabled_reason="gone"),
        endpoint("wh_3", enabled=False),
        endpoint("wh_4", enabled=False, disabled_reason="failing"),
    ]
    assert parts.run(clock).ok
    assert [call[:2] for call in parts.called("mark_pending_dead")] == [("wh_2", clock.now()), ("wh_4", clock.now())]


def test_what_removed_endpoints_had_is_deleted(parts: Parts, clock: FakeClock) -> None:
    parts.removed = ["wh_1", "wh_2"]
    assert parts.run(clock).ok
    assert [endpoint_id for endpoint_id, _ in parts.called("clean")] == ["wh_1", "wh_2"]


def test_a_redelivery_goes_on_ends_or_waits_as_its_endpoint_is(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [
        endpoint("wh_enabled"),
        endpoint("wh_gone", enabled=False, disabled_reason="gone"),
        endpoint("wh_disabled_by_a_person", enabled=False),
    ]
    parts.removed = ["wh_removed"]
    parts.unreadable = ["wh_unreadable"]
    names = ["wh_unreadable", "wh_removed", "wh_disabled_by_a_person", "wh_gone", "wh_enabled"]
    parts.requests = {name: [{"RowKey": f"{name}~1"}] for name in names}
    assert parts.run(clock).ok
    assert [call[:2] for call in parts.called("resume")] == [("wh_enabled", parts.requests["wh_enabled"])]
    assert parts.called("cancel") == [(parts.requests["wh_gone"],)]


@pytest.mark.parametrize(("endpoints", "asked"), [([], False), ([endpoint("wh_1")], True)], ids=["none", "one"])
def test_redeliveries_are_looked_for_if_there_is_any_endpoint(
    parts: Parts, clock: FakeClock, endpoints: list[Endpoint], asked: bool
) -> None:
    parts.endpoints, parts.removed = endpoints, ["wh_removed"]
    parts.run(clock)
    assert len(parts.called("requested")) == asked


def test_a_report_adds_up_the_counts_of_all_endpoints(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2")]
    parts.unreadable = ["wh_3"]
    parts.counts = {
        "wh_1": Counted(waiting=5, dead=20, unreadable=["due~1", "due~2"]),
        "wh_2": Counted(waiting=7, dead=30, unreadable=["due~3"]),
    }
    report = parts.run(clock)
    assert parts.called("count") == [("wh_1", 10_000), ("wh_2", 9_975)]
    assert (report.waiting, report.dead, report.unreadable, report.all_counted) == (12, 50, 4, True)


@pytest.mark.parametrize(
    ("waiting", "dead", "unreadable", "all_counted"),
    [(10_000, 0, 0, False), (0, 10_000, 0, False), (0, 0, 10_000, False), (3000, 3000, 3999, True)],
)
def test_not_all_is_counted_when_one_endpoint_has_as_many_rows_as_are_read(
    parts: Parts, clock: FakeClock, waiting: int, dead: int, unreadable: int, all_counted: bool
) -> None:
    parts.endpoints = [endpoint("wh_1")]
    parts.counts = {"wh_1": Counted(waiting, dead, ["due~1"] * unreadable)}
    assert parts.run(clock).all_counted is all_counted


def test_not_all_is_counted_if_the_endpoints_could_not_be_read(parts: Parts, clock: FakeClock) -> None:
    parts.errors["listing"] = StorageUnreachable("busy")
    report = parts.run(clock)
    assert (report.ok, report.all_counted) == (False, False)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageUnreachable("busy"), "storage_unreachable"),
        (ChangeRefused("no"), "storage_refused"),
        (KeyError("secret"), "unforeseen"),
    ],
)
@pytest.mark.parametrize("step", ["start", "mark_pending_dead", "clean", "resume", "cancel", "count"])
def test_a_step_that_fails_for_one_endpoint_stops_no_other_step(
    parts: Parts, clock: FakeClock, step: str, error: Exception, reason: str
) -> None:
    parts.endpoints = [
        *(endpoint(name) for name in ("wh_1", "wh_2")),
        *(endpoint(name, enabled=False, disabled_reason="gone") for name in ("wh_3", "wh_4")),
    ]
    parts.removed = ["wh_5", "wh_6"]
    parts.dues = {name: dues(name, 1, clock) for name in ("wh_1", "wh_2")}
    parts.requests = {name: [{}] for name in ("wh_1", "wh_2", "wh_3", "wh_4")}
    parts.errors[step] = error
    report = parts.run(clock)
    assert (report.ok, report.reason) == (False, reason)
    expected = {"start": 2, "mark_pending_dead": 2, "clean": 2, "resume": 2, "cancel": 2, "count": 4}
    assert {name: len(parts.called(name)) for name in expected} == expected
    assert report.all_counted is (step != "count")


def test_the_first_trouble_is_the_reason(parts: Parts, clock: FakeClock) -> None:
    parts.endpoints = [endpoint("wh_1"), endpoint("wh_2"), endpoint("wh_3")]
    parts.errors = {
        "count wh_1": ChangeRefused("no"),
        "count wh_2": StorageUnreachable("busy"),
        "count wh_3": KeyError("secret"),
    }
    assert parts.run(clock).reason == "storage_refused"


@pytest.mark.parametrize(
    ("endpoint_id", "step", "shown"),
    [
        ("wh_1", "count", "wh_1"),
        ("settings-0123456789abcdef", "count", "settings"),
        ("wh_1", "listing", ""),
        ("wh_1", "requested", ""),
    ],
)
def test_an_unforeseen_error_is_logged_with_the_endpoint_that_it_is_about(
    parts: Parts, clock: FakeClock, caplog: pytest.LogCaptureFixture, endpoint_id: str, step: str, shown: str
) -> None:
    parts.endpoints = [endpoint(endpoint_id)]
    parts.errors[step] = KeyError("secret")
    assert parts.run(clock).reason == "unforeseen"
    [(level, facts)] = lines(caplog, "delivery_fault")
    assert (level, facts["error"], facts["webhookId"]) == ("ERROR", "KeyError", shown)


def test_every_row_that_cannot_be_read_is_logged(
    parts: Parts, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    parts.endpoints = [endpoint("settings-0123456789abcdef")]
    parts.unreadable = ["wh_1"]
    parts.counts = {"settings-0123456789abcdef": Counted(0, 0, ["due~1", "due~2"])}
    parts.run(clock)
    assert lines(caplog, "webhook_unreadable") == [("ERROR", {"webhookId": "wh_1"})]
    assert lines(caplog, "delivery_unreadable") == [
        (
            "ERROR",
            {
                "webhookId": "settings",
                "rowKey": row_key,
                "reason": "a column is missing or has an impossible value",
            },
        )
        for row_key in ("due~1", "due~2")
    ]


@pytest.mark.parametrize(
    ("reason", "level", "outcome"), [(None, "INFO", "ok"), ("storage_unreachable", "ERROR", "failed")]
)
def test_a_cycle_is_logged_with_its_figures_and_as_an_error_if_it_failed(
    parts: Parts,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    reason: str | None,
    level: str,
    outcome: str,
) -> None:
    caplog.set_level("INFO")
    parts.endpoints = [endpoint("wh_1")]
    parts.dues = {"wh_1": dues("wh_1", 1, clock)}
    parts.counts = {"wh_1": Counted(waiting=6, dead=7, unreadable=["due~1"] * 8)}
    parts.batch.attempted, parts.batch.delivered, parts.batch.given_up = 2, 3, 4
    parts.not_begun = 5
    parts.takes["finish_batch"] = 1.234
    if reason:
        parts.errors["requested"] = StorageUnreachable("busy")
    report = parts.run(clock)
    facts = {
        "outcome": outcome,
        "reason": reason,
        "due": 1,
        "attempted": 2,
        "delivered": 3,
        "gaveUp": 4,
        "notBegun": 5,
        "waiting": 6,
        "dead": 7,
        "unreadable": 8,
        "durationMs": 1234,
    }
    assert lines(caplog, "delivery_cycle") == [(level, facts)]
    assert (report.at, report.not_begun) == (clock.now(), 5)
