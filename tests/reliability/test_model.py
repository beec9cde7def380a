"""A model says what must have happened, and hypothesis looks for lives of jobs and offers in which it did not.

Hypothesis (`RuleBasedStateMachine`) makes up lives of 40 steps. Jobs are registered over the API or put into the
table, registered again, put back after they ended, renamed, listed page by page, checked by hand and removed.
Upstream ends or forgets them, and offers change in the portal. Endpoints are added, moved, disabled and removed,
their secrets change, and their receiver fails or answers 410. The timers run on two processes, and the clock moves on
by seconds, hours or a day. In most calls and timer runs, one request to storage goes wrong, whichever number
hypothesis has chosen: the process is killed before it, storage is busy, its answer is lost or late, or the process
stands still while the other one runs a timer. Then another process goes on. Storage is Azurite, upstream is the
sandbox over TLS, and the webhooks go to a real receiver over HTTP.

The model is short (`tests/reliability/model/expected.py`), since it describes only what happens outside the monitor.
After every step it compares: no job was polled twice in a minute (promise 1 in docs/promises.md), none ended twice,
or without upstream's word (promises 2 and 3), each is in the pages of a listing, also if it ends meanwhile (promise
12), each has the label that a caller gave it last (promise 23), and no endpoint got what it should not, or without
the signature of its secret (promises 18 and 19). At the end of a life everything is healthy again and time passes.
Then every job has ended and was announced once, every endpoint received each event or has it as dead and gets it when
it is sent again (promise 14), each end is counted once (promise 22), and a receiver of all events knows every offer
as it is and was told nothing twice (promises 24 and 26). Nothing is left in storage that nobody needs, and nothing is
missing (promise 21). A failure prints the shortest life that hypothesis finds, as Python.

A second test puts a defect into the app, ten times a different one, and fails unless the model finds it.

What this cannot see: a kill is an exception that no handler of the app catches, after which no request of that
process reaches storage; [Kills](#kills) kills real processes. Steps are not concurrent, except that one process
runs a timer while another stands still. Upstream itself is healthy; [Faults of upstream](#faults-of-upstream) is
about the rest. Two jobs never change the same offer at once.
"""

import os
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from sandbox.server import Sandbox
from tests.reliability.model.defects import DEFECTS, with_defect
from tests.reliability.model.example import Visited
from tests.reliability.model.machine import Model
from tests.reliability.model.system import Place, quiet
from tests.reliability.report import Table, record
from tests.webhooks.receiver import Receiver

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES") or 300)
STEPS = 40
_COMMON = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    report_multiple_bugs=False,
    print_blob=True,
)
SLOW = settings(_COMMON, max_examples=EXAMPLES, stateful_step_count=STEPS)
FAST = settings(_COMMON, max_examples=5, stateful_step_count=20, derandomize=True)
SEARCH = settings(_COMMON, max_examples=200, stateful_step_count=20, phases=[Phase.generate])


@pytest.fixture
def place(azurite: str, fresh_sandbox: Sandbox, receiver: Receiver) -> Iterator[Place]:
    with quiet():
        yield Place(azurite, fresh_sandbox, receiver)


def test_a_few_short_lives_keep_every_promise(place: Place) -> None:
    visited = Visited()
    run_state_machine_as_test(_lives(place, visited), settings=FAST)
    assert visited.disturbed.total() > 0
    assert visited.arrivals > 0


@pytest.mark.slow
def test_long_lives_full_of_mishaps_keep_every_promise(
    place: Place,
    request: pytest.FixtureRequest,
) -> None:
    chosen: int = request.getfixturevalue("seed")
    visited = Visited()
    run_state_machine_as_test(seed(chosen)(_lives(place, visited)), settings=SLOW)
    record(
        "model",
        figures={"seed": chosen, "steps of a life at most": STEPS, **visited.figures()},
        tables=[
            _table("Steps", "step", visited.steps),
            _table("What went wrong with a request to storage", "mishap", visited.disturbed),
            _table("Events", "event", visited.events),
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_the_model_finds_a_defect_in_the_app(place: Place, defect: str) -> None:
    with with_defect(defect) as seeded, pytest.raises((AssertionError, FlakyFailure)) as found:
        run_state_machine_as_test(seed(1)(_lives(place, Visited(), steps=seeded.steps)), settings=SEARCH)
    text = "".join(traceback.format_exception(found.value))
    assert any(words in text for words in seeded.seen_as), text


def _lives(place: Place, visited: Visited, *, steps: Collection[str] = ()) -> type[Model]:
    """The state machine at this place, with all of its steps or only these."""

    class Life(Model):
        def __init__(self) -> None:
            super().__init__(place, visited)

    for name in [each.function.__name__ for each in Model.setup_state().rules]:
        if steps and name not in steps:
            setattr(Life, name, _not_a_step(name))
    return Life


def _not_a_step(name: str) -> Callable[..., None]:
    """The method without its mark as a rule: other steps may call it."""

    def call(life: Model, *args: object, **options: object) -> None:
        getattr(Model, name)(life, *args, **options)

    return call


def _table(title: str, name: str, counted: Counter[str]) -> Table:
    return Table(title, (name, "times"), counted.most_common())
