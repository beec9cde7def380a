"""How a measured process and its starter take turns. Imports little: what it imports is measured too."""

import json
import sys
from typing import Any


def argument() -> dict[str, Any]:
    """What the starter wants measured."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def wait_for_the_word() -> None:
    """Say that all is ready, and wait. Ends the process if the starter is gone."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit(1)


def report(result: dict[str, Any]) -> None:
    """Hand the result over."""
    print(json.dumps(result), flush=True)
