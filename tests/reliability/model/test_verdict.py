"""The verdict of the model test, on doctored evidence: it sees each kind of broken promise and no other."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.storage.table import Row
from tests.reliability.model.expected import (
    Arrival,
    ExpectedEndpoint,
    ExpectedJob,
    ExpectedOffer,
    Offer,
    Seen,
    broken_counts,
    broken_ends,
    broken_members,
    broken_news,
    broken_pages,
    broken_sending,
    broken_spacing,
    broken_statuses,
    owed,
)
from tests.reliability.model.leftovers import leftovers_of_deliveries, leftovers_of_endpoints, leftovers_of_jobs

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
OFFER = {"id": "private-offer/o1", "end": "2028-01-02", "subState": "pendingAcceptance"}


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def job_event(number: int, minutes: float, event_type: str = "job.succeeded") -> Seen:
    job = {"jobId": "j1", "registeredAt": BEGAN.isoformat()}
    return Seen(f"evt_{number}", event_type, at(minutes), {"job": job})


def offer_event(minutes: float, event_type: str, **data: Any) -> Seen:  # noqa: ANN401 - JSON
    offer = {**OFFER, **data.pop("offer", {})}
    return Seen(f"evt_{minutes}", f"private_offer.{event_type}", at(minutes), {"privateOffer": offer, **data})


def changed(minutes: float, end: str) -> Seen:
    return offer_event(minutes, "changed", offer={"end": end}, changes=["/end"])


def test_polls_less_than_a_minute_apart_are_seen() -> None:
    assert broken_spacing({"j1": [at(0), at(1)], "j2": [at(0.5)]}) == []
    assert len(broken_spacing({"j1": [at(1.9), at(0), at(1)]})) == 1


ENDED = ExpectedJob("j1", BEGAN, lives=1, known=True, outcome="succeeded", ended_at=at(5))


@pytest.mark.parametrize(
    ("job", "events", "faults"),
    [
        (ENDED, [job_event(1, 6)], 0),
        (ENDED, [job_event(1, 6), job_event(2, 7)], 1),
        (ENDED, [], 1),
        (replace(ENDED, removed_lives=1), [], 0),
        (replace(ENDED, lives=2, removed_lives=1), [job_event(1, 6), job_event(2, 9)], 0),
        (ENDED, [job_event(1, 6, "job.failed")], 1),
        (ENDED, [job_event(1, 4)], 1),
        (ENDED, [job_event(1, 3 * 24 * 60, "job.expired")], 1),
        (ExpectedJob("j1", BEGAN, lives=1), [job_event(1, 3 * 24 * 60, "job.expired")], 0),
        (ExpectedJob("j1", BEGAN, lives=1), [job_event(1, 60, "job.expired")], 1),
        (ExpectedJob("j1", BEGAN, lives=1, forgotten_at=at(5)), [job_event(1, 60, "job.lost")], 0),
        (ExpectedJob("j1", BEGAN, lives=1, forgotten_at=at(5)), [job_event(1, 4, "job.lost")], 1),
        (ENDED, [job_event(1, 6), job_event(2, 3, "job.stalled")], 0),
        (ENDED, [job_event(1, 6), job_event(2, 3, "job.stalled"), job_event(3, 4, "job.stalled")], 1),
    ],
)
def test_ends_that_upstream_did_not_order_are_seen(job: ExpectedJob, events: Sequence[Seen], faults: int) -> None:
    assert len(broken_ends([job], events, settled=True)) == faults


def test_a_job_that_has_not_ended_is_lost_only_once_everything_has_settled() -> None:
    assert broken_ends([ENDED], [], settled=False) == []


def test_wrong_counts_are_seen() -> None:
    day = dict.fromkeys(("succeeded", "failed", "cancelled", "lost", "expired"), 0)
    events = [job_event(1, 6), job_event(2, 3, "job.stalled")]
    assert broken_counts([{**day, "succeeded": 1}], events) == []
    assert len(broken_counts([{**day, "succeeded": 2}], events)) == 1
    assert len(broken_counts([{**day, "failed": 1}], events)) == 1
    assert len(broken_counts([day], events)) == 1


ENDPOINT = ExpectedEndpoint("w1", "http://localhost/1/1", ["old", "new"], "*", BEGAN)
ARRIVAL = Arrival("w1", ENDPOINT.url, job_event(1, 6), frozenset(["new"]))


@pytest.mark.parametrize(
    ("endpoint", "arrival", "faults"),
    [
        (ENDPOINT, ARRIVAL, 0),
        (replace(ENDPOINT, removed=True), ARRIVAL, 1),
        (replace(ENDPOINT, listening_since=None), ARRIVAL, 1),
        (replace(ENDPOINT, url="http://localhost/1/2"), ARRIVAL, 1),
        (replace(ENDPOINT, events="private_offer.*"), ARRIVAL, 1),
        (ENDPOINT, replace(ARRIVAL, signed_with=frozenset(["old"])), 1),
    ],
)
def test_requests_that_should_not_have_been_sent_are_seen(
    endpoint: ExpectedEndpoint, arrival: Arrival, faults: int
) -> None:
    assert len(broken_sending([arrival], {"w1": deepcopy(endpoint)}, {"w1": endpoint})) == faults


def test_an_endpoint_is_owed_what_it_listened_to() -> None:
    events = [job_event(1, -1), job_event(2, 1), offer_event(2, "created")]
    assert owed(ENDPOINT, events, at(10)) == events[1:]
    assert owed(replace(ENDPOINT, events="job.*"), events, at(10)) == events[1:2]
    assert owed(replace(ENDPOINT, removed=True), events, at(10)) == []
    assert owed(replace(ENDPOINT, listening_since=None), events, at(10)) == []
    assert owed(ENDPOINT, events, at(5 * 24 * 60)) == []


THERE = Offer(there=True, end="2028-01-02")
EXPECTED = ExpectedOffer("o1", "2026-12-31", now=THERE, baseline=THERE)


@pytest.mark.parametrize(
    ("offer", "events", "faults"),
    [
        (EXPECTED, [], 0),
        (replace(EXPECTED, now=replace(THERE, end="2028-01-03")), [changed(1, "2028-01-03")], 0),
        (replace(EXPECTED, now=replace(THERE, end="2028-01-03")), [], 1),
        (replace(EXPECTED, now=replace(THERE, end="2028-01-03")), [changed(m, "2028-01-03") for m in (1, 2)], 1),
        (replace(EXPECTED, now=replace(THERE, end="2028-01-04")), [changed(1, "2028-01-03")], 1),
        (EXPECTED, [offer_event(1, "created")], 1),
        (replace(EXPECTED, baseline=Offer()), [offer_event(1, "created")], 0),
        (replace(EXPECTED, baseline=Offer()), [], 1),
        (replace(EXPECTED, now=Offer()), [offer_event(1, "deleted")], 0),
        (replace(EXPECTED, now=Offer()), [offer_event(1, "deleted"), offer_event(2, "deleted")], 1),
        (replace(EXPECTED, now=replace(THERE, accepted=True)), [offer_event(1, "accepted", by="customer")], 0),
        (replace(EXPECTED, now=replace(THERE, accepted=True)), [], 1),
        (replace(EXPECTED, baseline=Offer(), told_by_jobs=[(at(1), THERE.end)]), [], 0),
        (replace(EXPECTED, baseline=Offer(), told_by_jobs=[(at(1), THERE.end)]), [offer_event(2, "created")], 1),
        (replace(EXPECTED, accept_by="2026-11-19"), [offer_event(1, "expired", daysLeft=0)], 0),
        (replace(EXPECTED, accept_by="2026-11-19"), [], 1),
        (replace(EXPECTED, accept_by="2026-11-19"), [offer_event(m, "expired", daysLeft=0) for m in (1, 2)], 2),
    ],
)
def test_news_that_is_missing_or_told_again_is_seen(offer: ExpectedOffer, events: list[Seen], faults: int) -> None:
    assert len(broken_news(offer, events, at(10))) == faults
    assert broken_news(replace(offer, unsure=True), events, at(10)) == []


def test_a_status_that_is_told_twice_or_not_at_all_is_seen() -> None:
    def move(minutes: float, before: str, after: str) -> Seen:
        data = {"from": {"status": before}, "to": {"status": after}}
        return Seen(f"evt_{minutes}", "cpp_offer.status_changed", at(minutes), data)

    first, last = {"status": "running"}, {"status": "failed"}
    assert broken_statuses(first, last, [move(1, "running", "failed")]) == []
    assert len(broken_statuses(first, last, [])) == 1
    assert len(broken_statuses(first, last, [move(1, "running", "failed"), move(2, "running", "failed")])) == 1


def test_a_change_of_a_caller_that_is_lost_is_seen() -> None:
    job = replace(ENDED, members={"label": "new", "externalId": "7"})
    assert broken_members(job, {"label": "new", "externalId": "7"}) == []
    assert len(broken_members(job, {"label": "old", "externalId": "7"})) == 1
    assert len(broken_members(job, {})) == 2


def test_a_job_that_no_page_has_or_that_comes_more_often_than_it_can_move_is_seen() -> None:
    moved = ["j1", "j2", "j1", "j1"]
    assert broken_pages(["j1", "j2"], moved) == []
    assert len(broken_pages(["j1", "j2", "j3"], moved)) == 1
    assert len(broken_pages(["j1"], [*moved, "j1"])) == 1


NAME = "ab" * 32
FINISHED: list[Row] = [
    {"PartitionKey": "finished", "RowKey": "at~1~j1", "privateOfferDocument": f"{NAME}~40000"},
    {"PartitionKey": "finished", "RowKey": "job~j1", "recordKey": "at~1~j1"},
    {"PartitionKey": "document~j1", "RowKey": f"{NAME}~000000"},
]


@pytest.mark.parametrize(
    "rows",
    [
        [*FINISHED, {"PartitionKey": "pending", "RowKey": "j1"}],
        [*FINISHED, {"PartitionKey": "setaside", "RowKey": "j1"}],
        [*FINISHED, {"PartitionKey": "offers", "RowKey": "~event~evt_1"}],
        [*FINISHED, {"PartitionKey": "document~j1", "RowKey": "cd~000000"}],
        FINISHED[:2],
        [FINISHED[1]],
    ],
)
def test_rows_and_documents_that_are_left_over_are_seen(rows: list[Row]) -> None:
    assert leftovers_of_jobs(FINISHED) == []
    assert leftovers_of_jobs(rows) != []


def delivery_rows(status: str, *kinds: str) -> list[Row]:
    keys = {"log": "log~0001~dlv_1", "body": "body~dlv_1", "due": "due~dlv_1", "dead": "dead~dlv_1"}
    return [{"PartitionKey": "w1", "RowKey": keys[kind], "status": status} for kind in kinds]


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        (delivery_rows("delivered", "log", "body"), 0),
        (delivery_rows("dead", "log", "body", "dead"), 0),
        (delivery_rows("pending", "log", "body", "due"), 0),
        (delivery_rows("delivered", "body"), 1),
        (delivery_rows("delivered", "log", "body", "due"), 1),
        (delivery_rows("dead", "log", "body"), 1),
        (delivery_rows("pending", "log", "body"), 1),
        ([{"PartitionKey": "w2", "RowKey": "body~dlv_1"}], 1),
    ],
)
def test_deliveries_that_are_left_over_are_seen(rows: list[Row], faults: int) -> None:
    assert len(leftovers_of_deliveries(rows, ["w1"])) == faults


REQUEST: Row = {"PartitionKey": "redelivery", "RowKey": "w1~0123456789abcdef"}


@pytest.mark.parametrize(
    ("endpoint_ids", "switched_off", "faults"),
    [
        ([], [], ["promise 19"]),
        ([], ["w1"], ["promise 19"]),
        (["w1"], [], ["promise 14"]),
        (["w1", "w2"], ["w2"], ["promise 14"]),
        (["w1"], ["w1"], []),
    ],
    ids=["removed", "removed while disabled", "listening", "listening beside a disabled one", "disabled by a person"],
)
def test_a_request_to_redeliver_may_wait_only_while_a_person_has_disabled_its_endpoint(
    endpoint_ids: list[str], switched_off: list[str], faults: list[str]
) -> None:
    """The faults name their promise of docs/promises.md."""
    found = leftovers_of_deliveries([REQUEST], endpoint_ids, switched_off)
    assert [fault.partition(":")[0] for fault in found] == faults


def test_a_removed_endpoint_that_is_left_over_is_seen() -> None:
    assert leftovers_of_endpoints([{"PartitionKey": "endpoint", "RowKey": "w1"}], ["w1"]) == []
    assert len(leftovers_of_endpoints([{"PartitionKey": "endpoint", "RowKey": "w1"}], [])) == 1
