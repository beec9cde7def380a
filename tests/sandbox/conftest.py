"""Callers of the sandbox: real HTTP over TLS, with tokens from its token endpoint."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import pytest
import requests

from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from sandbox.tokens import GRAPH_AUDIENCE, PORTAL_AUDIENCE
from tests.clock import FakeClock

CONFIGURE_SCHEMA = "https://schema.mp.microsoft.com/schema/configure/2022-07-01"
STATUS_VERSION = "2022-07-01"
OFFER_VERSION = "2023-07-15"
TIMEOUT_SECONDS = 5.0


@dataclass
class Caller:
    """An API's base URL and a session that has a token for it."""

    base_url: str
    session: requests.Session
    version_parameter: str
    version: str

    def get(self, path: str, *, version: str | None = None, **parameters: str) -> requests.Response:
        return self.session.get(
            f"{self.base_url}/{path}",
            params={self.version_parameter: version or self.version, **parameters},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )

    def post(self, path: str, body: object = None) -> requests.Response:
        return self.session.post(
            f"{self.base_url}/{path}",
            params={self.version_parameter: STATUS_VERSION},
            json=body,
            timeout=TIMEOUT_SECONDS,
        )

    def configure(self, *resources: object) -> requests.Response:
        return self.post("configure", {"$schema": CONFIGURE_SCHEMA, "resources": list(resources)})

    def status(self, job_id: str) -> requests.Response:
        return self.get(f"configure/{job_id}/status", version=STATUS_VERSION)


def token_for(sandbox: Sandbox, audience: str, session: requests.Session | None = None) -> str:
    answer = (session or requests).post(
        f"{sandbox.url}/{sandbox.tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "scope": f"{audience}/.default",
        },
        timeout=TIMEOUT_SECONDS,
    )
    return str(answer.json()["access_token"])


@dataclass
class Connections:
    """A connection for each kind of caller. Opening one takes longer than most tests."""

    ingestion: requests.Session = field(default_factory=requests.Session)
    portal: requests.Session = field(default_factory=requests.Session)
    control: requests.Session = field(default_factory=requests.Session)


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    opened = Connections()
    yield opened
    for session in (opened.ingestion, opened.portal, opened.control):
        session.close()


def _as_new(session: requests.Session) -> requests.Session:
    """The session without anything that an earlier test has set."""
    session.headers.clear()
    session.headers.update(requests.utils.default_headers())
    session.cookies.clear()
    return session


def _with_token(session: requests.Session, sandbox: Sandbox, audience: str) -> requests.Session:
    token = token_for(sandbox, audience, _as_new(session))
    session.headers["Authorization"] = f"Bearer {token}"
    return session


@pytest.fixture
def fresh_sandbox(fresh_sandbox: Sandbox) -> Sandbox:
    """The sandbox as new, with its own default settings."""
    fresh_sandbox.state.change_settings(**asdict(SandboxSettings()))
    return fresh_sandbox


@pytest.fixture
def ingestion(fresh_sandbox: Sandbox, connections: Connections) -> Caller:
    """Product Ingestion with a valid token."""
    session = _with_token(connections.ingestion, fresh_sandbox, GRAPH_AUDIENCE)
    return Caller(fresh_sandbox.product_ingestion_url, session, "$version", OFFER_VERSION)


@pytest.fixture
def portal(fresh_sandbox: Sandbox, connections: Connections) -> Caller:
    """The Cloud Partner Portal API with a valid token."""
    session = _with_token(connections.portal, fresh_sandbox, PORTAL_AUDIENCE)
    return Caller(fresh_sandbox.cloud_partner_portal_url, session, "api-version", "2017-10-31")


@pytest.fixture
def control(fresh_sandbox: Sandbox, connections: Connections) -> Caller:
    """The control endpoint, which needs no token."""
    return Caller(f"{fresh_sandbox.url}/sandbox", _as_new(connections.control), "unused", "")


@pytest.fixture
def sandbox_clock(fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> FakeClock:
    """The clock of the sandbox's jobs. It stands still until the test moves it."""
    monkeypatch.setattr(fresh_sandbox.state, "clock", clock.now)
    return clock
