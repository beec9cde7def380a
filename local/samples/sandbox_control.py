"""Calls the sandbox's control endpoint (sandbox/README.md)."""

from collections.abc import Mapping
from typing import Any

import requests

_TIMEOUT_SECONDS = 30


class SandboxControl:
    """A client of the control endpoint. Every call raises requests.RequestException."""

    def __init__(self, url: str, *, ca_bundle: str) -> None:
        self._url = f"{url}/sandbox"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: everything is on this machine
        self._session.verify = ca_bundle

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """`POST`: the JSON of the answer, None without any."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: Mapping[str, object]) -> None:
        """`PATCH`."""
        self._call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """`DELETE`."""
        self._call("DELETE", path, None)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:  # noqa: ANN401 - JSON
        answer = self._session.request(method, f"{self._url}/{path}", json=body, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else None
