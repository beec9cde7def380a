"""The models of bodies and parameters of `/webhooks`. URL, headers, patterns and secret are judged by the domain."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.events.event import EVENT_TYPES
from shared.http.models import JobId
from shared.http.parameters import Choice, Cursor, Moment, Parameters, WholeNumber
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import HEADERS_MAX, FormatName

LONGEST_DESCRIPTION_CHARACTERS = 500


def _not_null(value: object) -> object:
    """A member that may be left out, and then is None here, may not be null."""
    if value is None:
        raise PydanticCustomError("null", "should not be null")
    return value


def _without_null(schema: dict[str, Any]) -> None:
    """Says the same in the API's description."""
    schema["anyOf"] = [option for option in schema["anyOf"] if option != {"type": "null"}]


type Url = Annotated[str, Field(min_length=1, max_length=2048, json_schema_extra={"format": "uri"})]
type Patterns = Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)]
type Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION_CHARACTERS)]
type _Given[T] = Annotated[T | None, BeforeValidator(_not_null), Field(json_schema_extra=_without_null)]
type Secret = Annotated[str, Field(max_length=100)]
type Headers = Annotated[dict[str, str], Field(json_schema_extra={"maxProperties": HEADERS_MAX})]


# The type of an event, in any case.
type EventType = Annotated[str, Choice(EVENT_TYPES)]


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


class DeadDeliveries(BaseModel):
    """The dead deliveries to send again: those of an event type, or created at `since` or later, or all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["dead"]
    type: _Given[EventType] = None
    since: _Given[Moment] = None


class WebhookPath(Parameters):
    """One endpoint. An id that is none is unknown."""

    webhook_id: str


class DeliveryPath(WebhookPath):
    """One delivery of an endpoint."""

    delivery_id: str


class ListDeliveries(WebhookPath):
    """Which deliveries of an endpoint to list."""

    status: Annotated[DeliveryStatus, Choice(DeliveryStatus)] | None = None
    type: Annotated[EventType, Field(description="The event's type.")] | None = None
    job_id: JobId | None = None
    limit: Annotated[int, WholeNumber(1, 200)] = 50
    cursor: Cursor | None = None
