"""In Microsoft's runtime: every line that an alert or the workbook counts is written while its function runs.

The Functions host drops a line that belongs to no invocation, so an alert on such a line would never fire.
"""

import re
import uuid

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.infra.monitoring import all_queries, logged_events
from tests.webhooks.receiver import Reply, receiving

FUNCTIONS = {"poll_pending_jobs", "deliver_webhooks", "clean_up", "watch_offers", "check_job"}
_LINE = re.compile(rf"^\S+ \w+ +(?:(?P<function>\w+) )?offer_monitor\S*: (?P<event>{'|'.join(logged_events())}) \{{")


@pytest.fixture(scope="module")
def lines(azurite: str, sandbox: Sandbox) -> list[str]:
    """The log of a host after ticks with a finished job, an unreadable row, a failing endpoint and a gone one."""
    sandbox.state.reset()
    table = JobsTable(azurite, f"log{uuid.uuid4().hex[:16]}")
    table.create()
    settings = environment_of(sandbox, azurite, table.client.table_name, WEBHOOK_ALLOW_PRIVATE_NETWORKS="true")
    with receiving() as failing, receiving() as gone, App(settings) as app:
        failing.behaviour = lambda _: Reply(500)
        gone.behaviour = lambda _: Reply(410)
        for receiver in (failing, gone):
            assert app.post("webhooks", {"url": receiver.url}).status_code == 201
        app.register(sandbox.state.add_job(), operation="create")
        table.put("not-a-guid")
        app.tick()
        app.register(checked := sandbox.state.add_job(outcome="failed"))
        app.post(f"jobs/{checked}/check")
        app.fire("deliver_webhooks")
        app.host.wait_for_line("deliver_webhooks succeeded")
        app.host.terminate()
        return app.host.lines


def test_every_line_that_a_query_counts_belongs_to_an_invocation(lines: list[str]) -> None:
    found = [match for line in lines if (match := _LINE.match(line))]
    counted = {event for query in all_queries().values() for event in re.findall(r'"(\w+) "', query)}
    assert {match["event"] for match in found} >= {
        "poll_cycle",
        "delivery_cycle",
        "job_finished",
        "job_set_aside",
        "delivery_attempt",
    }
    stray = [match.string for match in found if match["event"] in counted and match["function"] not in FUNCTIONS]
    assert stray == []


def test_no_line_is_written_after_its_function_has_answered(lines: list[str]) -> None:
    """The local host marks such a line; Azure drops it."""
    assert [line for line in lines if "[after the invocation" in line] == []
