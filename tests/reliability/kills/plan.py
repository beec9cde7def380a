"""What is to happen: the jobs with their outcomes, the offers with their changes, and the size of a run."""

import os
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox.sample_offers import private_offer_of
from sandbox.state import SandboxState

type Way = Literal["api", "insert"]

LARGE_CHARACTERS = 70_000  # longer than a column of Table Storage, so the offer or the errors become a document
OLD_LARGE_CHARACTERS = 32_000
CPP_PUBLISHER = "kills"
_OUTCOMES = ("succeeded", "succeeded", "succeeded", "failed", "failed", "cancelled")
_FAILURES = ("server_error", "html_body", "invalid_json", "empty_body")


@dataclass(frozen=True)
class Size:
    """How large a run is. Jobs take up to `job_seconds`; later retries than `longest_wait_minutes` are moved."""

    host_kills: int
    storage_kills: int
    jobs: int
    lost_jobs: int
    expired_jobs: int
    stalled_jobs: int
    old_jobs: int
    young_jobs: int
    offers: int
    cpp_offers: int
    job_seconds: float
    longest_wait_minutes: float


FULL = Size(200, 20, 600, 15, 10, 15, 300, 60, 80, 4, 420.0, 7.0)
SHORT = Size(24, 3, 60, 3, 2, 3, 60, 10, 20, 2, 40.0, 1.5)


def size_of_run() -> Size:
    """The whole size; the short one if RELIABILITY_SHORT is set."""
    return SHORT if os.environ.get("RELIABILITY_SHORT") else FULL


@dataclass(frozen=True)
class PlannedJob:
    """A job, the state in which it must end, and how upstream answers on the way. `late`: begins among the kills."""

    job_id: str
    state: str
    way: Way = "api"
    late: bool = False
    operation: str = "create"
    seconds: float | None = 0.0
    large: bool = False
    stalled: bool = False
    # The first answer to a status request, and the first one to the request for the detail, is a fault.
    status_fails_first: str | None = None
    detail_fails_first: bool = False

    @property
    def known_upstream(self) -> bool:
        return self.state != "lost"


def planned_jobs(size: Size, choices: random.Random) -> list[PlannedJob]:
    """The jobs that are registered during the run, in random order."""
    ordinary = size.jobs - size.lost_jobs - size.expired_jobs - size.stalled_jobs
    jobs = [_job(number, size.job_seconds, choices) for number in range(ordinary)]
    jobs += [PlannedJob(_new_id(choices), "lost", _way(choices)) for _ in range(size.lost_jobs)]
    choices.shuffle(jobs)
    return jobs


def registered_long_ago(size: Size, choices: random.Random) -> tuple[list[PlannedJob], list[PlannedJob]]:
    """Jobs that were registered long ago: those that expire, and those that are cancelled once they are stalled."""
    expired = [PlannedJob(_new_id(choices), "expired", seconds=None) for _ in range(size.expired_jobs)]
    stalled = [
        PlannedJob(_new_id(choices), "cancelled", seconds=None, stalled=True) for _ in range(size.stalled_jobs)
    ]
    return expired, stalled


def start(job: PlannedJob, state: SandboxState) -> str | None:
    """Upstream begins the job. Returns the bare id of its offer; None if it has none."""
    if not job.known_upstream:
        return None
    large = job.large and job.state == "failed"
    errors = [{"code": "conflict", "message": "m" * LARGE_CHARACTERS}] if large else []
    state.add_job(
        job_id=job.job_id,
        seconds=job.seconds,
        outcome="succeeded" if job.state == "expired" else job.state,
        operation=job.operation,
        errors=errors,
        private_offer=_offer(job.large),
    )
    if job.status_fails_first is not None:
        state.fault(job.status_fails_first, route="product-ingestion.job-status", job_id=job.job_id, count=1)
    if job.detail_fails_first:
        state.fault("server_error", route="product-ingestion.job-detail", job_id=job.job_id, count=1)
    found = state.find_job(job.job_id)
    return None if found is None else found.offer_id


def finished_jobs(count: int, state: SandboxState) -> list[str]:
    """Jobs that are completed upstream, half of them with a large offer."""
    long = {"notes": "n" * OLD_LARGE_CHARACTERS}
    offers = [private_offer_of("customerPromotion", **(long if number % 2 else {})) for number in range(count)]
    return [state.add_job(private_offer=offer) for offer in offers]


def offers(count: int, state: SandboxState) -> list[str]:
    """Offers of the baseline, every fourth of them large."""
    return [state.add_private_offer(_offer(number % 4 == 0)) for number in range(count)]


def cpp_offers(count: int, state: SandboxState) -> list[str]:
    """CPP offers that are being published: their ids."""
    names = [f"offer-{number}" for number in range(count)]
    for name in names:
        state.add_cpp_offer(CPP_PUBLISHER, name, status="running")
    return names


def in_the_run(jobs: Sequence[PlannedJob], *, late: bool) -> list[PlannedJob]:
    return [job for job in jobs if job.late == late]


def _job(number: int, most_seconds: float, choices: random.Random) -> PlannedJob:
    outcome = choices.choice(_OUTCOMES)
    return PlannedJob(
        job_id=_new_id(choices),
        state=outcome,
        way=_way(choices),
        late=number % 3 == 0,
        operation="delete" if outcome == "succeeded" and number % 7 == 0 else "create",
        seconds=choices.uniform(0, most_seconds),
        large=number % 8 == 0,
        status_fails_first=choices.choice(_FAILURES) if number % 10 == 0 else None,
        detail_fails_first=outcome == "succeeded" and number % 10 == 5,
    )


def _offer(large: bool) -> dict[str, object]:
    return private_offer_of("customerPromotion", **({"notes": "n" * LARGE_CHARACTERS} if large else {}))


def _way(choices: random.Random) -> Way:
    return "api" if choices.random() < 0.5 else "insert"


def _new_id(choices: random.Random) -> str:
    return str(uuid.UUID(int=choices.getrandbits(128), version=4))
