"""A job's event in words."""

from collections.abc import Iterator
from typing import Any

from shared.identifiers import InvalidIdentifier, job_id
from shared.json_codec import JsonObject
from shared.webhooks.formats.offer_words import dates_in_words, state_in_words
from shared.webhooks.formats.summary import (
    Link,
    Mood,
    Summary,
    cut,
    member_object,
    named_facts,
    one_line,
    short_name,
)

# Teams takes 28 KB. A message has 26 lines at most, each with up to 150 bytes around its text.
_ERROR_LINES_MAX = 10
_OPERATIONS = frozenset({"create", "update", "delete", "withdraw", "upgrade"})
_OUTCOMES: dict[str, tuple[Mood, str]] = {
    "job.succeeded": ("good", "succeeded"),
    "job.failed": ("bad", "failed"),
    "job.cancelled": ("neutral", "was cancelled"),
    "job.lost": ("bad", "was lost"),
    "job.expired": ("bad", "has expired without a result"),
    "job.stalled": ("warning", "is taking unusually long"),
}
_TO_DO = {
    "job.cancelled": "The change was not made, or only in part. Submit the configuration again if you still want it.",
    "job.lost": "Partner Center no longer knows this job. Look there whether the offer is as you want it; if it is "
    "not, submit the configuration again.",
    "job.expired": "Partner Center never said how this job ended, and the monitor no longer asks. Look there whether "
    "the offer is as you want it; if it is not, submit the configuration again.",
    "job.stalled": "You need not do anything yet: the monitor keeps asking. If it goes on, look at the offer in "
    "Partner Center.",
}


def job_summary(event_type: str, data: JsonObject) -> Summary:
    """The summary of a job's event."""
    job = member_object(data.get("job"))
    offer = member_object(job.get("privateOffer"))
    mood, outcome = _OUTCOMES.get(event_type, ("neutral", event_type))
    errors = error_lines(job.get("errors"))
    return Summary(
        title=f"{_subject(job, offer)} {outcome}",
        mood=mood,
        facts=named_facts(
            {
                "Offer": offer.get("name"),
                "Offer state": state_in_words(offer),
                **dates_in_words(offer),
                "Label": job.get("label"),
                "Operation": job.get("operation"),
                "Outcome": job.get("state"),
                "External id": job.get("externalId"),
                "Registered": job.get("registeredAt"),
                "Finished": job.get("finishedAt"),
                "Job": job.get("jobId"),
            }
        ),
        to_do=_what_to_do_about_a_failure(errors) if event_type == "job.failed" else _TO_DO.get(event_type),
        errors=errors,
        link=_link(job.get("jobId")),
    )


def error_lines(errors: Any) -> list[str]:  # noqa: ANN401 - upstream's JSON: not always the list it should be
    """Upstream's errors, one line each, nested details after the error that they explain."""
    lines = list(_flattened(errors))
    left_out = len(lines) - _ERROR_LINES_MAX
    if left_out > 0:
        return [*lines[:_ERROR_LINES_MAX], f"… and {left_out} more"]
    return lines


def _subject(job: JsonObject, offer: JsonObject) -> str:
    """`'Contoso renewal': create`. The name is the job's label, its external id or its offer's name."""
    operation = one_line(job.get("operation"))
    names = (short_name(name) for name in (job.get("label"), job.get("externalId"), offer.get("name")))
    name = next(filter(None, names), None)
    known = operation in _OPERATIONS
    if name:
        return f"'{name}': {operation if known else 'job'}"
    return f"{operation.capitalize()} of a private offer" if known else "Job"


def _what_to_do_about_a_failure(errors: list[str]) -> str:
    reason = "These are Partner Center's errors:" if errors else "Partner Center gave no reason."
    return f"Correct the configuration and submit it again. {reason}"


def _link(job: Any) -> Link | None:  # noqa: ANN401 - any JSON value
    try:
        return Link("Open the job", f"/jobs/{job_id(one_line(job))}")
    except InvalidIdentifier:
        return None


def _flattened(errors: Any) -> Iterator[str]:  # noqa: ANN401 - see error_lines
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
            yield one_line(error)


def _error_line(error: JsonObject) -> str:
    message, code = one_line(error.get("message")), one_line(error.get("code"))
    return cut(f"{message} ({code})" if message and code else message or code)
