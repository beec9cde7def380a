"""What the webhook calls answer."""

from typing import Literal, NotRequired, TypedDict

type DisabledReason = Literal["gone", "failing"]
type FormatName = Literal["standard", "teams", "slack"]
type DeliveryStatusName = Literal["pending", "delivered", "dead"]


class Webhook(TypedDict):
    """An endpoint. Its secret is in no answer but those of `POST /webhooks` and of a rotation.

    `url` is shown without its query, and without a path that is a secret. `disabledReason` is "gone" if the endpoint
    answered 410, "failing" if every attempt failed for five days. `previousSecretUntil` is when the secret before the
    last rotation stops signing. The endpoint of WEBHOOK_URL is not editable, and has no `createdAt`.
    """

    id: str
    url: str
    events: list[str]
    description: str | None
    format: FormatName
    enabled: bool
    disabledReason: DisabledReason | None
    createdAt: str | None
    previousSecretUntil: str | None
    editable: bool


class WebhookWithSecret(Webhook):
    """An endpoint with its secret, which is shown once."""

    secret: str


class WebhookList(TypedDict):
    """Every endpoint."""

    webhooks: list[Webhook]


class WebhookTest(TypedDict):
    """What a test event met with. `status` is null, and `error` says why, if no answer came."""

    delivered: bool
    status: int | None
    latencyMs: int
    error: str | None


class DeliveryAttempt(TypedDict):
    """One attempt: the start of the answer's body, or why no answer came."""

    at: str
    status: int | None
    latencyMs: int
    response: NotRequired[str]
    error: NotRequired[str]


class Delivery(TypedDict):
    """One event to one endpoint. `eventId` is the `webhook-id` of every attempt."""

    id: str
    eventId: str
    type: str
    status: DeliveryStatusName
    createdAt: str
    nextAttemptAt: str | None
    attempts: list[DeliveryAttempt]


class DeliveryList(TypedDict):
    """A page of deliveries, newest first; `nextCursor` is null on the last one."""

    deliveries: list[Delivery]
    nextCursor: str | None
