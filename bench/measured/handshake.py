"""How a measured process and its parent take turns. It imports little, because its imports are measured too."""

import json
import sys
from typing import Any


def argument() -> dict[str, Any]:
    """The argument from the parent: what to measure."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def wait_for_start() -> None:
    """Say `ready`, and wait for the start signal. Ends the process if the parent is gone."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit(1)


def report(result: dict[str, Any]) -> None:
    """Print the result for the parent."""
    print(json.dumps(result), flush=True)
