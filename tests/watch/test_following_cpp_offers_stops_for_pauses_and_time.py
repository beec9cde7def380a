"""When an invocation asks for no more CPP offers, and where the next one goes on (shared/watch/cpp_offers.py)."""

from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.watch.cpp_offers import CppOutcome
from tests.watch.following_cpp_offers import KEYS, Following
from tests.watch.runs import STATUS


def asked(sandbox: Sandbox) -> list[str]:
    """The offers that were asked for, in order; then forget it."""
    found = [request.path for request in sandbox.state.requests() if request.route == STATUS]
    sandbox.state.clear_requests()
    return [f"vm-{path.partition('/offers/')[2][3:4]}" for path in found]


def test_a_pause_that_upstream_asks_for_ends_the_invocation_and_is_kept(
    following: Following, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.fault(
        "too_many_requests", route=STATUS, path_contains="vm-1", retry_after_seconds=1800, count=1
    )
    outcome = following.follow()
    not_before = following.clock.now() + timedelta(seconds=1800)

    assert (outcome.read, outcome.after, outcome.not_before) == (1, KEYS[0], not_before)
    assert asked(fresh_sandbox) == ["vm-0", "vm-1"]
    pause = following.follow()
    assert pause == CppOutcome([], KEYS[0], "the Cloud Partner Portal asked for a pause", not_before)
    assert asked(fresh_sandbox) == []

    outcome = following.follow()
    assert (outcome.reason, outcome.not_before, outcome.read) == (None, None, 3)
    assert asked(fresh_sandbox) == ["vm-1", "vm-2", "vm-0"]


def test_a_pause_concerns_nobody_if_there_are_no_entries(following: Following, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("too_many_requests", route=STATUS, retry_after_seconds=1800, count=1)
    following.follow()
    following.entries = ()

    assert following.follow().reason is None
    assert following.rows() == {}


def test_entries_in_trouble_are_named_during_a_pause_too(following: Following, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("not_found", route=STATUS, path_contains="vm-0")
    fresh_sandbox.state.fault(
        "too_many_requests", route=STATUS, path_contains="vm-1", retry_after_seconds=1800, count=1
    )
    following.follow()

    assert [each["offerId"] for each in following.follow().trouble] == ["vm-0"]


@pytest.mark.parametrize(("later", "paused"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)])
def test_a_pause_that_upstream_cannot_have_asked_for_is_ignored(
    following: Following, later: timedelta, paused: bool
) -> None:
    following.follow()
    row = following.table.get("offers", "run")
    assert row is not None
    following.table.upsert({**row, "cppNotBefore": following.clock.now() + timedelta(seconds=900) + later})

    assert (following.follow().read == 0) is paused


def test_entries_for_which_there_is_no_time_are_the_first_of_the_next_invocation(
    following: Following, fresh_sandbox: Sandbox
) -> None:
    outcome = following.follow(0.0, 0.0, 12.0)
    assert (outcome.read, outcome.after) == (1, KEYS[0])
    assert asked(fresh_sandbox) == ["vm-0"]

    outcome = following.follow(0.0, 0.0, 0.0, 0.0, 12.0)
    assert (outcome.read, outcome.after) == (2, KEYS[2])
    assert asked(fresh_sandbox) == ["vm-1", "vm-2"]

    assert following.follow().after == ""
    assert asked(fresh_sandbox) == ["vm-0", "vm-1", "vm-2"]
