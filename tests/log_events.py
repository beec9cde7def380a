"""The events that the app has logged (`shared/log.py`), with their facts."""

import json
from typing import Any

import pytest


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[str, dict[str, Any]]]:
    """The level and the facts of each such event, in order."""
    lines = [(record.levelname, record.getMessage().partition(" ")) for record in caplog.records]
    return [(level, json.loads(facts)) for level, (name, _, facts) in lines if name == event]
