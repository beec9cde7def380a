"""What an endpoint is sent: the standard body for programs, or a card for the people in a chat channel."""

from typing import cast

from shared.json_codec import JsonObject, dumps, loads
from shared.models.webhook_responses import FormatName
from shared.webhooks.formats.slack import slack_message
from shared.webhooks.formats.summary import summary_of
from shared.webhooks.formats.teams import teams_message


def render(format_name: FormatName, standard_body: bytes) -> bytes:
    """The body in that format. The standard one is passed on byte for byte: it is what was stored."""
    if format_name == "standard":
        return standard_body
    summary = summary_of(cast("JsonObject", loads(standard_body)))
    message = teams_message(summary) if format_name == "teams" else slack_message(summary)
    return dumps(message).encode("ascii")
