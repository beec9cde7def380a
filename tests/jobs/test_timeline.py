"""What happened to a job, as its row keeps it."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.server import Sandbox
from shared.jobs.errors import JobUnknown
from shared.jobs.job import LONGEST_TIMELINE_CHARACTERS, Job, JobState, Operation
from shared.jobs.job_rows import PENDING_PARTITION
from shared.jobs.timeline import MOST_EVENTS, TimelineEvent, Timelines, after_change, after_poll
from shared.json_codec import dumps_bytes, loads
from shared.storage.table import etag_of
from tests.instance import Instance
from tests.json_texts import json_values

REGISTERED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JOB = Job(job_id=str(uuid.uuid4()), registered_at=REGISTERED, next_poll_at=REGISTERED)


def shown(job: Job) -> list[TimelineEvent]:
    """What the timeline of this job shows, without deliveries."""
    return Timelines(lambda _: job, lambda _: []).read(job.job_id)


def polled(job: Job, *, minutes: int, **changes: Any) -> Job:  # noqa: ANN401 - any field of a job
    """The job after a poll that changed this of it."""
    after = replace(job, **changes)
    return replace(after, timeline=after_poll(job, after, REGISTERED + timedelta(minutes=minutes), "evt_1"))


def at(instance: Instance, job_id: str) -> list[str]:
    """The job's events, each as its time of day and what it says."""
    events = Timelines(instance.registry.find, lambda _: []).read(job_id)
    rest = [{name: value for name, value in event.items() if name not in {"at", "type"}} for event in events]
    return [
        " ".join([event["at"][11:16], event["type"], *(str(value) for value in more.values())])
        for event, more in zip(events, rest, strict=True)
    ]


def test_a_job_that_nobody_knows_has_no_timeline() -> None:
    with pytest.raises(JobUnknown):
        Timelines(lambda _: None, lambda _: []).read(JOB.job_id)


def test_a_new_job_was_registered_and_no_more() -> None:
    assert shown(JOB) == [{"at": "2026-11-20T09:00:00Z", "type": "registered"}]


def test_a_poll_that_says_nothing_new_leaves_the_timeline_as_it_is() -> None:
    job = polled(JOB, minutes=1, job_status="running")
    assert polled(job, minutes=2, poll_count=2).timeline == job.timeline
    assert polled(job, minutes=2, job_status="Running").timeline == job.timeline
    assert polled(job, minutes=2, job_status=None).timeline == job.timeline


def test_failures_are_told_when_they_begin_and_when_they_end() -> None:
    job = polled(JOB, minutes=1, last_poll_error="it answered 500")
    job = polled(job, minutes=2, last_poll_error="it answered 503")
    job = polled(job, minutes=4, last_poll_error=None)
    assert shown(job)[1:] == [
        {"at": "2026-11-20T09:01:00Z", "type": "pollFailing", "reason": "it answered 500"},
        {"at": "2026-11-20T09:04:00Z", "type": "pollRecovered"},
    ]


def test_a_job_that_finishes_after_failures_has_recovered_first() -> None:
    job = polled(JOB, minutes=1, last_poll_error="it answered 500")
    ended = REGISTERED + timedelta(minutes=2)
    job = polled(
        job,
        minutes=3,
        last_poll_error=None,
        job_status="completed",
        state=JobState.SUCCEEDED,
        finished_at=ended,
    )
    assert [event["type"] for event in shown(job)] == [
        *("registered", "pollFailing", "statusChanged", "pollRecovered", "finished"),
    ]
    assert shown(job)[-1] == {"at": "2026-11-20T09:02:00Z", "type": "finished", "state": "succeeded"}


def test_members_that_a_caller_changed_are_told() -> None:
    now = REGISTERED + timedelta(minutes=1)
    after = replace(JOB, label="new", external_id="crm-2")
    job = replace(after, timeline=after_change(JOB, after, now))
    assert shown(job)[-1] == {"at": "2026-11-20T09:01:00Z", "type": "changed", "members": ["label", "externalId"]}
    assert after_change(job, job, now) == job.timeline


def test_what_a_caller_changed_while_a_poll_was_under_way_stays() -> None:
    now = REGISTERED + timedelta(minutes=1)
    changed = replace(JOB, timeline=after_change(JOB, replace(JOB, label="new"), now))
    after = replace(JOB, job_status="running")  # as it was when the poll began
    job = replace(after, timeline=after_poll(changed, after, now, "evt_1"))
    assert [event["type"] for event in shown(job)] == ["registered", "changed", "statusChanged"]


def test_a_job_that_finished_when_version_1_ran_is_shown_as_finished() -> None:
    job = replace(JOB, state=JobState.LOST, finished_at=REGISTERED + timedelta(hours=1))
    assert shown(job)[1:] == [{"at": "2026-11-20T10:00:00Z", "type": "finished", "state": "lost"}]


