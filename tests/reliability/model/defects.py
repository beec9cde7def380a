"""Defects for the model test to find: each takes away one thing that a promise (docs/promises.md) rests on."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from shared.events.outbox import Outbox, OutboxRow
from shared.jobs.history import History, Recorded
from shared.jobs.job_rows import PendingRow
from shared.jobs.large_fields import LargeFields
from shared.jobs.late_changes import LateChanges
from shared.jobs.pending_jobs import Claims, PendingJobs
from shared.monitor.clean_up import OrphanedDocuments
from shared.storage.table import Change, Write
from shared.watch.comparing import Planned
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoints import EndpointStore

type Defect = Callable[[pytest.MonkeyPatch], None]


def claim_is_not_written(patch: pytest.MonkeyPatch) -> None:
    """A poll reserves its job in memory only."""

    def claim(_: PendingJobs, rows: Sequence[PendingRow], until: datetime) -> Claims:
        return Claims(taken=[replace(row, claimed_until=until) for row in rows])

    patch.setattr(PendingJobs, "claim", claim)


def earlier_finish_is_not_recognised(patch: pytest.MonkeyPatch) -> None:
    """A finished job that is put back into the table ends again."""
    recorded = History._recorded

    def not_recognised(history: History, finish: Any) -> Recorded:  # noqa: ANN401 - passed on
        found = recorded(history, finish)
        return Recorded.BY_THIS_FINISH if found is Recorded.BY_AN_EARLIER_FINISH else found

    patch.setattr(History, "_recorded", not_recognised)


def outbox_is_deleted_before_it_is_sent(patch: pytest.MonkeyPatch) -> None:
    """An event's row goes first, then its deliveries are stored."""

    def send(outbox: Outbox, rows: Sequence[OutboxRow]) -> None:
        if rows:
            outbox._table.commit_each([[Change(Write.DELETE, row.key, row.etag)] for row in rows])
            outbox._announce([row.event for row in rows])

    patch.setattr(Outbox, "send", send)


def news_is_not_stored_with_the_snapshot(patch: pytest.MonkeyPatch) -> None:
    """The watch stores what it has read, and announces the events without storing them first."""
    patch.setattr(Planned, "changes", property(lambda planned: [planned.write]))


def documents_are_left_behind(patch: pytest.MonkeyPatch) -> None:
    """Nothing deletes the documents of a job that is gone."""

    def keep(*_: object) -> None:
        return None

    def keep_all(*_: object, **__: object) -> tuple[int, str]:
        return 0, ""

    patch.setattr(LargeFields, "delete", keep)
    patch.setattr(OrphanedDocuments, "remove", keep_all)


def endpoint_is_read_only_once(patch: pytest.MonkeyPatch) -> None:
    """Attempts use the URL and the secret that the endpoint had at first."""
    get = EndpointStore.get
    first: dict[str, Endpoint] = {}

    def remembered(store: EndpointStore, endpoint_id: str) -> Endpoint | None:
        if endpoint_id not in first and (found := get(store, endpoint_id)) is not None:
            first[endpoint_id] = found
        return first.get(endpoint_id)

    patch.setattr(EndpointStore, "get", remembered)


def finish_is_counted_apart(patch: pytest.MonkeyPatch) -> None:
    """The day's figures change in a transaction of their own, before the job is recorded."""
    add = History.add

    def add_and_count(history: History, finishes: Sequence[Any]) -> list[Recorded]:
        for finish in finishes:
            history._counts.commit_each([(finish.job, [])])
        commit_each = history._table.commit_each
        with pytest.MonkeyPatch.context() as uncounted:
            uncounted.setattr(
                history._counts, "commit_each", lambda groups: commit_each([changes for _, changes in groups])
            )
            return add(history, finishes)

    patch.setattr(History, "add", add_and_count)


def late_changes_are_not_listed(patch: pytest.MonkeyPatch) -> None:
    """A listing by `updatedSince` leaves out jobs that were changed after they had ended."""

    def nothing(*_: object) -> Iterator[object]:
        return iter(())

    patch.setattr(LateChanges, "scan", nothing)


def outbox_is_not_listed(patch: pytest.MonkeyPatch) -> None:
    """A listing leaves out jobs on their way from `pending` to the history."""

    def nothing(*_: object, **__: object) -> Iterator[object]:
        return iter(())

    patch.setattr(PendingJobs, "scan_finished", nothing)


def failed_attempts_are_not_retried(patch: pytest.MonkeyPatch) -> None:
    """Retry cycles find nothing due."""

    def nothing(*_: object) -> Iterator[object]:
        return iter(())

    patch.setattr(DeliveryStore, "due", nothing)


@dataclass(frozen=True)
class Seeded:
    """A defect, the words of which one says that the model has seen it, and the steps that are needed to find it."""

    defect: Defect
    seen_as: Collection[str]
    steps: frozenset[str]


def _seeded(defect: Defect, seen_as: str, *steps: str, or_as: str | None = None) -> Seeded:
    return Seeded(defect, [seen_as] if or_as is None else [seen_as, or_as], frozenset(steps))


DEFECTS: Mapping[str, Seeded] = {
    "a claim is not written": _seeded(claim_is_not_written, "promise 1:", "tick"),
    "an earlier finish is not recognised": _seeded(
        earlier_finish_is_not_recognised, "promise 2:", "tick", "job_is_registered_again"
    ),
    "an event leaves the outbox before it is sent": _seeded(
        outbox_is_deleted_before_it_is_sent, "it is lost", "tick"
    ),
    "an offer's news is not stored with its snapshot": _seeded(
        news_is_not_stored_with_the_snapshot, "promise 24:", "watch_runs", "offer_is_created"
    ),
    "documents are left behind": _seeded(documents_are_left_behind, "promise 21:", "tick", "job_is_removed"),
    "an endpoint is read only once": _seeded(
        endpoint_is_read_only_once,
        "promise 19:",
        *("tick", "endpoint_is_added", "endpoint_moves"),
        or_as="The record kept changing",
    ),
    "a finish is counted apart from its record": _seeded(finish_is_counted_apart, "promise 22:", "tick"),
    "a late change is not listed": _seeded(
        late_changes_are_not_listed, "is not in a listing", "tick", "job_is_renamed"
    ),
    "a job in the outbox is not listed": _seeded(outbox_is_not_listed, "promise 12:", "tick", "jobs_are_listed"),
    "failed attempts are not retried": _seeded(
        failed_attempts_are_not_retried, "promise 14:", "tick", "endpoint_is_added", "receiver_changes"
    ),
}


@contextmanager
def with_defect(name: str) -> Iterator[Seeded]:
    """The app has this defect within the block."""
    with pytest.MonkeyPatch.context() as patch:
        DEFECTS[name].defect(patch)
        yield DEFECTS[name]
