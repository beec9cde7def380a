"""What the webhook calls take. Shapes only: URL, patterns and secret are judged by the domain."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.models.webhook_responses import FormatName

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


class NewWebhook(BaseModel):
    """An endpoint to register. Without `events` it gets every event, without `secret` a fresh one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    events: _Given[Patterns] = None
    description: Description | None = None
    secret: _Given[Secret] = None
    format: _Given[FormatName] = None


class WebhookChange(BaseModel):
    """What to change of an endpoint; what is absent stays. A null description removes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: _Given[Url] = None
    events: _Given[Patterns] = None
    description: Description | None = None
    enabled: _Given[bool] = None
    format: _Given[FormatName] = None
