"""Opens the webhooks when there is something to announce: an idle tick has nothing, and loads none of their code."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.events.event import Event

if TYPE_CHECKING:
    from shared.webhooks.webhooks import Webhooks


class AnnouncerOnDemand:
    """An `Announcer`. With `wait_seconds` it also waits for the first attempts, where the invocation ends with it."""

    def __init__(self, find_webhooks: "Callable[[], Webhooks]", wait_seconds: float = 0.0) -> None:
        self._find_webhooks = find_webhooks
        self._wait_seconds = wait_seconds

    def announce(self, events: Sequence[Event]) -> None:
        if events and self._wait_seconds:
            self._find_webhooks().announcer.announce_and_wait(events, self._wait_seconds)
        elif events:
            self._find_webhooks().announcer.announce(events)
