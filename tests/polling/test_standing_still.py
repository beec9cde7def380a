"""A process that stands still between two requests to storage, while others ask upstream: once a minute still."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently, JobStillPending
from shared.jobs.poll_spacing import RememberedRequest
from shared.upstream.errors import UpstreamTimeout
from tests.instance import Instance
from tests.standing_still import stand_still

# An instance, the job to ask about, and how.
type Ask = Callable[[Instance, str], object]


@pytest.fixture(params=[70.0, 130.0, 1000.0])
def seconds(request: pytest.FixtureRequest) -> float:
    """How long the instance stands still."""
    found: float = request.param
    return found


@pytest.fixture(params=[True, False], ids=["another asks meanwhile", "nobody asks meanwhile"])
def asks(request: pytest.FixtureRequest) -> bool:
    """Whether the other instance asks upstream in this time. If not, it does right afterwards."""
    found: bool = request.param
    return found


@pytest.fixture
def requests_of(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, seconds: float, asks: bool
) -> Callable[..., list[int]]:
    """How many status requests there are, for each request to storage before which an instance stands still."""

    def count(ask: Ask, *, meanwhile: Ask, afterwards: Ask, registered: bool) -> list[int]:
        found: list[int] = []
        while (asked := one_life(len(found) + 1, ask, meanwhile, afterwards, registered)) is not None:
            found.append(asked)
        return found

    def one_life(number: int, ask: Ask, meanwhile: Ask, afterwards: Ask, registered: bool) -> int | None:
        one, other, stood_still = instance.another(), instance.another(), False
        job_id = fresh_sandbox.state.add_job(seconds=None)
        if registered:
            instance.register(job_id)

        def others() -> None:
            nonlocal stood_still
            stood_still = True
            instance.clock.advance(seconds)
            fresh_sandbox.state.clear_requests()
            if asks:
                meanwhile(other, job_id)

        stand_still(monkeypatch, one.table, number, others)
        ask(one, job_id)
        instance.clock.advance(5)
        afterwards(other, job_id)
        asked = len(fresh_sandbox.state.status_requests(job_id))
        instance.registry.remove(job_id)
        return asked if stood_still else None

    return count


def tick(instance: Instance, _: str) -> None:
    instance.tick()


def check(instance: Instance, job_id: str) -> None:
    with suppress(AskedTooRecently, UpstreamTimeout):
        instance.manual_check.check(job_id)


def look_up(instance: Instance, job_id: str) -> None:
    with suppress(AskedTooRecently, JobStillPending):
        instance.job_offers.private_offer(job_id)


def test_after_a_tick_that_stood_still_a_check_by_hand_waits_for_its_minute(
    requests_of: Callable[..., list[int]],
) -> None:
    found = requests_of(tick, meanwhile=tick, afterwards=check, registered=True)
    assert set(found) == {1}


def test_after_a_check_by_hand_that_stood_still_a_tick_waits_for_its_minute(
    requests_of: Callable[..., list[int]],
) -> None:
    found = requests_of(check, meanwhile=tick, afterwards=tick, registered=True)
    assert max(found) == 1


def test_after_a_look_up_that_stood_still_another_look_up_waits_for_its_minute(
    requests_of: Callable[..., list[int]],
) -> None:
    found = requests_of(look_up, meanwhile=look_up, afterwards=look_up, registered=False)
    assert max(found) == 1


def test_a_look_up_that_stood_still_until_its_claim_was_almost_over_asks_nothing(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    confirm = instance.poll_spacing.confirm

    def confirm_late(claim: RememberedRequest) -> RememberedRequest:
        instance.clock.advance(70)
        return confirm(claim)

    monkeypatch.setattr(instance.poll_spacing, "confirm", confirm_late)
    with pytest.raises(AskedTooRecently):
        instance.job_offers.private_offer(job_id)
    assert fresh_sandbox.state.status_requests(job_id) == []
