"""One example of the model test: a system, what is expected of it, and the comparison of the two after every step."""

import copy
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from tests.reliability.model.expected import (
    EXPIRES_AFTER,
    JOB_HISTORY,
    ExpectedEndpoint,
    ExpectedJob,
    ExpectedOffer,
    Offer,
    Seen,
    broken_ends,
    broken_members,
    broken_news,
    broken_sending,
    broken_spacing,
)
from tests.reliability.model.process import Disturbance
from tests.reliability.model.system import Place, System

LARGE = "x" * 40_000


@dataclass
class Visited:
    """What all examples of a run have been through. States are abstract: how many of what are in which phase."""

    examples: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    states: set[tuple[object, ...]] = field(default_factory=set)
    transitions: set[tuple[tuple[object, ...], str, tuple[object, ...]]] = field(default_factory=set)
    disturbed: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    status_requests: int = 0
    arrivals: int = 0

    def figures(self) -> dict[str, int]:
        return {
            "lives": self.examples,
            "steps": self.steps.total(),
            "different states": len(self.states),
            "different transitions (state, step, state)": len(self.transitions),
            "runs and calls in which a request to storage went wrong": self.disturbed.total(),
            "status requests that upstream received": self.status_requests,
            "webhook requests that the receiver received": self.arrivals,
            "events": self.events.total(),
        }


