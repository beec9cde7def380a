"""Two weeks of history: what happened when, and how the app and the sandbox are taken through it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from local.samples import offers
from local.samples.jobs import FINISHED_JOBS, PENDING_JOBS, SampleJob
from local.samples.offers import SampleOffer
from local.samples.past import PastApp, SetClock
from local.samples.sandbox_control import SandboxControl

_TICK = timedelta(minutes=1)
_WEBHOOKS_SINCE = timedelta(days=13, hours=23)
# Long enough for some of its deliveries to be dead, and not yet the five days after which it would be disabled.
_FAILING_SINCE = timedelta(days=4, hours=18)
_BAD_NEWS = ("job.failed", "job.cancelled", "job.lost", "job.expired", "job.stalled")
_DELIVERIES_EVERY = timedelta(hours=6)
_AFTER_BAD_NEWS = tuple(timedelta(minutes=minutes) for minutes in (2, 8, 45, 200))
# A job that upstream fails, does not know or forgets is polled more often than one that succeeds.
_LATER_POLLS_MINUTES = (3, 7, 15)
_STALLED_POLLS_HOURS = (4, 9, 14, 19, 24, 28)
_FORGOTTEN_POLLS_DAYS = (1, 7, 14, 30)
_ACCEPTED = ((offers.BELLOWS, 11.1), (offers.PROSEWARE, 9.0), (offers.ADVENTURE_WORKS, 8.3))

type Action = Callable[[], None]


@dataclass(frozen=True)
class History:
    """Takes the app and the sandbox from two weeks ago to `now`."""

    app: PastApp
    clock: SetClock
    sandbox: SandboxControl
    receiver_url: str
    now: datetime

    def happen(self) -> None:
        """Everything in its order, each at its moment."""
        for moment, action in sorted(self._moments(), key=lambda each: each[0]):
            self.clock.moment = moment
            action()

    def _moments(self) -> Iterator[tuple[datetime, Action]]:
        yield self.now - timedelta(days=34), self._set_up
        for job in FINISHED_JOBS + PENDING_JOBS:
            yield job.registered_at(self.now), partial(self._begin, job)
        for moment in self._ticks():
            yield moment, self.app.poll
        for moment in self._deliveries():
            yield moment, self.app.deliver
        for offer, days_ago in _ACCEPTED:
            yield self.now - timedelta(days=days_ago), partial(self._accept, offer)
        yield self.now - _WEBHOOKS_SINCE, partial(self._register_webhook, "Orders in the CRM", "accepting", ("*",))
        yield (
            self.now - _FAILING_SINCE,
            partial(self._register_webhook, "The old ticket system", "failing", _BAD_NEWS),
        )

    def _set_up(self) -> None:
        today = self.now.date()
        created = (today - timedelta(days=34)).isoformat()
        self.sandbox.post("private-offers", offers.COHO.resource(today, today) | {"lastModified": created})
        for cpp_offer in offers.cpp_offers():
            self.sandbox.post("cpp-offers", cpp_offer)

    def _begin(self, job: SampleJob) -> None:
        self.sandbox.post("jobs", job.at_sandbox(self.now))
        names = {"operation": job.operation, "label": job.label, "externalId": job.external_id}
        self.app.register_job({"jobId": job.job_id, **names})

    def _accept(self, offer: SampleOffer) -> None:
        accepted = {"subState": "accepted", "lastModified": self.clock.now().date().isoformat()}
        self.sandbox.patch(f"private-offers/{offer.offer_id}", accepted)

    def _register_webhook(self, description: str, name: str, events: Sequence[str]) -> None:
        url = f"{self.receiver_url}/samples/{name}"
        self.app.register_webhook({"url": url, "description": description, "events": list(events)})

    def _ticks(self) -> set[datetime]:
        """The whole minutes at which the app polled."""
        ticks = set()
        for job in FINISHED_JOBS + PENDING_JOBS:
            first = job.registered_at(self.now).replace(second=0) + _TICK
            after = [*range(job.polls), *(_LATER_POLLS_MINUTES if job.outcome is None else ())]
            ticks |= {first + minutes * _TICK for minutes in after}
        forgotten, stalled = (job.registered_at(self.now) + _TICK for job in (FINISHED_JOBS[0], PENDING_JOBS[0]))
        ticks |= {forgotten + timedelta(days=days) for days in _FORGOTTEN_POLLS_DAYS}
        ticks |= {stalled + timedelta(hours=hours) for hours in _STALLED_POLLS_HOURS}
        return {tick for tick in ticks if tick < self.now - _TICK}

    def _deliveries(self) -> set[datetime]:
        """When the app retried deliveries."""
        since = self.now - _FAILING_SINCE
        regular = {since + count * _DELIVERIES_EVERY for count in range(_FAILING_SINCE // _DELIVERIES_EVERY + 1)}
        bad = [job for job in FINISHED_JOBS if job.outcome != "succeeded" and job.registered_at(self.now) >= since]
        ends = [job.registered_at(self.now) + job.polls * _TICK for job in bad]
        soon = {end + after for end in ends for after in _AFTER_BAD_NEWS}
        return {tick for tick in regular | soon if tick < self.now}
