"""The receivers of docs/webhooks.md work as they stand there."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.clock import SystemClock
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.signing import new_secret
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.samples import JOB_ID, event
from tests.webhooks.stored import listed

RECEIVERS = Path(__file__).parents[2] / "docs" / "receivers"
START_SECONDS = 10


@contextmanager
def running(name: str, secret: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run an example receiver on a free port; yields its URL and the process, whose output is what it handled."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flask = [sys.executable, "-m", "flask", "--app", "receiver", "run", "--port", str(port)]
    command = flask if name == "receiver.py" else ["node", name]
    with subprocess.Popen(
        command,
        cwd=RECEIVERS,
        env=os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/webhook", process
        finally:
            process.kill()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the receiver did not start"
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("name", ["receiver.py", "receiver.mjs"])
def test_an_example_receiver_verifies_and_handles_each_event_once(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, name: str
) -> None:
    webhooks = open_instance(clock=SystemClock(), timeout_seconds=5.0)
    secret = new_secret()
    with running(name, secret) as (url, process):
        endpoint = add_endpoint(url, secret=secret)
        stranger = add_endpoint(url)  # signs with a secret that the receiver does not know
        webhooks.announcer.announce([event(label="Contoso & Söhne")])
        webhooks.deliverer.finish(10)
        [delivery] = listed(webhooks, endpoint.id)
        again = webhooks.deliverer.redeliver(delivery)
        [refused] = listed(webhooks, stranger.id)
        process.terminate()
        assert process.stdout is not None
        handled = [line for line in process.stdout.read().splitlines() if line.startswith("job.")]
    assert handled == [f"job.succeeded {JOB_ID} Contoso & Söhne"]
    assert [attempt.status for attempt in again.attempts] == [204, 204]
    assert again.status is DeliveryStatus.DELIVERED
    assert [attempt.status for attempt in refused.attempts] == [400]


@pytest.mark.parametrize("name", ["receiver.py", "receiver.mjs"])
def test_the_receivers_in_the_documentation_are_these(name: str) -> None:
    documentation = (RECEIVERS.parent / "webhooks.md").read_text()
    assert (RECEIVERS / name).read_text() in documentation
