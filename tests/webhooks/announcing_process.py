"""A process for tests to kill: announces events and delivers them, until it is killed.

python -m tests.webhooks.announcing_process CONNECTION_STRING JOBS_TABLE
"""

import sys

from shared.clock import SystemClock
from shared.events.event import Event
from shared.settings import StorageByConnectionString, load_settings
from shared.storage.table import Tables
from shared.webhooks.webhooks import open_webhooks
from tests.webhooks.samples import event


def announced() -> list[Event]:
    """The same events in every process."""
    return [event(event_id=f"evt_{number}") for number in range(60)]


def main(connection_string: str, jobs_table: str) -> None:
    from tests.webhooks.conftest import ENVIRONMENT

    tables = Tables(StorageByConnectionString(connection_string))
    webhooks = open_webhooks(
        endpoints_table=tables.table(f"{jobs_table}webhooks"),
        deliveries_table=tables.table(f"{jobs_table}deliveries"),
        settings=load_settings(ENVIRONMENT),
        clock=SystemClock(),
    )
    print("ready", flush=True)  # noqa: T201 - told to the test that waits for it
    webhooks.announcer.announce(announced())
    webhooks.deliverer.finish(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
