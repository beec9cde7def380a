"""A message as a Microsoft Teams Workflows webhook takes it: one Adaptive Card as attachment.

Source: Microsoft, "Create incoming webhooks with Workflows for Microsoft Teams" and the Adaptive Cards schema. A
card's TextBlock reads Markdown and date functions; RichTextBlock (since 1.2) shows text as it is, so nothing in an
offer's name can become a link, and nothing needs escaping. Teams takes 28 KB; the summary's limits keep to that.
"""

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Summary

_STYLES = {"good": "good", "bad": "attention", "neutral": "emphasis"}


def teams_message(summary: Summary) -> JsonObject:
    """The message's JSON."""
    title = {
        "type": "Container",
        "style": _STYLES[summary.mood],
        "bleed": True,
        "items": [_text(_bold(summary.title))],
    }
    facts = [_text(_bold(f"{name}: "), _run(value)) for name, value in summary.facts]
    errors = [_text(_run(line), separator=position == 0) for position, line in enumerate(summary.errors)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": summary.title,
        "msteams": {"width": "Full"},
        "body": [title, *facts, *errors],
    }
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