class Example(RuleBasedStateMachine):
    """Has no rules of its own: `model_machine.py` adds them."""

    def __init__(self, place: Place, visited: Visited) -> None:
        super().__init__()
        self.visited = visited
        self.system = System(place)
        self.jobs: list[ExpectedJob] = []
        self.offers: dict[str, ExpectedOffer] = {}
        self.offer_of_job: dict[str, str] = {}
        self.put_back: set[str] = set()
        self.endpoints: dict[str, ExpectedEndpoint] = {}
        self.cpp_status_at_first: dict[str, Any] = {}
        self._ends = 0
        self._broken = True  # until the baseline is there, and during each step
        visited.examples += 1

    def seen(self) -> list[Seen]:
        """Every event so far, as the first endpoint has received it; it is never disturbed."""
        return self.system.events(next(iter(self.endpoints)))

    def end_upstream(self, job: ExpectedJob, outcome: str, *, large: bool = False) -> None:
        """Let upstream finish the job, and note who has to tell of its offer."""
        offer = self.offers.get(self.offer_of_job.get(job.job_id, ""))
        if outcome != "succeeded" or offer is None:
            self.system.end_job(job.job_id, outcome)
        else:
            state = self.system.api().job(job.job_id).json.get("state")
            end, extra = self._new_end(), {"notes": LARGE} if large else {}
            self.system.end_job(job.job_id, outcome, offer_id=offer.offer_id, end=end, **self._first(offer), **extra)
            offer.now = Offer(there=True, end=end, accepted=offer.now.accepted)
            if state == "pending":
                offer.told_by_jobs.append((self.now(), end))
                offer.unsure = offer.unsure or job.job_id in self.put_back
        job.outcome, job.ended_at = outcome, self.now()

    def check_kept_jobs(self) -> None:
        """After a clean-up: only jobs that ended long ago may be gone (promise 21 in docs/promises.md)."""
        ends = self._ends_seen()
        for job in [job for job in self.jobs if job.known]:
            # An end that nobody has been told of yet is not before any of these.
            ended_at = ends.get(job.job_id) or job.ended_at or job.forgotten_at or job.began_at + EXPIRES_AFTER
            may_be_gone = ended_at <= self.now() - JOB_HISTORY
            if not self.system.knows_job(job.job_id):
                assert may_be_gone, f"promise 21: job {job.job_id} is gone"
                job.known = False
            elif may_be_gone and job.job_id in self.put_back:  # its record has gone: it may end as a new one
                job.lives += 1
                job.removed_lives += 1

    def check_members(self) -> None:
        """Jobs have the labels that callers have given them (promise 23 in docs/promises.md)."""
        for job in self.jobs:
            # A job that is put back is new in `pending`, and has a record as well.
            if job.known and job.members and job.job_id not in self.put_back:
                faults = broken_members(job, self.system.api().job(job.job_id).json)
                assert not faults, "\n".join(faults)

    def check_step(self, before: dict[str, ExpectedEndpoint]) -> None:
        """Compare what has arrived and what was asked with what is expected."""
        arrivals = self.system.take_arrivals(list(self.endpoints.values()))
        faults = broken_sending(arrivals, before, self.endpoints)
        faults += broken_spacing(self.system.status_requests())
        faults += broken_ends(self.jobs, self.seen(), settled=False)
        assert not faults, "\n".join([*faults, *self.system.story()])

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.system.clock.advance(1)
        before, state = copy.deepcopy(self.endpoints), self._state()
        self._broken = True
        yield
        self.check_step(before)
        if self.system.cleaned_up:
            self.system.cleaned_up = False
            self.check_kept_jobs()
        self.check_members()
        self._broken = False
        self.visited.steps[name] += 1
        self.visited.states.add(self._state())
        self.visited.transitions.add((state, name, self._state()))

    def _timer(self, timer: str, after: float, disturbance: Disturbance | None, host: int) -> None:
        with self._step(timer):
            self.system.clock.advance(after)
            self.system.run_timer(timer, disturbance, host)

    def _begin_job(
        self, operation: str, offer: int = 0, via: str = "api", disturbance: Disturbance | None = None, host: int = 0
    ) -> None:
        """Start a job upstream, and follow it. An update changes an offer that no other job is changing."""
        job = ExpectedJob(f"00000000-0000-4000-8000-{len(self.jobs) + 1:012x}", began_at=self.now())
        free = [each.offer_id for each in self.offers.values() if each.now.there and not self._in_work(each)]
        if operation == "update" and free:
            self.offer_of_job[job.job_id] = free[offer % len(free)]
        elif operation != "delete":
            made = ExpectedOffer(f"0ffe0000-0000-4000-8000-{len(self.jobs) + 1:012x}", self._accept_by())
            self.offers[made.offer_id] = made
            self.offer_of_job[job.job_id] = made.offer_id
        self.jobs.append(job)
        self.system.start_job(job.job_id, operation=operation, offer_id=self.offer_of_job.get(job.job_id))
        self._follow(job, operation, via, disturbance, host)

    def _follow(self, job: ExpectedJob, operation: str, via: str, disturbance: Disturbance | None, host: int) -> None:
        known = True
        if via == "row":
            if self.system.insert_job(job.job_id) and job.known:
                self.put_back.add(job.job_id)
        else:
            body = {"jobId": job.job_id, "operation": operation}
            answer = self.system.run(lambda _: self.system.api(host).register(body), disturbance, host)
            if answer is None or answer.status >= 500:
                known = self.system.knows_job(job.job_id)
            elif answer.status == 202 and job.known:
                assert self.system.cleaned_up, "a job that is known was taken for a new one"
                job.known = False
        if known and not job.known:
            job.lives += 1
            job.known, job.began_at, job.members = True, self.now(), {}
            if job.outcome is not None:
                self._nobody_may_tell(job)

    def _nobody_may_tell(self, job: ExpectedJob) -> None:
        """The job has changed its offer, and was or is not followed meanwhile."""
        offer = self.offers.get(self.offer_of_job.get(job.job_id, ""))
        if offer is not None and job.outcome == "succeeded" and job.job_id not in self._ends_seen():
            offer.unsure = True

    def _ends_seen(self) -> dict[str, datetime]:
        """When each job ended that somebody was told of."""
        events = [event for event in self.seen() if event.type.startswith("job.") and event.type != "job.stalled"]
        return {str(event.data["job"]["jobId"]): event.at for event in events}

    def _add_endpoint(self, events: str) -> None:
        url = self.system.url(len(self.endpoints), 1)
        answer: dict[str, Any] = self.system.webhooks_api().register(url, events=[events])
        self.endpoints[answer["id"]] = ExpectedEndpoint(answer["id"], url, [answer["secret"]], events, self.now())

    def _add_offer(self, **members: Any) -> None:  # noqa: ANN401 - JSON
        offer = ExpectedOffer(f"0ffe1000-0000-4000-8000-{len(self.offers) + 1:012x}", self._accept_by())
        offer.now = Offer(there=True, end=self._new_end())
        self.system.state.add_private_offer(
            id=f"private-offer/{offer.offer_id}", end=offer.now.end, acceptBy=offer.accept_by, **members
        )
        self.offers[offer.offer_id] = offer

    def _first(self, offer: ExpectedOffer) -> dict[str, str]:
        return {} if offer.now.there else {"acceptBy": offer.accept_by}

    def _new_end(self) -> str:
        self._ends += 1
        return f"{datetime(2028, 1, 1) + timedelta(days=self._ends):%Y-%m-%d}"  # noqa: DTZ001 - a date

    def _accept_by(self) -> str:
        return f"{self.now() + timedelta(days=2):%Y-%m-%d}"

    def now(self) -> datetime:
        return self.system.clock.now().replace(microsecond=0)

    def _running(self) -> list[ExpectedJob]:
        return [job for job in self.jobs if job.outcome is None and job.forgotten_at is None]

    def _there(self) -> list[ExpectedOffer]:
        return [offer for offer in self.offers.values() if offer.now.there]

    def _present(self) -> list[ExpectedEndpoint]:
        """The endpoints that have not been removed, without the first, which sees everything."""
        return [endpoint for endpoint in list(self.endpoints.values())[1:] if not endpoint.removed]

    def _chosen(self, endpoint: int) -> ExpectedEndpoint:
        return self._present()[endpoint % len(self._present())]

    def _in_work(self, offer: ExpectedOffer) -> bool:
        """Whether a job that changes this offer has not told of it yet."""
        ended = self._ends_seen()
        return any(
            self.offer_of_job.get(job.job_id) == offer.offer_id and job.job_id not in ended for job in self.jobs
        )

    def _state(self) -> tuple[object, ...]:
        """How many jobs, endpoints and offers are in which phase: none, one, or several."""
        announced = self._ends_seen()
        phases = Counter(_phase(job, announced) for job in self.jobs)
        phases.update(self._phase_of(endpoint) for endpoint in list(self.endpoints.values())[1:])
        seen = self.seen()
        for offer in self.offers.values():
            known = "known" if not broken_news(offer, seen, self.now()) else "to be told"
            phases[
                f"offer {known}, {'accepted' if offer.now.accepted else 'there' if offer.now.there else 'gone'}"
            ] += 1
        return tuple(sorted((phase, min(count, 2)) for phase, count in phases.items()))

    def _phase_of(self, endpoint: ExpectedEndpoint) -> str:
        if endpoint.removed or endpoint.listening_since is None:
            return f"endpoint {'removed' if endpoint.removed else 'disabled'}"
        return f"endpoint answers {self.system.status_of(endpoint.url)}"


def _phase(job: ExpectedJob, announced: Collection[str]) -> str:
    upstream = job.outcome or ("forgotten" if job.forgotten_at else "running")
    return f"job {upstream}, {'known' if job.known else 'unknown'}{', announced' if job.job_id in announced else ''}"
