"""The words that the API, the stored rows and the webhooks share."""

from enum import StrEnum


class JobState(StrEnum):
    """`pending` until upstream's word, or `lost` or `expired` without it."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    EXPIRED = "expired"


class Operation(StrEnum):
    """What the configure request asked for. Upstream's answers do not say; the one who registers the job may."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    WITHDRAW = "withdraw"
    UPGRADE = "upgrade"
    UNKNOWN = "unknown"

    @classmethod
    def named(cls, text: str | None) -> "Operation":
        """The operation of that name in any case; `unknown` for any other."""
        try:
            return cls((text or "").strip().casefold())
        except ValueError:
            return cls.UNKNOWN
