"""The formats of a webhook: the same event as a Standard Webhook, a CloudEvent, or a message in a chat channel."""

import json
import logging
from dataclasses import dataclass, replace
from typing import cast

from shared.events.event import Event
from shared.json_codec import JsonObject, loads
from shared.log import log_event
from shared.webhooks.delivery import Payload
from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats.chat import summary_of
from shared.webhooks.formats.cloudevents import CLOUDEVENTS_TYPE, cloudevents_body
from shared.webhooks.formats.slack import slack_message
from shared.webhooks.formats.standard import standard_body
from shared.webhooks.formats.teams import teams_message

_JSON = "application/json"
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True)
class Formats:
    """Renders events. `public_url` is where people reach this installation; None if that is not known.

    CloudEvents name it as their source, and messages in chats have a button to the dashboard there.
    """

    public_url: str | None = None

    def payload(self, event: Event, format_name: FormatName) -> Payload:
        """The body and content type that an endpoint of that format gets for the event.

        An event that cannot be rendered is announced without its data: it must not delay the others.
        """
        try:
            return self._payload(event, format_name)
        except Exception as error:  # noqa: BLE001 - upstream may put anything into the data
            log_event(
                _log,
                "event_not_rendered",
                level=logging.ERROR,
                type=event.type,
                format=format_name,
                error=type(error).__name__,
            )
            return self._payload(replace(event, data={}), format_name)

    def _payload(self, event: Event, format_name: FormatName) -> Payload:
        if format_name == "cloudevents":
            return Payload(cloudevents_body(event, self.public_url), CLOUDEVENTS_TYPE)
        standard = standard_body(event)
        if format_name == "standard":
            return Payload(standard, _JSON)
        summary = summary_of(cast("JsonObject", loads(standard)))
        url = f"{self.public_url}/api/dashboard#{summary.link.page}" if self.public_url and summary.link else None
        message = teams_message(summary, url) if format_name == "teams" else slack_message(summary, url)
        # UTF-8 rather than ASCII: Teams and Slack count bytes, and an escaped character can take twelve.
        return Payload(
            json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), _JSON
        )
