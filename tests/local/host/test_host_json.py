"""host.json."""

import json
from pathlib import Path

import pytest

from local.host.errors import HostError
from local.host.host_json import read_host_json


def _timeout_of(directory: Path, **content: object) -> float | None:
    (directory / "host.json").write_text(json.dumps({"version": "2.0", **content}))
    return read_host_json(directory).function_timeout_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:05:00", 300), ("1:30", 5400), ("1.00:00:00", 86400), ("00:00:00.5", 0.5), ("-1", None)],
)
def test_the_function_timeout_is_a_time_span(tmp_path: Path, text: str, seconds: float | None) -> None:
    assert _timeout_of(tmp_path, functionTimeout=text) == seconds


def test_without_a_function_timeout_it_is_half_an_hour(tmp_path: Path) -> None:
    assert _timeout_of(tmp_path) == 1800


@pytest.mark.parametrize("value", ["five minutes", "300", 300, "00:00:00", "", "-00:05:00"])
def test_an_invalid_time_span_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(HostError, match="functionTimeout"):
        _timeout_of(tmp_path, functionTimeout=value)
