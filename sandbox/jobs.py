"""Product Ingestion jobs: how they progress, and the answers to status requests (docs/upstream.md, quirks 1 to 9)."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sandbox.answers import JsonObject, seven_digits, trimmed
from sandbox.dialects import DIALECTS, IN_TURN, Dialect, check_dialect
from sandbox.schemas import FIRST_RELEASE, SCHEMA_BASE

BACKEND_HOST = "https://product-ingestion.mp.microsoft.com"  # quirk 5: not the host that clients call
OUTCOMES = ("succeeded", "failed", "cancelled")

type ScriptEntry = str | Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """The course of a job: seconds until it runs and until it completes (None: never), its outcome and dialect."""

    seconds: float | None = 15.0
    outcome: str = "succeeded"
    not_started_seconds: float = 2.0
    dialect: str = "plain"  # or in-turn

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}")
        check_dialect(self.dialect)
        given: tuple[object, ...] = (self.seconds, self.not_started_seconds)  # any type, if they came over HTTP
        for value in given:
            if value is not None and not (isinstance(value, int | float) and value >= 0):
                raise ValueError(f"seconds must be a number of 0 or more, not {value!r}")


def default_errors(offer_id: str) -> list[JsonObject]:
    """The default errors of a failed job: nested, without the outer `code`, which the dialect adds."""
    return [
        {
            "resourceId": f"private-offer/{offer_id}",
            "message": "The private offer cannot be published.",
            "details": [
                {
                    "code": "businessValidationError",
                    "message": "A beneficiary already has a private offer for this plan in the same period.",
                    "details": [
                        {"code": "invalidState", "resourceId": {"externalId": "beneficiary-1"}, "details": []}
                    ],
                }
            ],
        }
    ]


@dataclass
class Job:
    """One job. When it succeeds, `change` runs, and its detail shows `resources`."""

    job_id: str
    started_at: datetime
    profile: Profile
    operation: str
    dialect: Dialect
    offer_id: str | None = None
    errors: list[JsonObject] = field(default_factory=list)
    broken_rules: list[JsonObject] = field(default_factory=list)  # errors that the sandbox found itself
    script: deque[ScriptEntry] = field(default_factory=deque)
    change: Callable[[], None] | None = None
    resources: Callable[[], list[JsonObject]] = list
    cancelled_at: datetime | None = None
    scripted_state: str | None = None  # the state in the script's last answer

    @property
    def ends_at(self) -> datetime | None:
        """When its profile completes it; None if it never ends by itself."""
        if self.profile.seconds is None:
            return None
        return self.started_at + timedelta(seconds=self.profile.seconds)

    def state(self, now: datetime) -> str:
        """notStarted, running, succeeded, failed or cancelled."""
        if self.cancelled_at is not None:
            return "cancelled"
        if self.scripted_state is not None or self.script:
            return self.scripted_state or "notStarted"
        if self.ends_at is not None and now >= self.ends_at:
            return self.profile.outcome
        started = now >= self.started_at + timedelta(seconds=self.profile.not_started_seconds)
        return "running" if started else "notStarted"

    def next_script_entry(self) -> ScriptEntry | None:
        """The script's next answer; the last one repeats for ever. None without a script."""
        if not self.script:
            return None
        entry = self.script.popleft() if len(self.script) > 1 else self.script[0]
        state = entry if isinstance(entry, str) else entry.get("state")
        if state is not None:
            self.scripted_state = str(state)
        return entry

    def status(self, now: datetime, version: str = FIRST_RELEASE) -> JsonObject:
        """The current configure-status body, in a version of its schema."""
        state = self.state(now)
        completed = state in OUTCOMES
        write = trimmed if self.dialect.trimmed_fractions else seven_digits
        word = self.dialect.word
        space = " " if completed and self.dialect.leading_space else ""
        body: JsonObject = {
            "$schema": f"{space}{SCHEMA_BASE}/configure-status/{version}",
            self.dialect.job_id_key: self.job_id,
            "jobStatus": word("completed" if completed else state),
            "jobResult": word(state if completed else "pending"),
            "jobStart": write(self.started_at),
        }
        if completed:
            body["jobEnd"] = write(self.cancelled_at or min(now, self.ends_at or now))
        elif (end := self.dialect.end_while_pending(write(self.started_at + timedelta(seconds=15.4)))) is not None:
            body["jobEnd"] = end
        if state == "succeeded" and self.operation != "delete":  # quirk 7: a delete has none
            body["resourceUri"] = f"{BACKEND_HOST}/configure/{self.job_id}"
        body["errors"] = self._errors() if state == "failed" else []
        return body

    def _errors(self) -> list[JsonObject]:
        errors = self.errors
        if not errors:
            code = "Conflict" if self.dialect.capital_conflict else "conflict"
            own = self.broken_rules or default_errors(self.offer_id or str(uuid4()))
            errors = [{"code": code, **error} for error in own]
        return [_with_empty_details(error, self.dialect) for error in errors]


def _with_empty_details(error: JsonObject, dialect: Dialect) -> JsonObject:
    """The error with empty `details` written as [], as {} or omitted (quirk 8)."""
    written = {key: value for key, value in error.items() if key != "details"}
    details = error.get("details")
    if details:
        written["details"] = [_with_empty_details(detail, dialect) for detail in details]
    elif dialect.empty_details != "missing":
        written["details"] = {} if dialect.empty_details == "object" else []
    return written


class JobStore:
    """All jobs by id."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._unapplied: list[Job] = []

    def find(self, job_id: str) -> Job | None:
        """The job with this id, in any case."""
        return self._jobs.get(job_id.lower())

    def all(self) -> list[Job]:
        """Every job, oldest first."""
        return list(self._jobs.values())

    def add(
        self,
        now: datetime,
        *,
        job_id: str | None = None,
        profile: Profile,
        operation: str = "create",
        offer_id: str | None = None,
        errors: Sequence[JsonObject] = (),
        broken_rules: Sequence[JsonObject] = (),
        script: Sequence[ScriptEntry] = (),
        change: Callable[[], None] | None = None,
        resources: Callable[[], list[JsonObject]] = list,
    ) -> Job:
        """Adds a job that starts now."""
        job = Job(
            job_id=(job_id or str(uuid4())).lower(),
            started_at=now,
            profile=profile,
            operation=operation,
            dialect=self._dialect_of(profile),
            offer_id=offer_id,
            errors=list(errors),
            broken_rules=list(broken_rules),
            script=deque(script),
            change=change,
            resources=resources,
        )
        self._jobs[job.job_id] = job
        if change is not None:
            self._unapplied.append(job)
        return job

    def settle(self, now: datetime) -> None:
        """Applies the changes of the jobs that have ended, in the order of their ends."""
        ended = [job for job in self._unapplied if job.state(now) in OUTCOMES]
        if not ended:
            return
        for job in sorted(ended, key=lambda job: job.ends_at or now):
            if job.change is not None and job.state(now) == "succeeded":
                job.change()
            job.change = None
        self._unapplied = [job for job in self._unapplied if job.change is not None]

    def working_on(self, offer_id: str) -> bool:
        """Whether a job that changes this offer is still running."""
        return any(job.offer_id == offer_id for job in self._unapplied)

    def _dialect_of(self, profile: Profile) -> Dialect:
        if profile.dialect == IN_TURN:
            return list(DIALECTS.values())[len(self._jobs) % len(DIALECTS)]
        return DIALECTS[profile.dialect]
