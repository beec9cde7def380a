"""Building the clients costs little in a tick without due jobs."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from shared.upstream.clients import Upstream

ROOT = Path(__file__).parents[2]
NEEDED_ONLY_WITH_A_TOKEN = ("azure.identity", "msal", "cryptography", "pydantic", "msgspec")


def test_importing_the_clients_imports_nothing_that_only_a_token_needs() -> None:
    script = (
        "import sys, shared.upstream.clients\n"
        f"print([name for name in {NEEDED_ONLY_WITH_A_TOKEN} if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.usefixtures("upstream")
def test_building_the_clients_sends_nothing(fresh_sandbox: Sandbox) -> None:
    assert fresh_sandbox.state.requests() == []


def test_both_clients_work_side_by_side_with_their_own_tokens(upstream: Upstream, fresh_sandbox: Sandbox) -> None:
    """Quirk 15 (docs/upstream.md): a token for one API is refused by the other."""
    upstream.product_ingestion.private_offers(1)
    upstream.cloud_partner_portal.offers("contoso")

    audiences = {request.token_audience for request in fresh_sandbox.state.requests() if request.token_audience}
    assert audiences == {"https://graph.microsoft.com", "https://cloudpartner.azure.com"}


def test_closed_clients_open_new_connections_when_they_are_used_again(
    upstream: Upstream, fresh_sandbox: Sandbox
) -> None:
    upstream.product_ingestion.private_offers(1)
    upstream.close()

    assert upstream.product_ingestion.private_offers(1).offers == []
    assert len(fresh_sandbox.state.requests(route="tokens.token")) == 1
