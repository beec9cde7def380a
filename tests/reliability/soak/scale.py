"""How long a soak is and how much happens in it."""

import os
from dataclasses import dataclass

SCALE_VARIABLE = "SOAK_SCALE"
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Scale:
    """Simulated days of work, quiet days after them in which everything has to go, and what the settings keep.

    For `busy_minutes` of each working day the timers run every minute, as they do in Azure; at other times they run
    every `minutes_between_ticks`, on quiet days every `quiet_minutes_between_ticks`.
    """

    days: int
    quiet_days: int
    jobs_a_day: int
    job_history_days: int
    delivery_history_days: int
    expires_after_days: int
    lost_after_not_found: int = 5
    busy_minutes: int = 30
    minutes_between_ticks: int = 30
    quiet_minutes_between_ticks: int = 120

    @property
    def warm_up_days(self) -> int:
        """Until then rows may grow: a retention, the longest life of a job before it, and a night."""
        return self.job_history_days + self.expires_after_days + 1

    @property
    def settings(self) -> dict[str, str]:
        """The app's settings for it."""
        return {
            "JOB_HISTORY_DAYS": str(self.job_history_days),
            "DELIVERY_HISTORY_DAYS": str(self.delivery_history_days),
            "JOB_EXPIRES_AFTER_DAYS": str(self.expires_after_days),
            "JOB_LOST_AFTER_NOT_FOUND": str(self.lost_after_not_found),
        }


FULL = Scale(
    days=32, quiet_days=13, jobs_a_day=100, job_history_days=7, delivery_history_days=4, expires_after_days=3
)
# To try a change, in a minute or two. Too short to see a slow leak of memory. It has so few ticks that upstream's
# faults could keep an unknown job from its fifth 404 in a row until it expires.
SHORT = Scale(
    days=8,
    quiet_days=5,
    jobs_a_day=16,
    job_history_days=1,
    delivery_history_days=1,
    expires_after_days=2,
    lost_after_not_found=2,
    busy_minutes=3,
    minutes_between_ticks=180,
    quiet_minutes_between_ticks=360,
)


def chosen_scale() -> Scale:
    """FULL, unless SOAK_SCALE is `short`."""
    return {"full": FULL, "short": SHORT}[os.environ.get(SCALE_VARIABLE, "full")]
