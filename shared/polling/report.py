"""What one poll cycle did."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median

from shared.upstream.errors import UpstreamError


class CycleFailure(StrEnum):
    """Why a cycle could not do its work."""

    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, not a secret
    STORAGE_UNREACHABLE = "storage_unreachable"
    UPSTREAM_DOWN = "upstream_down"
    SETTINGS_INVALID = "settings_invalid"
    UNFORESEEN = "unforeseen"


@dataclass
class CycleReport:
    """The counts of one cycle, filled in as it goes."""

    started_at: datetime
    duration_ms: int = 0
    failure: CycleFailure | None = None
    # In words, for people; never a secret.
    failure_detail: str | None = None
    pending: int = 0
    overdue: int = 0
    polled: int = 0
    finished: int = 0
    failed_polls: int = 0
    # Those of `polled` that failed. `failed_polls` has more: polls that only asked for a detail, or for nothing.
    failed_of_polled: int = 0
    # Polls that upstream answered, if only to say that it knows no such job or wants fewer requests.
    answered: int = 0
    last_error: UpstreamError | None = None
    set_aside: int = 0
    unreached: int = 0
    throttled: bool = False
    # Whether every pending job was read; if not, where the next cycle goes on.
    read_all: bool = True
    stopped_at: str = ""
    latencies_ms: list[int] = field(default_factory=list)

    def facts(self) -> dict[str, object]:
        """The `poll_cycle` log line."""
        return {
            "outcome": "failed" if self.failure else "ok",
            "reason": self.failure,
            "pending": self.pending,
            "overdue": self.overdue,
            "polled": self.polled,
            "finished": self.finished,
            "failedPolls": self.failed_polls,
            "setAside": self.set_aside,
            "unreached": self.unreached,
            "readAll": self.read_all,
            "throttled": self.throttled,
            "durationMs": self.duration_ms,
            "upstreamLatencyMsP50": round(median(self.latencies_ms)) if self.latencies_ms else None,
            "upstreamLatencyMsMax": max(self.latencies_ms, default=None),
        }
