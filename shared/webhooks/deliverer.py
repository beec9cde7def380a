"""Attempts deliveries: at once when they are announced, later when they are due again, and by hand."""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from shared.clock import Clock
from shared.log import log_event
from shared.storage.errors import RowChanged, StorageError
from shared.webhooks.deliveries import CLAIM_NEEDS, DeliveryStore
from shared.webhooks.delivery import Attempt, Delivery, DueDelivery
from shared.webhooks.endpoints import Endpoint, EndpointStore
from shared.webhooks.lanes import Lanes
from shared.webhooks.network_guard import ATTEMPT_TIMEOUT_SECONDS
from shared.webhooks.schedule import next_attempt_at
from shared.webhooks.sender import Sender

# An attempt that is started so long before the end of a tick is through by then, its result stored.
LAST_START_BEFORE_END_SECONDS = ATTEMPT_TIMEOUT_SECONDS + 2
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass
class Tally:
    """What became of attempts, counted from many threads."""

    attempted: int = 0
    delivered: int = 0
    dead: int = 0

    def __post_init__(self) -> None:
        self._lock = Lock()

    def count(self, *, delivered: bool, dead: bool) -> None:
        with self._lock:
            self.attempted += 1
            self.delivered += delivered
            self.dead += dead


class Deliverer:
    """Runs attempts in lanes, one lane per endpoint. Thread-safe; one per process, so that lanes are shared."""

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
        self._lanes = Lanes[tuple[DueDelivery, Tally]](lambda item: self._attempt_in_lane(*item))

    def start(self, dues: Iterable[DueDelivery], tally: Tally | None = None) -> int:
        """Attempt these deliveries as soon as their lanes allow, and return at once.

        Returns how many are new to the lanes: one that waits there already is not attempted twice.
        """
        return sum(self._lanes.add(due.endpoint.id, due.id, (due, tally or Tally())) for due in dues)

    def finish(self, seconds: float) -> None:
        """Wait for all that was started, at most `seconds`. What is not through by then goes on by itself."""
        self._lanes.wait_until_idle(seconds)

    def finish_batch(self, tally: Tally, seconds: float) -> int:
        """Wait for what was started with this tally, at most `seconds`.

        What could not begin in time to be through by then stays due; returns how many deliveries that were.
        """
        self._lanes.wait_until_idle(seconds - LAST_START_BEFORE_END_SECONDS)
        left = self._lanes.drop_where(lambda item: item[1] is tally)
        self._lanes.wait_until_idle(min(seconds, LAST_START_BEFORE_END_SECONDS))
        return left

    def redeliver(self, endpoint: Endpoint, delivery: Delivery) -> Delivery:
        """Attempt a delivery now, whatever became of it before, under the same webhook-id; returns it afterwards.

        Raises RowChanged if it is being sent by someone else at this moment, and StorageError.
        """
        due = self._deliveries.reopen(endpoint, delivery, self._clock.now())
        self._attempt(due, Tally())
        return self._deliveries.get(endpoint.id, delivery.id) or delivery

    def _attempt_in_lane(self, due: DueDelivery, tally: Tally) -> bool | None:
        """Attempt if nobody else does; whether the endpoint answered at all, None without an attempt."""
        now = self._clock.now()
        if due.body is not None and due.claimed_until - now < CLAIM_NEEDS:
            return None  # waited for too long since it was announced: the retry cycle has it next
        try:
            claimed = self._deliveries.claim(due, now)
            return not self._attempt(claimed, tally).unanswered
        except RowChanged:
            return None  # another instance has it, or had it and is done
        except StorageError as error:
            # The claim runs out by itself, and the delivery is due again.
            log_event(_log, "delivery_not_stored", level=logging.WARNING, deliveryId=due.id, error=str(error))
            return None

    def _attempt(self, due: DueDelivery, tally: Tally) -> Attempt:
        body = due.body if due.body is not None else self._deliveries.body(due.endpoint.id, due.id)
        attempt = self._sender.send(due.endpoint, due.event_id, body)
        next_at = self._next_attempt_at(due, attempt)
        dead = not attempt.succeeded and next_at is None
        _log_attempt(due, attempt, "delivered" if attempt.succeeded else "dead" if dead else "retry")
        tally.count(delivered=attempt.succeeded, dead=dead)
        self._deliveries.record(due, attempt, next_at)
        if attempt.says_gone:
            self._endpoints.set_gone(due.endpoint, gone=True)
            self._lanes.drop_where(lambda item: item[0].endpoint.id == due.endpoint.id)
            self._deliveries.bury(due.endpoint, self._clock.now())
        return attempt

    def _next_attempt_at(self, due: DueDelivery, attempt: Attempt) -> datetime | None:
        if attempt.succeeded or attempt.says_gone:
            return None
        return next_attempt_at(
            due.failures + 1, self._clock.now(), retry_after=attempt.retry_after, random=self._random
        )


def _log_attempt(due: DueDelivery, attempt: Attempt, outcome: str) -> None:
    log_event(
        _log,
        "delivery_attempt",
        level=logging.INFO if attempt.succeeded else logging.WARNING,
        deliveryId=due.id,
        webhookId=due.endpoint.id,
        type=due.event_type,
        attempt=due.failures + 1,
        outcome=outcome,
        status=attempt.status,
        latencyMs=attempt.latency_ms,
        error=attempt.error,
    )
