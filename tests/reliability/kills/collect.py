"""Turns what was seen into evidence: requests that a kill cut off, events as they came, and all rows."""

from collections import Counter
from collections.abc import Iterable, Sequence

from azure.data.tables import TableServiceClient

from sandbox.request_log import JOB_STATUS_ROUTE, LoggedRequest
from tests.reliability.kills.evidence import HitKill, ReceivedEvent, Row
from tests.reliability.kills.hosts import HostKill
from tests.reliability.kills.proxy import StorageRequest, cut_off
from tests.reliability.kills.receiver import Delivery
from tests.reliability.kills.storage import MARKERS_TABLE

# The end of a connection is noticed soon after a kill; a request to upstream or to the receiver began soon before it.
_NOTICED_WITHIN_SECONDS = 1.0
_BEGUN_WITHIN_SECONDS = 3.0
_WATCH_ROUTES = ("product-ingestion.private-offer", "cloud-partner-portal.")


def attributed(
    kills: Sequence[HostKill],
    storage: Iterable[StorageRequest],
    upstream: Iterable[LoggedRequest],
    deliveries: Iterable[Delivery],
) -> list[HitKill]:
    """Each kill with the number of requests that it cut off: those whose sender was gone before their answer."""
    polls: Counter[int] = Counter()
    writes: Counter[int] = Counter()
    sent: Counter[int] = Counter()
    offers: Counter[int] = Counter()
    for request in cut_off(list(storage)):
        if request.writes and (kill := _cut_by(kills, request)) is not None:
            writes[kill] += 1
    for asked in upstream:
        if asked.status is None and asked.fault is None:
            kill = _next_kill(kills, asked.arrived_monotonic)
            if kill is not None:
                polls[kill] += asked.route == JOB_STATUS_ROUTE
                offers[kill] += asked.route.startswith(_WATCH_ROUTES)
    for delivery in deliveries:
        if delivery.answer == "sender gone" and (kill := _next_kill(kills, delivery.at)) is not None:
            sent[kill] += 1
    return [
        HitKill(kill, polls[place], writes[place], sent[place], offers[place]) for place, kill in enumerate(kills)
    ]


def _cut_by(kills: Sequence[HostKill], request: StorageRequest) -> int | None:
    cut_at = request.cut_at or 0.0
    near = [
        place
        for place, kill in enumerate(kills)
        if kill.host == request.host and kill.at <= cut_at < kill.at + _NOTICED_WITHIN_SECONDS
    ]
    return near[0] if near else None


def _next_kill(kills: Sequence[HostKill], at: float) -> int | None:
    """The first kill after a request had begun."""
    after = [(kill.at, place) for place, kill in enumerate(kills) if at <= kill.at < at + _BEGUN_WITHIN_SECONDS]
    return min(after)[1] if after else None


def received_event(delivery: Delivery) -> ReceivedEvent:
    """What a request to the receiver was about."""
    request, path = delivery.request, delivery.request.path.removeprefix("/")
    body = request.json
    data, detail = body["data"], ""
    subject = str(data.get("job", {}).get("jobId", ""))
    if "privateOffer" in data:
        subject = str(data["privateOffer"]["id"]).removeprefix("private-offer/")
    elif "cppOffer" in data:
        subject = f"{data['cppOffer']['publisherId']}/{data['cppOffer']['offerId']}"
        detail = f"{data['from']['status']} {data['to']['status']}"
    return ReceivedEvent(path, request.webhook_id, body["type"], subject, delivery.signed, delivery.answer, detail)


def rows_of_tables(storage: str, jobs_table: str) -> dict[str, list[Row]]:
    """All rows of all tables of the app, by what the name of the table has after that of the jobs table."""
    with TableServiceClient.from_connection_string(storage) as service:
        names = [table.name for table in service.list_tables() if table.name != MARKERS_TABLE]
        return {
            name.removeprefix(jobs_table): [dict(row) for row in service.get_table_client(name).list_entities()]
            for name in names
        }
