"""Plays the rows of the fault table and keeps what was seen of each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from sandbox.fault_kinds import FAULT_KINDS
from sandbox.server import Sandbox
from shared.jobs.job import Job
from shared.storage.table import Row as StoredRow
from tests.reliability.faults.calls import Call
from tests.reliability.faults.stage import (
    LONG_TIMEOUT_SECONDS,
    SHORT_TIMEOUT_SECONDS,
    SIGNED_LINK,
    Seen,
    Stage,
    leaks_in,
    stage,
)

RETRY_AFTER_SECONDS = 300
# These do not answer within any timeout that a test can wait for.
NEVER_IN_TIME = frozenset({"delay", "hang", "slow_body", "slow_headers"})

type Keys = tuple[str, str]


def parameters_of(kind: str, trap_url: str) -> dict[str, Any]:
    """The parameters of a fault; without any it is as the sandbox has it."""
    parameters: dict[str, dict[str, Any]] = {
        "any_answer": {"body": {"error": {"code": "Broken", "message": f"see {SIGNED_LINK} now"}}},
        "delay": {"seconds": 60},
        "huge_body": {"megabytes": 20},  # more than the 16 MiB that are read
        "slow_headers": {"bytes_per_second": 2},  # Entra gets ten seconds, whatever the app's timeout
        "redirect": {"location": f"{trap_url}/stolen"},
        "foreign_next_link": {"location": f"{trap_url}/rp/product-ingestion/private-offer/query?stolen=1"},
        "too_many_requests": {"retry_after_seconds": RETRY_AFTER_SECONDS},
        "wrong_shape": {"body": "a text"},
    }
    return parameters.get(kind, {})


@dataclass(frozen=True)
class Requested:
    """A request that upstream got: its route, the status that it answered, and the fault that hit it."""

    route: str
    status: int | None
    fault: str | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: the fault `kind` on every request of the route `target` during the call `call`.

    `stored` has the partitions of the jobs table in which rows changed. `job` is the followed job after the call, if
    the stage has one, `waits_seconds` the time from the call to its next poll. `again` is the same call after the
    fault ended; `events` are all events that were announced, in any order, and `events_without` those of the same
    call without a fault.
    """

    call: str
    function: str
    is_timer: bool
    target: str
    kind: str
    requests: Sequence[Requested]
    seen: Seen
    without: Seen
    again: Seen
    stored: Sequence[str] = ()
    job: Job | None = None
    waits_seconds: float = 0.0
    job_again: Job | None = None
    events: Sequence[str] = ()
    events_without: Sequence[str] = ()
    # How many requests of the target the call makes without a fault. Each token may need its own look at what Entra's
    # endpoints are; without a fault msal looks once.
    requests_without: int = 1
    leaks: Sequence[str] = ()
    requests_to_trap: int = 0
    raised: str = ""

    @property
    def hits(self) -> list[Requested]:
        """The requests that the fault hit."""
        return [request for request in self.requests if request.fault == self.kind]

    @property
    def upstream(self) -> str:
        """What upstream did, in one cell: the statuses of the requests that were hit."""
        counted = Counter(_status(request) for request in self.hits)
        return ", ".join(f"{number} x {status}" for status, number in counted.items()) or "nothing was sent"


def _status(request: Requested) -> str:
    if request.fault in {*NEVER_IN_TIME, "reset", "answer_lost"}:
        return "no answer"  # whatever the sandbox wanted to answer in the end
    if request.fault == "huge_body":
        return "200"  # which is logged only if it had sent all of it when the app hung up
    return str(request.status or "no answer")


@dataclass(frozen=True)
class Healthy:
    """The call without any fault: which routes it requests how many times, and how it ends."""

    targets: Mapping[str, int]
    seen: Seen
    events: Sequence[str]


