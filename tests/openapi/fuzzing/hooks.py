"""Loaded by Schemathesis, in its own environment."""

from typing import Any
from urllib.parse import urlencode

import schemathesis

# Azure's web server and the local one refuse a longer first line of a request before the app sees it.
LONGEST_QUERY_CHARACTERS = 7_000


@schemathesis.hook
def filter_case(_: Any, case: Any) -> bool:  # noqa: ANN401 - Schemathesis is not in .venv
    """Whether the request can reach the app."""
    return len(urlencode(case.query or {}, doseq=True)) <= LONGEST_QUERY_CHARACTERS
