"""One run: fill the storage, kill, let the survivors finish, and collect the evidence."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient, UpdateMode

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.app.events import SECRET
from tests.reliability.kills import plan
from tests.reliability.kills.collect import attributed, received_event, rows_of_tables
from tests.reliability.kills.evidence import Evidence
from tests.reliability.kills.hosts import FUNCTIONS, HostKill, KilledHosts, Surroundings, WatchTurns
from tests.reliability.kills.plan import PlannedJob, Size
from tests.reliability.kills.proxy import storage_proxy
from tests.reliability.kills.receiver import FailingReceiver, receiving
from tests.reliability.kills.seeds import DELIVERY_HISTORY_DAYS, JOB_HISTORY_DAYS, Past
from tests.reliability.kills.storage import DiskStorage, StorageKill
from tests.reliability.kills.work import Registrations, Upstream

HOSTS = 2
JOBS_TABLE = "kills"
STORAGE_LATENCY_SECONDS = 0.015
UPSTREAM_LATENCY_MILLISECONDS = 250.0
RECEIVER_LATENCY_SECONDS = (0.2, 0.6)
_SETTINGS_PATH, _REGISTERED_PATH = "settings", "registered"
# A job that a killed host had claimed waits for two minutes, a delivery that failed twice for more than six.
_END_SECONDS = 1500.0
_BASELINE_LOOK_SECONDS = 5.0
_FIRE_SPACING_SECONDS = 8.0
_WATCH_SPACING_SECONDS = 20.0


@dataclass
class Run:
    """The parts of a run, and what it has done so far."""

    size: Size
    sandbox: Sandbox
    choices: random.Random
    say: Callable[[str], None]
    host_kills: list[HostKill] = field(default_factory=list)
    storage_kills: list[StorageKill] = field(default_factory=list)
    moved_deliveries: int = 0
    broken_off_deliveries: int = 0
    registration_tries: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def go(self, folder: Path, patch: pytest.MonkeyPatch) -> Evidence:
        """Do everything; the processes that it starts end with it."""
        with ExitStack() as stack:
            self._storage = DiskStorage(folder)
            stack.callback(self._storage.stop)
            self._proxy = stack.enter_context(
                storage_proxy(self._storage.port, hosts=HOSTS + 1, latency_seconds=STORAGE_LATENCY_SECONDS)
            )
            # The last way through the proxy is that of other systems: past it, a kill of Azurite would lose a row
            # that it has acknowledged.
            self._others_table = JobsTable(self._storage.connection_string_through(self._proxy.ports[-1]), JOBS_TABLE)
            self._receiver = stack.enter_context(receiving(FailingReceiver(lambda _: 0, lambda: 0.0)))
            self._table = JobsTable(self._storage.connection_string, JOBS_TABLE)
            self._upstream = Upstream(self.sandbox.state, self._receiver, self.choices)
            return self._with_parts(patch)

    def _with_parts(self, patch: pytest.MonkeyPatch) -> Evidence:
        state, size = self.sandbox.state, self.size
        state.change_settings(page_size=50)
        with self._timed("seeding"):
            for name, value in self._environment(self._storage.connection_string).items():
                patch.setenv(name, value)
            past = Past(self._table)
            old, young = plan.finished_jobs(size.old_jobs, state), plan.finished_jobs(size.young_jobs, state)
            seeds = past.finish(old, young)
            for offer in state.private_offers.all():  # as if they had been deleted long ago
                state.delete_private_offer(offer["id"])
            expired, stalled = plan.registered_long_ago(size, self.choices)
            for job in (*expired, *stalled):
                plan.start(job, state)
            past.register(expired=[job.job_id for job in expired], stalled=[job.job_id for job in stalled])
        state.clear_requests()
        self._receiver.deliveries.clear()
        self._receiver.failures_of, self._receiver.latency = (
            self._failures_of,
            partial(self._child().uniform, *RECEIVER_LATENCY_SECONDS),
        )
        jobs = plan.planned_jobs(size, self.choices)
        offers, cpp_offers = plan.offers(size.offers, state), plan.cpp_offers(size.cpp_offers, state)
        early, late = plan.in_the_run(jobs, late=False), plan.in_the_run(jobs, late=True)
        for job in early:
            plan.start(job, state)
        endpoints = self._begin(early)
        state.set_latency(UPSTREAM_LATENCY_MILLISECONDS)
        with self._timed("killing"):
            self._kill(late, offers, cpp_offers)
        with self._timed("finishing"):
            self._finish()
        past.clean_up_later()
        self.broken_off_deliveries = self._receiver.broken_off
        return Evidence(
            jobs=[*expired, *stalled, *jobs],
            seeds=seeds,
            offer_changes=self._upstream.changes,
            late_offers=self._upstream.late_offers,
            offers=[offer["id"].removeprefix("private-offer/") for offer in state.private_offers.all()],
            cpp_offers=cpp_offers,
            endpoints=endpoints,
            events=[received_event(each) for each in self._receiver.deliveries],
            rows=rows_of_tables(self._storage.connection_string, JOBS_TABLE),
            shortest_spacing_seconds=state.minimum_spacing_seconds(),
            host_kills=attributed(self.host_kills, self._proxy.requests, state.requests(), self._receiver.deliveries),
            storage_kills=self.storage_kills,
        )

    def _begin(self, early: Sequence[PlannedJob]) -> dict[str, str]:
        """The baseline of the watch, a second endpoint, and the jobs that are there before the first kill.

        Returns the path of each endpoint by its id.
        """
        with App(self._environments()[0]) as app:
            while not self._baseline_is_complete():
                app.fire("watch_offers")
                threading.Event().wait(_BASELINE_LOOK_SECONDS)
            webhook = app.post("webhooks", {"url": self._receiver.url(_REGISTERED_PATH)}).json()
            self._receiver.secrets |= {_SETTINGS_PATH: SECRET, _REGISTERED_PATH: webhook["secret"]}
            registrations = Registrations(self._others_table.client, [lambda: app])
            for job in early:
                registrations.register(job)
            self.registration_tries += registrations.tries
        return {self._id_of_settings_endpoint(): _SETTINGS_PATH, webhook["id"]: _REGISTERED_PATH}

    def _id_of_settings_endpoint(self) -> str:
        with TableServiceClient.from_connection_string(self._storage.connection_string) as service:
            endpoints = service.get_table_client(f"{JOBS_TABLE}webhooks").list_entities()
            [found] = [row["RowKey"] for row in endpoints if row["RowKey"].startswith("settings-")]
            return str(found)

    def _kill(self, late: Sequence[PlannedJob], offers: Sequence[str], cpp_offers: Sequence[str]) -> None:
        """Everything at once, until there were enough kills and all that was planned has happened."""
        over, turns = threading.Event(), WatchTurns()
        around = Surroundings(self._environments(), self._proxy, self.sandbox, self._receiver)
        killed = [KilledHosts(number, around, self._child(), turns, over) for number in range(HOSTS)]
        registrations = Registrations(self._others_table.client, [partial(getattr, one, "app") for one in killed])
        moments: list[Callable[[], None]] = [partial(self._register_late, job, registrations) for job in late]
        moments += [partial(self._upstream.change, offer) for offer in offers]
        moments += [partial(self._upstream.publish, name) for name in cpp_offers]
        moments += [self._upstream.change_again for _ in range(len(offers) // 3)]
        self.choices.shuffle(moments)

        def kill_hosts(hosts: KilledHosts) -> None:
            while not over.is_set():
                self.host_kills.append(hosts.live_and_die())
                if len(self.host_kills) % 10 == 0:
                    self.say(f"{len(self.host_kills)} kills of hosts, {len(self.storage_kills)} of Azurite")

        def kill_storage() -> None:
            choices = self._child()
            while not over.wait(choices.uniform(10, 40)):
                self.storage_kills.append(self._storage.kill(self._proxy, choices, threading.Event()))

        def work() -> None:
            for number, happen in enumerate(moments):
                # At the pace of the kills, so that all of it is done among them.
                while len(self.host_kills) < self.size.host_kills * 0.9 * number / len(moments):
                    if over.wait(0.2):
                        return  # a thread that kills has failed
                happen()

        with ThreadPoolExecutor(HOSTS + 2) as threads:
            killers = [threads.submit(kill_hosts, one) for one in killed]
            killers.append(threads.submit(kill_storage))
            worker = threads.submit(work)
            try:
                while not (worker.done() and self._enough_kills()) and not any(each.done() for each in killers):
                    over.wait(0.5)
                    self._upstream.cancel_stalled()
                    if worker.done():
                        worker.result()
            finally:
                over.set()
            for each in killers:
                each.result()
        self.registration_tries += registrations.tries

    def _finish(self) -> None:
        """Two hosts with their timers, and no more kills, until nothing is left to do."""
        began, fired, watched = time.monotonic(), 0.0, 0.0
        pause = threading.Event()
        with ExitStack() as stack:
            hosts = [stack.enter_context(App(each, timers=True)) for each in self._environments()]
            for turn in itertools.count():
                self._upstream.cancel_stalled()
                waiting = self._waiting()
                if not waiting and turn > 0 and self._watched_since(began):
                    break
                assert time.monotonic() - began < _END_SECONDS, f"still waiting for {waiting}"
                if time.monotonic() - fired > _FIRE_SPACING_SECONDS:
                    fired = time.monotonic()
                    for function in FUNCTIONS[:2]:
                        hosts[turn % HOSTS].fire(function)
                if time.monotonic() - watched > _WATCH_SPACING_SECONDS:
                    watched = time.monotonic()
                    hosts[turn % HOSTS].fire("watch_offers")
                if turn % 20 == 0:
                    self.say(f"waiting for {waiting}")
                pause.wait(1)

    def _watched_since(self, began: float) -> bool:
        """Whether two runs of the watch were completed since, so that each offer was seen after its last change."""
        lists = [
            each
            for each in self.sandbox.state.requests(route="product-ingestion.private-offers")
            if each.arrived_monotonic > began and "continuationToken" not in each.query
        ]
        return len(lists) >= 2 and self._baseline_is_complete()

    def _baseline_is_complete(self) -> bool:
        """Whether there is one, and no run of the watch is under way or interrupted."""
        row = next((row for row in self._table.rows("offers") if row["RowKey"] == "run"), {})
        return bool(row.get("baselineAt")) and not row.get("claimedUntil") and not row.get("place")

    def _waiting(self) -> dict[str, int]:
        """How many rows still wait for something; retries that are far away are brought near."""
        service = TableServiceClient.from_connection_string(self._storage.connection_string)
        with service, service.get_table_client(f"{JOBS_TABLE}deliveries") as deliveries:
            due = list(deliveries.query_entities("RowKey ge 'due~' and RowKey lt 'due~~'"))
            pending = len(self._table.rows("pending"))
            events = sum(row["RowKey"].startswith("~") for row in self._table.rows("offers"))
            events += sum(row["RowKey"].startswith("~") for row in self._table.rows("monitor"))
            now = datetime.now(UTC)
            for row in [
                row for row in due if row["nextAttemptAt"] > now + timedelta(minutes=self.size.longest_wait_minutes)
            ]:
                keys = {name: row[name] for name in ("PartitionKey", "RowKey")}
                deliveries.update_entity(keys | {"nextAttemptAt": now}, mode=UpdateMode.MERGE)
                self.moved_deliveries += 1
        found = {"jobs": pending, "events": events, "deliveries": len(due)}
        return {name: count for name, count in found.items() if count}

    def _register_late(self, job: PlannedJob, registrations: Registrations) -> None:
        self._upstream.begin(job)
        registrations.register(job)

    def _enough_kills(self) -> bool:
        enough_hosts = len(self.host_kills) >= self.size.host_kills
        return enough_hosts and len(self.storage_kills) >= self.size.storage_kills

    def _environments(self) -> list[dict[str, str]]:
        urls = [self._storage.connection_string_through(port) for port in self._proxy.ports[:HOSTS]]
        return [self._environment(url) for url in urls]

    def _environment(self, storage: str) -> dict[str, str]:
        return environment_of(
            self.sandbox,
            storage,
            JOBS_TABLE,
            POLL_CONCURRENCY="8",
            JOB_LOST_AFTER_NOT_FOUND="2",
            JOB_HISTORY_DAYS=str(JOB_HISTORY_DAYS),
            DELIVERY_HISTORY_DAYS=str(DELIVERY_HISTORY_DAYS),
            WATCH_CPP_OFFERS=",".join(
                f"{plan.CPP_PUBLISHER}/offer-{number}" for number in range(self.size.cpp_offers)
            ),
            WATCH_EXPIRING_DAYS="",
            WATCH_ENDING_DAYS="",
            WEBHOOK_URL=self._receiver.url(_SETTINGS_PATH),
            WEBHOOK_SECRET=SECRET,
            WEBHOOK_ALLOW_PRIVATE_NETWORKS="true",
        )

    def _failures_of(self, webhook_id: str) -> int:
        """Every fifth event fails at first, some of those of the first half of the run twice."""
        number = sum(webhook_id.encode())
        twice = number % 4 == 0 and len(self.host_kills) < self.size.host_kills / 2
        return 0 if number % 5 else 1 + twice

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - began)
        self.say(f"{what} took {self.seconds[what]:.0f} s")

    def _child(self) -> random.Random:
        """Another source of choices, for a thread of its own."""
        return random.Random(self.choices.getrandbits(64))  # noqa: S311 - not a secret
