"""The publishing status of a CPP offer, reduced to its status values: progress and messages are not watched."""

from typing import TYPE_CHECKING, TypedDict

from shared.json_codec import InvalidJson, elements, members, text_of

if TYPE_CHECKING:
    from msgspec import Raw

# Upstream documents six steps.
MOST_STEPS = 50
LONGEST_TEXT_CHARACTERS = 100


class InvalidStatus(ValueError):
    """Upstream's answer is not a publishing status. The message repeats nothing of it."""


class PublishingStatus(TypedDict):
    """The status of an offer and of each publishing step, by the step's id, in upstream's order and spelling."""

    status: str
    steps: dict[str, str]


def publishing_status(answer: bytes) -> PublishingStatus:
    """The status in upstream's answer.

    A step without an id has its name instead. A step without either, or without a status, is left out, as are those
    beyond MOST_STEPS. Longer texts are cut to LONGEST_TEXT_CHARACTERS. Raises InvalidStatus.
    """
    try:
        found = members(answer, "status", "steps")
    except InvalidJson as error:
        raise InvalidStatus("the answer is not a JSON object") from error
    status = _text(found.get("status"))
    if status is None:
        raise InvalidStatus("the answer has no status")
    steps: dict[str, str] = {}
    for step in _steps(found.get("steps")):
        step_id = _text(step.get("id")) or _text(step.get("stepName"))
        step_status = _text(step.get("status"))
        if step_id is not None and step_status is not None:
            steps.setdefault(step_id, step_status)
    return {"status": status, "steps": steps}


def status_changed(before: PublishingStatus, after: PublishingStatus) -> bool:
    """Whether a status differs, case and the order of steps aside."""
    return _comparable(before) != _comparable(after)


def _comparable(status: PublishingStatus) -> tuple[str, dict[str, str]]:
    steps = {step_id.casefold(): value.casefold() for step_id, value in status["steps"].items()}
    return status["status"].casefold(), steps


def _steps(steps: "Raw | None") -> "list[dict[str, Raw]]":
    try:
        found = elements(steps) if steps is not None else []
    except InvalidJson:
        return []
    read: list[dict[str, Raw]] = []
    for step in found[:MOST_STEPS]:
        try:
            read.append(members(step, "id", "stepName", "status"))
        except InvalidJson:
            continue
    return read


def _text(value: "Raw | None") -> str | None:
    """A text without spaces around it, cut; None if it is empty or not a text."""
    text = (text_of(value) or "").strip()
    return text[:LONGEST_TEXT_CHARACTERS] or None
