"""Where one row of the fault table is played: a sandbox, an instance of the app on its own table, and a clock."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.server import Sandbox
from sandbox.state import SandboxState
from shared.jobs.job import Job
from shared.settings import Settings, load_settings
from shared.storage.table import Row
from tests.clock import FakeClock
from tests.http.api import Answer, Api
from tests.instance import Instance, TestProcess
from tests.sandbox_settings import sandbox_settings

# In a message of upstream's, which may go to a caller, to the log and to storage; none of these may.
SIGNATURE = "FAULTTABLESIGNATURE"
SIGNED_LINK = f"https://blob.example/terms?sv=1&sig={SIGNATURE}"
CPP_OFFER = ("contoso", "contoso-succeeded")
WATCHED_CPP_OFFER = ("contoso", "watched-vm")
# How long a fault that never answers takes; long enough for a token and a request on a busy machine.
SHORT_TIMEOUT_SECONDS = 5
# For faults that do answer: on a busy machine a large or repeated answer may take a while.
LONG_TIMEOUT_SECONDS = 30
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True)
class Seen:
    """What a caller saw: the status, the problem's type and title, Retry-After, all headers and the body.

    For a timer, the caller is the one who reads the health of the app: the status is the outcome of the run, `title`
    its reason.
    """

    status: int | str
    type: str = ""
    title: str = ""
    retry_after: str = ""
    headers: str = ""
    body: str = ""
    # Set if the answer is not one that the API's description allows for this call.
    undocumented: str = ""

    @property
    def short(self) -> str:
        """One cell of the table."""
        words = f"{self.status} {self.type}".strip()
        return f"{words}, Retry-After {self.retry_after}" if self.retry_after else words


class StageProcess(TestProcess):
    """A process with the parts of an instance: nothing is read from the environment."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.clock)
        self._stores, self._services, self._timers = instance.stores, instance.services, instance.timers


@dataclass(frozen=True)
class Stage:
    """One row's world."""

    sandbox: Sandbox
    instance: Instance
    process: StageProcess
    clock: FakeClock
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> SandboxState:
        return self.sandbox.state

    @property
    def api(self) -> Api:
        return Api(self.process)

    @contextmanager
    def earlier(self) -> Iterator["Stage"]:
        """An instance that prepares the stage and ends. So the one of the row has to request its own tokens."""
        settings = replace(self.instance.settings, upstream_timeout_seconds=LONG_TIMEOUT_SECONDS)
        instance = Instance(settings, self.clock, self.instance.announcer)
        try:
            yield Stage(self.sandbox, instance, StageProcess(instance), self.clock)
        finally:
            instance.services.upstream.close()

    def wait_longer(self) -> None:
        """Wait for answers as long as a busy machine may take, now that the fault has ended."""
        upstream = self.instance.services.upstream
        for api in (upstream.product_ingestion, upstream.cloud_partner_portal):
            api._transport._timeout_seconds = LONG_TIMEOUT_SECONDS

    def stored(self) -> dict[tuple[str, str], Row]:
        """Every row of the jobs table, by its keys."""
        rows = self.instance.table.rows("PartitionKey ge ''")
        return {(row["PartitionKey"], row["RowKey"]): row for row in rows}

    def stored_text(self) -> str:
        """Everything in the jobs table except offers, whose signed links are stored with them."""
        rows = [
            {name: value for name, value in row.items() if not name.startswith(("privateOffer", "part", "data"))}
            for row in self.stored().values()
        ]
        return json.dumps(rows, default=str)

    def job(self) -> Job | None:
        """The registered job of this stage, if it has one."""
        return self.instance.job(self.notes["job"]) if "job" in self.notes else None


@contextmanager
def stage(sandbox: Sandbox, azurite: str, *, timeout_seconds: int) -> Iterator[Stage]:
    """The sandbox as new, and an instance whose first token is still to be requested."""
    sandbox.state.reset()
    clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
    instance = Instance(_settings(sandbox, azurite, timeout_seconds), clock)
    try:
        yield Stage(sandbox, instance, StageProcess(instance), clock)
    finally:
        instance.services.upstream.close()


def _settings(sandbox: Sandbox, azurite: str, timeout_seconds: int) -> Settings:
    own = {
        "JOBS_TABLE": f"faults{uuid.uuid4().hex[:16]}",
        "UPSTREAM_TIMEOUT_SECONDS": str(timeout_seconds),
        "POLL_CONCURRENCY": "2",
        "WATCH_CPP_OFFERS": "/".join(WATCHED_CPP_OFFER),
    }
    return load_settings(sandbox_settings(sandbox, azurite, **own))


def leaks_in(text: str, client_secret: str) -> list[str]:
    """The kinds of secret in a text."""
    found = {"a signed link": SIGNATURE in text, "a token": _TOKEN.search(text) is not None}
    found["the client secret"] = client_secret in text
    return [name for name, there in found.items() if there]


def seen_in(answer: Answer) -> Seen:
    """A caller's answer. The first problem of an answer that has only a part is what is judged."""
    body: Any = answer.json if isinstance(answer.json, Mapping) else {}
    problem = next(iter(body.get("problems", [])), body)
    return Seen(
        status=answer.status,
        type=str(problem.get("type", "")).removeprefix("urn:problem:offer-monitor:"),
        title=str(problem.get("title", "")) if "type" in problem else "",
        retry_after=answer.headers.get("Retry-After", ""),
        headers=json.dumps({**answer.headers}),
        body=answer.body.decode("utf-8", "replace"),
    )
