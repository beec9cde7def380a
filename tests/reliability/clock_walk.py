"""Minutes of the app's life under clocks that jump, told by the true time, which only upstream and the proof know."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sandbox.server import Sandbox
from shared.jobs.filter import JobFilter
from shared.jobs.job import POLL_SPACING
from shared.settings import Settings
from tests.clock import FakeClock
from tests.instance import Instance, RecordingAnnouncer

# After a poll, a jump back or the death of an instance: a minute at most until the next tick, two for the wait or the
# claim that begins there, and one for the tick after.
LONGEST_GAP = timedelta(minutes=5)
# Longer than any job that ends, and than LONGEST_GAP after it.
QUIET_MINUTES = 16


class TrueTime(FakeClock):
    """The time that upstream measures."""


class JumpingClock(FakeClock):
    """The clock of an instance: the true time and an error, which a jump changes."""

    def __init__(self, true_time: TrueTime) -> None:
        super().__init__(true_time.now())
        self._true_time = true_time
        self.error = timedelta(0)

    def now(self) -> datetime:
        return self._true_time.now() + self.error

    def advance(self, seconds: float) -> datetime:
        self._true_time.advance(seconds)
        return self.now()

    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self.error += timedelta(seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Walked:
    """What a walk has seen. Moments are true ones; `polls` are the arrivals of each job's status requests.

    A job is `followed` from its registration until its end, or until the walk's. `listed` is the history, page by
    page; `counted` what the statistics say of all days. `late_health` are the minutes at which health was degraded
    right after a tick.
    """

    followed: Mapping[str, tuple[datetime, datetime]]
    polls: Mapping[str, Sequence[datetime]]
    jumps_forward: Sequence[datetime]
    jumps_back: Sequence[datetime]
    deaths: Sequence[datetime]
    ended: Sequence[str]
    events: Sequence[str]
    listed: Sequence[str]
    counted: int
    late_health: Sequence[int] = ()

    def spacings(self) -> list[tuple[str, datetime, datetime]]:
        return [(job, *pair) for job, polls in self.polls.items() for pair in pairwise(polls)]

    def early(self) -> list[tuple[str, datetime, datetime]]:
        """Two polls of one job less than a minute apart."""
        return [(job, first, second) for job, first, second in self.spacings() if second - first < POLL_SPACING]

    def faults(self) -> list[str]:
        """What breaks a promise."""
        found = [
            f"{job} was polled {(second - first).total_seconds():.1f} s after {first:%H:%M:%S}"
            for job, first, second in self.early()
            if not any(first <= jump <= second for jump in self.jumps_forward)
        ]
        waits_begin = [*self.jumps_back, *self.deaths]
        for job, (begin, end) in self.followed.items():
            anew = [moment for moment in waits_begin if begin < moment < end]
            moments = sorted([begin, *self.polls.get(job, []), *anew, end])
            longest = max(second - first for first, second in pairwise(moments))
            if longest > LONGEST_GAP:
                found.append(f"{job} was not polled for {longest}")
        found += [f"{job} ended {number} times" for job, number in Counter(self.events).items() if number != 1]
        if sorted(self.events) != sorted(self.ended):
            found.append(f"{len(self.ended)} jobs ended upstream, {len(set(self.events))} here")
        if sorted(self.listed) != sorted(self.ended):
            found.append(f"{len(self.listed)} jobs are listed of {len(self.ended)}")
        if self.counted != len(self.ended):
            found.append(f"{self.counted} jobs are counted of {len(self.ended)}")
        found += [f"health is degraded after the tick of minute {minute}" for minute in self.late_health]
        return found


@dataclass
class Walk:
    """A walk of instances that share a clock and a table."""

    sandbox: Sandbox
    settings: Settings
    choices: random.Random
    instances_count: int = 2
    # Storage stamps rows by this machine's clock: a true time far from it would make new rows look old.
    true_time: TrueTime = field(default_factory=lambda: TrueTime(datetime.now(UTC)))
    jumps_forward: list[datetime] = field(default_factory=list)
    jumps_back: list[datetime] = field(default_factory=list)
    deaths: list[datetime] = field(default_factory=list)
    late_health: list[int] = field(default_factory=list)
    followed: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = JumpingClock(self.true_time)
        self.sandbox.state.clock = self.true_time.now
        announcer = RecordingAnnouncer()
        self.instances = [Instance(self.settings, self.clock, announcer) for _ in range(self.instances_count)]
        self.announcer = announcer

    def close(self) -> None:
        for instance in self.instances:
            instance.services.upstream.close()

    def register(self, seconds: float | None) -> None:
        """Follow a new job, which takes so long; None: for ever."""
        job_id = self.sandbox.state.add_job(seconds=seconds)
        self.choices.choice(self.instances).register(job_id)
        self.followed[job_id] = self.true_time.now()

    def jump(self, seconds: float) -> None:
        """Set the clock of all instances."""
        self.clock.jump(seconds)
        (self.jumps_forward if seconds > 0 else self.jumps_back).append(self.true_time.now())

    def claim_and_die(self) -> None:
        """An instance claims every due job, and dies before it asks upstream."""
        instance = self.choices.choice(self.instances)
        now = self.clock.now()
        due = [row for row in instance.pending_rows() if row.job.next_poll_at <= now and not row.ahead]
        instance.pending.claim(due[:100], until=now + timedelta(seconds=104))
        self.deaths.append(self.true_time.now())

    def tick(self, minute: int) -> None:
        """A tick that both instances run, the second of them right after the first."""
        for instance in self.choices.sample(self.instances, len(self.instances)):
            report = instance.tick()
            instance.stores.states.record(report, instance.set_aside_rows.count)
        state = self.instances[0].stores.states.read()
        if state.failed_cycles_in_a_row or state.overdue:
            self.late_health.append(minute)

    def minutes(self, number: int, *, jump_chance: float, hours: float, job_chance: float = 0.2) -> None:
        """Live for about so many true minutes, with jumps of up to so many hours. Ticks come early, late or twice."""
        for minute in range(number):
            if self.choices.random() < jump_chance:
                self.jump(self.choices.uniform(-hours, hours) * 3600)
            if self.choices.random() < job_chance:
                self.register(self.choices.choice([0.0, 30.0, 600.0]))
            if self.choices.random() < job_chance / 2:
                self.claim_and_die()
            before = self.true_time.now()
            for _ in range(self.choices.choice([1, 1, 1, 2])):
                self.tick(minute)
            if self.choices.random() < jump_chance:  # between a poll and the next tick
                self.jump(self.choices.uniform(-hours, hours) * 3600)
            spent = (self.true_time.now() - before).total_seconds()
            self.true_time.advance(max(self.choices.choice([59.0, 59.7, 60.0, 60.0, 61.0, 75.0]) - spent, 0.0))

    def _ended(self, job_id: str) -> bool:
        job = self.sandbox.state.find_job(job_id)
        return job is not None and job.state(self.true_time.now()) == "succeeded"

    def seen(self) -> Walked:
        """What became of all this, after quiet minutes in which every job can end that ever will."""
        self.minutes(QUIET_MINUTES, jump_chance=0.0, hours=0.0, job_chance=0.0)
        end = self.true_time.now()
        instance = self.instances[0]
        finished = [job.job_id for job in instance.finished()]
        finishes = [event for event in self.announcer.events if event.type == "job.succeeded"]
        polls = {
            job: [request.arrived_at for request in self.sandbox.state.status_requests(job)] for job in self.followed
        }
        self.clock.error = timedelta(days=2)  # no day is still to come
        days = instance.stores.stats.days(90)
        listed: list[str] = []
        page = instance.listing.page(JobFilter(states=None), limit=7, cursor=None)
        while True:
            listed += [job.job_id for job in page.jobs if not job.pending]
            if page.next_cursor is None:
                break
            page = instance.listing.page(JobFilter(states=None), limit=7, cursor=page.next_cursor)
        return Walked(
            followed={
                job: (begin, polls[job][-1] if job in finished and polls[job] else end)
                for job, begin in self.followed.items()
            },
            polls=polls,
            jumps_forward=self.jumps_forward,
            jumps_back=self.jumps_back,
            deaths=self.deaths,
            ended=[job for job in self.followed if self._ended(job)],
            events=[str(event.data["job"]["jobId"]) for event in finishes],
            listed=listed,
            counted=sum(day["succeeded"] for day in days),
            late_health=self.late_health,
        )
