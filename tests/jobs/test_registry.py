"""Registering, finding, listing and removing jobs."""

import uuid

import pytest

from sandbox.server import Sandbox
from shared.jobs.registry import InvalidCursor
from shared.models.vocabulary import JobState, Operation
from tests.jobs.conftest import Instance


def ids(instance: Instance, listed: str, limit: int, external_id: str | None = None) -> list[str]:
    """All ids of a listing, page by page; no page may be longer than its limit."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        state = "all" if listed == "all" else JobState(listed)
        page = instance.registry.page(state, external_id=external_id, limit=limit, cursor=cursor)  # type: ignore[arg-type] # the literal "all"
        assert len(page.jobs) <= limit
        found += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_a_new_job_may_be_asked_at_once(instance: Instance) -> None:
    job = instance.register(str(uuid.uuid4()))
    assert job.pending
    assert job.next_poll_at == instance.clock.now()


def test_a_job_already_known_is_returned_and_nothing_changes(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.register(job_id)
    again, is_new = instance.registry.register(job_id, operation=Operation.DELETE, label="other", external_id=None)
    assert not is_new
    assert again.label == "a label"
    assert instance.job(job_id).operation is Operation.CREATE


def test_a_finished_job_registered_again_stays_finished(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    assert instance.register(job_id).state is JobState.SUCCEEDED
    assert instance.pending.get(job_id, instance.clock.now()) is None


def test_a_row_that_is_no_job_does_not_keep_its_job_from_being_registered(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id, "label": 5})
    assert instance.register(job_id).pending
    assert instance.job(job_id).label == "a label"
    assert len(list(instance.table.rows("PartitionKey eq 'setaside'"))) == 1


def test_pages_together_hold_every_job_once_pending_first_then_newest_first(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    finished: list[str] = []
    for _ in range(5):
        job_id = fresh_sandbox.state.add_job()
        instance.register(job_id)
        instance.tick()
        finished.append(job_id)
        instance.clock.advance(60)
    pending = sorted(instance.register(str(uuid.uuid4())).job_id for _ in range(4))
    for limit in (1, 2, 3, 4, 5, 20):
        assert ids(instance, "all", limit) == pending + finished[::-1]
    assert ids(instance, "pending", 3) == pending
    assert ids(instance, "succeeded", 2) == finished[::-1]
    assert ids(instance, "failed", 2) == []


def test_pages_go_on_through_jobs_that_are_on_their_way_to_the_history(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_history = fresh_sandbox.state.add_job()
    instance.register(in_history)
    instance.tick()
    on_their_way = sorted(fresh_sandbox.state.add_job() for _ in range(3))
    for job_id in on_their_way:
        instance.register(job_id)
    with monkeypatch.context() as killed:
        killed.setattr(instance.outbox, "settle", lambda _: None)
        instance.tick()
    for limit in (1, 2, 3, 4, 5):
        assert ids(instance, "all", limit) == [*on_their_way, in_history]


def test_jobs_are_filtered_by_external_id_wherever_they_stand(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for external_id in ("a", "b", "a'b"):
        instance.registry.register(str(uuid.uuid4()), operation=Operation.CREATE, label=None, external_id=external_id)
        job_id = fresh_sandbox.state.add_job()
        instance.registry.register(job_id, operation=Operation.CREATE, label=None, external_id=external_id)
    instance.tick()
    assert len(ids(instance, "all", 1, external_id="a")) == 2
    assert len(ids(instance, "all", 10, external_id="a'b")) == 2
    assert ids(instance, "all", 10, external_id="c") == []


@pytest.mark.parametrize("cursor", ["x", "%%%", "bm90IGEgY3Vyc29y", "\u00e9", "cGVuZGluZw"])
def test_a_cursor_that_was_not_handed_out_is_refused(instance: Instance, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        instance.registry.page("all", external_id=None, limit=1, cursor=cursor)


def test_a_removed_pending_job_is_forgotten_and_polled_no_more(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
    instance.tick()
    assert fresh_sandbox.state.status_requests(job_id) == []
    assert not instance.registry.remove(job_id)


def test_a_removed_finished_job_leaves_nothing_of_itself(instance: Instance, fresh_sandbox: Sandbox) -> None:
    big = {"id": "private-offer/big", "notes": "x" * 100_000}
    job_id = fresh_sandbox.state.add_job(resources=[big])
    instance.register(job_id)
    instance.tick()
    assert instance.registry.remove(job_id)
    assert instance.registry.find(job_id) is None
    assert list(instance.table.rows("PartitionKey ne 'asked'")) == []


def test_a_job_removed_and_registered_again_within_its_minute_is_not_asked_twice(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.registry.remove(job_id)
    instance.clock.advance(10)
    instance.register(job_id)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
    instance.clock.advance(50)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2


def test_a_finished_job_removed_and_registered_again_within_its_minute_is_not_asked_twice(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.registry.remove(job_id)
    instance.register(job_id)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
