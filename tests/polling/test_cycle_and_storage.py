"""Poll cycles while storage is throttled, fails for a moment, or is written to by other systems."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState
from shared.settings import Settings, StorageByConnectionString
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Write, etag_of
from tests.clock import FakeClock
from tests.instance import Instance
from tests.storage.faulty_storage import Fault, FaultyStorage, faulty_storage
from tests.storage.time_that_flies import TimeThatFlies


@pytest.fixture
def front(azurite: str) -> Iterator[FaultyStorage]:
    with faulty_storage(azurite) as running:
        yield running


@pytest.fixture
def instance(front: FaultyStorage, settings: Settings, clock: FakeClock) -> Instance:
    """An instance whose storage fails as `front` says, and which does not really wait between retries."""
    through_front = replace(settings, storage=StorageByConnectionString(front.connection_string))
    return Instance(through_front, clock, waiting=TimeThatFlies().waiting)


def register(instance: Instance, sandbox: Sandbox, count: int, **course: object) -> list[str]:
    job_ids = [sandbox.state.add_job(**course) for _ in range(count)]  # type: ignore[arg-type] # passed through
    rows = [{"PartitionKey": "pending", "RowKey": job_id} for job_id in job_ids]
    instance.table.commit_each([[Change(Write.INSERT, row)] for row in rows])
    return job_ids


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("text", ["claimedUntil", "~finished~"])
def test_no_answer_from_upstream_is_lost_when_storage_throttles_a_transaction(
    instance: Instance, front: FaultyStorage, fresh_sandbox: Sandbox, text: str, inside: bool
) -> None:
    register(instance, fresh_sandbox, 5)
    front.faults.extend([Fault(503, text=text, inside=inside)] * 3)
    report = instance.tick()
    assert not front.faults
    assert (report.failure, report.polled, report.finished) == (None, 5, 5)
    assert sorted(instance.announcer.types) == ["job.succeeded"] * 5


def test_results_of_polls_made_before_storage_failed_are_still_written(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.cycle.TRANSACTION_MAX_ROWS", 3)
    job_ids = register(instance, fresh_sandbox, 12)
    claim, claims = instance.pending.claim, []

    def claim_once(*arguments: object, **named: object) -> object:
        claims.append(arguments)
        if len(claims) > 1:
            raise StorageUnreachable("storage is busy")
        return claim(*arguments, **named)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(instance.pending, "claim", claim_once)
    report = instance.tick()
    assert report.failure is not None
    assert report.polled == 3
    assert sum(not instance.job(job_id).pending for job_id in job_ids) == 3


def test_a_row_changed_by_another_system_is_polled_in_the_same_tick_and_keeps_the_change(
    instance: Instance, front: FaultyStorage, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = register(instance, fresh_sandbox, 40, seconds=None)
    claim = instance.pending.claim

    def merge_first(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(instance.pending, "claim", claim)
        row = instance.table.get("pending", job_ids[20])
        assert row is not None
        label = {"PartitionKey": "pending", "RowKey": job_ids[20], "label": "changed"}
        instance.table.commit([Change(Write.MERGE, label, etag_of(row))])
        front.requests.clear()
        return claim(*arguments, **named)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(instance.pending, "claim", merge_first)
    report = instance.tick()
    assert report.polled == 40
    assert instance.job(job_ids[20]).label == "changed"
    assert instance.job(job_ids[20]).poll_count == 1


def test_an_instance_that_loses_a_hundred_claims_does_not_try_each_of_them(
    instance: Instance, front: FaultyStorage, fresh_sandbox: Sandbox
) -> None:
    register(instance, fresh_sandbox, 100, seconds=None)
    [page] = instance.pending.pages()
    until = instance.clock.now()
    assert len(instance.pending.claim(page.rows, until).taken) == 100
    front.requests.clear()
    claims = instance.pending.claim(page.rows, until)
    assert (len(claims.taken), len(claims.lost)) == (0, 100)
    assert len(front.requests) < 20


def test_a_finish_whose_confirmation_is_lost_keeps_the_long_errors_of_the_pending_row(
    instance: Instance, front: FaultyStorage, fresh_sandbox: Sandbox
) -> None:
    [job_id] = register(instance, fresh_sandbox, 1, seconds=None)
    instance.tick()
    [row] = instance.pending_rows()
    errors = [{"code": "long", "message": "x" * 50_000}]
    pending = instance.pending.write([(row, replace(row.job, errors=errors))], instance.clock.now())[0]
    assert pending is not None
    [row] = instance.pending_rows()
    front.faults.append(Fault(503, text="~finished~", took_effect=True))
    instance.pending.write([(row, row.job.finished(JobState.EXPIRED, instance.clock.now()))], instance.clock.now())
    assert not front.faults
    assert instance.job(job_id).state is JobState.EXPIRED
    assert instance.job(job_id).errors == errors


def test_losing_the_answer_to_any_storage_request_changes_no_outcome(
    instance: Instance, front: FaultyStorage, fresh_sandbox: Sandbox
) -> None:
    job_ids = register(instance, fresh_sandbox, 3)
    front.faults.append(Fault(503, text="claimedUntil", took_effect=True))
    instance.tick()
    assert not front.faults
    instance.clock.advance(120)
    front.faults.extend([Fault(503, text=text, took_effect=True) for text in ("~finished~", "recordKey")])
    instance.tick()
    instance.clock.advance(60)
    instance.tick()
    assert not front.faults
    assert sorted(instance.announcer.types) == ["job.succeeded"] * 3
    assert all(len(fresh_sandbox.state.status_requests(job_id)) == 1 for job_id in job_ids)


def test_a_document_that_cannot_be_stored_now_holds_back_no_other_result(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = [{"id": "private-offer/large", "notes": "x" * 50_000}]
    with_offers = [register(instance, fresh_sandbox, 1, resources=large)[0] for _ in range(3)]
    others = register(instance, fresh_sandbox, 5)
    tries: list[str] = []

    def put(_: Documents, owner: str, __: bytes) -> str:
        tries.append(owner)
        raise StorageUnreachable("storage is busy")

    with monkeypatch.context() as failing:
        failing.setattr(Documents, "put", put)
        report = instance.tick()
    assert len(tries) <= report.polled - 5
    assert [instance.job(job_id).pending for job_id in others] == [False] * 5
    assert [instance.job(job_id).pending for job_id in with_offers] == [True] * 3
    assert report.finished == 5
    instance.clock.advance(120)
    instance.tick()
    assert [instance.job(job_id).pending for job_id in with_offers] == [False] * 3


def test_the_place_where_reading_stopped_survives_a_storage_failure(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages(*_: object, **__: object) -> Iterator[object]:
        raise StorageUnreachable("storage is busy")
        yield

    monkeypatch.setattr(instance.table, "pages", pages)
    report = instance.cycle.run("5")
    assert report.failure is not None
    assert report.stopped_at == "5"


def test_permits_for_large_answers_are_released_even_if_no_result_can_be_stored(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = [{"id": "private-offer/large", "notes": "x" * 200_000}]
    for _ in range(4):
        register(instance, fresh_sandbox, 1, resources=large)

    def write(*_: object, **__: object) -> object:
        raise StorageUnreachable("storage is busy")

    monkeypatch.setattr(instance.pending, "write", write)
    assert instance.tick().failure is not None
    with instance.poller.permit() as first, instance.poller.permit() as second:
        first.acquire(seconds_left=0)
        second.acquire(seconds_left=0)


def test_results_are_still_written_after_earlier_ones_could_not_be(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.cycle.TRANSACTION_MAX_ROWS", 3)
    job_ids = register(instance, fresh_sandbox, 11)
    write = instance.pending.write
    writes: list[object] = []

    def first_fails(*arguments: object, **named: object) -> object:
        writes.append(arguments)
        if len(writes) == 1:
            raise StorageUnreachable("storage is busy")
        return write(*arguments, **named)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(instance.pending, "write", first_fails)
    report = instance.tick()
    assert report.failure is not None
    assert sum(not instance.job(job_id).pending for job_id in job_ids) == report.finished > 0
