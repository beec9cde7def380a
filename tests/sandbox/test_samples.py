"""The sample jobs of `make run`."""

from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.sandbox.conftest import Caller

LONGEST_SAMPLE_SECONDS = 70


def test_there_is_a_sample_of_every_operation_and_outcome(control: Caller) -> None:
    rows = control.post("samples").json()
    assert {row["operation"] for row in rows} == {"create", "update", "delete", "withdraw", "upgrade"}
    assert {row["expectedState"] for row in rows} == {"succeeded", "failed", "cancelled"}
    assert len({row["jobId"] for row in rows} | {row["externalId"] for row in rows}) == 2 * len(rows)


def test_every_sample_ends_as_it_is_expected_to(control: Caller, ingestion: Caller, sandbox_clock: FakeClock) -> None:
    rows = control.post("samples").json()
    sandbox_clock.advance(LONGEST_SAMPLE_SECONDS)
    ends = {row["jobId"]: ingestion.status(row["jobId"]).json()["jobResult"].lower() for row in rows}
    assert ends == {row["jobId"]: row["expectedState"] for row in rows}


def test_the_details_hold_an_offer_where_one_is_expected(
    control: Caller, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    rows = control.post("samples").json()
    sandbox_clock.advance(LONGEST_SAMPLE_SECONDS)
    for row in rows:
        detail = ingestion.get(f"configure/{row['jobId']}")
        assert ('"private-offer/' in detail.text) == row["expectsPrivateOffer"], row["label"]


def test_no_sample_has_ended_when_it_is_submitted(fresh_sandbox: Sandbox, control: Caller) -> None:
    rows = control.post("samples").json()
    states = {job["state"] for job in control.get("jobs").json()["jobs"]}
    assert len(fresh_sandbox.state.jobs.all()) == len(rows)
    assert states <= {"notStarted", "running"}


def test_samples_can_be_submitted_again(control: Caller) -> None:
    first, second = (control.post("samples").json() for _ in range(2))
    assert {row["jobId"] for row in first}.isdisjoint(row["jobId"] for row in second)
