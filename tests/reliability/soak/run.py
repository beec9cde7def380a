"""One soak: the days pass, the timers fire, and once a day the test counts what there is."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.data.tables import TableClient

from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from tests.clock import FakeClock
from tests.reliability.soak.agenda import DAY, HOUR, Agenda
from tests.reliability.soak.endpoints import STEADY, Accepted, Endpoints
from tests.reliability.soak.jobs import Jobs
from tests.reliability.soak.offers import CPP_OFFERS, CPP_PUBLISHER, Offers
from tests.reliability.soak.process import Held, SoakedApp
from tests.reliability.soak.reads import read
from tests.reliability.soak.scale import Scale
from tests.reliability.soak.storage import Stored, Tables, left_over, stored
from tests.reliability.soak.webhooks import Webhooks
from tests.sandbox_settings import sandbox_settings
from tests.webhooks.receiver import receiving

SECRET = "whsec_c29hayBzb2FrIHNvYWsgc29hayBzb2Fr"
# From here on the timers run every minute for a while.
BUSY_FROM_MINUTE = 10 * 60
# As function_app.py has it. Before it the dead deliveries are listed. Right after it the test counts: a finished job
# that is removed in between leaves a row whose date is old already.
CLEAN_UP_AT = timedelta(hours=3, minutes=7, seconds=45)
DEAD_LISTED_AT = timedelta(hours=3)
COUNTED_AT = CLEAN_UP_AT + timedelta(seconds=1)
READ_AT_HOURS = (2, 14)
# azure-identity has a clock of its own, which the test cannot move. So tokens outlive the soak, and are revoked.
TOKENS_LIVE_FOR = timedelta(days=200)


@dataclass(frozen=True)
class Sample:
    """What there was on one day, counted from 0, after the nightly clean-up."""

    day: int
    held: Held
    stored: Stored


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the verdict and the page need of a soak."""

    scale: Scale
    seed: int
    seconds: float
    samples: list[Sample]
    left_over: list[str]
    expected: dict[str, str]
    finishes: dict[str, set[tuple[str, str]]]
    accepted: dict[str, Accepted]
    latest: timedelta
    dead: dict[str, set[str]]
    kinds: dict[str, int]
    events: dict[str, int]
    fired: dict[str, int]
    answers: dict[int, int]
    disabled: dict[str, int]
    sent_again: int
    faults: dict[str, int]
    upstream_requests: int


@dataclass
class _Soak:
    scale: Scale
    agenda: Agenda
    app: SoakedApp
    jobs: Jobs
    offers: Offers
    webhooks: Webhooks
    read_tables: Callable[[], Tables]
    samples: list[Sample] = field(default_factory=list)

    def run(self, began: datetime, on_sample: Callable[[Sample], None]) -> None:
        self.offers.start()
        self.webhooks.start()
        for number in range(self.scale.days + self.scale.quiet_days):
            day, works = began + number * DAY, number < self.scale.days
            if works:
                self.jobs.plan_day(day, self.scale.jobs_a_day)
                self.offers.plan_day(day)
                self.webhooks.plan_day(day, number % 7)
            elif number == self.scale.days:
                self.offers.end()
                self.webhooks.end()
            self._plan_timers(day, works=works)
            self._plan_looks(day)
            for action in self.agenda.until(day + DAY):
                action()
            on_sample(self.samples[-1])

    def _plan_timers(self, day: datetime, *, works: bool) -> None:
        minutes = self.scale.minutes_between_ticks if works else self.scale.quiet_minutes_between_ticks
        ticks = set(range(0, 24 * 60, minutes))
        if works:
            ticks |= set(range(BUSY_FROM_MINUTE, BUSY_FROM_MINUTE + self.scale.busy_minutes))
        for minute in sorted(ticks):
            at = day + timedelta(minutes=minute)
            self.agenda.add(at, lambda: self.app.fire("poll_pending_jobs"))
            if minute % minutes == 0:
                self.agenda.add(at + timedelta(seconds=15), lambda: self.app.fire("watch_offers"))
            self.agenda.add(at + timedelta(seconds=30), lambda: self.app.fire("deliver_webhooks"))
        self.agenda.add(day + CLEAN_UP_AT, lambda: self.app.fire("clean_up"))

    def _plan_looks(self, day: datetime) -> None:
        for hour in READ_AT_HOURS:
            self.agenda.add(day + hour * HOUR, lambda: read(self.app))
        self.agenda.add(day + DEAD_LISTED_AT, self.webhooks.note_dead)
        self.agenda.add(day + COUNTED_AT, self._count)

    def _count(self) -> None:
        found = stored(self.read_tables(), self.agenda.clock.now(), self.scale)
        self.samples.append(Sample(len(self.samples), self.app.held(), found))


def soak(
    scale: Scale, seed: int, storage: str, jobs_table: str, log: Path, on_sample: Callable[[Sample], None]
) -> Evidence:
    """Run one. It begins last midnight: storage stamps rows with the real time, and no row may be from the future."""
    began_at = time.monotonic()
    clock = FakeClock(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    agenda = Agenda(clock, seed)
    lifetime = round(TOKENS_LIVE_FOR.total_seconds())
    settings = SandboxSettings(
        dialect="in-turn", require_version=True, page_size=100, token_lifetime_seconds=lifetime
    )
    with Sandbox.start(settings=settings) as sandbox, receiving() as receiver:
        sandbox.state.clock = clock.now
        endpoints = Endpoints(receiver, clock)
        environment = os.environ | sandbox_settings(
            sandbox,
            storage,
            JOBS_TABLE=jobs_table,
            REQUESTS_CA_BUNDLE=sandbox.ca_bundle,
            WEBHOOK_URL=endpoints.url(STEADY),
            WEBHOOK_SECRET=SECRET,
            WEBHOOK_ALLOW_PRIVATE_NETWORKS="true",
            WATCH_CPP_OFFERS=",".join(f"{CPP_PUBLISHER}/{offer}" for offer in CPP_OFFERS),
            **scale.settings,
        )
        with (
            SoakedApp(environment, clock, log) as app,
            TableClient.from_connection_string(storage, jobs_table) as table,
        ):
            table.create_table()
            offers = Offers(agenda, sandbox)
            running = _Soak(
                scale=scale,
                agenda=agenda,
                app=app,
                jobs=Jobs(agenda, app, sandbox, offers, table),
                offers=offers,
                webhooks=Webhooks(agenda, app, endpoints),
                read_tables=lambda: Tables.read(storage, jobs_table),
            )
            running.run(clock.now(), on_sample)
            tables = running.read_tables()
            requests = sandbox.state.requests()
    faults: dict[str, int] = {}
    for request in requests:
        if request.fault is not None:
            faults[request.fault] = faults.get(request.fault, 0) + 1
    return Evidence(
        scale=scale,
        seed=seed,
        seconds=time.monotonic() - began_at,
        samples=running.samples,
        left_over=left_over(tables),
        expected=running.jobs.expected,
        finishes=endpoints.finishes,
        accepted=endpoints.accepted,
        latest=endpoints.latest,
        dead=running.webhooks.dead,
        kinds=dict(running.jobs.kinds),
        events=dict(endpoints.types),
        fired=dict(app.fired),
        answers=dict(app.answers),
        disabled=running.webhooks.disabled,
        sent_again=running.webhooks.sent_again,
        faults=faults,
        upstream_requests=requests[-1].number,
    )
