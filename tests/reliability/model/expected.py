"""The model: what has happened outside the monitor, and what it therefore owes. Nothing here asks the monitor.

Each function compares what the model expects with what was seen, and returns the promises (docs/promises.md) that
are broken, in words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from shared.json_codec import JsonObject

JOB_HISTORY = timedelta(days=3)
DELIVERY_HISTORY = timedelta(days=4)
EXPIRES_AFTER = timedelta(days=2)
POLL_SPACING = timedelta(seconds=60)
# Pending, about to be told, told: a listing reads these one after the other.
MOST_PLACES = 3
NOTICES = ("private_offer.expiring", "private_offer.expired")


@dataclass
class ExpectedJob:
    """A job. A life is the time from its registration until a caller removes it; most jobs have one.

    A finished job that is put back into the table begins no new life. `outcome` is upstream's word since `ended_at`.
    Since `forgotten_at` upstream answers 404. `members` has what callers have called it in this life.
    """

    job_id: str
    began_at: datetime
    lives: int = 0
    removed_lives: int = 0
    known: bool = False
    outcome: str | None = None
    ended_at: datetime | None = None
    forgotten_at: datetime | None = None
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class ExpectedEndpoint:
    """An endpoint. `listening_since` is None while a person has disabled it."""

    endpoint_id: str
    url: str
    secrets: list[str]
    events: str
    listening_since: datetime | None
    removed: bool = False

    def wants(self, event_type: str) -> bool:
        return self.events == "*" or event_type.startswith(self.events.removesuffix("*"))


@dataclass
class Offer:
    """A private offer as upstream has it, or as a receiver of all events believes it to be."""

    there: bool = False
    end: str = ""
    accepted: bool = False


@dataclass
class ExpectedOffer:
    """`baseline` is what was there when the watch began. `told_by_jobs` has when a job set the `end`, and to what.

    `unsure`: a job that changed it was removed before it told anyone, so nothing is expected of this offer any more.
    """

    offer_id: str
    accept_by: str
    now: Offer = field(default_factory=Offer)
    baseline: Offer = field(default_factory=Offer)
    told_by_jobs: list[tuple[datetime, str]] = field(default_factory=list)
    unsure: bool = False


@dataclass(frozen=True)
class Seen:
    """An event as a receiver got it."""

    event_id: str
    type: str
    at: datetime
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Arrival:
    """One request to a receiver; `signed_with` has those of the model's secrets whose signatures it carries.

    `accepted` says whether the receiver answered with 200.
    """

    endpoint_id: str
    url: str
    event: Seen
    signed_with: frozenset[str]
    accepted: bool = True


def broken_spacing(requests: Mapping[str, Sequence[datetime]]) -> list[str]:
    """Promise 1. `requests` has the times of the status requests for each job."""
    return [
        f"promise 1: job {job_id} was polled at {one:%H:%M:%S} and at {next_one:%H:%M:%S}"
        for job_id, times in requests.items()
        for one, next_one in pairwise(sorted(times))
        if next_one - one < POLL_SPACING
    ]


def broken_ends(jobs: Iterable[ExpectedJob], seen: Iterable[Seen], *, settled: bool) -> list[str]:
    """Promises 2, 3 and 14. `seen` are all events that were received, each once. `settled`: nothing is pending."""
    faults = []
    events = list(seen)
    for job in jobs:
        of_job = [event for event in events if event.type.startswith("job.") and _job_id(event) == job.job_id]
        ends = [event for event in of_job if event.type != "job.stalled"]
        if len(ends) > job.lives:
            faults.append(f"promise 2: job {job.job_id} ended {len(ends)} times in {job.lives} lives")
        if settled and len(ends) < job.lives - job.removed_lives:
            faults.append(f"promise 2: job {job.job_id} ended {len(ends)} times in {job.lives} lives: it is lost")
        if len(of_job) - len(ends) > job.lives:
            faults.append(f"promise 2: job {job.job_id} was announced as stalled more than once")
        faults += [
            f"promise 3: job {job.job_id} ended as {event.type} at {event.at:%d %H:%M:%S}, but {job}"
            for event in ends
            if not _is_upstreams_word(job, event)
        ]
    return faults


def _is_upstreams_word(job: ExpectedJob, event: Seen) -> bool:
    state = event.type.removeprefix("job.")
    if job.outcome is not None and job.ended_at is not None and event.at >= job.ended_at:
        if job.forgotten_at is None:
            return state == job.outcome
        if state == job.outcome:
            return True
    registered_at = datetime.fromisoformat(event.data["job"]["registeredAt"])
    if state == "expired":
        return event.at - registered_at >= EXPIRES_AFTER
    return state == "lost" and job.forgotten_at is not None and event.at >= job.forgotten_at


def broken_members(job: ExpectedJob, record: Mapping[str, Any]) -> list[str]:
    """Promise 23. `record` is the job as the API shows it."""
    return [
        f"promise 23: the {name} of job {job.job_id} is {record.get(name)}, but {value} was stored"
        for name, value in job.members.items()
        if record.get(name) != value
    ]


def broken_pages(known: Iterable[str], listed: Sequence[str]) -> list[str]:
    """Promise 12. `known` are the jobs that were known all the time, `listed` those that came.

    A job moves at most twice while a listing goes on: when it ends, and when it gets into the history.
    """
    faults = [f"promise 12: job {job_id} is in no page" for job_id in set(known) - set(listed)]
    often = [job_id for job_id, times in Counter(listed).items() if times > MOST_PLACES]
    return faults + [f"promise 12: job {job_id} is in {listed.count(job_id)} pages" for job_id in often]


def broken_counts(days: Iterable[Mapping[str, Any]], seen: Iterable[Seen]) -> list[str]:
    """Promise 22. `days` is the answer of `GET /stats`."""
    states = ("succeeded", "failed", "cancelled", "lost", "expired")
    counted = Counter({state: sum(int(day[state]) for day in days) for state in states})
    ended = Counter(event.type.removeprefix("job.") for event in seen if event.type.startswith("job."))
    del ended["stalled"]
    return [] if counted == ended else [f"promise 22: {dict(ended)} jobs ended, and {dict(counted)} are counted"]


def broken_sending(
    arrivals: Iterable[Arrival],
    before: Mapping[str, ExpectedEndpoint],
    after: Mapping[str, ExpectedEndpoint],
) -> list[str]:
    """Promises 18 and 19, for what arrived in one step. `before` and `after` are the endpoints around the step."""
    faults = []
    for arrival in arrivals:
        ends = [each[arrival.endpoint_id] for each in (before, after) if arrival.endpoint_id in each]
        text = f"{arrival.event.type} was sent to endpoint {arrival.endpoint_id}"
        if all(end.removed for end in ends):
            faults.append(f"promise 19: {text}, which is removed")
        elif all(end.listening_since is None for end in ends):
            faults.append(f"promise 19: {text}, which is disabled")
        if arrival.url not in {end.url for end in ends}:
            faults.append(f"promise 19: {text} at its old URL")
        if not arrival.signed_with & {end.secrets[-1] for end in ends}:
            faults.append(f"promise 18: {text} without the signature of its secret")
        if not arrival.event.type.startswith("webhook.") and not ends[-1].wants(arrival.event.type):
            faults.append(f"promise 19: {text}, which does not want it")
    return faults


def owed(endpoint: ExpectedEndpoint, seen: Iterable[Seen], now: datetime) -> list[Seen]:
    """The events that this endpoint should have received, or have as dead. Older ones may have been cleaned up."""
    since = endpoint.listening_since
    if endpoint.removed or since is None:
        return []
    return [
        event
        for event in seen
        if endpoint.wants(event.type) and event.at >= since and event.at > now - DELIVERY_HISTORY
    ]


def broken_news(offer: ExpectedOffer, seen: Iterable[Seen], now: datetime) -> list[str]:
    """Promises 24 and 26. Each event must say something new, and in the end its receiver knows the offer as it is."""
    if offer.unsure:
        return []
    faults = []
    of_offer = sorted((event for event in seen if _offer_id(event) == offer.offer_id), key=lambda event: event.at)
    jobs = sorted(offer.told_by_jobs)
    believed = replace(offer.baseline)
    for event in of_offer:
        while jobs and jobs[0][0] <= event.at:
            believed = replace(believed, there=True, end=jobs.pop(0)[1])
        after = _after(believed, event)
        alone = sum(each.type == event.type for each in of_offer) == 1
        if after == believed and not (event.type in NOTICES and alone):
            faults.append(f"promise 24: {event.type} of {offer.offer_id} at {event.at:%d %H:%M:%S} is not news")
        believed = after
    for _, end in jobs:
        believed = replace(believed, there=True, end=end)
    if believed != offer.now and (believed.there or offer.now.there):
        faults.append(f"promise 24: a receiver believes that {offer.offer_id} is {believed}, but it is {offer.now}")
    waits = offer.now.there and not offer.now.accepted
    if waits and offer.accept_by < f"{now:%Y-%m-%d}" and all(event.type != NOTICES[1] for event in of_offer):
        faults.append(f"promise 24: nobody was told that {offer.offer_id} has expired")
    return faults


def _after(before: Offer, event: Seen) -> Offer:
    """What a receiver believes after an event. The model changes nothing but an offer's `end` and its acceptance."""
    content = event.data["privateOffer"]
    match event.type.removeprefix("private_offer."):
        case "created" if not before.there:
            return Offer(there=True, end=content["end"], accepted=content["subState"] == "accepted")
        case "changed" if before.there and event.data["changes"] == ["/end"]:
            return replace(before, end=max(before.end, content["end"]))
        case "accepted" if before.there:
            return replace(before, accepted=True)
        case "deleted":
            return replace(before, there=False)
    return before


def broken_statuses(first: JsonObject, last: JsonObject, seen: Iterable[Seen]) -> list[str]:
    """Promise 24, of a CPP offer whose status and steps were `first` at the baseline and are now `last`."""
    moves = sorted((event for event in seen if event.type == "cpp_offer.status_changed"), key=lambda event: event.at)
    chain = [first, *(event.data["to"] for event in moves)]
    faults = [
        f"promise 24: the CPP offer moved from {event.data['from']} to {event.data['to']}, but was {before}"
        for before, event in zip(chain, moves, strict=False)
        if event.data["from"] != before or event.data["to"] == before
    ]
    return faults if chain[-1] == last else [*faults, f"promise 24: the CPP offer is {last}, but told as {chain[-1]}"]


def seen_in(body: Mapping[str, Any], event_id: str) -> Seen:
    """The event in the body of a webhook."""
    return Seen(event_id, body["type"], datetime.fromisoformat(body["timestamp"]).astimezone(UTC), body["data"])


def _job_id(event: Seen) -> str:
    return str(event.data["job"]["jobId"])


def _offer_id(event: Seen) -> str | None:
    if not event.type.startswith("private_offer."):
        return None
    return str(event.data["privateOffer"]["id"]).removeprefix("private-offer/")
