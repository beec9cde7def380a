"""Response bodies as they leave, in camelCase. mypy checks every place that builds one."""

from typing import Literal, NotRequired, TypedDict

from shared.json_codec import JsonObject, RawJson
from shared.models.vocabulary import JobState, Operation


class JobRecord(TypedDict):
    """A job. Times are RFC 3339 in UTC; upstream's values (`job*`, `resourceUri`, `errors`, `privateOffer`) stand as
    they came."""

    jobId: str
    state: JobState
    operation: Operation
    label: str | None
    externalId: str | None
    registeredAt: str
    finishedAt: str | None
    jobStatus: str | None
    jobResult: str | None
    jobStart: str | None
    jobEnd: str | None
    resourceUri: str | None
    errors: list[JsonObject]
    privateOffer: RawJson | None
    pollCount: int
    lastPolledAt: str | None
    nextPollAt: str | None
    consecutivePollFailures: int
    lastPollError: str | None
    stalled: bool


class JobList(TypedDict):
    """A page of jobs; `nextCursor` is null on the last one."""

    jobs: list[JobRecord]
    nextCursor: str | None


class PrivateOfferList(TypedDict):
    """A page of private offers, each upstream's object unchanged."""

    privateOffers: list[RawJson]
    nextCursor: str | None


class Problem(TypedDict):
    """RFC 9457 problem details, with upstream's part in it where there was one."""

    type: str
    title: str
    status: int
    detail: str
    faults: NotRequired[list[str]]
    errors: NotRequired[list[JsonObject]]
    upstreamStatus: NotRequired[int]
    upstreamCode: NotRequired[str]
    upstreamRequestId: NotRequired[str]


class OfferDetails(TypedDict):
    """Both kinds of offer in one answer; a part that was not asked for or could not be had is null."""

    privateOffer: RawJson | None
    cppOffer: RawJson | None
    problems: list[Problem]


class Health(TypedDict):
    """What anyone may know."""

    status: Literal["ok", "degraded"]


class LastTick(TypedDict):
    """The last poll cycle: when it began, how long it took, what it did."""

    at: str
    durationMs: int
    outcome: Literal["ok", "failed"]
    reason: str | None
    polled: int
    finished: int
    failedPolls: int
    setAside: int
    unreached: int


class SetAsideNewest(TypedDict):
    """The row that was set aside last."""

    rowKey: str
    at: str
    reason: str


class SetAside(TypedDict):
    """Rows of the jobs table that are no jobs: how many (10,000 at most), and the newest."""

    count: int
    newest: SetAsideNewest | None


class SetAsideRecord(TypedDict):
    """A row that was set aside."""

    rowKey: str
    setAsideAt: str
    reason: str


class SetAsideList(TypedDict):
    """A page of rows that were set aside."""

    rows: list[SetAsideRecord]
    nextCursor: str | None


class TimerRun(TypedDict):
    """The last run of a timer function: when it began, and whether it could do its work."""

    at: str
    ok: bool


class HealthDetails(TypedDict):
    """The parts of the monitor's health, for whoever holds a key."""

    status: Literal["ok", "degraded"]
    problems: list[str]
    storageReachable: bool
    lastTick: LastTick | None
    pending: int | None
    overdue: int | None
    setAside: SetAside | None
    timers: dict[str, TimerRun]
    lastTokenError: str | None
    deliveriesWaiting: int | None
    deliveriesDead: int | None
