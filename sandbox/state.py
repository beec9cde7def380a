"""The sandbox's state, in memory and behind one lock. Tests and the control endpoint use it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, get_type_hints

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox.answers import JsonObject
from sandbox.cpp_offers import CppOfferStore
from sandbox.dialects import check_dialect
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.faults import FaultBoard
from sandbox.jobs import Job, JobStore, Profile, ScriptEntry
from sandbox.offer_actions import OfferActions
from sandbox.private_offers import PrivateOfferStore
from sandbox.request_log import JOB_STATUS_ROUTE, LoggedRequest, RequestLog, minimum_spacing_seconds
from sandbox.sample_offers import private_offer_of
from sandbox.scripted_answers import check_script
from sandbox.tokens import TOKEN_LIFETIME_SECONDS, Account, TokenService


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


@dataclass
class SandboxSettings:
    """The settings, which README.md describes. Raises ValueError for an invalid value."""

    dialect: str = "plain"  # of new jobs without their own
    latency_milliseconds: float = 0.0  # added to every answer of the three services
    job_seconds: float = 15.0  # from POST configure to completed
    not_started_seconds: float = 2.0
    page_size: int = 2  # of the private-offer list
    list_whole_offers: bool = False  # the list has whole offers, not summaries
    list_etags: bool = True  # the list's items have an eTag
    pascal_case_offers: bool = False  # `Live` instead of `live` in every answer about a private offer
    configure_status: int = 200  # 202 has been seen too
    detail_before_completion: int = 404  # or 400
    require_version: bool = False  # answer 400 to a request without $version
    cpp_etag: bool = False  # the migrated Cloud Partner Portal sends none
    token_lifetime_seconds: int = TOKEN_LIFETIME_SECONDS

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number if kind in (int, float) else isinstance(value, kind)):
                wanted = {bool: "true or false", str: "a string"}.get(kind, "a number")
                raise ValueError(f"{name} must be {wanted}, not {value!r}")
            setattr(self, name, kind(value))
        check_dialect(self.dialect)

    def changed(self, values: Mapping[str, Any]) -> "SandboxSettings":
        """A copy with these values, by field name. Raises ValueError, also for an unknown name."""
        known = {setting.name for setting in fields(self)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown settings {unknown}; known: {sorted(known)}")
        return replace(self, **values)


class SandboxState(OfferActions):
    """The state. It is thread-safe: the server uses it in its own thread, tests in theirs."""

    def __init__(
        self,
        certificate_key: RSAPublicKey,
        *,
        settings: SandboxSettings | None = None,
        account: Account | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.account = account or Account()
        self.tokens = TokenService(self.account, certificate_key, clock)
        self.route_names: frozenset[str] = frozenset()  # set by the application
        self._first_settings = settings or SandboxSettings()
        self._start_empty()

    def _start_empty(self) -> None:
        self.settings = replace(self._first_settings)
        self.jobs = JobStore()
        self.private_offers = PrivateOfferStore()
        self.cpp_offers = CppOfferStore(self.clock())
        self.faults = FaultBoard(FAULT_NAMES)
        self.log = RequestLog()
        self.next_profiles: list[Profile] = []
        self.tokens.lifetime_seconds = self.settings.token_lifetime_seconds

    def reset(self) -> None:
        """Restores the initial settings and the sample CPP offers, without jobs or faults. Tokens stay valid."""
        with self.lock:
            self._start_empty()

    def change_settings(self, **values: object) -> None:
        """Changes settings by their names in SandboxSettings. Raises ValueError."""
        with self.lock:
            self.settings = self.settings.changed(values)
            self.tokens.lifetime_seconds = self.settings.token_lifetime_seconds

    def set_latency(self, milliseconds: float) -> None:
        """Delays every answer."""
        self.change_settings(latency_milliseconds=milliseconds)

    def add_job(
        self,
        *,
        job_id: str | None = None,
        seconds: float | None = 0.0,
        outcome: str = "succeeded",
        not_started_seconds: float = 0.0,
        operation: str = "create",
        script: Sequence[ScriptEntry] = (),
        errors: Sequence[JsonObject] = (),
        private_offer: JsonObject | None = None,
        resources: Sequence[JsonObject] | None = None,
        dialect: str | None = None,
    ) -> str:
        """Adds a job and returns its id. By default it has succeeded by its first status request.

        Args:
            job_id: A GUID; a new one by default.
            seconds: How long it takes; None if it never ends.
            outcome: succeeded, failed or cancelled.
            not_started_seconds: How long it is notStarted before it runs.
            operation: create, update, delete, withdraw or upgrade; a delete has no detail.
            script: One answer for each status request, instead of times (README.md).
            errors: The errors of a failed job; by default invented, nested ones.
            private_offer: The offer of its detail and of `private-offer/{id}`; by default a sample offer.
            resources: The detail's resources, unchanged, instead of an offer.
            dialect: The form of its answers (README.md); by default the setting's.
        """
        check_script(script)
        with self.lock:
            now = self.clock()
            profile = Profile(seconds, outcome, not_started_seconds, dialect or self.settings.dialect)
            offer: JsonObject | None = None
            if resources is None and operation != "delete":
                offer = self._put(private_offer or private_offer_of("customerPromotion"))
            fixed = list(resources or [])
            return self.jobs.add(
                now,
                job_id=job_id,
                profile=profile,
                operation=operation,
                offer_id=offer["id"].removeprefix("private-offer/") if offer else None,
                errors=errors,
                script=script,
                resources=lambda: [offer, *self.private_offers.prices_of(offer)] if offer else fixed,
            ).job_id

    def fault(
        self,
        kind: str,
        *,
        route: str | None = None,
        method: str | None = None,
        job_id: str | None = None,
        path_contains: str | None = None,
        count: int | None = None,
        **parameters: object,
    ) -> int:
        """Switches a fault on (README.md lists them) and returns its number. Raises ValueError."""
        if route is not None and not any(name == route or name.startswith(f"{route}.") for name in self.route_names):
            raise ValueError(f"unknown route {route!r}; known: {', '.join(sorted(self.route_names))}")
        with self.lock:
            return self.faults.set(
                kind,
                route=route,
                method=method,
                job_id=job_id,
                path_contains=path_contains,
                count=count,
                **parameters,
            ).fault_id

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Switches one fault off, or all."""
        with self.lock:
            self.faults.clear(fault_id)

    def revoke_tokens(self, audience: str | None = None) -> int:
        """Makes every token issued so far invalid, for one API or all, and returns how many there were."""
        with self.lock:
            return self.tokens.revoke(audience)

    def prepare_next_job(
        self,
        *,
        seconds: float | None,
        outcome: str = "succeeded",
        not_started_seconds: float = 0.0,
        dialect: str | None = None,
    ) -> None:
        """Sets the course of the job that the next POST configure starts. A second call is for the job after it."""
        with self.lock:
            dialect = dialect or self.settings.dialect
            self.next_profiles.append(Profile(seconds, outcome, not_started_seconds, dialect))

    def profile_of_next_job(self) -> Profile:
        """The profile prepared for the next job, or that of the settings."""
        if self.next_profiles:
            return self.next_profiles.pop(0)
        settings = self.settings
        return Profile(settings.job_seconds, "succeeded", settings.not_started_seconds, settings.dialect)

    def find_job(self, job_id: str) -> Job | None:
        """The job, after applying the changes of all jobs that have ended."""
        self.jobs.settle(self.clock())
        return self.jobs.find(job_id)

    def requests(
        self, *, route: str | None = None, job_id: str | None = None, method: str | None = None, after: int = 0
    ) -> list[LoggedRequest]:
        """The logged requests, oldest first; `after` is the number of a request."""
        with self.lock:
            return self.log.select(route=route, job_id=job_id, method=method, after=after)

    def status_requests(self, job_id: str) -> list[LoggedRequest]:
        """The status requests for one job."""
        return self.requests(route=JOB_STATUS_ROUTE, job_id=job_id)

    def minimum_spacing_seconds(self, job_id: str | None = None) -> float | None:
        """The shortest time between two status requests of the same job, over all jobs or one."""
        with self.lock:
            by_job = self.log.status_requests()
        chosen = [by_job.get(job_id.lower(), [])] if job_id else list(by_job.values())
        spacings = [spacing for requests in chosen if (spacing := minimum_spacing_seconds(requests)) is not None]
        return min(spacings, default=None)

    def clear_requests(self) -> None:
        """Forgets the requests logged so far."""
        with self.lock:
            self.log.clear()


STATE = web.AppKey("state", SandboxState)  # the state's key in the web application
