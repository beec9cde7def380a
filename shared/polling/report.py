"""What one poll cycle did: counted as it goes on, judged at its end, kept by the monitor."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from shared.jobs.job_rows import PendingRow
from shared.log import log_event
from shared.polling.poller import Poll, ends_the_cycle
from shared.polling.rules import AnswerPostponed
from shared.upstream.errors import AccessDenied, CredentialRefused, UpstreamError, UpstreamNotFound, UpstreamThrottled

OVERDUE_AFTER = timedelta(minutes=5)
_log = logging.getLogger("offer_monitor.jobs")


class CycleFailure(StrEnum):
    """Why a cycle could not do its work."""

    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, not a secret
    STORAGE_UNREACHABLE = "storage_unreachable"
    UPSTREAM_DOWN = "upstream_down"
    SETTINGS_INVALID = "settings_invalid"
    UNFORESEEN = "unforeseen"


@dataclass
class CycleReport:
    """The counts of one cycle."""

    started_at: datetime
    duration_ms: int = 0
    failure: CycleFailure | None = None
    # In words, for people; never a secret.
    failure_detail: str | None = None
    pending: int = 0
    # Jobs that had been due for more than OVERDUE_AFTER when the cycle began.
    overdue: int = 0
    polled: int = 0
    finished: int = 0
    failed_polls: int = 0
    # Those of `polled` that failed. `failed_polls` has more: polls that only asked for a detail, or for nothing.
    failed_of_polled: int = 0
    # Polls that upstream answered, if only to say that it does not know the job or wants fewer requests.
    answered: int = 0
    last_error: UpstreamError | None = None
    set_aside: int = 0
    # Due jobs that the cycle did not get to.
    unreached: int = 0
    throttled: bool = False
    # Whether every pending job was read; if not, the row key from which the next cycle reads on.
    read_all: bool = True
    stopped_at: str = ""
    latencies_ms: list[int] = field(default_factory=list)

    def count_pending(self, row: PendingRow) -> None:
        """Count a pending job that was read."""
        self.pending += 1
        self.overdue += row.job.next_poll_at < self.started_at - OVERDUE_AFTER

    def count_poll(self, poll: Poll) -> None:
        """Count a poll, and how it went."""
        self.polled += poll.asked
        if poll.latency_seconds is not None:
            self.latencies_ms.append(round(poll.latency_seconds * 1000))
        said_so = isinstance(poll.error, UpstreamNotFound | UpstreamThrottled | AnswerPostponed)
        self.answered += poll.latency_seconds is not None or said_so
        if poll.error is None:
            return
        self.failed_polls += 1
        self.failed_of_polled += poll.asked
        self.last_error = poll.error
        self.throttled = self.throttled or isinstance(poll.error, UpstreamThrottled)
        if isinstance(poll.error, CredentialRefused) and ends_the_cycle(poll.error) and self.failure is None:
            self.credential_refused(poll.error)

    def credential_refused(self, error: UpstreamError) -> None:
        """The cycle failed because the app's own credential was refused."""
        self.failure, self.failure_detail = CycleFailure.TOKEN_REFUSED, str(error)
        log_event(_log, "credential_refused", level=logging.ERROR, api=error.api, reason=str(error))

    def judge(self) -> None:
        """Mark the cycle as failed if it polled, and upstream answered about no job at all."""
        if self.failure is not None or not self.polled or self.answered or self.last_error is None:
            return
        if isinstance(self.last_error, AccessDenied | CredentialRefused):
            self.credential_refused(self.last_error)
        else:
            self.failure, self.failure_detail = CycleFailure.UPSTREAM_DOWN, str(self.last_error)

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
