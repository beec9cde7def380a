"""Whether a soak shows that nothing is lost and nothing grows. It looks at the evidence only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import combinations
from statistics import median

from tests.reliability.soak.endpoints import STANDING
from tests.reliability.soak.run import Evidence, Sample
from tests.reliability.soak.storage import KEPT_DAYS, ROWS_A_DAY

DAYS_IN_A_WEEK = 7
LIMITS_DAYS = 21
LATEST = timedelta(minutes=1)
SHOWN = 3


@dataclass(frozen=True)
class Limit:
    """By how much a day something may grow between the warm-up and the end of the work, and still counts as flat.

    It is not zero, since jobs end at random moments, and memory moves by itself. It is meant for three weeks. On
    fewer days chance weighs more, and more is allowed.
    """

    name: str
    value_of: Callable[[Sample], float]
    a_day: float


LIMITS = (
    Limit("rows of jobs", lambda sample: sample.stored.jobs, 5),
    Limit("rows of offers", lambda sample: sample.stored.offers, 3),
    Limit("rows of deliveries", lambda sample: sample.stored.deliveries, 10),
    Limit("documents", lambda sample: sample.stored.documents, 0.5),
    Limit("rows set aside", lambda sample: sample.stored.set_aside, 0.5),
    Limit("megabytes of memory", lambda sample: sample.held.megabytes, 0.5),
    Limit("Python objects", lambda sample: sample.held.objects, 50),
    Limit("blocks of Python's memory", lambda sample: sample.held.blocks, 300),
    Limit("open files", lambda sample: sample.held.files, 0.5),
    Limit("threads", lambda sample: sample.held.threads, 0.05),
)


def growth_a_day(days: Sequence[int], values: Sequence[float]) -> float:
    """The median of all slopes between two days (Theil and Sen), which single days hardly change.

    Troubles that return every week do not count as growth: from two weeks on, only days that are whole weeks apart
    are compared (Hirsch).
    """
    weekly = days[-1] - days[0] >= 2 * DAYS_IN_A_WEEK
    slopes = [
        (later_value - value) / (later - day)
        for (day, value), (later, later_value) in combinations(zip(days, values, strict=True), 2)
        if not weekly or (later - day) % DAYS_IN_A_WEEK == 0
    ]
    return median(slopes)


@dataclass(frozen=True)
class Growth:
    """What was seen of one limit on the days that count: the smallest and the largest value, and the growth a day."""

    name: str
    allowed: float
    least: float
    most: float
    a_day: float

    @property
    def is_flat(self) -> bool:
        return self.a_day <= self.allowed


def growths(evidence: Evidence) -> list[Growth]:
    """The growth of everything that has a limit."""
    scale = evidence.scale
    counted = [sample for sample in evidence.samples if scale.warm_up_days <= sample.day < scale.days]
    found = []
    for limit in LIMITS:
        values = [limit.value_of(sample) for sample in counted]
        a_day = growth_a_day([sample.day for sample in counted], values)
        allowed = limit.a_day * max(1.0, LIMITS_DAYS / len(counted))
        found.append(Growth(limit.name, allowed, min(values), max(values), a_day))
    return found


def faults(evidence: Evidence) -> list[str]:
    """Everything that breaks a promise, or that the soak did not do although it says so."""
    return [
        *_days_not_counted(evidence),
        *_jobs_not_told(evidence),
        *_events_not_delivered(evidence),
        *_rows_out_of_place(evidence),
        *_growing(evidence),
        *_left_over(evidence),
        *_not_done(evidence),
    ]


def _days_not_counted(evidence: Evidence) -> Iterator[str]:
    days = [sample.day for sample in evidence.samples]
    if days != list(range(evidence.scale.days + evidence.scale.quiet_days)):
        yield f"counted on {len(days)} days only"


def _jobs_not_told(evidence: Evidence) -> Iterator[str]:
    """Each job has to end once, as upstream says, with one event."""
    for job_id, outcome in evidence.expected.items():
        told = evidence.finishes.get(job_id, set())
        if len(told) != 1 or {each for each, _ in told} != {outcome}:
            yield f"job {job_id}: {outcome} expected, told {sorted(told)}"
    yield from (f"job {job_id}: was removed and told of" for job_id in evidence.finishes.keys() - evidence.expected)


def _events_not_delivered(evidence: Evidence) -> Iterator[str]:
    """What finished a job has to reach every endpoint that wants it, or be listed there as dead.

    However the others fail, the endpoint that does not gets each event within the tick that announces it.
    """
    finishes = {(f"job.{outcome}", event_id) for told in evidence.finishes.values() for outcome, event_id in told}
    for name, standing in STANDING.items():
        wanted = {
            event_id
            for event_type, event_id in finishes
            if any(fnmatchcase(event_type, pattern) for pattern in standing.events)
        }
        lost = wanted - evidence.accepted[name].events.keys() - evidence.dead[name]
        if lost:
            yield f"endpoint {name}: {len(lost)} events neither delivered nor dead, such as {min(lost)}"
    if evidence.latest > LATEST:
        yield f"an event took {evidence.latest} to the endpoint that never fails"


def _rows_out_of_place(evidence: Evidence) -> Iterator[str]:
    for sample in evidence.samples:
        yield from (f"day {sample.day}: {count} x {what}" for what, count in sample.stored.faults.items())
        if sample.stored.days > ROWS_A_DAY * min(sample.day + 1, KEPT_DAYS):
            yield f"day {sample.day}: {sample.stored.days} rows of figures"


def _growing(evidence: Evidence) -> Iterator[str]:
    for growth in growths(evidence):
        if not growth.is_flat:
            yield f"{growth.name} grow by {growth.a_day:.3g} a day, {growth.allowed:.3g} are allowed"


def _left_over(evidence: Evidence) -> Iterator[str]:
    if evidence.left_over:
        yield f"{len(evidence.left_over)} rows are left over, such as {', '.join(sorted(evidence.left_over)[:SHOWN])}"


def _not_done(evidence: Evidence) -> Iterator[str]:
    """What the soak is about has to have happened."""
    happened = {
        "events were sent again": evidence.sent_again,
        "the endpoint that says 410 was disabled": evidence.disabled.get("gone: gone", 0),
        "the endpoint that fails for days was disabled": evidence.disabled.get("failing: failing", 0),
        "upstream failed": sum(evidence.faults.values()),
        "deliveries died": len(evidence.dead["failing"]),
        "documents were stored": max((sample.stored.documents for sample in evidence.samples), default=0),
        **{f"endpoint {name} failed": evidence.accepted[name].failed for name in STANDING},
        **{f"{name} ran": evidence.fired.get(name, 0) for name in ("poll_pending_jobs", "watch_offers", "clean_up")},
    }
    yield from (f"it did not happen that {what}" for what, times in happened.items() if not times)
