"""The verdict about a soak: evidence of each kind of broken promise fails it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.reliability.soak.endpoints import STANDING, Accepted
from tests.reliability.soak.evidence import good_evidence
from tests.reliability.soak.process import Held
from tests.reliability.soak.run import Evidence, Sample
from tests.reliability.soak.scale import FULL, SHORT
from tests.reliability.soak.storage import Stored
from tests.reliability.soak.verdict import faults, growth_a_day

GOOD = good_evidence()


def _with_samples(change: Callable[[Sample], Sample]) -> Evidence:
    return replace(GOOD, samples=[change(sample) for sample in GOOD.samples])


def _growing(name: str, a_day: float) -> Callable[[Sample], Sample]:
    """A figure of the process, or of storage, that grows by so much a day."""

    def change(sample: Sample) -> Sample:
        if hasattr(sample.held, name):
            return replace(sample, held=_more(sample.held, name, a_day * sample.day))
        return replace(sample, stored=_more(sample.stored, name, a_day * sample.day))

    return change


def _more[Part: (Held, Stored)](part: Part, name: str, more: float) -> Part:
    return replace(part, **{name: getattr(part, name) + more})


def test_a_soak_in_which_everything_went_well_has_no_fault() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("name", "a_day"),
    [
        ("megabytes", 1),
        ("files", 1),
        ("threads", 1),
        ("objects", 100),
        ("blocks", 1000),
        ("documents", 1),
        ("set_aside", 1),
        ("jobs", 10),
        ("offers", 5),
        ("deliveries", 20),
    ],
)
def test_a_leak_is_seen(name: str, a_day: float) -> None:
    [fault] = faults(_with_samples(_growing(name, a_day)))
    assert "a day" in fault


def test_a_leak_that_begins_in_the_middle_is_seen() -> None:
    middle = (FULL.warm_up_days + FULL.days) // 2
    late = _growing("files", 2)
    [fault] = faults(_with_samples(lambda sample: late(sample) if sample.day > middle else sample))
    assert "open files" in fault


def test_one_row_that_outlives_its_retention_is_seen() -> None:
    def change(sample: Sample) -> Sample:
        return replace(sample, stored=replace(sample.stored, faults={"log: outlives its retention": 1}))

    found = faults(_with_samples(lambda sample: change(sample) if sample.day == 20 else sample))
    assert found == ["day 20: 1 x log: outlives its retention"]


def test_more_rows_of_figures_than_days_are_seen() -> None:
    assert len(faults(_with_samples(_growing("days", 1)))) == len(GOOD.samples) - 1


def test_what_returns_every_week_is_no_growth() -> None:
    days = list(range(11, 32))
    assert growth_a_day(days, [100.0 * (day % 7) for day in days]) == 0


def test_what_grows_from_week_to_week_is_growth() -> None:
    days = list(range(11, 32))
    assert growth_a_day(days, [100.0 * (day % 7) + 2 * day for day in days]) == pytest.approx(2)


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        (set(), "job job-1: failed expected, told []"),
        ({("succeeded", "evt_job-1")}, "job job-1: failed expected, told [('succeeded', 'evt_job-1')]"),
        (
            {("failed", "evt_job-1"), ("failed", "evt_2")},
            "job job-1: failed expected, told [('failed', 'evt_2'), ('failed', 'evt_job-1')]",
        ),
    ],
)
def test_a_job_that_is_not_told_of_once_and_rightly_is_seen(told: set[tuple[str, str]], fault: str) -> None:
    assert fault in faults(replace(GOOD, finishes={**GOOD.finishes, "job-1": told}))


def test_an_event_of_a_job_that_was_removed_is_seen() -> None:
    told = {**GOOD.finishes, "removed": {("lost", "evt_job-4")}}
    assert faults(replace(GOOD, finishes=told)) == ["job removed: was removed and told of"]


@pytest.mark.parametrize("name", STANDING)
def test_an_event_that_an_endpoint_has_not_got_is_seen(name: str) -> None:
    events = GOOD.accepted[name].events - Counter(["evt_job-1"])
    lost = replace(GOOD, accepted={**GOOD.accepted, name: Accepted(events, 100, 10)})
    assert faults(lost) == [f"endpoint {name}: 1 events neither delivered nor dead, such as evt_job-1"]
    assert faults(replace(lost, dead={**GOOD.dead, name: {"evt_job-1"}})) == []


def test_an_event_that_is_late_at_the_endpoint_that_never_fails_is_seen() -> None:
    found = faults(replace(GOOD, latest=timedelta(minutes=30)))
    assert found == ["an event took 0:30:00 to the endpoint that never fails"]


def test_what_is_left_over_at_the_end_is_seen() -> None:
    assert faults(replace(GOOD, left_over=["document a", "asked b"])) == [
        "2 rows are left over, such as asked b, document a"
    ]


def test_days_on_which_nothing_was_counted_are_seen() -> None:
    assert faults(replace(GOOD, samples=GOOD.samples[:-1])) == ["counted on 44 days only"]


@pytest.mark.parametrize(
    "evidence",
    [
        replace(GOOD, sent_again=0),
        replace(GOOD, disabled={"gone: gone": 1}),
        replace(GOOD, faults={}),
        replace(GOOD, dead={**GOOD.dead, "failing": set()}),
        replace(GOOD, fired={**GOOD.fired, "clean_up": 0}),
        replace(GOOD, accepted={**GOOD.accepted, "flaky": replace(GOOD.accepted["flaky"], failed=0)}),
    ],
)
def test_a_soak_that_has_not_done_what_it_says_is_seen(evidence: Evidence) -> None:
    [fault] = faults(evidence)
    assert fault.startswith("it did not happen that")


def test_a_short_soak_is_judged_in_the_same_way() -> None:
    assert faults(good_evidence(SHORT)) == []
