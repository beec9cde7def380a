"""Messages for Microsoft Teams: Adaptive Cards 1.2. Names and values are text runs, in which no Markdown is read."""

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Summary

_STYLES = {"good": "good", "bad": "attention", "warning": "warning", "neutral": "emphasis"}
# Markdown is read here, so no name is in it.
_FALLBACK = "The offer monitor has news. This version of Teams cannot show it."


def teams_message(summary: Summary, url: str | None) -> JsonObject:
    """The message's JSON. `url` is the address that the summary's link opens."""
    title = {
        "type": "Container",
        "style": _STYLES[summary.mood],
        "bleed": True,
        "items": [_text(_bold(summary.title))],
    }
    facts = [_text(_bold(f"{name}: "), _run(value)) for name, value in summary.facts]
    lines = [*([summary.to_do] if summary.to_do else []), *summary.errors]
    below = [_text(_run(line), separator=position == 0) for position, line in enumerate(lines)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": _FALLBACK,
        "msteams": {"width": "Full"},
        "body": [title, *facts, *below],
    }
    if summary.link and url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": summary.link.text, "url": url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _text(*runs: JsonObject, separator: bool = False) -> JsonObject:
    return {"type": "RichTextBlock", "inlines": list(runs), "separator": separator}


def _run(text: str) -> JsonObject:
    return {"type": "TextRun", "text": text}


def _bold(text: str) -> JsonObject:
    return {"type": "TextRun", "text": text, "weight": "Bolder"}
