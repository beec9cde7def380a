"""Where each secret may be, and why. An allowance that nothing needs makes the proof fail."""

from dataclasses import dataclass
from typing import Literal

# The kinds of evidence, with what each one is.
KINDS = {
    "log": "log lines, also those below the log's level",
    "error": "texts of the app's own errors",
    "answer": "answers of the API and of the pages, as the handlers give them",
    "host's answer": "answers that tests got from a host",
    "row": "rows that were written to storage",
    "storage request": "requests to storage, without their rows",
    "webhook": "webhooks, as they were sent",
    "upstream request": "requests to Entra and to upstream",
    "output": "lines that hosts and other processes printed",
    "setting": "settings that were read",
}


@dataclass(frozen=True)
class Allowed:
    """Where some kinds of secrets may be.

    `where` is a pattern for "what it is about > place in it". `only_to` allows it only in a request to upstream, or
    to the endpoint to which the secret belongs. `test` limits it to tests that feed secrets into odd places.
    """

    secrets: tuple[str, ...]
    kinds: tuple[str, ...]
    where: str
    reason: str
    only_to: Literal["upstream", "endpoint"] | None = None
    test: str = ""


ALLOWED = ()
