"""A message for people before it has the form of a chat: a title, facts, and what to do."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.json_codec import JsonObject, dumps

_LINE_MAX_CHARACTERS = 250
_LINE_MAX_BYTES = 900
# A title is a sentence around one or two names, and Slack takes 150 characters.
_NAME_MAX_CHARACTERS = 70
# Characters that turn the direction of text could make the words around a name read differently.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

type Mood = Literal["good", "bad", "warning", "neutral"]


@dataclass(frozen=True)
class Link:
    """A button that opens a page of the dashboard. `page` is the part of the address after `#`."""

    text: str
    page: str


@dataclass(frozen=True)
class Summary:
    """An event in plain text: facts are names and values, `to_do` is a line, errors are lines."""

    title: str
    mood: Mood = "neutral"
    facts: Sequence[tuple[str, str]] = ()
    to_do: str | None = None
    errors: Sequence[str] = ()
    link: Link | None = None


def one_line(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """One line of text, cut to a readable length."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else dumps(value)
    return cut(" ".join(_DIRECTIONS.sub("", text).split()))


def short_name(value: Any, length: int = _NAME_MAX_CHARACTERS) -> str:  # noqa: ANN401 - any JSON value
    """A name for a title; empty if there is none."""
    name = one_line(value)
    return name if len(name) <= length else f"{name[: length - 1].rstrip()}…"


def named_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts that have a value, each as one line."""
    lines = ((name, one_line(value)) for name, value in facts.items() if value)
    return [(name, line) for name, line in lines if line]


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def member_object(value: Any) -> JsonObject:  # noqa: ANN401 - any JSON value
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def cut(text: str) -> str:
    """The text, or as much of its beginning as 250 characters and 900 bytes of JSON hold."""
    length = min(len(text), _LINE_MAX_CHARACTERS)
    while length < len(text) or size_bytes(text) > _LINE_MAX_BYTES:
        shorter = f"{text[: length - 1]}…"
        if size_bytes(shorter) <= _LINE_MAX_BYTES:
            return shorter
        length = length * 3 // 4
    return text


def size_bytes(text: str) -> int:
    """The text's size in a message, which is JSON in UTF-8."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))