@settings(deadline=None, max_examples=40)
@given(
    reasons=st.lists(st.text(max_size=500) | st.sampled_from(["\ud800" * 300, "\U0001f600" * 300]), max_size=30),
    times=st.integers(1, 12),
)
def test_any_number_of_events_fits_into_the_column_and_the_first_and_the_newest_are_kept(
    reasons: list[str], times: int
) -> None:
    job, minutes = JOB, 0
    for reason in reasons * times:
        minutes += 2
        job = polled(job, minutes=minutes, last_poll_error=reason)
        job = polled(job, minutes=minutes + 1, last_poll_error=None)
    assert len(job.timeline) <= LONGEST_TIMELINE_CHARACTERS
    events = shown(job)
    assert len(events) <= MOST_EVENTS
    assert len(dumps_bytes(events)) < 2 * LONGEST_TIMELINE_CHARACTERS
    assert events[0]["type"] == "registered"
    kept = [event["type"] for event in events[1:]]
    expected = ["pollFailing", "pollRecovered"] * len(reasons) * times
    assert kept == expected[len(expected) - len(kept) :]
    if expected:
        # What went had no room.
        assert len(kept) == min(len(expected), MOST_EVENTS - 1) or len(job.timeline) > 13_000


@given(json_values(names=("at", "type", "reason", "eventId"), texts=("stalled", "2026-11-20T09:00:00Z")))
@settings(deadline=None)
def test_whatever_is_in_the_column_is_read_as_events_or_passed_over(value: object) -> None:
    column = json.dumps(value)
    for text in (column, f"[{column}]", column[1:], f'[{{"at":{column},"type":{column}}}]'):
        events = shown(replace(JOB, timeline=text))
        assert events[0]["type"] == "registered"
        dumps_bytes(events)
        assert shown(polled(replace(JOB, timeline=text), minutes=1, stalled=True))[-1]["type"] == "stalled"


ABSURD_EVENTS = [
    {"at": "2026-11-20T09:01:00Z", "type": "delivery", "status": "delivered"},
    {"at": "2026-11-20T09:01:00Z", "type": "pollFailing"},
    {"at": "2026-11-20T09:01:00Z", "type": "pollFailing", "reason": 5},
    {"at": "2026-11-20T09:01:00Z", "type": "stalled", "eventId": "evt_\ud800"},
    {"at": "2026-11-20T09:01:00Z", "type": "stalled", "eventId": "../x"},
    {"at": "2026-11-20T09:01:00Z", "type": ["stalled"]},
    {"at": "yesterday", "type": "pollRecovered"},
    {"at": 5, "type": "pollRecovered"},
    {"at": "0001-01-01T00:00:00+14:00", "type": "pollRecovered"},
]


@pytest.mark.parametrize("event", ABSURD_EVENTS, ids=json.dumps)
def test_an_event_that_makes_no_sense_hides_no_other(event: object) -> None:
    good = {"at": "2026-11-20T09:02:00Z", "type": "pollRecovered"}
    assert shown(replace(JOB, timeline=json.dumps([event, good])))[1:] == [good]


def test_a_hostile_column_makes_no_more_look_ups_than_one_of_ours() -> None:
    many = [{"at": "2026-11-20T09:01:00Z", "type": "stalled", "eventId": f"evt_{number}"} for number in range(150)]
    asked: list[str] = []

    def deliveries_of(event_ids: Any) -> list[TimelineEvent]:  # noqa: ANN401 - a sequence
        asked.extend(event_ids)
        return []

    Timelines(lambda _: replace(JOB, timeline=json.dumps(many)), deliveries_of).read(JOB.job_id)
    assert asked == ["evt_149"]


# Courses, with the sandbox


