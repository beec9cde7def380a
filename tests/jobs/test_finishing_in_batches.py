"""Jobs that ended, finished together: in memory, in time, and one beside the other."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.jobs.finishing import FinishingThread
from shared.jobs.history import Recorded
from shared.jobs.job_events import JobEvent
from tests.instance import Instance


@pytest.fixture
def ended(instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[JobEvent]:
    """Three jobs that ended, whose events are in the outbox with 1,000 characters of errors each."""
    job_ids = sorted(fresh_sandbox.state.add_job(outcome="failed", errors=[{"message": "x" * 986}]) for _ in range(3))
    for job_id in job_ids:
        instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    return [event for page in instance.pending.pages() for event in page.events]


@pytest.mark.parametrize(
    ("bytes_at_once", "together"), [(2_900, [2, 1]), (1_999, [1, 1, 1]), (1, [1, 1, 1]), (10_000, [3])]
)
def test_as_many_stored_events_are_sent_together_as_memory_is_set_aside_for(
    instance: Instance,
    ended: list[JobEvent],
    monkeypatch: pytest.MonkeyPatch,
    bytes_at_once: int,
    together: list[int],
) -> None:
    monkeypatch.setattr("shared.jobs.finishing.LARGE_FIELDS_AT_ONCE_BYTES", bytes_at_once)
    sent: list[list[Event]] = []
    monkeypatch.setattr(instance.announcer, "announce", lambda events: sent.append(list(events)))
    instance.finishing.finish_stored(ended)
    assert [len(events) for events in sent] == together
    assert all(event.data["job"]["errors"] for events in sent for event in events)


def test_the_last_poll_of_a_finished_job_is_known_in_the_outbox_and_in_the_history(
    instance: Instance, ended: list[JobEvent]
) -> None:
    polled_at = instance.clock.now()
    minutes_ago = polled_at - timedelta(minutes=2)
    instance.finishing.finish(ended[:1])
    assert instance.finishing.last_polls(minutes_ago) == {event.job.job_id: polled_at for event in ended}
    assert instance.finishing.last_polls(polled_at + timedelta(seconds=1)) == {}


def test_events_are_left_to_the_next_tick_once_the_time_is_over(instance: Instance, ended: list[JobEvent]) -> None:
    over = instance.clock.now() - timedelta(seconds=1)
    with FinishingThread(instance.finishing, instance.clock, until=over) as thread:
        thread.finish_stored(ended)
    assert instance.announcer.types == []
    with FinishingThread(instance.finishing, instance.clock, until=instance.clock.now()) as thread:
        thread.finish_stored(ended)
    assert instance.announcer.types == ["job.failed"] * 3


def test_more_events_than_a_transaction_holds_are_all_finished(
    instance: Instance, ended: list[JobEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.jobs.finishing.EVENTS_AT_ONCE", 2)
    until = instance.clock.now() + timedelta(seconds=9)
    with FinishingThread(instance.finishing, instance.clock, until=until) as thread:
        thread.finish_stored(ended)
    assert instance.announcer.types == ["job.failed"] * 3


def test_new_events_are_finished_before_those_found_in_storage(
    instance: Instance, ended: list[JobEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()
    finish = instance.finishing.finish

    def finish_late(events: Sequence[JobEvent]) -> None:
        assert began.wait(10)
        finish(events)

    monkeypatch.setattr(instance.finishing, "finish", finish_late)
    first, stored, new = ended
    until = instance.clock.now() + timedelta(seconds=9)
    with FinishingThread(instance.finishing, instance.clock, until=until) as thread:
        thread.finish_stored([first])
        thread.finish_stored([stored])
        thread.finish([new])
        began.set()
    announced = [event.data["job"]["jobId"] for event in instance.announcer.events]
    assert announced.index(new.job.job_id) < announced.index(stored.job.job_id)


def test_an_event_that_fails_unexpectedly_holds_back_no_other(
    instance: Instance, ended: list[JobEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = instance.history.add

    def add_all_but_one(events: Sequence[JobEvent]) -> list[Recorded]:
        if ended[1] in events:
            raise KeyError("unforeseen")
        return add(events)

    monkeypatch.setattr(instance.history, "add", add_all_but_one)
    monkeypatch.setattr(instance.pending, "with_large_fields", lambda event: event)
    until = instance.clock.now() + timedelta(seconds=9)
    with FinishingThread(instance.finishing, instance.clock, until=until) as thread:
        thread.finish_stored(ended)
    announced = {event.data["job"]["jobId"] for event in instance.announcer.events}
    assert announced == {ended[0].job.job_id, ended[2].job.job_id}
