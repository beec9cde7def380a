"""local.settings.json."""

import json
from pathlib import Path

import pytest

from local.host.errors import HostError
from local.host.local_settings import apply_local_settings, read_local_settings


def _file(directory: Path, content: object) -> Path:
    path = directory / "local.settings.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_values_become_environment_and_what_is_set_stays(tmp_path: Path) -> None:
    path = _file(tmp_path, {"Values": {"A": "file", "B": "file", "FLAG": True, "N": 3}})
    environment = {"A": "real"}
    apply_local_settings(path, environment)
    assert environment == {"A": "real", "B": "file", "FLAG": "true", "N": "3"}


def test_without_a_file_there_are_no_values(tmp_path: Path) -> None:
    assert read_local_settings(tmp_path / "local.settings.json") == {}


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert read_local_settings(_file(tmp_path, '\ufeff{"Values": {"A": "1"}}')) == {"A": "1"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "should contain a JSON object"),
        ({"Values": []}, "should be an object of strings"),
        ({"Values": {"A": {"B": "C"}}}, "A is not a string"),
        ({"IsEncrypted": True}, "is encrypted"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(HostError, match=reason):
        read_local_settings(_file(tmp_path, content))
