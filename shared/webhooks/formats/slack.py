"""A message for a Slack incoming webhook: Block Kit, with a text for notifications.

Source: Slack, "Reference: blocks" and "Formatting text for app surfaces". A header holds 150 characters, a section's
text 3,000, a section ten fields of 2,000 each; a message holds 50 blocks. Text of other people is `plain_text`, which
Slack shows as it is: no link, mention, formatting or emoji comes of it. The text for notifications is mrkdwn always;
there the characters &, < and > are escaped, and those that format are replaced by others that look alike.
"""

import re
from collections.abc import Iterator

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Summary, size_bytes

_HEADER_MAX_CHARACTERS = 150
_SECTION_MAX_BYTES = 3000
# Name and value side by side; Slack takes ten fields.
_FACTS_PER_SECTION = 5
_MARKS = {"good": ":white_check_mark:", "bad": ":x:", "neutral": ":information_source:"}
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "_": "\uff3f", "~": "\u223c", "`": "\u02cb"})
_EMOJI = re.compile(r":(?=[^\s:]+:)")


def slack_message(summary: Summary) -> JsonObject:
    """The message's JSON."""
    fields = [
        field for name, value in summary.facts for field in ({"type": "mrkdwn", "text": f"*{name}*"}, _plain(value))
    ]
    return {
        "text": f"{_MARKS[summary.mood]} {_disarmed(_notification(summary))}",
        "blocks": [
            {"type": "header", "text": _plain(summary.title[:_HEADER_MAX_CHARACTERS])},
            *(
                {"type": "section", "fields": fields[start : start + 2 * _FACTS_PER_SECTION]}
                for start in range(0, len(fields), 2 * _FACTS_PER_SECTION)
            ),
            *({"type": "section", "text": _plain(text)} for text in _joined(summary.errors)),
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
        item = f"• {line}\n"
        if text and size_bytes(text + item) > _SECTION_MAX_BYTES:
            yield text
            text = ""
        text += item
    if text:
        yield text


def _plain(text: str) -> JsonObject:
    return {"type": "plain_text", "text": text, "emoji": False}


def _disarmed(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _EMOJI.sub("\ua789", escaped.translate(_LOOK_ALIKES))
