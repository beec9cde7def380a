"""Attempts deliveries: when they are announced, when they are due again, and on request."""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from threading import Lock

from shared.clock import Clock, rfc3339
from shared.egress.guard import ATTEMPT_TIMEOUT_SECONDS
from shared.log import log_event
from shared.storage.errors import RecordBroken, RowChanged, StorageError
from shared.storage.retrying import in_its_own_time
from shared.webhooks.deliveries import CLAIM_NEEDS, DeliveryStore
from shared.webhooks.delivery import Attempt, Delivery, DueDelivery, next_attempt_at
from shared.webhooks.endpoint import Endpoint, shown_id
from shared.webhooks.endpoint_threads import EndpointThreads, finish
from shared.webhooks.endpoints import FAILING_DISABLES_AFTER, EndpointStore
from shared.webhooks.sender import Sender, log_fault

# The latest start of an attempt that still leaves time to store its result within the cycle.
LAST_START_BEFORE_END_SECONDS = ATTEMPT_TIMEOUT_SECONDS + 2
# How much memory the bodies of deliveries that wait for a thread may take.
BODIES_HELD_MAX_BYTES = 16 * 1024 * 1024
_LATE_LINES_KEPT = 1000
# How long an attempt marks the other deliveries of its disabled endpoint as dead; the retry cycle does the rest.
_MARKING_DEAD_SECONDS = 5.0
_log = logging.getLogger("offer_monitor.webhooks")
type LogLine = Callable[[], None]


@dataclass(eq=False)
class Batch:
    """The attempts that one invocation started, and their results. Many threads count them."""

    attempted: int = 0
    delivered: int = 0
    given_up: int = 0
    calls: list[Future[None]] = field(default_factory=list)
    # The invocation has ended or is about to: Azure drops log lines from now on.
    closed: bool = False
    lock: Lock = field(default_factory=Lock, repr=False)