@dataclass(frozen=True)
class Players:
    """Plays rows on several sandboxes side by side: most rows spend most of their time waiting."""

    azurite: str
    sandboxes: Sequence[Sandbox]
    trap: Sandbox
    calls: Sequence[Call]
    # msal, which asks Entra, repeats a refusal for up to a minute, or for as long as Retry-After said.
    let_msal_ask_again: Callable[[], None]
    kinds: Sequence[str] = tuple(FAULT_KINDS)

    def play(self) -> list[Row]:
        """Every row, in the order of the calls, of the routes that each requests, and of the kinds."""
        healthy = self._side_by_side([partial(self._play_healthy, call) for call in self.calls])
        rows = [
            partial(self._play_row, call, without, target, kind)
            for call, without in zip(self.calls, healthy, strict=True)
            for target in without.targets
            for kind in self.kinds
        ]
        return self._side_by_side(rows)

    def _side_by_side[T](self, plays: Sequence[Callable[[Sandbox], T]]) -> list[T]:
        """What each play returns, in order. Each sandbox plays one at a time."""
        free: SimpleQueue[Sandbox] = SimpleQueue()
        for sandbox in self.sandboxes:
            free.put(sandbox)

        def on_a_free_one(play: Callable[[Sandbox], T]) -> T:
            sandbox = free.get()
            try:
                return play(sandbox)
            finally:
                free.put(sandbox)

        with ThreadPoolExecutor(len(self.sandboxes)) as threads:
            return list(threads.map(on_a_free_one, plays))

    def _play_healthy(self, call: Call, sandbox: Sandbox) -> Healthy:
        with stage(sandbox, self.azurite, timeout_seconds=LONG_TIMEOUT_SECONDS) as on:
            do = call.prepare(on)
            sandbox.state.clear_requests()
            seen = do()
            targets = Counter(request.route for request in sandbox.state.requests())
            _repeat(call, on, do)
            return Healthy(targets, seen, on.instance.announcer.types)

    def _play_row(self, call: Call, without: Healthy, target: str, kind: str, sandbox: Sandbox) -> Row:
        timeout_seconds = SHORT_TIMEOUT_SECONDS if kind in NEVER_IN_TIME else LONG_TIMEOUT_SECONDS
        trapped = len(self.trap.state.requests())
        with stage(sandbox, self.azurite, timeout_seconds=timeout_seconds) as on:
            do = call.prepare(on)
            before = on.stored()
            sandbox.state.clear_requests()
            sandbox.state.fault(kind, route=target, **parameters_of(kind, self.trap.url))
            seen, raised = _seen(do)
            requests = [Requested(each.route, each.status, each.fault) for each in sandbox.state.requests()]
            stored = _changed(before, on.stored())
            job = on.job()
            waits_seconds = 0.0 if job is None else (job.next_poll_at - on.clock.now()).total_seconds()
            shown = seen.headers + seen.body + seen.undocumented + on.stored_text()
            sandbox.state.clear_faults()
            self.let_msal_ask_again()
            on.wait_longer()
            again, raised_again = _seen(lambda: _repeat(call, on, do))
            return Row(
                call=call.name,
                function=call.function,
                is_timer=call.is_timer,
                target=target,
                kind=kind,
                requests=requests,
                seen=seen,
                without=without.seen,
                again=again,
                stored=stored,
                job=job,
                waits_seconds=waits_seconds,
                job_again=on.job(),
                events=tuple(on.instance.announcer.types),
                events_without=tuple(without.events),
                requests_without=without.targets["tokens.token" if target.startswith("tokens.") else target],
                leaks=leaks_in(shown, sandbox.client_secret),
                requests_to_trap=len(self.trap.state.requests()) - trapped,
                raised=raised or raised_again,
            )


def _repeat(call: Call, on: Stage, do: Callable[[], Seen]) -> Seen:
    """The same call again, later."""
    seen = Seen(status="not called")
    for _ in range(call.repeats):
        on.clock.advance(call.seconds_between)
        seen = do()
    return seen


def _seen(do: Callable[[], Seen]) -> tuple[Seen, str]:
    """What the caller saw, and the exception if the call raised one."""
    try:
        return do(), ""
    except Exception as error:  # noqa: BLE001 - that there is one is what the row tells
        return Seen(status="raised"), f"{type(error).__name__}: {error}"[:300]


def _changed(before: dict[Keys, StoredRow], after: dict[Keys, StoredRow]) -> tuple[str, ...]:
    """The partitions of the rows that came, went or changed."""
    changed = {
        partition
        for partition, key in before.keys() | after.keys()
        if before.get((partition, key)) != after.get((partition, key))
    }
    return tuple(sorted(changed))
