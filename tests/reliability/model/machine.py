"""The life of jobs, endpoints, deliveries and watched offers as a state machine, with whatever may go wrong."""

import copy

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from shared.clock import rfc3339
from tests.reliability.model.example import LARGE, Example
from tests.reliability.model.expected import broken_pages
from tests.reliability.model.process import Disturbance, Kind
from tests.reliability.model.settling import settle
from tests.reliability.model.system import CPP_OFFER
from tests.webhooks.receiver import Reply

TIMERS = ("poll_pending_jobs", "deliver_webhooks", "watch_offers", "clean_up")
CPP_STATUSES = ("running", "waitingForPublisherReview", "succeeded", "failed")
MOST_JOBS, MOST_OFFERS, MOST_ENDPOINTS = 6, 4, 3

_ANY = st.integers(0, 11)
_HOST = st.integers(0, 1)
_REQUEST = st.one_of(st.integers(1, 4), st.integers(1, 10), st.integers(1, 30))
_DISTURBANCE = st.one_of(
    st.none(),
    st.builds(Disturbance, st.just(Kind.KILLED), _REQUEST),
    st.builds(Disturbance, st.just(Kind.THROTTLED), _REQUEST, requests=st.sampled_from([1, 3, 60])),
    st.builds(Disturbance, st.just(Kind.LOST), _REQUEST, requests=st.sampled_from([1, 2])),
    st.builds(Disturbance, st.just(Kind.LATE), _REQUEST, seconds=st.sampled_from([3.0, 20.0, 50.0, 130.0])),
    st.builds(
        Disturbance,
        st.just(Kind.PAUSED),
        _REQUEST,
        seconds=st.sampled_from([0.0, 50.0, 130.0, 1000.0]),
        timer=st.sampled_from(TIMERS),
    ),
)
_FOLLOWED_VIA = st.sampled_from(["api", "row"])