class Deliverer:
    """Runs attempts on their endpoint's threads. Thread-safe; one per process, so that the threads are shared."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        endpoints: EndpointStore,
        sender: Sender,
        clock: Clock,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._sender = sender
        self._clock = clock
        self._random = random
        self._threads = EndpointThreads()
        self._lock = Lock()
        self._held_bytes = 0
        self._open_batches: set[Batch] = set()
        self._late_lines: deque[LogLine] = deque(maxlen=_LATE_LINES_KEPT)

    def open_batch(self) -> Batch:
        """A batch for the attempts of this invocation. Writes the log lines that were too late for the last one."""
        while self._late_lines:
            self._late_lines.popleft()()
        batch = Batch()
        self._open_batches.add(batch)
        return batch

    def start(self, dues: Iterable[DueDelivery], batch: Batch) -> int:
        """Queue these deliveries for their endpoints' threads and return at once; returns how many."""
        started = [self._submit(due, batch) for due in dues]
        batch.calls.extend(started)  # atomic: several threads start attempts of one batch
        return len(started)

    def _submit(self, due: DueDelivery, batch: Batch) -> Future[None]:
        size_bytes = 0 if due.payload is None else len(due.payload.body)
        with self._lock:
            if self._held_bytes + size_bytes > BODIES_HELD_MAX_BYTES:
                due, size_bytes = replace(due, payload=None), 0  # the attempt reads it from storage
            self._held_bytes += size_bytes
        future = self._threads.submit(due.endpoint_id, partial(self._attempt_claimed, due, batch))
        future.add_done_callback(lambda _: self._release(size_bytes))
        return future

    def _release(self, size_bytes: int) -> None:
        with self._lock:
            self._held_bytes -= size_bytes

    def wait_for(self, batch: Batch, seconds: float) -> None:
        """Wait for the batch at the end of an invocation, up to `seconds`. Unfinished attempts go on after that."""
        wait(batch.calls, timeout=max(0.0, seconds))
        self._close(batch)

    def finish(self, seconds: float) -> None:
        """Wait up to `seconds` for everything that was started. Deliveries not begun by then stay due."""
        finish(self._threads.unfinished(), seconds)
        for batch in list(self._open_batches):
            self._close(batch)

    def finish_batch(self, batch: Batch, seconds: float) -> int:
        """Wait up to `seconds` for the batch; returns how many deliveries stay due.

        Those are the ones that could not begin early enough for their result to be stored in time.
        """
        left = finish(batch.calls, seconds, no_start_in_last_seconds=LAST_START_BEFORE_END_SECONDS)
        self._close(batch)
        return left

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Attempt a delivery now under the same webhook-id, whatever its status; returns it afterwards.

        Raises RowChanged if another request or instance is sending it at this moment, and StorageError.
        """
        due = self._deliveries.reopen(delivery, self._clock.now())
        self._attempt(due, Batch())
        return self._deliveries.get(delivery.endpoint_id, delivery.id) or delivery

    def _attempt_claimed(self, due: DueDelivery, batch: Batch) -> None:
        """Attempt the delivery unless another instance has it."""
        try:
            with in_its_own_time():  # the invocation that started it may have ended
                self._attempt(self._deliveries.claim(due, self._clock.now()), batch)
        except RowChanged:
            return  # another instance has it or has finished it, or the endpoint was removed
        except StorageError as error:
            # The claim expires, and the delivery is due again.
            self._log(batch, partial(_log_not_stored, due, error))
        except Exception as fault:  # noqa: BLE001 - nobody waits for this call's result
            self._log(batch, partial(log_fault, fault, webhookId=shown_id(due.endpoint_id), deliveryId=due.id))

    def _attempt(self, due: DueDelivery, batch: Batch) -> None:
        """Attempt the delivery, which the caller has claimed, and record the result. Raises StorageError."""
        try:
            endpoint = self._endpoints.get(due.endpoint_id)
        except RecordBroken:
            return  # the endpoint's row is unreadable: nothing can be sent, and the retry cycle counts it
        if endpoint is None or not endpoint.enabled:
            return  # removed or disabled since: the retry cycle handles its deliveries
        disabled = False
        try:
            payload = self._deliveries.payload(due)
        except RecordBroken as error:
            attempt = Attempt(at=self._clock.now(), status=None, latency_ms=0, error=str(error))
        else:
            if due.claimed_until - self._clock.now() < CLAIM_NEEDS:
                return  # storage took too long: another instance might send it too before an answer comes
            attempt = self._sender.send(endpoint, due.event_id, payload)
            disabled = self._update_endpoint(endpoint, attempt)
        next_at = None if attempt.succeeded or disabled else self._next_attempt_at(due, attempt)
        outcome = "delivered" if attempt.succeeded else "dead" if next_at is None else "retry"
        with batch.lock:
            batch.attempted += 1
            batch.delivered += outcome == "delivered"
            batch.given_up += outcome == "dead"
        self._log(batch, partial(_log_attempt, due, attempt, outcome))
        self._deliveries.record(due, attempt, next_at)
        if disabled:
            reason = "gone" if attempt.says_gone else "failing"
            self._log(batch, partial(_log_disabled, endpoint, reason))
            self._threads.cancel(endpoint.id)
            ends = time.monotonic() + _MARKING_DEAD_SECONDS
            self._deliveries.mark_pending_dead(endpoint.id, self._clock.now(), lambda: time.monotonic() < ends)

    def _update_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> bool:
        """Record what the attempt says about its endpoint; returns whether that disables the endpoint."""
        try:
            if attempt.succeeded:
                if endpoint.failing_since is not None:
                    self._endpoints.record_success(endpoint)
                return False
            if attempt.says_gone:
                return self._endpoints.disable_gone(endpoint)
            since = endpoint.failing_since
            if since is None or attempt.at - since >= FAILING_DISABLES_AFTER:
                return self._endpoints.record_failure(endpoint, attempt.at)
        except StorageError:
            return False  # the attempt must be recorded all the same, and the next one says the same
        except Exception as fault:  # noqa: BLE001 - as above
            log_fault(fault, webhookId=endpoint.shown_id)
        return False

    def _next_attempt_at(self, due: DueDelivery, attempt: Attempt) -> datetime | None:
        plan = partial(next_attempt_at, due.failures + 1, self._clock.now(), random=self._random)
        try:
            return plan(retry_after=attempt.retry_after)
        except Exception as fault:  # noqa: BLE001 - whatever the receiver's header holds, the attempt must be recorded
            log_fault(fault, webhookId=shown_id(due.endpoint_id), deliveryId=due.id)
            return plan(retry_after=None)

    def _close(self, batch: Batch) -> None:
        with batch.lock:
            batch.closed = True
        self._open_batches.discard(batch)

    def _log(self, batch: Batch, line: LogLine) -> None:
        """Log during the invocation that started the batch, or else during the next one."""
        with batch.lock:
            if not batch.closed:
                line()
                return
        self._late_lines.append(line)


def _log_attempt(due: DueDelivery, attempt: Attempt, outcome: str) -> None:
    log_event(
        _log,
        "delivery_attempt",
        level=logging.INFO if attempt.succeeded else logging.WARNING,
        deliveryId=due.id,
        webhookId=shown_id(due.endpoint_id),
        type=due.event_type,
        attempt=due.failures + 1,
        outcome=outcome,
        status=attempt.status,
        latencyMs=attempt.latency_ms,
        error=attempt.error,
    )


def _log_not_stored(due: DueDelivery, error: StorageError) -> None:
    log_event(_log, "delivery_not_stored", level=logging.WARNING, deliveryId=due.id, error=str(error))


def _log_disabled(endpoint: Endpoint, reason: str) -> None:
    since = None if endpoint.failing_since is None else rfc3339(endpoint.failing_since)
    log_event(
        _log,
        "webhook_disabled",
        level=logging.ERROR,
        webhookId=endpoint.shown_id,
        reason=reason,
        failingSince=since,
    )
