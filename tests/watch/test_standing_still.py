"""An instance whose run of the watch stands still between two requests to storage, while another one watches."""

import pytest

from sandbox.server import Sandbox
from tests.instance import Instance
from tests.standing_still import stand_still
from tests.watch.runs import INTERVAL_SECONDS, LISTED, baseline, requests, run, told

# Those that read the run's row, and claim it.
UNTIL_CLAIMED = range(1, 3)
# Up to a number that is more than any of these runs makes.
REQUESTS = range(1, 11)


# Longer than a claim lasts.
@pytest.fixture(params=[70.0, 130.0, 1000.0])
def seconds(request: pytest.FixtureRequest) -> float:
    """How long the instance stands still."""
    found: float = request.param
    return found


@pytest.fixture
def late(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """The instance that will stand still. The time that a run has goes on meanwhile."""
    late = instance.another()
    monkeypatch.setattr(late.timers.watch, "_monotonic", lambda: late.clock.now().timestamp())
    return late


@pytest.mark.parametrize("number", UNTIL_CLAIMED)
def test_a_pause_that_upstream_has_asked_another_run_for_is_obeyed(
    instance: Instance,
    late: Instance,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    seconds: float,
) -> None:
    fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fault = fresh_sandbox.state.fault("too_many_requests", route=LISTED, retry_after_seconds=3 * INTERVAL_SECONDS)

    def other_watches() -> None:
        instance.clock.advance(seconds)
        instance.watch()
        fresh_sandbox.state.clear_faults(fault)
        fresh_sandbox.state.clear_requests()

    instance.clock.advance(INTERVAL_SECONDS)
    stand_still(monkeypatch, late.table, number, other_watches)
    late.watch()
    assert [request for request in fresh_sandbox.state.requests() if request.route == LISTED] == []
    assert requests(fresh_sandbox, lambda: run(instance))[LISTED] == 0


@pytest.mark.parametrize("number", REQUESTS)
def test_each_change_is_told_once(
    instance: Instance,
    late: Instance,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    seconds: float,
) -> None:
    state = fresh_sandbox.state
    first, second = state.add_private_offer(), state.add_private_offer()
    baseline(instance)
    state.accept_private_offer(first)

    def other_watches() -> None:
        instance.clock.advance(seconds)
        state.change_private_offer(second, end="2028-06-30")
        instance.watch()

    instance.clock.advance(INTERVAL_SECONDS)
    stand_still(monkeypatch, late.table, number, other_watches)
    late.watch()
    for _ in range(2):
        run(instance)
    assert sorted(told(instance)) == sorted([("accepted", first), ("changed", second)])