class Model(Example):
    """Its rules change the system and what is expected of it."""

    @initialize()
    def make_a_baseline(self) -> None:
        self._add_endpoint("*")
        for _ in range(2):
            self._add_offer()
            self._begin_job("create")
        self.system.state.add_cpp_offer(*CPP_OFFER, status="running")
        self.cpp_status_at_first = self.system.cpp_status()
        self.system.run_timer("watch_offers")
        for offer in self.offers.values():
            offer.baseline = copy.copy(offer.now)
        assert self.system.take_arrivals(list(self.endpoints.values())) == []
        self._broken = False

    # Jobs

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(
        operation=st.sampled_from(["create", "create", "update", "delete"]),
        offer=_ANY,
        via=_FOLLOWED_VIA,
        disturbance=_DISTURBANCE,
        host=_HOST,
    )
    def job_begins(self, operation: str, offer: int, via: str, disturbance: Disturbance | None, host: int) -> None:
        with self._step("job begins"):
            self._begin_job(operation, offer, via, disturbance, host)

    @precondition(lambda self: self.jobs)
    @rule(job=_ANY, via=_FOLLOWED_VIA, disturbance=_DISTURBANCE, host=_HOST)
    def job_is_registered_again(self, job: int, via: str, disturbance: Disturbance | None, host: int) -> None:
        with self._step("job is registered again"):
            self._follow(self.jobs[job % len(self.jobs)], "unknown", via, disturbance, host)

    @precondition(lambda self: self._running())
    @rule(job=_ANY, outcome=st.sampled_from(["succeeded", "succeeded", "failed", "cancelled"]), large=st.booleans())
    def upstream_ends_a_job(self, job: int, outcome: str, large: bool) -> None:
        with self._step(f"upstream ends a job as {outcome}"):
            running = self._running()
            self.end_upstream(running[job % len(running)], outcome, large=large)

    @precondition(lambda self: self._running())
    @rule(job=_ANY)
    def upstream_forgets_a_job(self, job: int) -> None:
        with self._step("upstream forgets a job"):
            running = self._running()
            chosen = running[job % len(running)]
            self.system.forget_job(chosen.job_id)
            chosen.forgotten_at = self.now()

    @precondition(lambda self: self.jobs)
    @rule(job=_ANY, disturbance=_DISTURBANCE, host=_HOST)
    def job_is_checked(self, job: int, disturbance: Disturbance | None, host: int) -> None:
        with self._step("job is checked by hand"):
            job_id = self.jobs[job % len(self.jobs)].job_id
            self.system.run(lambda _: self.system.api(host).check(job_id), disturbance, host)

    @precondition(lambda self: self.jobs)
    @rule(job=_ANY, disturbance=_DISTURBANCE, host=_HOST)
    def job_is_removed(self, job: int, disturbance: Disturbance | None, host: int) -> None:
        with self._step("job is removed"):
            chosen = self.jobs[job % len(self.jobs)]
            answer = self.system.run(lambda _: self.system.api(host).remove(chosen.job_id), disturbance, host)
            known = self.system.knows_job(chosen.job_id)
            if answer is not None and answer.status == 204 and chosen.job_id not in self.put_back:
                assert not known, "a job that was removed is still there"
            if chosen.known and not known:
                chosen.removed_lives += 1
                chosen.known = False
                self.put_back.discard(chosen.job_id)
                self._nobody_may_tell(chosen)

    @precondition(lambda self: self.jobs)
    @rule(job=_ANY, member=st.sampled_from(["label", "externalId"]), disturbance=_DISTURBANCE, host=_HOST)
    def job_is_renamed(self, job: int, member: str, disturbance: Disturbance | None, host: int) -> None:
        with self._step(f"the {member} of a job changes"):
            chosen, since, value = (
                self.jobs[job % len(self.jobs)],
                self.now(),
                f"{member} at {self.now():%d %H:%M:%S}",
            )
            job_id, api = chosen.job_id, self.system.api(host)
            answer = self.system.run(lambda _: api.change(job_id, {member: value}), disturbance, host)
            stored = answer is not None and answer.status == 200
            if answer is None or answer.status >= 500:
                stored = self.system.api().job(job_id).json.get(member) == value
            if stored:
                chosen.members[member] = value
                changed = self.system.listed(500, host, updatedSince=rfc3339(since))
                assert job_id in changed, f"the change of job {job_id} is not in a listing"

    @precondition(lambda self: self.jobs)
    @rule(size=st.integers(1, 3), between=st.sampled_from(TIMERS[:3]), host=_HOST)
    def jobs_are_listed(self, size: int, between: str, host: int) -> None:
        with self._step("jobs are listed"):
            known = [job.job_id for job in self.jobs if job.known and job.job_id not in self.put_back]
            listed = self.system.listed(size, host, between)
            faults = broken_pages(known, [job_id for job_id in listed if job_id not in self.put_back])
            assert not faults, "\n".join(faults)

    # The timers

    @rule(
        after=st.sampled_from([0, 20, 58.7, 59, 60, 900]),
        job=_ANY,
        outcome=st.sampled_from(["", "succeeded", "succeeded", "failed", "cancelled"]),
        disturbance=_DISTURBANCE,
        host=_HOST,
    )
    def tick(self, after: float, job: int, outcome: str, disturbance: Disturbance | None, host: int) -> None:
        """Upstream may end a job just before."""
        running = self._running()
        if outcome and running:
            self.upstream_ends_a_job(job, outcome, large=job % 3 == 0)
        self._timer("poll_pending_jobs", after, disturbance, host)

    @rule(after=st.sampled_from([0, 45, 60, 330, 7200]), disturbance=_DISTURBANCE, host=_HOST)
    def retries(self, after: float, disturbance: Disturbance | None, host: int) -> None:
        self._timer("deliver_webhooks", after, disturbance, host)

    @rule(
        after=st.sampled_from([0, 60, 900]),
        offer=_ANY,
        change=st.sampled_from(["", "changed", "accepted", "deleted", *CPP_STATUSES]),
        disturbance=_DISTURBANCE,
        host=_HOST,
    )
    def watch_runs(self, after: float, offer: int, change: str, disturbance: Disturbance | None, host: int) -> None:
        """An offer may change just before."""
        if change in CPP_STATUSES:
            self.system.state.change_cpp_offer(*CPP_OFFER, status=change)
        elif change and self._there():
            self.offer_changes(offer, change)
        self._timer("watch_offers", after, disturbance, host)

    @rule(disturbance=_DISTURBANCE, host=_HOST)
    def clean_up_runs(self, disturbance: Disturbance | None, host: int) -> None:
        self._timer("clean_up", 0, disturbance, host)

    @rule(hours=st.sampled_from([1, 6, 24]))
    def time_passes(self, hours: int) -> None:
        with self._step("hours pass"):
            self.system.clock.advance(hours * 3600)

    # Endpoints

    @precondition(lambda self: len(self._present()) < MOST_ENDPOINTS)
    @rule(events=st.sampled_from(["*", "job.*"]))
    def endpoint_is_added(self, events: str) -> None:
        with self._step("endpoint is added"):
            self._add_endpoint(events)

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, host=_HOST)
    def endpoint_moves(self, endpoint: int, host: int) -> None:
        with self._step("endpoint moves"):
            chosen = self._chosen(endpoint)
            *_, number, version = chosen.url.split("/")
            url = self.system.url(int(number), int(version) + 1)
            self.system.webhooks_api(host).json("change", chosen.endpoint_id, body={"url": url})
            chosen.url = url

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, host=_HOST)
    def secret_is_rotated(self, endpoint: int, host: int) -> None:
        with self._step("secret is rotated"):
            chosen = self._chosen(endpoint)
            answer = self.system.webhooks_api(host).json("rotate_secret", chosen.endpoint_id)
            chosen.secrets.append(answer["secret"])

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, enabled=st.booleans(), host=_HOST)
    def endpoint_is_switched(self, endpoint: int, enabled: bool, host: int) -> None:
        with self._step(f"endpoint is {'enabled' if enabled else 'disabled'}"):
            chosen = self._chosen(endpoint)
            self.system.webhooks_api(host).json("change", chosen.endpoint_id, body={"enabled": enabled})
            chosen.listening_since = (chosen.listening_since or self.now()) if enabled else None

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, status=st.sampled_from([200, 200, 410, 500, 503]))
    def receiver_changes(self, endpoint: int, status: int) -> None:
        with self._step(f"receiver answers {status}"):
            headers = {"Retry-After": "120"} if status == 503 else {}
            self.system.answer(self._chosen(endpoint).url, Reply(status, headers=headers))

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, disturbance=_DISTURBANCE, host=_HOST)
    def dead_deliveries_are_sent_again(self, endpoint: int, disturbance: Disturbance | None, host: int) -> None:
        with self._step("dead deliveries are sent again"):
            endpoint_id, body = self._chosen(endpoint).endpoint_id, {"status": "dead"}
            self.system.run(
                lambda _: self.system.webhooks_api(host).call("redeliver_dead", endpoint_id, body=body),
                disturbance,
                host,
            )

    @precondition(lambda self: self._present())
    @rule(endpoint=_ANY, disturbance=_DISTURBANCE, host=_HOST)
    def endpoint_is_removed(self, endpoint: int, disturbance: Disturbance | None, host: int) -> None:
        with self._step("endpoint is removed"):
            chosen = self._chosen(endpoint)
            answer = self.system.run(
                lambda _: self.system.webhooks_api(host).call("remove", chosen.endpoint_id), disturbance, host
            )
            chosen.removed = not self.system.knows_endpoint(chosen.endpoint_id)
            assert chosen.removed or answer is None or answer.status != 204, "a removed endpoint is still there"

    # The portal

    @precondition(lambda self: len(self.offers) < MOST_JOBS + MOST_OFFERS)
    @rule(large=st.booleans())
    def offer_is_created(self, large: bool) -> None:
        with self._step("offer is created"):
            self._add_offer(**({"notes": LARGE} if large else {}))

    @precondition(lambda self: self._there())
    @rule(offer=_ANY, change=st.sampled_from(["changed", "changed", "accepted", "deleted"]))
    def offer_changes(self, offer: int, change: str) -> None:
        with self._step(f"offer is {change}"):
            there = self._there()
            chosen = there[offer % len(there)]
            match change:
                case "changed":
                    chosen.now.end = self._new_end()
                    self.system.state.change_private_offer(chosen.offer_id, end=chosen.now.end)
                case "accepted":
                    self.system.state.accept_private_offer(chosen.offer_id)
                    chosen.now.accepted = True
                case _ if not self._in_work(chosen):
                    self.system.state.delete_private_offer(chosen.offer_id)
                    chosen.now.there = False

    def teardown(self) -> None:
        try:
            if not self._broken:
                settle(self)
                self.visited.events.update(event.type for event in self.seen())
        finally:
            self.visited.disturbed.update(self.system.happened)
            self.visited.arrivals += len(self.system.arrivals)
            self.visited.status_requests += sum(map(len, self.system.status_requests().values()))
            self.system.close()
