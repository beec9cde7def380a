"""All that the sandbox knows, in memory, behind one lock: the face that tests and the control endpoint use."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox.answers import JsonObject
from sandbox.cpp_offers import CppOfferStore
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.faults import FaultBoard
from sandbox.jobs import Job, JobStore, Profile, ScriptEntry
from sandbox.private_offers import PrivateOfferStore, price_resources
from sandbox.request_log import JOB_STATUS_ROUTE, LoggedRequest, RequestLog, minimum_spacing_seconds
from sandbox.sample_offers import private_offer_of
from sandbox.scripted_answers import check_script
from sandbox.tokens import Account, TokenService


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


@dataclass
class SandboxSettings:
    """What can be turned, with the simulator defaults of upstream-api part E."""

    latency_milliseconds: float = 0.0  # added to every answer of the three services
    job_seconds: float = 15.0  # from POST configure to completed
    not_started_seconds: float = 2.0
    page_size: int = 2  # of the private-offer list
    configure_status: int = 200  # 202 is seen too
    detail_before_completion: int = 404  # or 400
    require_version: bool = True  # a missing $version or api-version is 400
    cpp_etag: bool = False  # the migrated CPP sends none
    token_lifetime_seconds: int = 3599

    def change(self, values: Mapping[str, Any]) -> None:
        """Sets what is given, by field name. Raises ValueError for an unknown name."""
        known = {setting.name for setting in fields(self)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown settings {unknown}; known: {sorted(known)}")
        for name, value in values.items():
            kind = type(getattr(self, name))
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be {'true or false' if kind is bool else 'a number'}")
            setattr(self, name, kind(value))


class SandboxState:
    """Thread-safe. The server works on it in its own thread, tests in theirs."""

    def __init__(
        self,
        certificate_key: RSAPublicKey,
        *,
        account: Account | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.account = account or Account()
        self.tokens = TokenService(self.account, certificate_key, clock)
        self.route_names: frozenset[str] = frozenset()  # the application names its routes here
        self._start_empty()

    def _start_empty(self) -> None:
        self.settings = SandboxSettings()
        self.jobs = JobStore()
        self.private_offers = PrivateOfferStore()
        self.cpp_offers = CppOfferStore(self.clock())
        self.faults = FaultBoard(FAULT_NAMES)
        self.log = RequestLog()
        self.next_profiles: list[Profile] = []
        self.tokens.lifetime_seconds = self.settings.token_lifetime_seconds

    def reset(self) -> None:
        """Back to the start: sample CPP offers, no jobs, no faults. Tokens stay good, see revoke_tokens."""
        with self.lock:
            self._start_empty()

    def change_settings(self, **values: object) -> None:
        """Changes settings by their names in SandboxSettings. Raises ValueError."""
        with self.lock:
            self.settings.change(values)
            self.tokens.lifetime_seconds = self.settings.token_lifetime_seconds

    def set_latency(self, milliseconds: float) -> None:
        """Adds so much to every answer."""
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
        """Adds a job and answers its id. By default its first status request finds it succeeded.

        Args:
            job_id: A GUID; made up if absent.
            seconds: How long it takes; None for a job that never ends.
            outcome: succeeded, failed or cancelled.
            not_started_seconds: How long it is notStarted before it runs.
            operation: create, update, delete, withdraw or upgrade; a delete has no detail.
            script: One answer per status request instead of a time profile (sandbox/README.md).
            errors: The errors of a failed job; nested ones are made up if absent.
            private_offer: What its detail shows and `private-offer/{id}` serves; a sample offer if absent.
            resources: The detail's resources word for word, instead of an offer.
            dialect: How it is written (sandbox/README.md); jobs take turns if absent.
        """
        check_script(script)
        with self.lock:
            now = self.clock()
            profile = Profile(seconds, outcome, not_started_seconds)
            offer: JsonObject | None = None
            if resources is None and operation != "delete":
                offer = self.private_offers.put(private_offer or private_offer_of("customerPromotion"), now)
            fixed = list(resources or [])
            return self.jobs.add(
                now,
                job_id=job_id,
                profile=profile,
                operation=operation,
                dialect=dialect,
                offer_id=offer["id"].removeprefix("private-offer/") if offer else None,
                errors=errors,
                script=script,
                resources=lambda: [*price_resources(offer), offer] if offer else fixed,
            ).job_id

    def add_private_offer(self, private_offer: JsonObject | None = None, **fields: object) -> str:
        """Adds an offer (a live customer offer, with `fields` changed, if none is given) and answers its bare id."""
        with self.lock:
            resource = {**(private_offer or private_offer_of("customerPromotion")), **fields}
            stored = self.private_offers.put(resource, self.clock())
            return str(stored["id"]).removeprefix("private-offer/")

    def accept_private_offer(self, offer_id: str) -> bool:
        """What the customer does in the Azure portal, the API cannot; False if there is no such live offer."""
        with self.lock:
            self.jobs.settle(self.clock())
            offer = self.private_offers.find(offer_id)
            if offer is None or offer["state"] != "live":
                return False
            offer["subState"] = "accepted"
            return True

    def add_cpp_offer(
        self,
        publisher_id: str,
        offer_id: str,
        *,
        status: str = "succeeded",
        versions: int = 3,
        **fields: object,
    ) -> None:
        """Adds a CPP offer to a publisher, who is made accessible by that."""
        with self.lock:
            self.cpp_offers.add(publisher_id, offer_id, status=status, versions=versions, **fields)

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
        """Switches a fault on (sandbox/README.md names them) and answers its number. Raises ValueError."""
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
        """From now on every token issued so far is answered 401."""
        with self.lock:
            return self.tokens.revoke(audience)

    def prepare_next_job(
        self, *, seconds: float | None, outcome: str = "succeeded", not_started_seconds: float = 0.0
    ) -> None:
        """Decides about the job that the next POST configure makes; called twice, about the next two."""
        with self.lock:
            self.next_profiles.append(Profile(seconds, outcome, not_started_seconds))

    def profile_of_next_job(self) -> Profile:
        """The profile prepared for it, or the one of the settings."""
        if self.next_profiles:
            return self.next_profiles.pop(0)
        return Profile(self.settings.job_seconds, "succeeded", self.settings.not_started_seconds)

    def find_job(self, job_id: str) -> Job | None:
        """The job; what has ended by now is settled first."""
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
        """The shortest time between two status requests of one job, over all jobs unless one is named."""
        with self.lock:
            by_job = self.log.status_requests()
        chosen = [by_job.get(job_id.lower(), [])] if job_id else list(by_job.values())
        spacings = [spacing for requests in chosen if (spacing := minimum_spacing_seconds(requests)) is not None]
        return min(spacings, default=None)

    def clear_requests(self) -> None:
        """Forgets the requests logged so far."""
        with self.lock:
            self.log.clear()
