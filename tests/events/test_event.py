"""Which patterns match which events."""

import pytest

from shared.events.event import EVENT_TYPES, pattern_faults, wants


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_asterisk_wants_every_event(event_type: str) -> None:
    assert wants(["*"], event_type)


def test_a_group_wants_only_its_own_events() -> None:
    assert [name for name in EVENT_TYPES if wants(["monitor.*"], name)] == ["monitor.degraded", "monitor.recovered"]


def test_a_name_wants_only_that_event() -> None:
    assert [name for name in EVENT_TYPES if wants(["job.failed"], name)] == ["job.failed"]


def test_an_event_is_wanted_if_one_of_several_patterns_matches() -> None:
    assert wants(["monitor.*", "job.lost"], "job.lost")
    assert not wants([], "job.lost")


GROUPS = ["job.*", "monitor.*", "private_offer.*", "cpp_offer.*", "webhook.*"]


@pytest.mark.parametrize("pattern", [*EVENT_TYPES, *GROUPS, "*"])
def test_a_pattern_that_matches_an_event_is_accepted(pattern: str) -> None:
    assert pattern_faults([pattern]) == []


@pytest.mark.parametrize(
    "pattern", ["", "job", "job.", "jobs.*", "*.failed", "job.fail*", "job.suceeded", "JOB.*", "**"]
)
def test_a_pattern_that_matches_no_event_is_a_fault(pattern: str) -> None:
    assert pattern_faults(["job.*", pattern]) == [f"{pattern!r} matches no event"]
