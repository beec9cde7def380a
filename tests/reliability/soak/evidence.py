"""An invented soak in which everything went well, for the tests of the verdict and the pictures."""

from collections import Counter
from datetime import timedelta
from random import Random

from tests.reliability.soak.endpoints import PASSING, STANDING, STEADY, Accepted
from tests.reliability.soak.process import Held
from tests.reliability.soak.run import Evidence, Sample
from tests.reliability.soak.scale import FULL, Scale
from tests.reliability.soak.storage import Stored

_NOISE = Random(7)  # noqa: S311 - the same every time


def good_evidence(scale: Scale = FULL) -> Evidence:
    """Rows rise for the time of their retention, stay level with noise and a weekly wave, and go."""
    outcomes = ("succeeded", "failed", "cancelled", "expired", "lost")
    expected = {f"job-{number}": outcomes[number % len(outcomes)] for number in range(50)}
    finishes = {job_id: {(outcome, f"evt_{job_id}")} for job_id, outcome in expected.items()}
    events = Counter(f"evt_{job_id}" for job_id in expected)
    return Evidence(
        scale=scale,
        seed=1,
        seconds=1.0,
        samples=[_sample(day, scale) for day in range(scale.days + scale.quiet_days)],
        left_over=[],
        expected=expected,
        finishes=finishes,
        accepted={name: Accepted(Counter(events), 100, 10) for name in (STEADY, PASSING, *STANDING)},
        latest=timedelta(seconds=1),
        dead={name: {"evt_dead"} for name in STANDING},
        kinds={"fails": 10},
        events={"job.failed": 10},
        fired={"poll_pending_jobs": 1, "deliver_webhooks": 1, "watch_offers": 1, "clean_up": 1},
        answers={200: 1},
        disabled={"gone: gone": 1, "failing: failing": 1},
        sent_again=1,
        faults={"reset": 1},
        upstream_requests=1,
    )


def _sample(day: int, scale: Scale) -> Sample:
    kept = scale.job_history_days
    filled = min(day, kept) / kept if day < scale.days else max(0.0, 1 - (day - scale.days) / kept)
    wave = 40 * (day % 7 in {2, 3})
    return Sample(
        day,
        held=Held(
            megabytes=80 + _NOISE.uniform(-1, 1),
            objects=74_500 + _NOISE.randrange(-40, 40),
            blocks=295_000 + _NOISE.randrange(-500, 500),
            files=40 + _NOISE.randrange(-1, 2),
            connections=37,
            threads=1,
        ),
        stored=Stored(
            jobs=round((1500 + _NOISE.randrange(-10, 10)) * filled),
            offers=round((300 + _NOISE.randrange(-5, 5)) * filled),
            deliveries=round((3000 + _NOISE.randrange(-20, 20) + wave) * filled),
            pending_deliveries=wave,
            dead_deliveries=70,
            documents=round(60 * filled) + _NOISE.randrange(0, 2),
            days=3 * (day + 1),
            set_aside=round(21 * filled),
            endpoints=5,
        ),
    )
