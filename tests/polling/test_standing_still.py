"""A process that stands still between two requests to storage, while another one asks upstream: once a minute still.

A machine that is suspended or overloaded can stop a process for minutes, at any moment.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
from azure.core.rest import HttpRequest, HttpResponse

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently, JobStillPending
from shared.jobs.poll_spacing import RememberedRequest
from shared.upstream.errors import UpstreamTimeout
from tests.instance import Instance

STANDS_STILL_SECONDS = [70.0, 130.0, 1000.0]
# More than any of these calls makes.
REQUESTS = range(1, 11)


@pytest.fixture
def other(instance: Instance) -> Instance:
    return instance.another()


def stand_still(patch: pytest.MonkeyPatch, instance: Instance, number: int, meanwhile: Callable[[], None]) -> None:
    """Before the instance's request to storage of that number, counted from 1, everything in `meanwhile` happens."""
    send, sent = instance.table._send_once, [0]

    def send_once(request: HttpRequest) -> HttpResponse:
        sent[0] += 1
        if sent[0] == number:
            meanwhile()
        return send(request)

    patch.setattr(instance.table, "_send_once", send_once)


@pytest.fixture(params=STANDS_STILL_SECONDS)
def seconds(request: pytest.FixtureRequest) -> float:
    """How long the instance stands still."""
    found: float = request.param
    return found


@pytest.fixture(params=REQUESTS)
def before(request: pytest.FixtureRequest) -> int:
    """The request before which it does."""
    found: int = request.param
    return found


@pytest.fixture(params=[True, False], ids=["another asks meanwhile", "nobody asks meanwhile"])
def asks(request: pytest.FixtureRequest) -> bool:
    """Whether the other instance asks upstream in this time. If not, it does right afterwards."""
    found: bool = request.param
    return found


def test_after_a_tick_that_stood_still_a_check_by_hand_waits_for_its_minute(
    instance: Instance,
    other: Instance,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    before: int,
    asks: bool,
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)

    def meanwhile() -> None:
        instance.clock.advance(seconds)
        fresh_sandbox.state.clear_requests()
        if asks:
            other.tick()

    stand_still(monkeypatch, instance, before, meanwhile)
    instance.tick()
    instance.clock.advance(5)
    with suppress(AskedTooRecently):
        other.manual_check.check(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_after_a_check_by_hand_that_stood_still_a_tick_waits_for_its_minute(
    instance: Instance,
    other: Instance,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    before: int,
    asks: bool,
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)

    def meanwhile() -> None:
        instance.clock.advance(seconds)
        fresh_sandbox.state.clear_requests()
        if asks:
            other.tick()

    stand_still(monkeypatch, instance, before, meanwhile)
    with suppress(AskedTooRecently, UpstreamTimeout):
        instance.manual_check.check(job_id)
    instance.clock.advance(5)
    other.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) <= 1


def test_after_a_look_up_that_stood_still_another_look_up_waits_for_its_minute(
    instance: Instance,
    other: Instance,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    before: int,
    asks: bool,
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)

    def look_up(with_instance: Instance) -> None:
        with suppress(AskedTooRecently, JobStillPending):
            with_instance.job_offers.private_offer(job_id)

    def meanwhile() -> None:
        instance.clock.advance(seconds)
        fresh_sandbox.state.clear_requests()
        if asks:
            look_up(other)

    stand_still(monkeypatch, instance, before, meanwhile)
    look_up(instance)
    instance.clock.advance(5)
    look_up(other)
    assert len(fresh_sandbox.state.status_requests(job_id)) <= 1


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
