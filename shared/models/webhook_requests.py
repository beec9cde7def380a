"""What the webhook calls take. Shapes only: URL, patterns and secret are judged by the domain."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.models.webhook_responses import FormatName

LONGEST_DESCRIPTION_CHARACTERS = 500
type Url = Annotated[str, Field(min_length=1, max_length=2048)]
type Patterns = Annotated[list[Annotated[str, Field(max_length=50)]], Field(min_length=1, max_length=50)]
type Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION_CHARACTERS)]
type Secret = Annotated[str, Field(max_length=100)]


class NewWebhook(BaseModel):
    """An endpoint to register. Without `events` it gets every event, without `secret` a fresh one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url
    events: Patterns | None = None
    description: Description | None = None
    secret: Secret | None = None
    format: FormatName | None = None


class WebhookChange(BaseModel):
    """What to change of an endpoint; what is absent stays. A null description or list of events is the default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Url | None = None
    events: Patterns | None = None
    description: Description | None = None
    enabled: bool | None = None
    format: FormatName | None = None
