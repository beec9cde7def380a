"""What an endpoint is sent: the standard body for programs, or a card for the people in a chat channel."""

import json
import logging
from typing import cast

from shared.clock import rfc3339
from shared.events.event import Event
from shared.json_codec import JsonObject, dumps, loads
from shared.log import log_event
from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats.chat import slack_message, summary_of, teams_message
from shared.webhooks.formats.standard import standard_body

_log = logging.getLogger("offer_monitor.webhooks")


def body_of(event: Event, format_name: FormatName) -> bytes:
    """The body that an endpoint of that format gets for the event, as it is stored and signed.

    An event that cannot be rendered is announced without its data: it must not delay the events announced with it.
    """
    try:
        return render(format_name, standard_body(event))
    except Exception as error:  # noqa: BLE001 - the data is upstream's
        log_event(
            _log,
            "event_not_rendered",
            level=logging.ERROR,
            type=event.type,
            format=format_name,
            error=type(error).__name__,
        )
        bare = {"type": event.type, "timestamp": rfc3339(event.created_at), "data": {}}
        return render(format_name, dumps(bare).encode("ascii"))


def render(format_name: FormatName, standard_body: bytes) -> bytes:
    """The body in that format. The standard one is passed on byte for byte."""
    if format_name == "standard":
        return standard_body
    summary = summary_of(cast("JsonObject", loads(standard_body)))
    message = teams_message(summary) if format_name == "teams" else slack_message(summary)
    # UTF-8 rather than ASCII: Teams and Slack count bytes, and an escaped character can take twelve.
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
