"""Receivers, guards, certificates and a clock for the tests of egress, which remember nothing of each other."""

import ssl
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import trustme

from shared.egress import urls
from shared.egress.guard import NetworkGuard
from tests.egress.answering import authority_context
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """A test would otherwise check only what an earlier one had computed."""
    urls.url_faults.cache_clear()
    urls._secrets_of.cache_clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def local_guard() -> Iterator[NetworkGuard]:
    guard = NetworkGuard(allow_private=True, timeout_seconds=2)
    yield guard
    guard.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    certificate_authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    certificate_authority.cert_pem.write_to_path(bundle)
    return authority_context(certificate_authority), str(bundle)


@pytest.fixture
def stopped_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the monotonic clock in seconds, which only the test moves."""
    now = [1000.0]
    monkeypatch.setattr("shared.egress.deadline.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now
