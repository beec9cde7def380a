"""Reads the lines that were logged."""

import json
from typing import Any

import pytest


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[str, dict[str, Any]]]:
    """The level and the facts of each line of this event."""
    found = []
    for record in caplog.records:
        name, _, facts = record.getMessage().partition(" ")
        if name == event:
            found.append((record.levelname, json.loads(facts)))
    return found
