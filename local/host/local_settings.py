"""local.settings.json: application settings for this machine, as the Core Tools read them."""

from collections.abc import MutableMapping
from pathlib import Path

from local.host.errors import HostError
from local.host.host_json import read_json_object


def read_local_settings(path: Path) -> dict[str, str]:
    """The `Values` of `path`; empty if the file does not exist. Raises HostError if it cannot be used."""
    if not path.exists():
        return {}
    content = read_json_object(path)
    if content.get("IsEncrypted"):
        raise HostError(f"{path} is encrypted: decrypt it with `func settings decrypt`.")
    values = content.get("Values", {})
    if not isinstance(values, dict):
        raise HostError(f'{path}: "Values" should be an object of strings.')
    nested = [name for name, value in values.items() if isinstance(value, (dict, list))]
    if nested:
        raise HostError(f'{path}: "Values" should contain only strings; {", ".join(nested)} is not a string.')
    return {name: _text(value) for name, value in values.items() if value is not None}


def apply_local_settings(path: Path, environment: MutableMapping[str, str]) -> None:
    """Put the `Values` of `path` into `environment`, without replacing values that are already set."""
    for name, value in read_local_settings(path).items():
        environment.setdefault(name, value)


def _text(value: object) -> str:
    """`value` as an environment variable: true and false in lower case, as in the file."""
    return str(value).lower() if isinstance(value, bool) else str(value)
