"""One poll without upstream: which requests it sends, how long each may take, what comes back and what is logged."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.jobs.job import Job, JobState, Operation
from shared.polling.poller import JobPoller, Poll, claimed_until
from shared.polling.rules import PollRules
from shared.upstream.errors import TokenUnavailable, UpstreamNotFound, UpstreamServerError
from shared.upstream.job_status import JobStatus
from tests.clock import FakeClock
from tests.log_events import logged

NOW = FakeClock().now()
ANSWER_BY = NOW + timedelta(seconds=44)
OFFER = b'{"id": "private-offer/x"}'
JOB = Job(job_id="job", registered_at=NOW, next_poll_at=NOW)
AWAITING = replace(JOB, poll_count=1, job_status="completed", job_result="succeeded", resource_uri="x")


def status(job_status: str = "running", job_result: str | None = "pending", **fields: Any) -> JobStatus:  # noqa: ANN401 - any field
    known = JobStatus(
        job_id="job",
        status=job_status.casefold(),
        result=job_result,
        job_status=job_status,
        job_result=job_result,
        job_start=None,
        job_end=None,
        resource_uri="x",
        errors=[],
    )
    return replace(known, **fields)


@dataclass
class Permit:
    """Remembers for how long it was to wait for a place."""

    waits: list[float] = field(default_factory=list)

    def acquire(self, seconds_left: float = math.inf) -> None:
        self.waits.append(seconds_left)


@dataclass
class Upstream:
    """Answers with `status` and `offer`, after some seconds; a large answer says so in the middle of them."""

    status: JobStatus | Exception = field(default_factory=status)
    offer: bytes | Exception | None = OFFER
    takes_seconds: float = 0
    large: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[tuple[str, str, float]] = field(default_factory=list)

    def job_status(self, job_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> JobStatus:
        return self._answer("status", job_id, timeout_seconds, before_large, self.status)

    def job_offer(self, job_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> bytes | None:
        return self._answer("offer", job_id, timeout_seconds, before_large, self.offer)

    def _answer[T](
        self, what: str, job_id: str, timeout_seconds: float, before_large: Callable[[], None], answer: T | Exception
    ) -> T:
        self.asked.append((what, job_id, timeout_seconds))
        self.clock.advance(self.takes_seconds / 2)
        if self.large:
            before_large()
        self.clock.advance(self.takes_seconds / 2)
        if isinstance(answer, Exception):
            raise answer
        return answer


def poller_of(upstream: Upstream) -> JobPoller:
    rules = PollRules(stalled_after=timedelta(hours=24), expires_after=timedelta(days=30), lost_after_not_found=5)
    return JobPoller(cast("Any", upstream), rules, upstream.clock)


def poll(upstream: Upstream, job: Job = JOB, permit: Permit | None = None) -> Poll:
    return poller_of(upstream).poll(job, answer_by=ANSWER_BY, permit=cast("Any", permit or Permit()))


def test_a_claim_lasts_for_a_minute_after_the_last_moment_for_answers() -> None:
    assert claimed_until(NOW) == NOW + timedelta(seconds=60)


def test_a_running_job_costs_one_request_that_may_take_until_the_last_moment_for_answers() -> None:
    upstream = Upstream(takes_seconds=1.5)
    done = poll(upstream)
    assert upstream.asked == [("status", "job", 44)]
    assert (done.asked, done.error, done.latency_seconds) == (True, None, 1.5)
    answered_at = NOW + timedelta(seconds=1.5)
    assert (done.job.poll_count, done.job.last_polled_at, done.job.job_status) == (1, answered_at, "running")
    assert done.job.next_poll_at == answered_at + timedelta(seconds=60)


def test_a_job_that_succeeded_is_finished_with_its_offer() -> None:
    upstream = Upstream(status("completed", "succeeded"), takes_seconds=4)
    done = poll(upstream)
    assert upstream.asked == [("status", "job", 44), ("offer", "job", 40)]
    assert (done.asked, done.error, done.latency_seconds) == (True, None, 4)
    assert (done.job.state, done.job.private_offer) == (JobState.SUCCEEDED, OFFER)
    assert done.job.finished_at == NOW + timedelta(seconds=8)


@pytest.mark.parametrize("takes_seconds", [42.5, 50])
def test_an_offer_may_take_two_seconds_even_if_there_is_less_time(takes_seconds: float) -> None:
    upstream = Upstream(status("completed", "succeeded"), takes_seconds=takes_seconds)
    poll(upstream)
    assert upstream.asked[1] == ("offer", "job", 2)


def test_large_answers_wait_for_their_places_no_longer_than_the_poll_has_time() -> None:
    permit = Permit()
    poll(Upstream(status("completed", "succeeded"), takes_seconds=4, large=True), permit=permit)
    assert permit.waits == [42, 38]


def test_the_offer_of_a_job_that_is_known_to_have_succeeded_is_all_that_is_requested() -> None:
    upstream, permit = Upstream(takes_seconds=4, large=True), Permit()
    done = poll(upstream, AWAITING, permit)
    assert upstream.asked == [("offer", "job", 44)]
    assert permit.waits == [42]
    assert (done.asked, done.error, done.latency_seconds) == (False, None, None)
    assert (done.job.state, done.job.private_offer, done.job.poll_count) == (JobState.SUCCEEDED, OFFER, 1)


def test_a_detail_that_fails_is_tried_again_later_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = UpstreamServerError("503", api="", status=503, request_id="request")
    upstream = Upstream(status("completed", "succeeded"), error, takes_seconds=1)
    done = poll(upstream)
    assert (done.asked, done.error, done.latency_seconds) == (True, error, 1)
    assert (done.job.pending, done.job.detail_attempts, done.job.last_poll_error) == (True, 1, "503")
    assert done.job.next_poll_at == NOW + timedelta(seconds=22)
    facts = {"jobId": "job", "reason": "503", "upstreamStatus": 503, "upstreamRequestId": "request"}
    rest = {"consecutiveFailures": 0, "nextPollAt": "2026-11-20T09:00:22+00:00"}
    assert logged(caplog, "job_poll_failed") == [("WARNING", facts | rest)]


@pytest.mark.parametrize(
    ("answer", "operation"),
    [
        (status("running", "succeeded"), Operation.CREATE),
        (status("completed", "succeeded"), Operation.DELETE),
        (status("completed", "failed"), Operation.CREATE),
    ],
    ids=["running", "deleted", "failed"],
)
def test_no_detail_is_requested_of_a_job_that_has_none(answer: JobStatus, operation: Operation) -> None:
    upstream = Upstream(answer)
    poll(upstream, replace(JOB, operation=operation))
    assert [what for what, _, _ in upstream.asked] == ["status"]


def test_a_status_request_that_fails_counts_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = UpstreamServerError("503", api="", status=503, request_id="request")
    done = poll(Upstream(error, takes_seconds=2.25), replace(JOB, consecutive_poll_failures=1, poll_count=1))
    assert (done.asked, done.error, done.latency_seconds) == (True, error, None)
    assert (done.job.poll_count, done.job.consecutive_poll_failures) == (2, 2)
    assert done.job.last_polled_at == NOW + timedelta(seconds=2.25)
    [(level, facts)] = logged(caplog, "job_poll_failed")
    assert (level, facts["consecutiveFailures"], facts["nextPollAt"]) == ("WARNING", 2, "2026-11-20T09:02:02+00:00")
    assert {record.name for record in caplog.records} == {"offer_monitor.jobs"}


def test_without_a_token_the_job_stays_as_it_was() -> None:
    error = TokenUnavailable("none", api="")
    assert poll(Upstream(error)) == Poll(JOB, asked=False, error=error)


def test_a_job_that_is_lost_while_it_is_polled_is_finished() -> None:
    done = poll(Upstream(UpstreamNotFound("404", api="")), replace(JOB, not_found_in_a_row=4))
    assert done.job.state is JobState.LOST


def test_a_job_whose_row_says_that_it_was_polled_is_not_held_back_by_what_the_process_remembers() -> None:
    upstream = Upstream()
    poller = poller_of(upstream)
    for job in (JOB, replace(JOB, poll_count=1), replace(JOB, poll_count=1)):
        assert poller.poll(job, answer_by=ANSWER_BY, permit=cast("Any", Permit())).asked
    held_back = poller.poll(JOB, answer_by=ANSWER_BY, permit=cast("Any", Permit()))
    assert held_back == Poll(replace(JOB, next_poll_at=NOW + timedelta(seconds=60)), asked=False)


def test_only_a_status_that_is_not_known_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for answer in (status(), status("completed", "failed"), status("completed", "succeeded")):
        poll(Upstream(answer))
    assert logged(caplog, "job_status_unknown") == []
    poll(Upstream(status("Paused", "Perhaps")))
    facts = {"jobId": "job", "jobStatus": "Paused", "jobResult": "Perhaps"}
    assert logged(caplog, "job_status_unknown") == [("WARNING", facts)]
    assert {record.name for record in caplog.records} == {"offer_monitor.jobs"}


@pytest.mark.parametrize("answer", [status(), UpstreamServerError("503", api="")], ids=["answered", "failed"])
@pytest.mark.parametrize(("hours", "stalled", "lines"), [(23, False, 0), (400.06, False, 1), (25, True, 0)])
def test_a_job_is_logged_when_it_stalls_and_never_again(
    caplog: pytest.LogCaptureFixture, *, answer: JobStatus | Exception, hours: float, stalled: bool, lines: int
) -> None:
    job = replace(
        JOB, registered_at=NOW - timedelta(hours=hours), stalled=stalled, operation=Operation.UPDATE, poll_count=9
    )
    poll(Upstream(answer), job)
    facts = {"jobId": "job", "operation": "update", "hoursPending": 400.1}
    assert logged(caplog, "job_stalled") == [("WARNING", facts)] * lines


def test_a_poll_that_failed_unexpectedly_counts_as_an_unreadable_answer() -> None:
    failed = poller_of(Upstream()).failed_unexpectedly(JOB)
    assert (failed.asked, failed.job.poll_count, failed.job.last_polled_at) == (True, 1, NOW)
    assert failed.job.last_poll_error == "The poll failed unexpectedly; the log says why."
    assert failed.error is not None
    assert failed.error.api == "Product Ingestion"
    detail = poller_of(Upstream()).failed_unexpectedly(AWAITING)
    assert (detail.asked, detail.job.detail_attempts, detail.error is None) == (False, 1, False)


def test_answers_are_forgotten_after_their_minutes_once_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.polling.poller.REMEMBERED_ANSWERS", 2)
    upstream = Upstream()
    poller = poller_of(upstream)
    for name, seconds in (("a", 0), ("b", 1), ("c", 59)):
        upstream.clock.advance(seconds)
        poller.poll(replace(JOB, job_id=name), answer_by=ANSWER_BY, permit=cast("Any", Permit()))
    assert list(poller._last_answers) == ["b", "c"]
