"""Messages for Slack, in Block Kit. Values are plain text: Slack reads no formatting, link or mention in them."""

import re
from collections.abc import Iterator, Sequence

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Summary, size_bytes

_HEADER_MAX_CHARACTERS = 150
_SECTION_MAX_BYTES = 3000
# Name and value side by side; Slack takes ten fields.
_FACTS_PER_SECTION = 5
_MARKS = {
    "good": ":white_check_mark:",
    "bad": ":x:",
    "warning": ":warning:",
    "neutral": ":information_source:",
}
_LOOK_ALIKES = str.maketrans({"*": "\u2217", "_": "\uff3f", "~": "\u223c", "`": "\u02cb"})
_EMOJI = re.compile(r":(?=[^\s:]+:)")


def slack_message(summary: Summary, url: str | None) -> JsonObject:
    """The message's JSON. `url` is the address that the summary's link opens."""
    fields = [
        field for name, value in summary.facts for field in ({"type": "mrkdwn", "text": f"*{name}*"}, _plain(value))
    ]
    texts = [summary.to_do] if summary.to_do else []
    return {
        "text": f"{_MARKS[summary.mood]} {_disarmed(summary.title)}",
        "blocks": [
            {"type": "header", "text": _plain(_header(summary.title))},
            *(
                {"type": "section", "fields": fields[start : start + 2 * _FACTS_PER_SECTION]}
                for start in range(0, len(fields), 2 * _FACTS_PER_SECTION)
            ),
            *({"type": "section", "text": _plain(text)} for text in (*texts, *_joined(summary.errors))),
            *_buttons(summary, url),
        ],
    }


def _buttons(summary: Summary, url: str | None) -> Iterator[JsonObject]:
    if summary.link and url:
        yield {"type": "actions", "elements": [{"type": "button", "text": _plain(summary.link.text), "url": url}]}


def _header(title: str) -> str:
    return title if len(title) <= _HEADER_MAX_CHARACTERS else f"{title[: _HEADER_MAX_CHARACTERS - 1]}…"


def _joined(lines: Sequence[str]) -> Iterator[str]:
    """The lines as bullet points, in as few texts as possible."""
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
