"""What others do while hosts and storage are killed: they register jobs, and change offers upstream."""

import random
import threading
import time
from collections.abc import Callable, Sequence

import requests
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.data.tables import TableClient

from sandbox.state import SandboxState
from tests.app.app import App
from tests.reliability.kills.evidence import OfferChange
from tests.reliability.kills.plan import CPP_PUBLISHER, PlannedJob, start
from tests.reliability.kills.receiver import FailingReceiver

_RETRY_SECONDS = 0.3
_GIVE_UP_SECONDS = 180.0


class Registrations:
    """Registers jobs, each until a system has been told that it is done."""

    def __init__(self, pending: TableClient, hosts: Sequence[Callable[[], App | None]]) -> None:
        self.tries = 0
        self._pending = pending
        self._hosts = hosts
        self._pause = threading.Event()

    def register(self, job: PlannedJob) -> None:
        """As other systems do: over the API, or with a row of their own."""
        ends = time.monotonic() + _GIVE_UP_SECONDS
        while not (self._posted(job) if job.way == "api" else self._inserted(job)):
            assert time.monotonic() < ends, f"job {job.job_id} could not be registered"
            self._pause.wait(_RETRY_SECONDS)

    def _posted(self, job: PlannedJob) -> bool:
        self.tries += 1
        app = self._hosts[self.tries % len(self._hosts)]()
        if app is None:
            return False
        try:
            answer = app.post("jobs", {"jobId": job.job_id, "operation": job.operation})
        except requests.RequestException:
            return False
        return answer.status_code in {200, 202}

    def _inserted(self, job: PlannedJob) -> bool:
        self.tries += 1
        row = {"PartitionKey": "pending", "RowKey": job.job_id, "operation": job.operation}
        try:
            self._pending.create_entity(row, connection_timeout=3, read_timeout=3)
        except ResourceExistsError:
            return True  # an earlier try was carried out after all
        except AzureError:
            return False
        return True


class Upstream:
    """Changes offers in the sandbox, each once, or again only after the first change was announced."""

    def __init__(self, state: SandboxState, receiver: FailingReceiver, choices: random.Random) -> None:
        self.changes: list[OfferChange] = []
        self.late_offers: dict[str, bool] = {}
        self._seen_deliveries = 0
        self._state = state
        self._receiver = receiver
        self._choices = choices

    def begin(self, job: PlannedJob) -> None:
        """A late job begins, and its offer appears. Unless the job succeeds, only the watch tells of the offer."""
        offer_id = start(job, self._state)
        if offer_id is not None:
            self.late_offers[offer_id] = job.state != "succeeded"

    def change(self, offer_id: str) -> None:
        """One change of an offer of the baseline, of a random kind."""
        kind = self._choices.choice(("changed", "accepted", "deleted", "created"))
        match kind:
            case "changed":
                assert self._state.change_private_offer(offer_id, markupPercentage=self._choices.randrange(1, 90))
            case "accepted":
                assert self._state.accept_private_offer(offer_id)
            case "deleted":
                assert self._state.delete_private_offer(offer_id)
            case _:
                offer_id = self._state.add_private_offer()
        self.changes.append(OfferChange(offer_id, f"private_offer.{kind}"))

    def change_again(self) -> None:
        """A second change, of a random offer whose first one is known to have been announced."""
        told = self._announced()
        changed = [each for each in self.changes if each.type == "private_offer.changed" and each.offer_id in told]
        twice = {each.offer_id for each in self.changes if each.type != "private_offer.changed"}
        candidates = [each.offer_id for each in changed if each.offer_id not in twice]
        if candidates:
            offer_id = self._choices.choice(candidates)
            assert self._state.accept_private_offer(offer_id)
            self.changes.append(OfferChange(offer_id, "private_offer.accepted"))

    def publish(self, name: str) -> None:
        """The publishing of a CPP offer ends."""
        assert self._state.change_cpp_offer(CPP_PUBLISHER, name, status="succeeded")
        self.changes.append(OfferChange(f"{CPP_PUBLISHER}/{name}", "cpp_offer.status_changed", "running succeeded"))

    def cancel_stalled(self) -> None:
        """Cancel the jobs that have been announced as stalled since the last call."""
        new = self._receiver.deliveries[self._seen_deliveries :]
        self._seen_deliveries += len(new)
        for delivery in new:
            body = delivery.request.json
            job = self._state.find_job(body["data"]["job"]["jobId"]) if body["type"] == "job.stalled" else None
            if job is not None and job.cancelled_at is None:
                job.cancelled_at = self._state.clock()

    def _announced(self) -> set[str]:
        bodies = [each.request.json["data"] for each in list(self._receiver.deliveries)]
        return {body["privateOffer"]["id"].rpartition("/")[2] for body in bodies if "privateOffer" in body}
