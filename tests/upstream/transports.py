"""What the tests of the transport share."""

import time

from azure.core.credentials import AccessToken

from sandbox.server import Sandbox

API = "product-ingestion"
GRAPH = "https://graph.microsoft.com/.default"


class Sleeper:
    """Does not sleep, and remembers how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


class FixedCredential:
    """Always the same token, for tests of the wire that need no Entra."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("secret-token", int(time.time()) + 3600)


def requests_made(sandbox: Sandbox) -> int:
    return len(sandbox.state.requests(route=API))
