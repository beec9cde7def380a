"""The system that the model test drives: two processes of the app, real storage, upstream, and a receiver."""

import copy
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from sandbox.jobs import Profile
from sandbox.request_log import JOB_STATUS_ROUTE
from sandbox.sample_offers import private_offer_of
from sandbox.server import Sandbox
from shared.settings import StorageByConnectionString, load_settings
from shared.storage.table import Row, Tables, stamped_at
from tests.http.api import Api
from tests.http.webhooks.api import Api as WebhooksApi
from tests.killed import Killed
from tests.reliability.model.expected import (
    DELIVERY_HISTORY,
    EXPIRES_AFTER,
    JOB_HISTORY,
    Arrival,
    ExpectedEndpoint,
    Seen,
    seen_in,
)
from tests.reliability.model.process import Disturbance, Kind, ModelClock, ModelProcess
from tests.sandbox_settings import sandbox_settings
from tests.webhooks.receiver import Received, Receiver, Reply

CPP_OFFER = ("contoso", "model")
TEN_YEARS_SECONDS = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Place:
    """Where the examples of one test run: they share storage's server, the sandbox and the receiver's server."""

    azurite: str
    sandbox: Sandbox
    receiver: Receiver


class System:
    """One example's system, from empty tables."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.state = place.sandbox.state
        self.clock = ModelClock()
        self.jobs_table = f"model{uuid.uuid4().hex[:16]}"
        self.happened: Counter[Kind] = Counter()
        self.arrivals: list[Arrival] = []
        self.cleaned_up = False  # since somebody looked
        self._replies: dict[str, Reply] = {}
        self._received: list[tuple[Received, Reply]] = []
        self._details: dict[str, list[dict[str, Any]]] = {}
        self._patch = pytest.MonkeyPatch()
        self._start_upstream()
        self._settings = load_settings(
            sandbox_settings(
                place.sandbox,
                place.azurite,
                JOBS_TABLE=self.jobs_table,
                POLL_CONCURRENCY="2",
                JOB_EXPIRES_AFTER_DAYS=str(EXPIRES_AFTER.days),
                JOB_LOST_AFTER_NOT_FOUND="2",
                JOB_HISTORY_DAYS=str(JOB_HISTORY.days),
                DELIVERY_HISTORY_DAYS=str(DELIVERY_HISTORY.days),
                WATCH_CPP_OFFERS="/".join(CPP_OFFER),
                WATCH_EXPIRING_DAYS="1",
                WEBHOOK_ALLOW_PRIVATE_NETWORKS="true",
            )
        )
        self.processes = [self._new_process(), self._new_process()]
        place.receiver.requests.clear()
        place.receiver.behaviour = self._receive

    def _start_upstream(self) -> None:
        self._patch.setattr(self.state, "clock", self.clock.now)
        self.state.reset()
        self.state.change_settings(token_lifetime_seconds=TEN_YEARS_SECONDS, page_size=3, dialect="plain")
        for module in ("shared.jobs.job_rows", "shared.storage.documents"):
            self._patch.setattr(f"{module}.stamped_at", lambda row: self.clock.at(stamped_at(row)))

    def close(self) -> None:
        """Close connections and delete the tables."""
        for process in self.processes:
            process.close()
        tables = Tables(StorageByConnectionString(self.place.azurite))
        for name in ("", "webhooks", "deliveries"):
            tables._service.delete_table(f"{self.jobs_table}{name}")
        self._patch.undo()

    # The app

    def run[R](
        self, act: Callable[[ModelProcess], R], disturbance: Disturbance | None = None, host: int = 0
    ) -> R | None:
        """What a call of the app returns; None if its process is killed. Another process then takes its place."""
        process = self.processes[host]
        process.begin()
        process.gate.disturb(disturbance, lambda timer: self._run_alone(self.processes[1 - host], timer))
        try:
            result = act(process)
        except Killed:
            result = None
        process.finish_deliveries()
        if process.gate.happened is not None:
            self.happened[process.gate.happened] += 1
        process.gate.disturb(None, lambda _: None)
        if not process.gate.dead:
            return result
        process.close()
        self.processes[host] = self._new_process()
        return None

    def run_timer(self, timer: str, disturbance: Disturbance | None = None, host: int = 0) -> None:
        """Fire a timer function."""
        self.cleaned_up |= timer == "clean_up"
        self.run(lambda process: getattr(process, timer)(), disturbance, host)

    def api(self, host: int = 0) -> Api:
        return Api(self.processes[host])

    def webhooks_api(self, host: int = 0) -> WebhooksApi:
        return WebhooksApi(self.processes[host].api().webhooks)

    def knows_job(self, job_id: str) -> bool:
        return self.api().job(job_id).status == 200

    def listed(self, page_size: int, host: int, between: str | None = None, **filters: str) -> list[str]:
        """The ids of the jobs in all pages; a timer of the other process may run after each page."""
        found: list[str] = []
        query = {"state": "all", "limit": str(page_size), **filters}
        while True:
            page = self.api(host).jobs(**query).json
            found += [job["jobId"] for job in page["jobs"]]
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]
            if between is not None:
                self.clock.advance(1)
                self.run_timer(between, host=1 - host)

    def knows_endpoint(self, endpoint_id: str) -> bool:
        return self.webhooks_api().call("read", endpoint_id).status == 200

    def _run_alone(self, process: ModelProcess, timer: str) -> None:
        """On a thread of its own, so that it has no deadline of the process that stands still."""
        self.cleaned_up |= timer == "clean_up"
        process.begin()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(getattr(process, timer)).result()
        process.finish_deliveries()

    def _new_process(self) -> ModelProcess:
        return ModelProcess(self._settings, self.clock)

    # Storage

    def rows(self, table: str) -> list[Row]:
        """Every row of a table: "", "webhooks" or "deliveries"."""
        found = Tables(StorageByConnectionString(self.place.azurite)).table(f"{self.jobs_table}{table}")
        return list(found.rows("PartitionKey ge ''"))

    def insert_job(self, job_id: str) -> bool:
        """Put a row with nothing but its keys into the table, as another system does; False if it is there."""
        table = Tables(StorageByConnectionString(self.place.azurite)).table(self.jobs_table)
        return table.insert({"PartitionKey": "pending", "RowKey": job_id})

    # Upstream

    def start_job(self, job_id: str, *, operation: str, offer_id: str | None) -> None:
        """Start a job, which runs until `end_job`."""
        with self.state.lock:
            self.state.jobs.add(
                self.clock.now(),
                job_id=job_id,
                profile=Profile(None, not_started_seconds=0.0),
                operation=operation,
                offer_id=offer_id,
                resources=lambda: self._details.get(job_id, []),
            )

    def end_job(self, job_id: str, outcome: str, *, offer_id: str | None = None, **members: object) -> None:
        """Let upstream finish a job. With `offer_id` it makes that offer, or changes these members."""
        with self.state.lock:
            job = self.state.jobs.find(job_id)
            assert job is not None
            job.profile = Profile(0.0, outcome, 0.0)
            if offer_id is not None:
                found = self.state.private_offers.find(offer_id) or private_offer_of("customerPromotion")
                offer = {**found, "id": f"private-offer/{offer_id}", **members}
                self._details[job_id] = [copy.deepcopy(self.state.private_offers.put(offer, self.clock.now()))]

    def forget_job(self, job_id: str) -> None:
        """Let upstream answer 404 about a job."""
        with self.state.lock:
            self.state.jobs._jobs.pop(job_id, None)

    def cpp_status(self) -> dict[str, Any]:
        """The publishing status of the CPP offer, and that of each step."""
        offer = self.state.cpp_offers.find(*CPP_OFFER)
        assert offer is not None
        steps = {step["id"]: step["status"] for step in offer.publishing_status["steps"]}
        return {"status": offer.publishing_status["status"], "steps": steps}

    def status_requests(self) -> dict[str, list[datetime]]:
        """When upstream was asked about each job, by the app's clock."""
        found: dict[str, list[datetime]] = {}
        for request in self.state.requests(route=JOB_STATUS_ROUTE):
            found.setdefault(request.job_id or "", []).append(request.arrived_at)
        return found

    def story(self) -> list[str]:
        """What upstream was asked and answered, and the rows of pending jobs. It explains a failure."""
        asked = [
            f"{each.arrived_at:%d %H:%M:%S} {each.route} {each.job_id} {each.status}"
            for each in self.state.requests()
        ]
        return [*asked, *(str(dict(row)) for row in self.rows("") if row["PartitionKey"] == "pending")]

    # The receiver

    def url(self, number: int, version: int) -> str:
        return f"http://127.0.0.1:{self.place.receiver.port}/{self.jobs_table}/{number}/{version}"

    def answer(self, url: str, reply: Reply) -> None:
        """Answer requests to this endpoint in this way from now on, also after it has moved."""
        self._replies[url.split("/")[-2]] = reply

    def status_of(self, url: str) -> int:
        return self._replies.get(url.split("/")[-2], Reply()).status

    def take_arrivals(self, endpoints: Sequence[ExpectedEndpoint]) -> list[Arrival]:
        """What has arrived since the last call."""
        received, self._received = self._received, []
        by_number = {endpoint.url.split("/")[-2]: endpoint for endpoint in endpoints}
        new = [
            _arrival(request, reply, f"http://127.0.0.1:{self.place.receiver.port}", by_number)
            for request, reply in received
        ]
        self.arrivals += new
        return new

    def events(self, endpoint_id: str) -> list[Seen]:
        """Each event that an endpoint has accepted, once."""
        accepted = [arrival for arrival in self.arrivals if arrival.accepted]
        of_endpoint = [arrival.event for arrival in accepted if arrival.endpoint_id == endpoint_id]
        return list({event.event_id: event for event in of_endpoint}.values())

    def _receive(self, request: Received) -> Reply:
        reply = self._replies.get(request.path.split("/")[-2], Reply())
        if request.path.startswith(f"/{self.jobs_table}/"):  # not what a process of another example still sends
            self._received.append((request, reply))
        return reply


def _arrival(request: Received, reply: Reply, origin: str, endpoints: Mapping[str, ExpectedEndpoint]) -> Arrival:
    endpoint = endpoints[request.path.split("/")[-2]]
    signatures = set(request.headers["webhook-signature"].split())
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signed_with = frozenset(
        secret
        for secret in endpoint.secrets
        if Webhook(secret).sign(request.webhook_id, at, request.body.decode()) in signatures
    )
    event = seen_in(request.json, request.webhook_id)
    return Arrival(endpoint.endpoint_id, origin + request.path, event, signed_with, reply.status == 200)


@contextmanager
def quiet() -> Iterator[None]:
    """Hours of log lines help nobody."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
