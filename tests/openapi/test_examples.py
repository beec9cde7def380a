"""The examples in the description are answers of the app, and are what their schemas say."""

import json
import os
from typing import Any

from openapi.document import EXAMPLES
from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.instance import Instance, TestProcess
from tests.openapi.recording import record_examples
from tests.webhooks.receiver import Receiver

# Set by `make openapi`.
REPLACE = "REPLACE_EXAMPLES"


def test_the_examples_are_what_the_app_answers(
    process: TestProcess, instance: Instance, plain_sandbox: Sandbox, receiver: Receiver, clock: FakeClock
) -> None:
    recorded = record_examples(process, instance, plain_sandbox, receiver, clock)
    if REPLACE in os.environ:
        EXAMPLES.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    known: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    assert recorded == known, "`make openapi` writes them anew"
