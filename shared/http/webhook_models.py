"""The models of bodies and parameters of `/webhooks`. URL, headers, patterns and secret are judged by the domain."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.events.event import EVENT_TYPES
from shared.http.models import JobId
from shared.http.parameters import Choice, Cursor, Moment, Parameters, WholeNumber
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import FormatName

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
