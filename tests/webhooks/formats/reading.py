"""Reads messages as people see them."""

from typing import Any

from shared.events.event import Event
from shared.json_codec import loads
from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats import Formats


def rendered(format_name: FormatName, what: Event, public_url: str | None = None) -> Any:  # noqa: ANN401 - a JSON value
    return loads(Formats(public_url).payload(what, format_name).body)


def card_of(what: Event, public_url: str | None = None) -> Any:  # noqa: ANN401 - a JSON value
    """The Teams card."""
    return rendered("teams", what, public_url)["attachments"][0]["content"]


def card_texts(what: Event) -> list[str]:
    """Each line of the Teams card as it is read."""
    lines = [inner for block in card_of(what)["body"] for inner in block.get("items", [block])]
    return ["".join(run["text"] for run in line["inlines"]) for line in lines]


def title_of(what: Event) -> str:
    return card_texts(what)[0]


def facts_of(what: Event) -> dict[str, str]:
    """The named lines of the Teams card."""
    return dict(line.split(": ", 1) for line in card_texts(what)[1:] if ": " in line)


def mood_of(what: Event) -> str:
    """The style of the card's title."""
    style: str = card_of(what)["body"][0]["style"]
    return style


def plain_texts_of(message: Any) -> list[str]:  # noqa: ANN401 - a JSON value
    """The texts of a Slack message's blocks that Slack shows as they are."""
    return [text["text"] for text in _texts_of(message) if text["type"] == "plain_text"]


def formatted_texts_of(message: Any) -> list[str]:  # noqa: ANN401 - a JSON value
    """The texts of a Slack message's blocks in which Slack reads formatting."""
    return [text["text"] for text in _texts_of(message) if text["type"] == "mrkdwn"]


def _texts_of(message: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a JSON value
    return [
        text
        for block in message["blocks"]
        for text in [*block.get("fields", []), *([block["text"]] if "text" in block else [])]
    ]
