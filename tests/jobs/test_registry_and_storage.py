"""The registry on storage alone: what it writes, what it remembers, and how often it tries."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.app import Stores
from shared.jobs.job import Job, Operation
from shared.jobs.job_events import JobEvent
from shared.jobs.registry import JobRegistry
from shared.json_codec import loads
from shared.storage.errors import RowChanged
from tests.clock import FakeClock
from tests.jobs.pending import CLAIM, LONG, NOW, documents, finished, job_id, pending, put, registered, stored


class History:
    """Finishing without an outbox: it only moves jobs into the history."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def finish(self, events: list[JobEvent]) -> None:
        self._stores.history.add(events)
        for event in events:
            self._stores.jobs_table.delete("pending", event.key["RowKey"])


@pytest.fixture
def registry(stores: Stores, clock: FakeClock) -> JobRegistry:
    return JobRegistry(
        pending=stores.pending,
        row_repair=stores.row_repair,
        history=stores.history,
        poll_spacing=stores.poll_spacing,
        finishing=cast("Any", History(stores)),
        late_changes=stores.late_changes,
        clock=clock,
    )


def register(registry: JobRegistry, number: int, operation: Operation = Operation.CREATE) -> tuple[Job, bool]:
    return registry.register(job_id(number), operation=operation, label="a label", external_id="crm-1")


def relabelled(job: Job) -> Job:
    return replace(job, label="new")


def test_a_new_job_is_due_at_once_and_known_from_then_on(stores: Stores, registry: JobRegistry) -> None:
    job, is_new = register(registry, 1)
    assert is_new
    assert (job.registered_at, job.next_poll_at, job.pending) == (NOW, NOW, True)
    assert (job.operation, job.label, job.external_id) == (Operation.CREATE, "a label", "crm-1")
    assert pending(stores, job_id(1)).job == job == registry.find(job_id(1))
    assert register(registry, 1, Operation.DELETE) == (job, False)


def test_what_is_empty_is_filled_in_and_nothing_else(stores: Stores, registry: JobRegistry) -> None:
    put(stores, job_id(1), externalId="theirs")
    job, is_new = register(registry, 1)
    assert (is_new, job.operation, job.label, job.external_id) == (False, Operation.CREATE, "a label", "theirs")
    assert registry.find(job_id(1)) == job


def test_a_row_that_is_not_a_job_is_set_aside_for_a_new_one(stores: Stores, registry: JobRegistry) -> None:
    put(stores, job_id(1), pollCount="many")
    assert register(registry, 1)[1]
    assert [row.row_key for row in stores.set_aside.page(None, 10)] == [job_id(1)]


def losing(stores: Stores, monkeypatch: pytest.MonkeyPatch, method: str, result: object, times: int) -> list[object]:
    """The first calls of a method of the pending jobs lose to another writer; returns the calls."""
    call = getattr(stores.pending, method)
    calls: list[object] = []

    def lose_or_call(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) > times:
            return call(*arguments)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(stores.pending, method, lose_or_call)
    return calls


@pytest.mark.parametrize(("lost", "registers"), [(4, True), (5, False)])
def test_a_registration_is_tried_five_times(
    stores: Stores, registry: JobRegistry, monkeypatch: pytest.MonkeyPatch, *, lost: int, registers: bool
) -> None:
    calls = losing(stores, monkeypatch, "register", result=False, times=lost)
    if registers:
        assert register(registry, 1)[1]
    else:
        with pytest.raises(RowChanged):
            register(registry, 1)
    assert len(calls) == 5


