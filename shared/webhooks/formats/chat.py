"""Messages for people: an event in words, in the forms that Teams and Slack take."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shared.json_codec import JsonObject, dumps

# Teams takes 28 KB. A message has 25 lines at most, each with up to 150 bytes around its text.
_ERROR_LINES_MAX = 10
_LINE_MAX_CHARACTERS = 250
_LINE_MAX_BYTES = 900
_OUTCOMES = {
    "job.succeeded": "succeeded",
    "job.failed": "failed",
    "job.cancelled": "was cancelled",
    "job.lost": "was lost: Partner Center no longer knows the job",
    "job.expired": "expired: Partner Center never said how it ended",
    "job.stalled": "has been pending for unusually long",
}
_BAD = frozenset({"job.failed", "job.lost", "job.expired", "monitor.degraded"})
_GOOD = frozenset({"job.succeeded", "monitor.recovered"})


@dataclass(frozen=True)
class Summary:
    """An event in plain text: `mood` is "good", "bad" or "neutral", facts are names and values, errors are lines."""

    title: str
    mood: str
    facts: list[tuple[str, str]]
    errors: list[str] = field(default_factory=list)


def summary_of(body: JsonObject) -> Summary:
    """The summary of a standard body."""
    event_type, data = str(body["type"]), body["data"]
    mood = "bad" if event_type in _BAD else "good" if event_type in _GOOD else "neutral"
    if event_type.startswith("job."):
        job = data.get("job") or {}
        return Summary(_job_title(event_type, job), mood, list(_job_facts(job)), error_lines(job.get("errors")))
    happened = ("Time", _in_words(body["timestamp"]))
    if event_type.startswith("monitor."):
        works = event_type == "monitor.recovered"
        title = "The offer monitor works again" if works else "The offer monitor cannot do its work"
        facts = [(_spaced(name), _in_words(value)) for name, value in data.get("monitor", {}).items()]
        return Summary(title, mood, [*facts, happened])
    return Summary("Test of this webhook by the offer monitor", mood, [happened])


def error_lines(errors: Any) -> list[str]:  # noqa: ANN401 - upstream's JSON: not always the list it should be
    """Upstream's errors, one line each, nested details after the error that they explain."""
    lines = list(_flattened(errors))
    left_out = len(lines) - _ERROR_LINES_MAX
    if left_out > 0:
        return [*lines[:_ERROR_LINES_MAX], f"… and {left_out} more"]
    return lines


def _flattened(errors: Any) -> Iterator[str]:  # noqa: ANN401 - see above
    """Iterative, because JSON may nest deeper than Python calls. `details` may be a list, an object or missing."""
    pending = [errors]
    while pending:
        error = pending.pop()
        if isinstance(error, list):
            pending.extend(reversed(error))
        elif isinstance(error, dict):
            if line := _error_line(error):
                yield line
            if error.get("details"):
                pending.append(error["details"])
        elif error:
            yield _in_words(error)


def _error_line(error: JsonObject) -> str:
    message, code = _in_words(error.get("message")), _in_words(error.get("code"))
    return _cut(f"{message} ({code})" if message and code else message or code)


def _job_title(event_type: str, job: JsonObject) -> str:
    operation = job.get("operation")
    what = "Job" if operation in {None, "unknown"} else f"{_in_words(operation).capitalize()} of a private offer"
    return f"{what} {_OUTCOMES.get(event_type, event_type)}"


def _job_facts(job: JsonObject) -> Iterator[tuple[str, str]]:
    offer = job.get("privateOffer") or {}
    facts = {
        "Offer": offer.get("name"),
        "Offer state": " / ".join(_in_words(offer[key]) for key in ("state", "subState") if offer.get(key)),
        "Accept by": offer.get("acceptBy"),
        "Starts": offer.get("start"),
        "Ends": offer.get("end"),
        "Label": job.get("label"),
        "Operation": job.get("operation"),
        "Outcome": job.get("state"),
        "External id": job.get("externalId"),
        "Registered": job.get("registeredAt"),
        "Finished": job.get("finishedAt"),
        "Job": job.get("jobId"),
    }
    for name, value in facts.items():
        if value:
            yield name, _in_words(value)


def _in_words(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """One line of text, cut to a readable length."""
    if value is None:
        return ""
    return _cut(" ".join((value if isinstance(value, str) else dumps(value)).split()))


def _cut(text: str) -> str:
    """The text, or as much of its beginning as 250 characters and 900 bytes of JSON hold."""
    length = min(len(text), _LINE_MAX_CHARACTERS)
    while length < len(text) or size_bytes(text) > _LINE_MAX_BYTES:
        cut = f"{text[: length - 1]}…"
        if size_bytes(cut) <= _LINE_MAX_BYTES:
            return cut
        length = length * 3 // 4
    return text


def size_bytes(text: str) -> int:
    """The text's size in a message, which is JSON in UTF-8."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))


def _spaced(name: str) -> str:
    """`failedCycles` as "Failed cycles"."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]


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
    """The title, with the name of the offer or job that it is about."""
    about = dict(summary.facts)
    name = about.get("Offer") or about.get("Label") or about.get("Reason")
    return f"{summary.title}: {name}" if name else summary.title


def _joined(lines: list[str]) -> Iterator[str]:
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
