"""Announces events as a tick does, a transaction's worth at once, to endpoints with one event type each."""

import os
import time
import uuid
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from bench.measured.handshake import argument, report, wait_for_start
from bench.sample_record import sample_record
from shared.clock import SystemClock
from shared.events.event import Event
from shared.settings import load_settings
from shared.storage.table import Tables
from shared.webhooks.endpoint import Endpoint, new_endpoint_id
from shared.webhooks.signing import new_secret
from shared.webhooks.webhooks import Webhooks, open_webhooks

JOBS_SETTLED_AT_ONCE = 50  # a finishing job is two rows of a transaction of a hundred


def main() -> None:
    """`endpoints`: `{event type: url}`; `steps`: a list of `{"type", "count", "then": seconds to wait}`.

    Reports when each step began (seconds since 1970) and the job ids of its events. With `finish` it waits for all
    deliveries, and reports how long everything took.
    """
    given = argument()
    webhooks = _open(given["endpoints"])
    wait_for_start()
    began = time.perf_counter()
    steps = [_take(webhooks, step) for step in given["steps"]]
    announced_seconds = time.perf_counter() - began
    if given["finish"]:
        webhooks.deliverer.finish(300)
    report({"steps": steps, "announcedSeconds": announced_seconds, "seconds": time.perf_counter() - began})


def _open(endpoints: dict[str, str]) -> Webhooks:
    settings = load_settings(os.environ)
    tables = Tables(settings.storage)
    webhooks = open_webhooks(
        endpoints_table=tables.table(f"{settings.jobs_table}webhooks"),
        deliveries_table=tables.table(f"{settings.jobs_table}deliveries"),
        settings=settings,
        clock=SystemClock(),
    )
    for event_type, url in endpoints.items():
        now = datetime.now(UTC)
        webhooks.endpoints.add(
            Endpoint(id=new_endpoint_id(), url=url, secret=new_secret(), created_at=now, events=(event_type,))
        )
    return webhooks


def _take(webhooks: Webhooks, step: dict[str, Any]) -> dict[str, Any]:
    job_ids = [str(uuid.uuid4()) for _ in range(step["count"])]
    events = [
        Event(
            id=f"evt_{uuid.uuid4().hex}",
            type=step["type"],
            created_at=datetime.now(UTC),
            data={"job": sample_record(job_id)},
        )
        for job_id in job_ids
    ]
    at = time.time()
    for few in batched(events, JOBS_SETTLED_AT_ONCE, strict=False):
        webhooks.announcer.announce(few)
    time.sleep(step["then"])
    return {"at": at, "jobIds": job_ids}


if __name__ == "__main__":
    main()
