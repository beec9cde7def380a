"""Request bodies. Pydantic names every fault of a body at once."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from shared import identifiers
from shared.events.event import EVENT_TYPES
from shared.jobs.job import Operation
from shared.webhooks.endpoint import FormatName

LONGEST_LABEL_CHARACTERS = 200
# Fields of upstream's answer to a configure request, which may be posted as it is.
_UPSTREAM_FIELDS = {"$schema", "jobID", "jobStatus", "jobResult", "jobStart", "jobEnd", "resourceUri", "errors"}
type Label = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL_CHARACTERS)]


class JobRegistration(BaseModel):
    """A job to follow: its id and what to call it, or upstream's answer to the configure request as it is.

    A status in upstream's answer counts for nothing: the job is polled like any other.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    jobId: str = Field(description="The job id, a GUID in any case.")  # noqa: N815 - the wire's name
    operation: Operation = Operation.UNKNOWN
    label: Label | None = None
    externalId: Label | None = None  # noqa: N815 - the wire's name

    @model_validator(mode="before")
    @classmethod
    def _from_upstream(cls, body: Any) -> Any:  # noqa: ANN401 - whatever the caller sent
        if not isinstance(body, dict) or _UPSTREAM_FIELDS.isdisjoint(body):
            return body
        ours = {name: body[name] for name in ("jobId", "operation", "label", "externalId") if name in body}
        return ours if "jobId" in ours or "jobID" not in body else ours | {"jobId": body["jobID"]}

    @field_validator("operation", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the caller sent
        name = value.strip().casefold() if isinstance(value, str) else ""
        if name not in set(Operation):
            raise ValueError(f"should be one of {', '.join(Operation)}")
        return Operation(name)

    @field_validator("jobId")
    @classmethod
    def _job_id(cls, value: str) -> str:
        return identifiers.job_id(value.strip())


LONGEST_DESCRIPTION_CHARACTERS = 500


def _not_null(value: object) -> object:
    """A member that may be left out, and then is None here, may not be null."""
    if value is None:
        raise PydanticCustomError("null", "should not be null")
    return value


type Url = Annotated[str, Field(min_length=1, max_length=2048)]
type Patterns = Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)]
type Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION_CHARACTERS)]
type _Given[T] = Annotated[T | None, BeforeValidator(_not_null)]
type Secret = Annotated[str, Field(max_length=100)]
type Headers = dict[str, str]


class NewWebhook(BaseModel):
    """An endpoint to register. Without `events` it gets every event, without `secret` a new one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    events: _Given[Patterns] = None
    description: Description | None = None
    secret: _Given[Secret] = None
    format: _Given[FormatName] = None
    headers: _Given[Headers] = None


class WebhookChange(BaseModel):
    """Changes of an endpoint; absent members stay. A null description removes it, `headers` replaces all headers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: _Given[Url] = None
    events: _Given[Patterns] = None
    description: Description | None = None
    enabled: _Given[bool] = None
    format: _Given[FormatName] = None
    headers: _Given[Headers] = None


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(value: object) -> object:
    """A date and time of RFC 3339, in UTC."""
    fault = PydanticCustomError("moment", "should be a date and time with a zone: 2026-11-20T09:00:00Z")
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise fault
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise fault from error


class DeadDeliveries(BaseModel):
    """The dead deliveries to send again: those of an event type, or created at `since` or later, or all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["dead"]
    type: _Given[str] = None
    since: Annotated[datetime | None, BeforeValidator(_moment), BeforeValidator(_not_null)] = None

    @field_validator("type")
    @classmethod
    def _known_event(cls, value: str | None) -> str | None:
        if value is not None and value not in EVENT_TYPES:
            raise ValueError(f"should be one of {', '.join(EVENT_TYPES)}")
        return value
