"""A message for a Slack incoming webhook: Block Kit, with a text for notifications.

Source: Slack, "Reference: blocks" and "Formatting text for app surfaces": in mrkdwn the characters &, < and > are
escaped, which disarms links and mentions; a header holds 150 characters, a section's text 3,000, a section ten
fields of 2,000 each; a message holds 50 blocks.
"""

from collections.abc import Iterator

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Summary

_HEADER_MAX_CHARACTERS = 150
_SECTION_MAX_CHARACTERS = 3000
_SECTION_MAX_FIELDS = 10
_MARKS = {"good": ":white_check_mark:", "bad": ":x:", "neutral": ":information_source:"}


def slack_message(summary: Summary) -> JsonObject:
    """The message's JSON."""
    header = {"type": "plain_text", "text": summary.title[:_HEADER_MAX_CHARACTERS], "emoji": False}
    fields = [_mrkdwn(f"*{_escaped(name)}*\n{_escaped(value)}") for name, value in summary.facts]
    return {
        "text": f"{_MARKS[summary.mood]} {_escaped(_notification(summary))}",
        "blocks": [
            {"type": "header", "text": header},
            *(
                {"type": "section", "fields": fields[start : start + _SECTION_MAX_FIELDS]}
                for start in range(0, len(fields), _SECTION_MAX_FIELDS)
            ),
            *({"type": "section", "text": _mrkdwn(text)} for text in _joined(summary.errors)),
        ],
    }


def _notification(summary: Summary) -> str:
    """The title, with what it is about."""
    about = dict(summary.facts)
    name = about.get("Offer") or about.get("Label") or about.get("Reason")
    return f"{summary.title}: {name}" if name else summary.title


def _joined(lines: list[str]) -> Iterator[str]:
    """The lines as a list, in as few texts as hold them."""
    text = ""
    for line in lines:
        item = f"• {_escaped(line)}\n"
        if len(text) + len(item) > _SECTION_MAX_CHARACTERS:
            yield text
            text = ""
        text += item
    if text:
        yield text


def _mrkdwn(text: str) -> JsonObject:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
