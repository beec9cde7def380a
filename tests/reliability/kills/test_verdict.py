"""The verdict sees each kind of broken promise in doctored evidence, and none in good evidence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.reliability.kills.evidence import Evidence, HitKill, OfferChange, ReceivedEvent, Row
from tests.reliability.kills.hosts import HostKill
from tests.reliability.kills.plan import PlannedJob, Size
from tests.reliability.kills.seeds import Seeds
from tests.reliability.kills.storage import StorageKill
from tests.reliability.kills.verdict import faults

SIZE = Size(2, 1, 2, 0, 0, 0, 1, 1, 1, 1, 1.0, 1.0)
DONE, STALLED, YOUNG, OLD = "job-1", "job-2", "job-3", "job-4"
DOCUMENT = f"{'a' * 64}.{'b' * 32}"


def row(partition: str, key: str, **columns: object) -> Row:
    return {"PartitionKey": partition, "RowKey": key, **columns}


def finished(job_id: str, state: str, event_id: str, **columns: object) -> list[Row]:
    pointer = row("finished", f"job~{job_id}", recordKey=f"at~1~{job_id}", finishedEventId=event_id)
    return [pointer, row("finished", f"at~1~{job_id}", state=state, **columns)]


def delivery(endpoint: str, event_id: str, status: str = "delivered") -> list[Row]:
    log = row(endpoint, f"log~1~dlv_{event_id}", eventId=event_id, status=status)
    return [log, row(endpoint, f"body~dlv_{event_id}")]


def event(path: str, event_id: str, kind: str, subject: str, detail: str = "") -> ReceivedEvent:
    return ReceivedEvent(path, event_id, kind, subject, signed=True, answer="delivered", detail=detail)


TOLD = [
    ("e1", "job.succeeded", DONE, ""),
    ("e2", "job.failed", STALLED, ""),
    ("e3", "job.stalled", STALLED, ""),
    ("e4", "private_offer.accepted", "offer-1", ""),
    ("e5", "cpp_offer.status_changed", "kills/offer-0", "running succeeded"),
    ("e6", "private_offer.created", "offer-2", ""),
]
KILL = HostKill(0, 1.0, 101, -9, "any", ("clean_up", "watch_offers"))
GOOD = Evidence(
    jobs=[PlannedJob(DONE, "succeeded"), PlannedJob(STALLED, "failed", stalled=True)],
    seeds=Seeds([OLD], [YOUNG], ["young row"]),
    offer_changes=[
        OfferChange("offer-1", "private_offer.accepted"),
        OfferChange("kills/offer-0", "cpp_offer.status_changed", "running succeeded"),
    ],
    late_offers={"offer-2": True, "offer-3": False},
    offers=["offer-1", "offer-2", "offer-3"],
    cpp_offers=["offer-0"],
    endpoints={"settings": "settings", "wh_1": "registered"},
    events=[event(path, *told) for path in ("settings", "registered") for told in TOLD],
    rows={
        "": [
            *finished(DONE, "succeeded", "e1", privateOfferDocument=f"{DOCUMENT}~70000"),
            *finished(STALLED, "failed", "e2"),
            *finished(YOUNG, "succeeded", "e0", privateOffer="{}"),
            row("finished", "day~2026-11-20", succeeded=3, failed=1),
            row(f"document~{DONE}", f"{DOCUMENT}~000000"),
            row("monitor", "state"),
            row("monitor", "day~2026-11-20"),
            row("setaside", "young row"),
            row("offers", "run", baselineAt="2026-11-20"),
            row("offers", "offer~offer-1", privateOffer="{}"),
            row("offers", "offer~offer-9", goneAt="2026-11-20"),
            row("offers", "cpp~kills~offer-0"),
        ],
        "deliveries": [
            *(each for told in TOLD for each in delivery("settings", told[0])),
            *(each for told in TOLD for each in delivery("wh_1", told[0])),
            *delivery("settings", "e0"),
        ],
        "webhooks": [row("endpoint", "wh_1")],
    },
    shortest_spacing_seconds=60.2,
    host_kills=[HitKill(KILL, 1, 1, 1, 1), HitKill(replace(KILL, pid=102), 1, 1, 1, 1)],
    storage_kills=[StorageKill(1.0, 201, -9, 3, 2, marker_kept=True)],
)


def with_row(new: Row, table: str = "") -> Evidence:
    return replace(GOOD, rows={**GOOD.rows, table: [*GOOD.rows[table], new]})


def without_row(key: str, table: str = "") -> Evidence:
    return replace(GOOD, rows={**GOOD.rows, table: [each for each in GOOD.rows[table] if each["RowKey"] != key]})


def changed_row(key: str, table: str = "", **columns: Any) -> Evidence:  # noqa: ANN401 - values of any column
    rows: list[Mapping[str, Any]] = [
        {**each, **columns} if each["RowKey"] == key else each for each in GOOD.rows[table]
    ]
    return replace(GOOD, rows={**GOOD.rows, table: rows})


def with_events(change: Callable[[list[ReceivedEvent]], list[ReceivedEvent]]) -> Evidence:
    return replace(GOOD, events=change(list(GOOD.events)))


def without_events(event_id: str) -> Evidence:
    return with_events(lambda events: [each for each in events if each.webhook_id != event_id])


BROKEN: dict[str, Evidence] = {
    "a host that ended by itself": replace(
        GOOD, host_kills=[*GOOD.host_kills, HitKill(replace(KILL, pid=103, exit_status=0))]
    ),
    "one process counted twice": replace(GOOD, host_kills=[*GOOD.host_kills, GOOD.host_kills[0]]),
    "too few kills": replace(GOOD, host_kills=GOOD.host_kills[:1]),
    "no kill of storage": replace(GOOD, storage_kills=[]),
    "storage that ended by itself": replace(
        GOOD, storage_kills=[*GOOD.storage_kills, replace(GOOD.storage_kills[0], exit_status=1)]
    ),
    "an acknowledged write that is lost": replace(
        GOOD, storage_kills=[replace(GOOD.storage_kills[0], marker_kept=False)]
    ),
    "no kill during polls": replace(GOOD, host_kills=[replace(each, polls=0) for each in GOOD.host_kills]),
    "no kill during writes": replace(GOOD, host_kills=[replace(each, writes=0) for each in GOOD.host_kills]),
    "no kill during deliveries": replace(GOOD, host_kills=[replace(each, deliveries=0) for each in GOOD.host_kills]),
    "no kill of the watch": replace(
        GOOD,
        host_kills=[replace(each, kill=replace(each.kill, in_progress=("clean_up",))) for each in GOOD.host_kills],
    ),
    "polls less than a minute apart": replace(GOOD, shortest_spacing_seconds=59.9),
    "no polls at all": replace(GOOD, shortest_spacing_seconds=None),
    "a job that is lost": without_row(f"at~1~{DONE}"),
    "a job with another outcome": changed_row(f"at~1~{DONE}", state="failed"),
    "a job with two records": with_row(row("finished", f"at~2~{DONE}", state="succeeded", privateOffer="{}")),
    "a success without its offer": replace(
        GOOD,
        rows={
            **GOOD.rows,
            "": [{**each, "privateOfferDocument": ""} for each in without_row(f"{DOCUMENT}~000000").rows[""]],
        },
    ),
    "an old job that is still there": replace(
        GOOD, rows={**GOOD.rows, "": [*GOOD.rows[""], *finished(OLD, "succeeded", "e9")]}
    ),
    "a young job that was cleaned up": without_row(f"at~1~{YOUNG}"),
    "an event that never came": without_events("e1"),
    "an event under two ids": with_events(
        lambda events: [*events, *(event(path, "e7", "job.succeeded", DONE) for path in ("settings", "registered"))]
    ),
    "an event under another id than in the history": changed_row(f"job~{DONE}", finishedEventId="e7"),
    "an event of another outcome": with_events(lambda events: [*events, event("settings", "e7", "job.failed", DONE)]),
    "a job that is stalled twice": with_events(
        lambda events: [*events, event("settings", "e8", "job.stalled", STALLED)]
    ),
    "an event that one endpoint never took": with_events(lambda events: events[1:]),
    "an event that was refused and not repeated": with_events(
        lambda events: [replace(events[0], answer="refused"), *events[1:]]
    ),
    "an event whose sender was killed, not repeated": with_events(
        lambda events: [replace(events[0], answer="sender gone"), *events[1:]]
    ),
    "a forged signature": with_events(lambda events: [*events, replace(events[0], signed=False)]),
    "one id for two events": with_events(lambda events: [*events, replace(events[0], subject=STALLED)]),
    "an offer's change that was never told": without_events("e4"),
    "an offer's change told twice": with_events(
        lambda events: [*events, event("settings", "e9", "private_offer.accepted", "offer-1")]
    ),
    "a change that nobody made": with_events(
        lambda events: [*events, event("settings", "e9", "private_offer.deleted", "offer-1")]
    ),
    "a CPP status told twice": with_events(
        lambda events: [
            *events,
            event("settings", "e9", "cpp_offer.status_changed", "kills/offer-0", "running succeeded"),
        ]
    ),
    "an offer of a failed job that was never told": without_events("e6"),
    "a pending job": with_row(row("pending", DONE)),
    "an event in the outbox": with_row(row("offers", "~event~1")),
    "a claim of the watch": changed_row("run", claimedUntil="2026-11-20"),
    "an interrupted run of the watch": changed_row("run", place="[]"),
    "a pointer without a record": changed_row(f"job~{YOUNG}", recordKey=""),
    "a note of a removed job": with_row(row("finished", f"removed~{OLD}")),
    "a remembered status request": with_row(row("asked", DONE)),
    "a document that no row refers to": with_row(row(f"document~{DONE}", f"{'c' * 64}.{'d' * 32}~000000")),
    "a document of a removed job": with_row(row(f"document~{OLD}", f"{DOCUMENT}~000000")),
    "a document that is missing": without_row(f"{DOCUMENT}~000000"),
    "an old row that was set aside": with_row(row("setaside", "old row")),
    "a snapshot of an offer that is gone without its date": changed_row("offer~offer-9", goneAt=None),
    "a row of an unknown kind": with_row(row("elsewhere", "1")),
    "an unknown table": replace(GOOD, rows={**GOOD.rows, "more": []}),
    "a delivery that waits": with_row(row("settings", "due~dlv_e1"), "deliveries"),
    "a dead delivery": changed_row("log~1~dlv_e1", "deliveries", status="dead"),
    "a body without its delivery": with_row(row("settings", "body~dlv_e9"), "deliveries"),
    "an old delivery that is still there": replace(
        GOOD, rows={**GOOD.rows, "deliveries": [*GOOD.rows["deliveries"], *delivery("settings", "e9")]}
    ),
    "a delivery of no endpoint": with_row(
        row("wh_2", "log~1~dlv_e1", eventId="e1", status="delivered"), "deliveries"
    ),
    "an endpoint that nobody registered": with_row(row("endpoint", "wh_2"), "webhooks"),
    "statistics that count a job twice": changed_row("day~2026-11-20", succeeded=4),
    "statistics that miss a job": changed_row("day~2026-11-20", failed=0),
}


def test_good_evidence_has_no_fault() -> None:
    assert faults(GOOD, SIZE) == []


@pytest.mark.parametrize("kind", BROKEN)
def test_evidence_of_a_broken_promise_is_seen(kind: str) -> None:
    assert faults(BROKEN[kind], SIZE)


def test_an_offer_of_a_job_that_succeeds_may_be_told_by_the_watch_as_well() -> None:
    told = [event(path, "e8", "private_offer.created", "offer-3") for path in ("settings", "registered")]
    rows = [*GOOD.rows["deliveries"], *delivery("settings", "e8"), *delivery("wh_1", "e8")]
    evidence = replace(GOOD, events=[*GOOD.events, *told], rows={**GOOD.rows, "deliveries": rows})
    assert faults(evidence, SIZE) == []
