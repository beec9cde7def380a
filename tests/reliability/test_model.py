"""A model."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sandbox.server import Sandbox
from tests.reliability.model_example import Visited
from tests.reliability.model_machine import Model
from tests.reliability.model_system import Place, quiet
from tests.webhooks.receiver import Receiver

COMMON = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    report_multiple_bugs=False,
    print_blob=True,
)
FAST = settings(COMMON, max_examples=4, stateful_step_count=25, derandomize=True)


@pytest.fixture
def place(azurite: str, fresh_sandbox: Sandbox, receiver: Receiver) -> Iterator[Place]:
    with quiet():
        yield Place(azurite, fresh_sandbox, receiver)


def test_x(place: Place) -> None:
    visited = Visited()
    n = int(os.environ.get("N", "4"))
    import time

    t = time.time()
    run_state_machine_as_test(
        lambda: Model(place, visited),
        settings=settings(FAST, max_examples=n, phases=(Phase.generate,), stateful_step_count=40, derandomize=False),
    )
    print(time.time() - t, visited.examples, visited.steps.total(), len(visited.states), len(visited.transitions))
    print(visited.steps, visited.disturbed, visited.events, visited.status_requests, visited.arrivals)
