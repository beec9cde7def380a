"""The webhook calls of the HTTP API, over a real Azurite and a real receiver."""

import pytest

from shared.http.webhooks import WebhookHandlers
from tests.clock import FakeClock
from tests.http.webhooks.api import Api
from tests.webhooks.conftest import OpenWebhooks, open_instance, receiver, second_receiver, webhook_tables

__all__ = ["open_instance", "receiver", "second_receiver", "webhook_tables"]  # fixtures of the webhooks' own tests


@pytest.fixture
def api(open_instance: OpenWebhooks, clock: FakeClock) -> Api:
    return Api(WebhookHandlers(open_instance(), clock))


@pytest.fixture
def strict_api(open_instance: OpenWebhooks, clock: FakeClock) -> Api:
    """As deployed: no private networks."""
    return Api(WebhookHandlers(open_instance(WEBHOOK_ALLOW_PRIVATE_NETWORKS="false"), clock))