def test_a_job_that_another_request_registered_just_now_gets_what_is_empty(
    stores: Stores, registry: JobRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_row = stores.pending.register

    def register_after_another(job: Job) -> bool:
        put(stores, job_id(1), label="theirs")
        return register_row(job)

    monkeypatch.setattr(stores.pending, "register", register_after_another)
    job, is_new = register(registry, 1)
    assert (is_new, job.operation, job.label, job.external_id) == (False, Operation.CREATE, "theirs", "crm-1")


def test_a_change_is_stored_with_its_time_and_told_in_the_timeline(
    stores: Stores, registry: JobRegistry, clock: FakeClock
) -> None:
    registered(stores, 1)
    now = clock.advance(7)
    changed = registry.change(job_id(1), relabelled)
    assert changed == registry.find(job_id(1))
    assert changed is not None
    assert (changed.label, changed.updated_at) == ("new", now)
    [told] = loads(stored(stores, job_id(1))["timeline"])
    assert (told["type"], told["members"]) == ("changed", ["label"])


def test_a_change_of_a_job_that_has_just_finished_is_made_in_the_history(
    stores: Stores, registry: JobRegistry, clock: FakeClock
) -> None:
    finished(stores, registered(stores, 1))
    now = clock.advance(7)
    changed = registry.change(job_id(1), relabelled)
    assert changed is not None
    assert (changed.label, changed.updated_at) == ("new", now)
    kept = stores.history.get(job_id(1))
    assert kept is not None
    assert kept.label == "new"
    assert stores.pending.finished(job_id(1)) is None


def test_a_job_that_is_not_known_is_neither_found_changed_nor_removed(registry: JobRegistry) -> None:
    assert registry.find(job_id(1)) is None
    assert registry.find_finished(job_id(1)) is None
    assert registry.change(job_id(1), relabelled) is None
    assert registry.remove(job_id(1)) is False


def test_a_job_that_was_put_back_is_found_as_pending_and_as_it_finished(
    stores: Stores, registry: JobRegistry
) -> None:
    finished(stores, registered(stores, 1, label="first"))
    registered(stores, 1, label="second")
    found, as_finished = registry.find(job_id(1)), registry.find_finished(job_id(1))
    assert found is not None
    assert as_finished is not None
    assert (found.label, as_finished.label) == ("second", "first")


@pytest.mark.parametrize("method", ["change", "remove"])
def test_a_change_and_a_removal_are_tried_five_times(
    stores: Stores, registry: JobRegistry, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    registered(stores, 1)
    act: dict[str, Callable[[], object]] = {
        "change": lambda: registry.change(job_id(1), relabelled),
        "remove": lambda: registry.remove(job_id(1)),
    }
    calls = losing(stores, monkeypatch, method, RowChanged("another was faster"), times=9)
    with pytest.raises(RowChanged):
        act[method]()
    assert len(calls) == 5
    assert act[method]()
    assert len(calls) == 10


def test_a_removal_of_a_pending_job_leaves_no_row_and_no_document(stores: Stores, registry: JobRegistry) -> None:
    registered(stores, 1, errors=LONG)
    assert registry.remove(job_id(1)) is True
    assert registry.find(job_id(1)) is None
    assert documents(stores) == 0
    assert stores.poll_spacing.recent(NOW) == {}


def test_a_removal_whose_answer_is_lost_counts(
    stores: Stores, registry: JobRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = registered(stores, 1)
    remove = stores.pending.remove
    monkeypatch.setattr(stores.pending, "remove", lambda _: [remove(row), remove(row)])
    assert registry.remove(job_id(1)) is True


@pytest.mark.parametrize(
    ("last_polled", "next_poll", "remembered"),
    [(None, 0, None), (None, 90, 90), (-20, 40, 40), (-20, 30, 40), (-20, 300, 300), (-90, -30, None)],
    ids=["never polled", "under way", "polled", "moved ahead", "asked to wait", "long ago"],
)
def test_a_removed_job_is_remembered_until_it_may_be_asked_about(
    stores: Stores, registry: JobRegistry, last_polled: int | None, next_poll: int, remembered: int | None
) -> None:
    polled_at = None if last_polled is None else NOW + timedelta(seconds=last_polled)
    registered(
        stores,
        1,
        registered_at=NOW - timedelta(hours=1),
        last_polled_at=polled_at,
        poll_count=int(last_polled is not None),
        next_poll_at=NOW + timedelta(seconds=next_poll),
    )
    registry.remove(job_id(1))
    expected = {} if remembered is None else {job_id(1): NOW + timedelta(seconds=remembered)}
    assert stores.poll_spacing.recent(NOW) == expected


def test_a_removed_job_that_is_being_polled_is_remembered_until_its_claim_is_over(
    stores: Stores, registry: JobRegistry
) -> None:
    stores.pending.claim([registered(stores, 1)], CLAIM)
    registry.remove(job_id(1))
    assert stores.poll_spacing.recent(NOW) == {job_id(1): CLAIM}


@pytest.mark.parametrize("recorded", [True, False], ids=["in the history", "on its way there"])
def test_a_removed_finished_job_is_remembered_for_a_minute_after_its_last_poll(
    stores: Stores, registry: JobRegistry, *, recorded: bool
) -> None:
    polled_at = NOW - timedelta(seconds=10)
    waits = NOW + timedelta(minutes=15)
    event = finished(stores, registered(stores, 1, last_polled_at=polled_at, poll_count=1, next_poll_at=waits))
    if recorded:
        History(stores).finish([event])
    assert registry.remove(job_id(1)) is True
    assert registry.find(job_id(1)) is None
    assert stores.poll_spacing.recent(NOW) == {job_id(1): polled_at + timedelta(seconds=60)}


def test_a_removed_finished_job_that_was_never_polled_is_not_remembered(
    stores: Stores, registry: JobRegistry
) -> None:
    finished(stores, registered(stores, 1))
    assert registry.remove(job_id(1)) is True
    assert stores.poll_spacing.recent(NOW) == {}
