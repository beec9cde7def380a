"""What people do with endpoints: rotate secrets, register and remove one, enable those that were disabled."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.reliability.soak.agenda import HOUR, Agenda
from tests.reliability.soak.endpoints import PASSING, STANDING, Endpoints
from tests.reliability.soak.process import SoakedApp

DELIVERIES_ON_A_PAGE = 200


@dataclass
class Webhooks:
    """Calls the API. `dead` has the events of the deliveries that were seen dead, by endpoint."""

    agenda: Agenda
    app: SoakedApp
    endpoints: Endpoints
    dead: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in STANDING})
    sent_again: int = 0
    disabled: dict[str, int] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Register the standing endpoints."""
        for name, standing in STANDING.items():
            self._register(name, format=standing.format, events=standing.events)

    def end(self) -> None:
        """From now on every endpoint accepts everything."""
        self.endpoints.quiet = True
        self._enable("gone")
        self._enable("failing")

    def plan_day(self, day: datetime, week_day: int) -> None:
        """What happens on a day of the week, counted from the beginning of the soak."""
        self.agenda.add(day + 7 * HOUR, lambda: self._call("rotate_secret", "flaky"))
        self.agenda.add(day + 8 * HOUR, lambda: self._register(PASSING, events=["job.*"]))
        self.agenda.add(day + 20 * HOUR, lambda: self._call("remove", PASSING))
        if week_day == 2:
            self.agenda.add(day + 12 * HOUR, lambda: self._enable("gone"))
            self.agenda.add(day + 12 * HOUR, self._send_again)
        if week_day == 6:
            self.agenda.add(day + 6 * HOUR, lambda: self._enable("failing"))

    def note_dead(self) -> None:
        """List the dead deliveries, which a clean-up is about to remove."""
        for name in STANDING:
            cursor: str | None = ""
            while cursor is not None:
                query = {"status": "dead", "limit": str(DELIVERIES_ON_A_PAGE)} | (
                    {"cursor": cursor} if cursor else {}
                )
                page = self.app.call("deliveries.list", route=self._route(name), query=query).json
                self.dead[name] |= {delivery["eventId"] for delivery in page["deliveries"]}
                cursor = page["nextCursor"]

    def _register(self, name: str, **fields: object) -> None:
        body = {"url": self.endpoints.url(name), **fields}
        self._ids[name] = self.app.call("webhooks.register", body=body).json["id"]

    def _enable(self, name: str) -> None:
        record = self.app.call("webhooks.read", route=self._route(name)).json
        if record["disabledReason"] is not None:
            reason = f"{name}: {record['disabledReason']}"
            self.disabled[reason] = self.disabled.get(reason, 0) + 1
        self.app.call("webhooks.change", route=self._route(name), body={"enabled": True})

    def _send_again(self) -> None:
        answer = self.app.call("deliveries.redeliver_dead", route=self._route("gone"), body={"status": "dead"})
        self.sent_again += answer.json["scheduled"]

    def _call(self, call: str, name: str) -> None:
        self.app.call(f"webhooks.{call}", route=self._route(name))

    def _route(self, name: str) -> dict[str, str]:
        return {"webhookId": self._ids[name]}