def test_the_way_of_a_job_that_succeeds(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(script=["notStarted", "running", "succeeded"], dialect="plain")
    instance.register(job_id)
    for _ in range(3):
        instance.clock.advance(60)
        instance.tick()
    assert at(instance, job_id) == [
        "09:00 registered",
        "09:01 statusChanged None notStarted",
        "09:02 statusChanged notStarted running",
        "09:03 statusChanged running completed",
        "09:03 finished succeeded",
    ]


def test_the_way_of_a_job_whose_polls_fail_for_a_while(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(script=["running", "failed"], dialect="plain")
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    for _ in range(3):
        instance.tick()
        instance.clock.advance(300)
    fresh_sandbox.state.clear_faults()
    for _ in range(2):
        instance.tick()
        instance.clock.advance(60)
    failing = at(instance, job_id)[1]
    assert failing.startswith("09:00 pollFailing ")
    assert at(instance, job_id) == [
        "09:00 registered",
        failing,
        "09:15 statusChanged None running",
        "09:15 pollRecovered",
        "09:16 statusChanged running completed",
        "09:16 finished failed",
    ]


def test_the_way_of_a_job_that_stalls_and_expires(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None, dialect="plain")
    instance.register(job_id)
    for _ in range(3):
        instance.tick()
        instance.clock.advance(15 * 86_400)
    assert at(instance, job_id) == [
        "09:00 registered",
        "09:00 statusChanged None running",
        "09:00 stalled",
        "09:00 finished expired",
    ]


def test_the_way_of_a_job_that_is_lost(instance: Instance) -> None:
    job_id = instance.register(str(uuid.uuid4())).job_id
    for _ in range(5):
        instance.tick()
        instance.clock.advance(60)
    events = at(instance, job_id)
    assert [event.split()[1] for event in events] == ["registered", "pollFailing", "finished"]
    assert events[-1] == "09:04 finished lost"


def test_the_way_of_a_job_whose_detail_is_unavailable(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(dialect="plain")).job_id
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-detail")
    for _ in range(3):
        instance.tick()
        instance.clock.advance(60)
    events = at(instance, job_id)
    assert [event.split()[1] for event in events] == ["registered", "statusChanged", "pollFailing", "finished"]


def test_a_finish_that_the_next_tick_finds_keeps_the_timeline(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(dialect="plain")).job_id
    with monkeypatch.context() as killed:
        killed.setattr(instance.finishing, "finish", lambda _: None)
        instance.tick()
    in_the_outbox = at(instance, job_id)
    instance.another().tick()
    assert at(instance, job_id) == in_the_outbox
    assert [event.split()[1] for event in in_the_outbox] == ["registered", "statusChanged", "finished"]


def test_a_job_put_into_the_table_by_another_system_was_registered_when_its_row_came(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None, dialect="plain")
    instance.table.insert({"PartitionKey": PENDING_PARTITION, "RowKey": job_id})
    instance.tick()
    assert at(instance, job_id) == ["09:00 registered", "09:00 statusChanged None running"]


def test_changes_by_callers_are_told_of_pending_and_of_finished_jobs(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(dialect="plain")).job_id
    instance.clock.advance(60)
    instance.registry.change(job_id, lambda job: replace(job, label="new"))
    instance.clock.advance(60)
    instance.tick()
    instance.clock.advance(60)
    instance.registry.change(job_id, lambda job: replace(job, operation=Operation.UPGRADE))
    instance.registry.change(job_id, lambda job: job)
    assert at(instance, job_id) == [
        "09:00 registered",
        "09:01 changed ['label']",
        "09:02 statusChanged None completed",
        "09:02 finished succeeded",
        "09:03 changed ['operation']",
    ]


def test_what_a_caller_changes_during_a_poll_and_what_the_poll_finds_are_both_told(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job()).job_id
    row = instance.pending.get(job_id)
    assert row is not None
    until = instance.clock.now() + timedelta(minutes=2)
    [claimed] = instance.pending.claim([row], until=until).taken
    instance.registry.change(job_id, lambda job: replace(job, label="new"))
    polled_job = replace(claimed.job, job_status="running", next_poll_at=until)
    [written] = instance.pending.write([(claimed, polled_job)], instance.clock.now())
    assert written is not None
    assert at(instance, job_id)[1:] == ["09:00 changed ['label']", "09:00 statusChanged None running"]


def test_a_manual_check_is_told_like_a_tick(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(dialect="plain")).job_id
    instance.manual_check.check(job_id)
    assert at(instance, job_id) == [
        *("09:00 registered", "09:00 statusChanged None completed", "09:00 finished succeeded"),
    ]


def test_a_job_registered_again_after_it_was_removed_begins_anew(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(seconds=None)).job_id
    instance.tick()
    instance.registry.remove(job_id)
    instance.clock.advance(60)
    instance.register(job_id)
    assert at(instance, job_id) == ["09:01 registered"]


def test_a_poll_that_says_nothing_new_does_not_write_the_column(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job(seconds=None)).job_id
    instance.tick()
    instance.clock.advance(60)
    ours = instance.table.get(PENDING_PARTITION, job_id)
    assert ours is not None
    # A change of another system's that a write of this column would undo.
    instance.table.upsert(ours | {"timeline": 5})
    instance.tick()
    row = instance.table.get(PENDING_PARTITION, job_id)
    assert row is not None
    assert row["timeline"] == 5
    assert row["pollCount"] == 2


@pytest.mark.parametrize("column", [5, "", "{", "[" * 15_000, "x" * 32_000, b"\x00", "[null]"], ids=range(7))
def test_an_absurd_column_neither_stops_the_job_nor_hides_its_end(
    instance: Instance, fresh_sandbox: Sandbox, column: object
) -> None:
    job_id = fresh_sandbox.state.add_job(dialect="plain")
    instance.table.insert({"PartitionKey": PENDING_PARTITION, "RowKey": job_id, "timeline": column})
    instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    assert at(instance, job_id) == [
        *("09:00 registered", "09:00 statusChanged None completed", "09:00 finished succeeded"),
    ]
    [row] = instance.table.rows("PartitionKey eq 'finished' and RowKey ge 'at~' and RowKey lt 'at~~'")
    assert loads(row["timeline"])
    # And in the history.
    instance.table.merge({"PartitionKey": "finished", "RowKey": row["RowKey"], "timeline": column}, etag_of(row))
    assert at(instance, job_id)[-1] == "09:00 finished succeeded"
