"""The end of an example: everything is healthy again, time passes, the timers run, and nothing may be owed."""

from collections.abc import Mapping

from tests.reliability.model.example import Example
from tests.reliability.model.expected import (
    Seen,
    broken_counts,
    broken_ends,
    broken_news,
    broken_statuses,
    owed,
)
from tests.reliability.model.leftovers import leftovers_of_deliveries, leftovers_of_endpoints, leftovers_of_jobs
from tests.webhooks.receiver import Reply

# A failing job is polled every 15 minutes, the last attempt at a delivery follows a day after the one before.
CLAIMS_LAST_SECONDS = 180
LONGEST_POLL_SPACING_SECONDS = 900
LONGEST_RETRY_SECONDS = 27 * 3600
TICK, RETRIES, WATCH, CLEAN_UP = "poll_pending_jobs", "deliver_webhooks", "watch_offers", "clean_up"


def settle(example: Example) -> None:
    """Let the example settle. Fails if a promise is broken."""
    system = example.system
    for job in example.jobs:
        if job.outcome is None and job.forgotten_at is None:
            example.end_upstream(job, "succeeded")
    for endpoint in example.endpoints.values():
        system.answer(endpoint.url, Reply())
    _time_passes(example, CLAIMS_LAST_SECONDS, (TICK, WATCH))
    _time_passes(example, LONGEST_POLL_SPACING_SECONDS, (TICK,))  # a lost job has been answered with 404 twice
    _time_passes(example, LONGEST_RETRY_SECONDS, (TICK, WATCH, RETRIES, RETRIES, CLEAN_UP))
    now, seen = example.now(), example.seen()
    faults = broken_ends(example.jobs, seen, settled=True)
    for offer in example.offers.values():
        faults += broken_news(offer, seen, now)
    faults += broken_statuses(example.cpp_status_at_first, system.cpp_status(), seen)
    faults += broken_counts(system.api().stats(days="90").json["days"], seen)
    present = [endpoint_id for endpoint_id, endpoint in example.endpoints.items() if not endpoint.removed]
    switched_off = [endpoint_id for endpoint_id, each in example.endpoints.items() if each.listening_since is None]
    faults += leftovers_of_jobs(system.rows(""))
    faults += leftovers_of_deliveries(system.rows("deliveries"), present, switched_off)
    faults += leftovers_of_endpoints(system.rows("webhooks"), present)
    faults += _undelivered(example, seen)
    assert not faults, "\n".join(faults)


def _time_passes(example: Example, seconds: float, timers: tuple[str, ...]) -> None:
    before = dict(example.endpoints)
    example.system.clock.advance(seconds)
    for timer in timers:
        example.system.clock.advance(1)
        example.system.run_timer(timer)
    example.check_step(before)


def _undelivered(example: Example, seen: list[Seen]) -> list[str]:
    """Promise 14 (docs/promises.md): each event was received or is dead, and the dead ones can be sent again."""
    faults = []
    for endpoint_id, endpoint in example.endpoints.items():
        expected = {event.event_id: event.type for event in owed(endpoint, seen, example.now())}
        missing = expected.keys() - {event.event_id for event in example.system.events(endpoint_id)}
        if not missing:
            continue
        listed = _listed(example, endpoint_id)
        faults += [
            f"promise 14: {expected[event_id]} for endpoint {endpoint_id} is {listed.get(event_id, 'lost')}"
            for event_id in missing
            if listed.get(event_id) != "dead"
        ]
        faults += _still_missing(example, endpoint_id, missing)
    return faults


def _still_missing(example: Example, endpoint_id: str, missing: set[str]) -> list[str]:
    """The dead deliveries that do not arrive either when somebody enables the endpoint and asks for them."""
    api = example.system.webhooks_api()
    api.json("change", endpoint_id, body={"enabled": True})
    api.json("redeliver_dead", endpoint_id, body={"status": "dead"})
    _time_passes(example, 60, ("deliver_webhooks",))
    arrived = {event.event_id for event in example.system.events(endpoint_id)}
    return [f"promise 14: {event_id} does not reach endpoint {endpoint_id}" for event_id in missing - arrived]


def _listed(example: Example, endpoint_id: str) -> Mapping[str, str]:
    """The status of each delivery by its event's id, from storage."""
    rows = example.system.rows("deliveries")
    return {
        row["eventId"]: row["status"]
        for row in rows
        if row["PartitionKey"] == endpoint_id and row["RowKey"].startswith("log~")
    }
