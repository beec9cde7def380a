"""Clocks that jump back and forward by hours, ticks that come early, late and twice, leap days and ends of years.

In a walk, two instances share a table and a clock that jumps while jobs are registered, polled and finished, and
while an instance dies between its claim and its request. Upstream measures the true time. At the end no two status
requests of a job came within 60 s of true time, no job went more than five minutes without a poll (counted anew from
a jump back and from the death of an instance), each job ended once and sent one event, the listing and the
statistics have each once, and after every tick health was in order.
Other tests jump in one phase after another, and go through 2028-02-29 and the end of 2026 with retention,
statistics, notices, retries and secrets. Each walk prints its seed.

What cannot hold: a clock that is set forward makes every wait look over. Stored times alone cannot tell a jump from
time that has passed, so a job may be polled once too early after it. The figures count how often that happened; no
other interval may be too short. After a clock was set back, every wait begins anew: a job is polled two minutes
later at the latest, or when `Retry-After` has passed again, and a delivery is retried at once. Instances whose
clocks differ by more than a minute cannot keep the 60 s either; what holds then is that no job is lost and none
ends twice. If the clock jumps within a tick, that tick may be longer than 50 seconds. A job that finishes after the
clock was set back may be missing from a listing that someone is paging through at that moment. Retention, expiry
and notices follow the clock, so they are as early or late as it is.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.server import Sandbox
from shared.jobs.filter import JobFilter
from shared.jobs.job import JobState
from shared.settings import Settings, load_settings
from shared.watch.notices import Announced, Thresholds, due_notice
from shared.webhooks.delivery import MAX_ATTEMPTS, next_attempt_at
from shared.webhooks.endpoint import Endpoint
from tests.clock import FakeClock
from tests.instance import Instance
from tests.reliability.clock_walk import Walk, Walked
from tests.reliability.report import record
from tests.sandbox_settings import sandbox_settings
from tests.watch.samples import watched

JOB = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
START = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)
LEAP_DAY = datetime(2028, 2, 29, 12, tzinfo=UTC)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GOOD = Walked(
    followed={JOB: (START, START + timedelta(minutes=2))},
    polls={JOB: [START, START + timedelta(minutes=1), START + timedelta(minutes=2)]},
    jumps_forward=[],
    jumps_back=[],
    deaths=[],
    ended=[JOB],
    events=[JOB],
    listed=[JOB],
    counted=1,
)
TOO_EARLY = {JOB: [START, START + timedelta(seconds=59), START + timedelta(minutes=2)]}


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (replace(GOOD, polls=TOO_EARLY), "polled 59.0 s after"),
        (replace(GOOD, followed={JOB: (START - HOUR, START)}), "not polled for 1:00:00"),
        (replace(GOOD, polls={JOB: []}, followed={JOB: (START, START + HOUR)}), "not polled for 1:00:00"),
        (replace(GOOD, events=[JOB, JOB]), "ended 2 times"),
        (replace(GOOD, events=[]), "1 jobs ended upstream, 0 here"),
        (replace(GOOD, listed=[]), "0 jobs are listed of 1"),
        (replace(GOOD, listed=[JOB, JOB]), "2 jobs are listed of 1"),
        (replace(GOOD, counted=2), "2 jobs are counted of 1"),
        (replace(GOOD, late_health=[7]), "health is degraded after the tick of minute 7"),
    ],
)
def test_evidence_of_a_broken_promise_is_seen(bad: Walked, fault: str) -> None:
    assert GOOD.faults() == []
    assert any(fault in each for each in bad.faults()), bad.faults()


def test_only_a_jump_forward_between_two_polls_excuses_the_second() -> None:
    early = replace(GOOD, polls=TOO_EARLY)
    assert replace(early, jumps_forward=[START + timedelta(seconds=30)]).faults() == []
    assert replace(early, jumps_forward=[START + timedelta(seconds=90)]).faults() != []
    assert replace(early, jumps_back=[START + timedelta(seconds=30)]).faults() != []


def test_a_wait_begins_anew_with_a_jump_back_and_with_the_death_of_an_instance() -> None:
    waited = replace(GOOD, polls={JOB: []}, followed={JOB: (START, START + timedelta(minutes=8))})
    in_between = [START + timedelta(minutes=4)]
    assert replace(waited, jumps_back=in_between).faults() == []
    assert replace(waited, deaths=in_between).faults() == []
    assert replace(waited, jumps_forward=in_between).faults() != []


@pytest.fixture
def settings(azurite: str, jobs_table: str, fresh_sandbox: Sandbox) -> Settings:
    own = {"JOBS_TABLE": jobs_table, "UPSTREAM_TIMEOUT_SECONDS": "30", "POLL_CONCURRENCY": "4"}
    return load_settings(sandbox_settings(fresh_sandbox, azurite, **own))


@pytest.fixture
def walk(settings: Settings, fresh_sandbox: Sandbox, seed: int) -> Iterator[Walk]:
    clock = fresh_sandbox.state.clock
    walk = Walk(fresh_sandbox, settings, random.Random(seed))  # noqa: S311 - not a secret
    yield walk
    walk.close()
    fresh_sandbox.state.clock = clock


@pytest.mark.parametrize("hours", [-11.0, -1.0, 1.0, 11.0])
def test_a_jump_in_any_phase_of_a_jobs_life_loses_nothing_and_polls_nothing_early(walk: Walk, hours: float) -> None:
    walk.register(None)
    walk.jump(hours * 3600)  # registered, but never polled
    walk.minutes(3, jump_chance=0, hours=0, job_chance=0)
    walk.claim_and_die()
    walk.jump(hours * 3600)  # claimed, but not polled
    walk.minutes(4, jump_chance=0, hours=0, job_chance=0)
    walk.jump(-hours * 3600)  # between two polls
    walk.register(0.0)
    walk.minutes(1, jump_chance=0, hours=0, job_chance=0)
    walk.jump(hours * 3600)  # one job has finished
    assert walk.seen().faults() == []


def test_a_short_walk_with_jumps_breaks_no_promise(walk: Walk) -> None:
    walk.minutes(20, jump_chance=0.3, hours=6.0)
    assert walk.jumps_back or walk.jumps_forward
    assert walk.seen().faults() == []


def test_ticks_early_late_and_twice_without_a_jump_poll_each_job_once_a_minute(walk: Walk) -> None:
    walk.minutes(12, jump_chance=0, hours=0)
    seen = walk.seen()
    assert seen.early() == []
    assert seen.faults() == []


def test_clocks_of_two_instances_that_are_hours_apart_lose_no_job_and_end_none_twice(
    settings: Settings, fresh_sandbox: Sandbox
) -> None:
    jobs = [fresh_sandbox.state.add_job(outcome=outcome) for outcome in ("succeeded", "failed", "cancelled")]
    running = fresh_sandbox.state.add_job(seconds=None)
    now = datetime.now(UTC)  # storage stamps rows by this machine's clock
    behind, ahead = FakeClock(now), FakeClock(now + 3 * HOUR)
    one = Instance(settings, behind)
    other = Instance(settings, ahead, one.announcer)
    for number, job_id in enumerate([*jobs, running]):
        (one, other)[number % 2].register(job_id)
    for _ in range(6):
        one.tick()
        other.tick()
        behind.advance(60)
        ahead.advance(60)
    assert sorted(one.announcer.types) == ["job.cancelled", "job.failed", "job.succeeded"]
    assert {one.job(job_id).state.value for job_id in jobs} == {"succeeded", "failed", "cancelled"}
    assert one.job(running).state is JobState.PENDING
    assert one.job(running).poll_count >= 5
    for instance in (one, other):
        instance.services.upstream.close()


@pytest.fixture
def dated(settings: Settings) -> Iterator[Instance]:
    """An instance whose clock a test sets to a day of its own."""
    instance = Instance(settings, FakeClock(LEAP_DAY))
    yield instance
    instance.services.upstream.close()


def finish_at(instance: Instance, sandbox: Sandbox, moment: datetime) -> str:
    """A job that is registered and finishes at that moment; returns its id."""
    instance.clock.advance((moment - instance.clock.now()).total_seconds())
    job_id = sandbox.state.add_job(outcome="failed")
    instance.register(job_id)
    instance.tick()
    assert instance.job(job_id).state is JobState.FAILED
    return job_id


@pytest.mark.parametrize("moment", [LEAP_DAY, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), NEW_YEAR])
def test_a_finished_job_is_kept_for_its_365_days_and_removed_after_them(
    dated: Instance, fresh_sandbox: Sandbox, moment: datetime
) -> None:
    job_id = finish_at(dated, fresh_sandbox, moment)
    dated.clock.advance((365 * DAY).total_seconds() - 1)
    dated.timers.clean_up.run(None)
    assert dated.registry.find(job_id) is not None
    dated.clock.advance(2)
    dated.timers.clean_up.run(None)
    assert dated.registry.find(job_id) is None


@pytest.mark.parametrize("hours", [-11, -1, 1, 11])
def test_a_jump_of_hours_before_the_nightly_clean_up_removes_nothing_that_is_days_younger(
    dated: Instance, fresh_sandbox: Sandbox, hours: int
) -> None:
    job_id = finish_at(dated, fresh_sandbox, NEW_YEAR)
    dated.clock.advance((364 * DAY).total_seconds() + hours * 3600)
    dated.timers.clean_up.run(None)
    assert dated.registry.find(job_id) is not None
    assert sum(day["failed"] for day in dated.stores.stats.days(90)) == 0  # its day is out of reach by now


@pytest.mark.parametrize("midnight", [NEW_YEAR, datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)])
def test_jobs_that_finish_around_midnight_count_on_their_days_and_are_listed_newest_first(
    dated: Instance, fresh_sandbox: Sandbox, midnight: datetime
) -> None:
    before = finish_at(dated, fresh_sandbox, midnight - timedelta(seconds=1))
    after = finish_at(dated, fresh_sandbox, midnight)
    days = dated.stores.stats.days(2)
    assert [(day["date"], day["failed"], day["polls"]) for day in days][1] == (midnight.date().isoformat(), 1, 0)
    assert (days[0]["date"], days[0]["failed"]) == ((midnight - DAY).date().isoformat(), 1)
    page = dated.listing.page(JobFilter(states=None), limit=10, cursor=None)
    assert [job.job_id for job in page.jobs] == [after, before]


def test_the_statistics_have_every_day_around_a_leap_day(dated: Instance) -> None:
    dated.clock.advance((2 * DAY).total_seconds())
    dates = [day["date"] for day in dated.stores.stats.days(4)]
    assert dates == ["2028-02-28", "2028-02-29", "2028-03-01", "2028-03-02"]


def test_a_clean_up_after_the_clock_was_set_back_over_midnight_keeps_the_day_that_has_begun(
    dated: Instance, fresh_sandbox: Sandbox
) -> None:
    finish_at(dated, fresh_sandbox, NEW_YEAR + timedelta(minutes=5))
    dated.clock.advance(-3 * 3600)
    dated.timers.clean_up.run(None)
    dated.clock.advance(3 * 3600)
    assert dated.stores.stats.days(1)[0]["failed"] == 1


@pytest.mark.parametrize(
    ("day", "threshold", "told_on"),
    [
        (date(2028, 3, 1), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 7, date(2028, 2, 22)),
        (date(2027, 3, 1), 1, date(2027, 2, 28)),
        (date(2027, 1, 7), 7, date(2026, 12, 31)),
        (date(2027, 1, 1), 1, date(2026, 12, 31)),
    ],
)
def test_a_notice_comes_on_its_calendar_day_and_once_although_the_clock_is_set_back_a_day(
    day: date, threshold: int, told_on: date
) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - 20 * DAY
    thresholds = Thresholds().renewed([threshold], [], begin)
    offer = watched(acceptBy=day.isoformat())
    _, known = due_notice(offer, Announced(), thresholds, now=begin, baseline_at=None)
    told: list[date] = []
    now = begin
    was_set_back = False
    while now.date() <= day:
        notice, known = due_notice(offer, known, thresholds, now=now, baseline_at=begin)
        if notice is not None:
            told.append(now.date())
            assert notice.days_left == threshold
        now += HOUR
        if told and not was_set_back:
            now, was_set_back = now - DAY, True
    assert told == [told_on]


@pytest.mark.parametrize("start", [LEAP_DAY, NEW_YEAR - HOUR, datetime(2028, 2, 28, 23, 59, tzinfo=UTC)])
def test_the_schedule_of_retries_takes_its_three_days_over_leap_days_and_new_year(start: datetime) -> None:
    now, attempts = start, 1
    while (following := next_attempt_at(attempts, now, retry_after=None, random=lambda: 0.0)) is not None:
        assert following > now
        now, attempts = following, attempts + 1
    assert attempts == MAX_ATTEMPTS
    assert now - start == timedelta(days=3, hours=3, minutes=36)


@pytest.mark.parametrize("start", [LEAP_DAY, NEW_YEAR - HOUR])
def test_an_old_secret_signs_for_24_hours_whatever_the_calendar(start: datetime) -> None:
    endpoint = Endpoint(id="wh_1", url="https://crm.example", secret="old").with_secret("new", start)
    assert endpoint.signing_secrets(start + DAY - timedelta(seconds=1)) == ["new", "old"]
    assert endpoint.signing_secrets(start + DAY) == ["new"]
    assert endpoint.signing_secrets(start - 3 * HOUR) == ["new", "old"]  # the clock was set back


@pytest.mark.slow
def test_a_night_of_jumping_clocks_breaks_no_promise(walk: Walk, seed: int) -> None:
    minutes = 300
    walk.minutes(minutes, jump_chance=0.1, hours=12.0)
    seen = walk.seen()
    found = seen.faults()
    assert not found, "\n".join(found)
    assert seen.jumps_back
    assert seen.jumps_forward
    spacings = [(second - first).total_seconds() for _, first, second in seen.spacings()]
    early = seen.early()
    regular = [
        (second - first).total_seconds() for _, first, second in seen.spacings() if (_, first, second) not in early
    ]
    record(
        "clocks",
        figures={
            "seed": seed,
            "true minutes": minutes,
            "jumps forward": len(seen.jumps_forward),
            "jumps back": len(seen.jumps_back),
            "jobs": len(seen.followed),
            "jobs that ended, each once": len(seen.ended),
            "status requests": sum(len(polls) for polls in seen.polls.values()),
            "shortest time between two of one job without a jump forward, true seconds": round(min(regular), 1),
            "longest time between two of one job, true seconds": round(max(spacings), 1),
            "requests too early, each after a jump forward": len(early),
        },
    )
