"""The app at moments of the past: its own code, with a clock that stands where it is set."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import timers
from shared.app import Timers, build_timers
from shared.http.messages import Request, Response
from shared.process import Process


@dataclass
class SetClock:
    """Stands still until it is set. Satisfies `shared.clock.Clock`."""

    moment: datetime

    def now(self) -> datetime:
        """The moment that it was set to."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Move on instead of waiting."""
        self.moment += timedelta(seconds=seconds)


class PastApp(Process):
    """The app's process, whose poll cycles move its clock where they would wait.

    Everything that it writes is written by the app's own code, so the rows are those of an app that ran then.
    """

    def __init__(self, clock: SetClock) -> None:
        super().__init__(clock)
        self._set_clock = clock
        self._past_timers: Timers | None = None

    def timers(self) -> Timers:
        """What the timer functions run."""
        if self._past_timers is None:
            self._past_timers = build_timers(self.stores(), self.services(), sleep=self._set_clock.sleep)
        return self._past_timers

    def register_job(self, job: Mapping[str, object]) -> None:
        """`POST /api/jobs`."""
        _call(self.api().jobs.register, "jobs", job)

    def register_webhook(self, webhook: Mapping[str, object]) -> None:
        """`POST /api/webhooks`."""
        _call(self.api().webhooks.register, "webhooks", webhook)

    def poll(self) -> None:
        """A tick of `poll_pending_jobs`."""
        timers.poll_pending_jobs(self)

    def deliver(self) -> None:
        """A tick of `deliver_webhooks`."""
        timers.deliver_webhooks(self)


def _call(handler: Callable[[Request], Response], path: str, body: Mapping[str, object]) -> None:
    text = json.dumps(body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(text))}
    handler(Request(url=f"http://localhost/api/{path}", headers=headers, body=text))
