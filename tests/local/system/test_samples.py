"""The verdicts of `make run ONCE=1` on its sample jobs."""

from typing import Any

import pytest

from local.system.monitor_api import ArrivedEvent, JobRow, MonitorApi
from local.system.samples import SampleJob, events_missing, judge, still_running

CREATED = SampleJob("1", "create", "Contoso renewal", "crm-1", "succeeded", expects_private_offer=True)
DELETED = SampleJob("2", "delete", "Delete a draft", "crm-2", "succeeded", expects_private_offer=False)


class Offers(MonitorApi):
    """An app that answers with one private offer, or with an error."""

    def __init__(self, status: int = 200, body: dict[str, Any] | None = None) -> None:
        super().__init__("http://unused", key="local", master_key="master", receiver_url="http://unused")
        self._answer = status, {"id": "private-offer/1"} if body is None else body

    def private_offer(self, job_id: str) -> tuple[int, dict[str, Any]]:
        """The same for every job."""
        del job_id
        return self._answer


def _row(sample: SampleJob, state: str) -> JobRow:
    return JobRow(sample.job_id, sample.label, sample.operation, state, None, 1, None, "")


def _event(
    sample: SampleJob, *, event_type: str | None = None, webhook_id: str = "msg_1", verified: bool = True
) -> ArrivedEvent:
    return ArrivedEvent(webhook_id, event_type or f"job.{sample.expected_state}", sample.job_id, verified)


GOOD_ROWS = [_row(CREATED, "succeeded"), _row(DELETED, "succeeded")]
GOOD_EVENTS = [_event(CREATED), _event(DELETED)]
WRONG_TYPE = _event(CREATED, event_type="job.failed")


def test_jobs_that_end_as_expected_have_no_faults() -> None:
    verdicts = judge([CREATED, DELETED], GOOD_ROWS, GOOD_EVENTS, Offers())
    assert [verdict.faults for verdict in verdicts] == [(), ()]


@pytest.mark.parametrize(
    ("rows", "events", "offers", "fault"),
    [
        ([_row(CREATED, "failed")], [_event(CREATED)], Offers(), "is failed, not succeeded"),
        ([], [_event(CREATED)], Offers(), "is not listed, not succeeded"),
        (GOOD_ROWS, [], Offers(), "its event job.succeeded did not arrive"),
        (GOOD_ROWS, [_event(CREATED)] * 2, Offers(), "its event arrived 2 times under 1 id(s)"),
        (
            GOOD_ROWS,
            [_event(CREATED, event_type="job.failed")],
            Offers(),
            "its event is job.failed, not job.succeeded",
        ),
        (GOOD_ROWS, [_event(CREATED, verified=False)], Offers(), "its event's signature is not valid"),
        (GOOD_ROWS, [_event(CREATED)], Offers(502), "its private offer answers 502"),
        (GOOD_ROWS, [_event(CREATED)], Offers(body={}), "its private offer has no id"),
    ],
)
def test_each_fault_is_reported(rows: list[JobRow], events: list[ArrivedEvent], offers: Offers, fault: str) -> None:
    (verdict,) = judge([CREATED], rows, events, offers)
    assert verdict.faults == (fault,)


def test_a_stalled_event_is_not_a_finishing_event() -> None:
    events = [_event(CREATED, event_type="job.stalled", webhook_id="msg_0"), _event(CREATED)]
    (verdict,) = judge([CREATED], GOOD_ROWS, events, Offers())
    assert verdict.faults == ()
    assert events_missing([CREATED], events[:1])
    assert not events_missing([CREATED], events)


def test_a_sample_runs_until_it_is_listed_as_ended() -> None:
    assert still_running([CREATED, DELETED], [_row(CREATED, "pending"), _row(DELETED, "succeeded")]) == [CREATED]
    assert still_running([CREATED], []) == [CREATED]
