"""Status requests that are remembered for jobs without a pending row, and races between them."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.app import Stores
from shared.jobs.errors import AskedTooRecently
from shared.jobs.job import Job
from shared.storage.errors import RowChanged
from shared.storage.table import Change, Committed, Row, Write
from tests.clock import FakeClock
from tests.instance import Instance

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def test_only_one_of_two_claims_succeeds(stores: Stores, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=95)
    assert stores.poll_spacing.claim(JOB_ID, clock.now(), until) is not None
    assert stores.poll_spacing.claim(JOB_ID, clock.now(), until) is None
    assert stores.poll_spacing.recent(clock.now()) == {JOB_ID: until}


def test_remembering_an_earlier_moment_ends_a_claim_without_shortening_the_wait(
    stores: Stores, clock: FakeClock
) -> None:
    until = clock.now() + timedelta(seconds=95)
    claim = stores.poll_spacing.claim(JOB_ID, clock.now(), until)
    assert claim is not None
    stores.poll_spacing.remember(JOB_ID, clock.now() + timedelta(seconds=60), clock.now())
    with pytest.raises(RowChanged):
        stores.poll_spacing.confirm(claim)
    with pytest.raises(RowChanged):
        stores.poll_spacing.answered(claim, clock.now(), None)
    known = stores.poll_spacing.get(JOB_ID, clock.now())
    assert known is not None
    assert known.next_poll_at == until


def asked_row(job_id: str, next_poll_at: object) -> Row:
    return {"PartitionKey": "asked", "RowKey": job_id, "nextPollAt": next_poll_at, "answer": ""}


def job_ids_asked(stores: Stores) -> list[str]:
    return [row["RowKey"] for row in stores.jobs_table.rows("PartitionKey eq 'asked'")]


def test_a_job_may_be_claimed_again_from_the_end_of_its_claim_on(stores: Stores, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=95)
    stores.poll_spacing.claim(JOB_ID, clock.now(), until)
    clock.advance(94.999)
    assert stores.poll_spacing.claim(JOB_ID, clock.now(), until) is None
    clock.advance(0.001)
    assert stores.poll_spacing.recent(clock.now()) == {}
    again = stores.poll_spacing.claim(JOB_ID, clock.now(), clock.now() + timedelta(seconds=95))
    assert again == stores.poll_spacing.get(JOB_ID, clock.now())


def test_an_answer_is_remembered_until_the_next_claim(stores: Stores, clock: FakeClock) -> None:
    now = clock.now()
    claim = stores.poll_spacing.claim(JOB_ID, now, now + timedelta(seconds=95))
    assert claim is not None
    stores.poll_spacing.answered(stores.poll_spacing.confirm(claim), now, '{"jobStatus":"running"}')
    known = stores.poll_spacing.get(JOB_ID, now)
    assert known is not None
    assert (known.job_id, known.next_poll_at, known.answer) == (JOB_ID, now, '{"jobStatus":"running"}')
    stores.poll_spacing.claim(JOB_ID, now, now)
    claimed = stores.poll_spacing.get(JOB_ID, now)
    assert claimed is not None
    assert claimed.answer is None


def test_a_later_moment_is_remembered_and_an_earlier_one_changes_nothing(stores: Stores, clock: FakeClock) -> None:
    now = clock.now()
    for seconds in (60, 90, 30):
        stores.poll_spacing.remember(JOB_ID, now + timedelta(seconds=seconds), now)
    assert stores.poll_spacing.recent(now) == {JOB_ID: now + timedelta(seconds=90)}


@pytest.mark.parametrize(("lost", "remembered"), [(4, True), (5, False)])
def test_remembering_is_tried_five_times_while_look_ups_keep_claiming_the_job(
    stores: Stores, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, lost: int, remembered: bool
) -> None:
    commit = stores.jobs_table.commit
    now = clock.now()
    claimed: list[int] = []

    def commit_after_another(changes: Sequence[Change]) -> list[str]:
        if len(claimed) < lost:
            claimed.append(1)
            commit([Change(Write.UPSERT, asked_row(JOB_ID, now))])
        return commit(changes)

    monkeypatch.setattr(stores.jobs_table, "commit", commit_after_another)
    until = now + timedelta(seconds=60)
    if remembered:
        stores.poll_spacing.remember(JOB_ID, until, now)
        assert stores.poll_spacing.recent(now) == {JOB_ID: until}
    else:
        with pytest.raises(RowChanged):
            stores.poll_spacing.remember(JOB_ID, until, now)


@pytest.mark.parametrize(
    ("next_poll_at", "known"),
    [
        (timedelta(days=1, minutes=5), timedelta(days=1, minutes=5)),
        (timedelta(days=1, minutes=6), None),
        ("soon", None),
        (None, None),
    ],
    ids=["a day ahead", "further ahead", "not a moment", "missing"],
)
def test_a_moment_that_is_unreadable_or_absurdly_late_keeps_nobody_from_asking(
    stores: Stores, clock: FakeClock, next_poll_at: timedelta | str | None, known: timedelta | None
) -> None:
    now = clock.now()
    row = asked_row(JOB_ID, now + next_poll_at if isinstance(next_poll_at, timedelta) else next_poll_at)
    stores.jobs_table.insert({name: value for name, value in row.items() if value is not None})
    claim = stores.poll_spacing.claim(JOB_ID, now, now)
    assert (claim is None) == (known is not None)


def test_requests_are_forgotten_five_minutes_after_their_minute(stores: Stores, clock: FakeClock) -> None:
    now = clock.now()
    ids = [str(uuid.UUID(int=number)) for number in range(3)]
    stores.jobs_table.insert(asked_row(ids[0], now - timedelta(minutes=5)))
    stores.jobs_table.insert(asked_row(ids[1], now - timedelta(minutes=5, seconds=1)))
    stores.jobs_table.insert(asked_row(ids[2], "soon"))
    assert stores.poll_spacing.forget(now, has_time=lambda: False) == 0
    assert job_ids_asked(stores) == ids
    assert stores.poll_spacing.forget(now, has_time=lambda: True) == 2
    assert job_ids_asked(stores) == ids[:1]


def test_more_requests_than_a_transaction_holds_are_forgotten_while_there_is_time(
    stores: Stores, clock: FakeClock
) -> None:
    long_ago = clock.now() - timedelta(hours=1)
    rows = [asked_row(str(uuid.UUID(int=number)), long_ago) for number in range(103)]
    stores.jobs_table.commit_each([[Change(Write.INSERT, row)] for row in rows])
    once = iter([True, False])
    assert stores.poll_spacing.forget(clock.now(), has_time=lambda: next(once)) == 100
    assert len(job_ids_asked(stores)) == 3
    assert stores.poll_spacing.forget(clock.now(), has_time=lambda: True) == 3


def test_all_requests_that_are_forgotten_are_counted(stores: Stores, clock: FakeClock) -> None:
    long_ago = clock.now() - timedelta(hours=1)
    rows = [asked_row(str(uuid.UUID(int=number)), long_ago) for number in range(103)]
    stores.jobs_table.commit_each([[Change(Write.INSERT, row)] for row in rows])
    assert stores.poll_spacing.forget(clock.now(), has_time=lambda: True) == 103


def test_requests_are_looked_through_without_their_answers(
    stores: Stores, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    rows = stores.jobs_table.rows

    def recorded(*arguments: Any, **named: Any) -> Iterator[Row]:  # noqa: ANN401 - passed on
        asked.append(named["columns"])
        return rows(*arguments, **named)

    monkeypatch.setattr(stores.jobs_table, "rows", recorded)
    stores.poll_spacing.forget(clock.now(), has_time=lambda: True)
    stores.poll_spacing.recent(clock.now())
    assert asked == [["RowKey", "nextPollAt"]] * 2


def test_a_claim_that_is_confirmed_leaves_the_row_as_it_was(stores: Stores, clock: FakeClock) -> None:
    until = clock.now() + timedelta(seconds=95)
    claim = stores.poll_spacing.claim(JOB_ID, clock.now(), until)
    assert claim is not None
    before = stores.jobs_table.get("asked", JOB_ID)
    confirmed = stores.poll_spacing.confirm(claim)
    assert stores.jobs_table.get("asked", JOB_ID) == before
    assert confirmed == stores.poll_spacing.get(JOB_ID, clock.now()) != claim


def test_a_request_that_upstream_did_not_answer_leaves_no_answer(stores: Stores, clock: FakeClock) -> None:
    claim = stores.poll_spacing.claim(JOB_ID, clock.now(), clock.now())
    assert claim is not None
    stores.poll_spacing.answered(claim, clock.now() + timedelta(seconds=60), None)
    known = stores.poll_spacing.get(JOB_ID, clock.now())
    assert known is not None
    assert (known.next_poll_at, known.answer) == (clock.now() + timedelta(seconds=60), None)


def test_a_request_that_is_remembered_anew_is_not_forgotten(
    stores: Stores, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.jobs_table.insert(asked_row(JOB_ID, clock.now() - timedelta(hours=1)))
    commit_each = stores.jobs_table.commit_each

    def commit_after_another(groups: Sequence[Sequence[Change]]) -> Sequence[Committed]:
        stores.poll_spacing.remember(JOB_ID, clock.now() + timedelta(seconds=60), clock.now())
        return commit_each(groups)

    monkeypatch.setattr(stores.jobs_table, "commit_each", commit_after_another)
    stores.poll_spacing.forget(clock.now(), has_time=lambda: True)
    assert stores.poll_spacing.recent(clock.now()) == {JOB_ID: clock.now() + timedelta(seconds=60)}


def test_a_job_polled_and_removed_during_a_look_up_is_not_asked_about_again(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up already has its claim, and no longer finds the job."""
    job_id = fresh_sandbox.state.add_job(seconds=None)
    find = instance.registry.find
    looks: list[str] = []

    def find_late(wanted: str) -> Job | None:
        looks.append(wanted)
        if len(looks) == 2:
            row = instance.pending.get(job_id)
            assert row is not None
            instance.pending.claim([row], until=instance.clock.now() + timedelta(seconds=95))
            instance.poller.poll(
                row.job, answer_by=instance.clock.now() + timedelta(seconds=10), permit=instance.poller.permit()
            )
            assert instance.registry.remove(job_id)
        return find(wanted) if len(looks) > 1 else None

    instance.register(job_id)
    monkeypatch.setattr(instance.registry, "find", find_late)
    with pytest.raises(AskedTooRecently):
        instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
