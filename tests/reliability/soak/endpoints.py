"""The receivers of the soak: each endpoint's own troubles, and what it has accepted."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from tests.clock import FakeClock
from tests.webhooks.receiver import Received, Receiver, Reply

WEEK = timedelta(days=7)
OK, GONE = Reply(), Reply(410)
BROKEN = Reply(500, b"<h1>Something went wrong</h1>")
BUSY = Reply(503, headers={"Retry-After": "1800"})


class HangsUp(ConnectionError):
    """The connection is closed without an answer."""


type Behaviour = Callable[[timedelta], Reply]


def steady(_: timedelta) -> Reply:
    """Accepts everything."""
    return OK


def flaky(into_week: timedelta) -> Reply:
    """Out of order from 04:00 to 10:00 every day: an error page, a closed connection, or a request to wait."""
    hour = into_week.seconds // 3600
    if not 4 <= hour < 10:
        return OK
    match into_week.days % 3:
        case 0:
            return BROKEN
        case 1:
            return BUSY
        case _:
            raise HangsUp


def down(into_week: timedelta) -> Reply:
    """Out of order for two days of every week; the retries go on for three."""
    return BROKEN if timedelta(days=2) <= into_week < timedelta(days=4) else OK


def gone(into_week: timedelta) -> Reply:
    """Says 410 for a day of every week, the first of which disables it; people enable it (`webhooks.py`)."""
    return GONE if timedelta(days=1) <= into_week < timedelta(days=2) else OK


def failing(into_week: timedelta) -> Reply:
    """Fails for six days of every week; five of them disable it, and people enable it (`webhooks.py`)."""
    return BROKEN if into_week < timedelta(days=6) else OK


@dataclass(frozen=True)
class Standing:
    """An endpoint of the whole soak: how it behaves, which events it wants and in which format."""

    behaviour: Behaviour
    format: str
    events: tuple[str, ...]


STANDING: Mapping[str, Standing] = {
    "flaky": Standing(flaky, "cloudevents", ("job.*",)),
    "down": Standing(down, "slack", ("job.failed", "job.lost", "job.expired", "cpp_offer.*")),
    "gone": Standing(gone, "standard", ("job.failed", "job.cancelled", "private_offer.created")),
    "failing": Standing(failing, "teams", ("job.failed",)),
}
STEADY, PASSING = "steady", "passing"


@dataclass
class Accepted:
    """What one endpoint has answered with 2xx: how often each event; and how many requests it got."""

    events: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    failed: int = 0


class Endpoints:
    """Answers for all endpoints, which their paths tell apart. What the steady one gets says what each event is."""

    def __init__(self, receiver: Receiver, clock: FakeClock) -> None:
        self._receiver = receiver
        self._clock = clock
        self._began = clock.now()
        self.accepted = {name: Accepted() for name in (STEADY, PASSING, *STANDING)}
        # By job: the type and the id of each event that finished it.
        self.finishes: dict[str, set[tuple[str, str]]] = {}
        self.types: Counter[str] = Counter()
        # The longest that an event took to the steady endpoint.
        self.latest = timedelta()
        self.quiet = False
        self._counting = Lock()  # each request has a thread of its own
        receiver.behaviour = self._answer

    def url(self, name: str) -> str:
        """Where the app sends an endpoint's events."""
        return f"http://127.0.0.1:{self._receiver.port}/{name}"

    def _answer(self, request: Received) -> Reply:
        self._receiver.requests.clear()  # the bodies of a whole soak are too many to keep
        name = request.path.removeprefix("/")
        try:
            reply = self._behaviour(name)(self._into_week())
        except HangsUp:
            self._count(name, request, accepted=False)
            raise
        self._count(name, request, accepted=reply.status < 300)
        return reply

    def _count(self, name: str, request: Received, *, accepted: bool) -> None:
        with self._counting:
            found = self.accepted[name]
            found.requests += 1
            found.failed += not accepted
            if accepted:
                found.events[request.webhook_id] += 1
                if name == STEADY:
                    self._note(request.json, request.webhook_id)

    def _behaviour(self, name: str) -> Behaviour:
        return steady if self.quiet or name not in STANDING else STANDING[name].behaviour

    def _into_week(self) -> timedelta:
        return (self._clock.now() - self._began) % WEEK

    def _note(self, event: Mapping[str, Any], event_id: str) -> None:
        self.types[event["type"]] += 1
        self.latest = max(self.latest, self._clock.now() - datetime.fromisoformat(event["timestamp"]))
        kind, _, outcome = event["type"].partition(".")
        if kind == "job" and outcome != "stalled":
            self.finishes.setdefault(event["data"]["job"]["jobId"], set()).add((outcome, event_id))
