"""The webhook of WEBHOOK_URL and WEBHOOK_SECRET in the API."""

from shared.http.webhooks import WebhookHandlers
from tests.clock import FakeClock
from tests.http.webhooks.api import SECRET, Api, deliver
from tests.webhooks.conftest import OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply


def test_the_webhook_of_the_settings_is_listed_and_not_editable(
    open_instance: OpenWebhooks, clock: FakeClock, receiver: Receiver
) -> None:
    instance = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    api = Api(WebhookHandlers(instance, clock))
    [webhook] = api.json("list")["webhooks"]
    assert (webhook["id"], webhook["url"], webhook["editable"]) == ("settings", receiver.url, False)
    statuses = [
        api.call("change", "settings", body={"enabled": False}).status,
        api.call("remove", "settings").status,
        api.call("rotate_secret", "settings").status,
    ]
    assert statuses == [409, 409, 409]
    assert api.json("test", "settings")["delivered"] is True


def test_the_webhook_of_the_settings_is_enabled_again_by_a_test_that_succeeds(
    open_instance: OpenWebhooks, clock: FakeClock, receiver: Receiver
) -> None:
    api = Api(WebhookHandlers(open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET), clock))
    receiver.behaviour = lambda _: Reply(410)
    deliver(api, "evt_1")
    assert api.json("read", "settings")["enabled"] is False
    receiver.behaviour = lambda _: Reply()
    api.json("test", "settings")
    assert api.json("read", "settings")["enabled"] is True
