"""PATCH /jobs/{jobId}, arrays to POST /jobs, and the filters of GET /jobs."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.json_codec import loads
from shared.storage.errors import StorageUnreachable
from tests.clock import FakeClock
from tests.http.api import Api

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
OTHER_ID = "0b1d0a3c-5c56-4a05-9e9c-2f2b1f8f8d01"


def finish(api: Api, sandbox: Sandbox, **members: object) -> str:
    job_id = sandbox.state.add_job()
    assert api.register({"jobId": job_id, **members}).status == 202
    api.process.poll_pending_jobs()
    assert api.job(job_id).json["state"] == "succeeded"
    return job_id


def ids(api: Api, **query: str) -> list[str]:
    """The ids of every page of a listing."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.jobs(**query, **cursor)
        assert answer.status == 200, answer
        found += [job["jobId"] for job in answer.json["jobs"]]
        if answer.json["nextCursor"] is None:
            return found
        cursor = {"cursor": answer.json["nextCursor"]}


# Changing


def test_a_pending_job_is_changed(api: Api, clock: FakeClock) -> None:
    before = api.register({"jobId": JOB_ID, "label": "old", "externalId": "crm-1"}).json
    clock.advance(7)
    answer = api.change(JOB_ID, {"operation": "Upgrade", "label": "new", "externalId": None})
    changed = {"operation": "upgrade", "label": "new", "externalId": None, "updatedAt": "2026-11-20T09:00:07Z"}
    assert (answer.status, answer.json) == (200, before | changed)
    assert api.job(JOB_ID).json == answer.json
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_finished_job_is_changed_and_keeps_its_offer(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    job_id = finish(api, fresh_sandbox, label="old")
    before = api.job(job_id).json
    clock.advance(7)
    answer = api.change(job_id, {"label": "new"})
    assert (answer.status, answer.json) == (200, before | {"label": "new", "updatedAt": "2026-11-20T09:00:07Z"})
    assert answer.json["privateOffer"] is not None
    assert api.job(job_id).json == answer.json


@pytest.mark.parametrize("body", [{}, {"label": "same"}, {"label": "same", "operation": "unknown"}])
def test_a_change_that_changes_nothing_leaves_updated_at_alone(api: Api, clock: FakeClock, body: object) -> None:
    before = api.register({"jobId": JOB_ID, "label": "same"}).json
    clock.advance(7)
    assert api.change(JOB_ID, body).json == before


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"operation": None}, "operation: should be"),
        ({"operation": "publish"}, "operation: should be"),
        ({"label": ""}, "label: should have at least 1 character"),
        ({"state": "failed"}, "state: is not known here"),
        ({"jobId": JOB_ID}, "jobId: is not known here"),
        ([], "body: should be an object"),
    ],
)
def test_a_change_of_the_wrong_shape_is_422_and_changes_nothing(api: Api, body: object, fault: str) -> None:
    before = api.register({"jobId": JOB_ID}).json
    answer = api.change(JOB_ID, body)
    assert answer.status == 422
    assert answer.faults[0].startswith(fault)
    assert api.job(JOB_ID).json == before


def test_an_unknown_job_cannot_be_changed(api: Api) -> None:
    assert api.change(JOB_ID, {"label": "x"}).status == 404


def test_changes_of_different_members_at_the_same_time_are_both_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register({"jobId": JOB_ID})
    pending = api.process.stores().pending
    change = pending.change
    between: list[Any] = [lambda: api.change(JOB_ID, {"label": "theirs"})]

    def changed_by_another_first(*arguments: Any) -> None:  # noqa: ANN401 - passed on
        if between:
            between.pop()()
        change(*arguments)

    monkeypatch.setattr(pending, "change", changed_by_another_first)
    api.change(JOB_ID, {"externalId": "ours"})
    record = api.job(JOB_ID).json
    assert (record["label"], record["externalId"]) == ("theirs", "ours")


@pytest.mark.parametrize("seconds", [None, 0])
def test_a_change_while_the_job_is_polled_is_kept_and_so_is_the_polls_result(
    api: Api, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, seconds: int | None
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=seconds)
    api.register({"jobId": job_id})
    pending = api.process.stores().pending
    write = pending.write

    def after_a_change(*arguments: Any) -> Any:  # noqa: ANN401 - passed on
        assert api.change(job_id, {"label": "meanwhile", "operation": "create"}).status == 200
        return write(*arguments)

    monkeypatch.setattr(pending, "write", after_a_change)
    api.process.poll_pending_jobs()
    record = api.job(job_id).json
    assert (record["label"], record["operation"], record["pollCount"]) == ("meanwhile", "create", 1)
    assert record["state"] == ("pending" if seconds is None else "succeeded")
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_change_while_a_poll_fails_keeps_the_errors_that_upstream_gave_before(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"code": "conflict", "message": "Another job is running."}
    body = {"jobId": JOB_ID, "jobStatus": "running", "jobResult": "pending", "errors": [error]}
    answers: list[dict[str, Any]] = [{"status": 200, "body": body}, {"status": 500, "body": {}}]
    job_id = fresh_sandbox.state.add_job(job_id=JOB_ID, script=answers)
    api.register({"jobId": job_id})
    api.process.poll_pending_jobs()
    assert api.job(job_id).json["errors"] == [error]
    pending = api.process.stores().pending
    write = pending.write

    def after_a_change(*arguments: Any) -> Any:  # noqa: ANN401 - passed on
        api.change(job_id, {"label": "meanwhile"})
        return write(*arguments)

    monkeypatch.setattr(pending, "write", after_a_change)
    clock.advance(61)
    api.process.poll_pending_jobs()
    record = api.job(job_id).json
    assert (record["label"], record["consecutivePollFailures"]) == ("meanwhile", 1)
    assert record["errors"] == [error]


def test_a_job_on_its_way_to_the_history_can_be_changed(
    api: Api, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    api.register({"jobId": job_id})

    def unreachable(_: Sequence[object]) -> None:
        raise StorageUnreachable("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(api.process.services().finishing, "finish", unreachable)
        api.process.poll_pending_jobs()
    answer = api.change(job_id, {"label": "late"})
    assert (answer.json["label"], answer.json["state"]) == ("late", "succeeded")


def test_polls_that_bring_nothing_new_leave_updated_at_alone(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    api.register({"jobId": job_id})
    api.process.poll_pending_jobs()
    first = api.job(job_id).json
    clock.advance(61)
    api.process.poll_pending_jobs()
    second = api.job(job_id).json
    assert (second["pollCount"], second["updatedAt"]) == (2, first["updatedAt"])
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    clock.advance(61)
    api.process.poll_pending_jobs()
    assert api.job(job_id).json["updatedAt"] == "2026-11-20T09:02:02Z"


# Registering many


def test_an_array_registers_each_in_order_as_if_posted_alone(api: Api, fresh_sandbox: Sandbox) -> None:
    known = finish(api, fresh_sandbox, label="known")
    answer = api.register(
        [
            {"jobId": JOB_ID, "label": "first"},
            {"jobId": known},
            {"jobId": "no-guid"},
            {"jobId": OTHER_ID, "colour": "red"},
            "text",
            {"jobId": JOB_ID, "externalId": "crm-1"},
        ]
    )
    assert answer.status == 200
    results = answer.json["jobs"]
    assert [result["status"] for result in results] == [202, 200, 400, 422, 422, 200]
    assert results[0]["job"]["label"] == "first"
    assert "privateOffer" not in results[1]["job"]
    assert results[1]["job"]["state"] == "succeeded"
    assert results[3]["problem"]["faults"] == ["colour: is not known here"]
    assert results[5]["job"]["externalId"] == "crm-1"
    assert api.job(OTHER_ID).status == 404


def test_an_array_may_hold_upstreams_answers_and_its_refusals(api: Api) -> None:
    refusal = {"error": {"code": "badRequest", "message": "The price is missing."}}
    answer = api.register([{"jobID": JOB_ID, "jobStatus": "notStarted"}, refusal])
    assert [result["status"] for result in answer.json["jobs"]] == [202, 422]
    assert answer.json["jobs"][1]["problem"]["upstreamCode"] == "badRequest"


@pytest.mark.parametrize("body", [[], [{"jobId": JOB_ID}] * 101])
def test_an_empty_or_longer_array_is_422_and_registers_nothing(api: Api, body: list[object]) -> None:
    assert api.register(body).status == 422
    assert ids(api, state="all") == []


# Filters


def test_several_states_are_listed_together(api: Api, fresh_sandbox: Sandbox) -> None:
    done = finish(api, fresh_sandbox)
    api.register({"jobId": JOB_ID})
    assert ids(api, state="Pending,SUCCEEDED") == [JOB_ID, done]
    assert ids(api, state="failed,succeeded") == [done]
    assert ids(api, state="failed,all") == [JOB_ID, done]
    assert ids(api) == [JOB_ID]


def test_jobs_are_found_by_a_part_of_their_label_in_any_case(api: Api, fresh_sandbox: Sandbox) -> None:
    done = finish(api, fresh_sandbox, label="Contoso STRASSE renewal")
    api.register({"jobId": JOB_ID, "label": "contoso"})
    api.register({"jobId": OTHER_ID})
    assert ids(api, state="all", label="CONTOSO") == [JOB_ID, done]
    assert ids(api, state="all", label="straße") == [done]
    assert ids(api, state="all", label="fabrikam") == []


def test_jobs_are_found_by_operation_and_external_id_together(api: Api, fresh_sandbox: Sandbox) -> None:
    done = finish(api, fresh_sandbox, operation="create", externalId="crm-1")
    api.register({"jobId": JOB_ID, "operation": "create", "externalId": "crm-1"})
    api.register({"jobId": OTHER_ID, "operation": "delete", "externalId": "crm-1"})
    assert ids(api, state="all", operation="CREATE", externalId="crm-1") == [JOB_ID, done]
    assert ids(api, state="all", operation="create", externalId="CRM-1") == []


def test_updated_since_lists_jobs_of_every_state_that_changed_at_that_moment_or_later(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    old = finish(api, fresh_sandbox)
    clock.advance(600)
    since = "2026-11-20T09:10:00Z"
    assert ids(api, updatedSince=since) == []
    api.register({"jobId": JOB_ID})
    new = finish(api, fresh_sandbox)
    assert ids(api, updatedSince=since) == [JOB_ID, new]
    assert ids(api, updatedSince=since, state="pending") == [JOB_ID]
    assert ids(api, updatedSince="2026-11-20T10:10:00+01:00", state="succeeded") == [new]
    assert set(ids(api, updatedSince="2026-11-20T09:00:00Z")) == {JOB_ID, new, old}
    assert ids(api, updatedSince="2026-11-20T09:10:00.000001Z") == []


def test_updated_since_finds_finished_jobs_that_were_changed_later(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    old = [finish(api, fresh_sandbox) for _ in range(3)]
    clock.advance(600)
    since = "2026-11-20T09:10:00Z"
    api.change(old[1], {"label": "first"})
    clock.advance(5)
    api.change(old[1], {"label": "second"})
    api.change(old[2], {"label": "other"})
    new = finish(api, fresh_sandbox)
    api.change(new, {"label": "of a new one"})
    found = ids(api, updatedSince=since, limit="1")
    assert sorted(found) == sorted([old[1], old[2], new])
    assert ids(api, updatedSince=since, label="first") == []
    clock.advance(1)
    assert api.remove(old[2]).status == 204
    assert sorted(ids(api, updatedSince=since)) == sorted([old[1], new])


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-20", "2026-11-20T09:00:00", "20261120T090000Z", "x" * 400, ""]
)
def test_updated_since_needs_a_time_with_a_zone(api: Api, text: str) -> None:
    [fault] = api.jobs(updatedSince=text).faults
    assert fault.startswith("updatedSince should be")


def test_rows_that_other_systems_insert_are_in_no_listing_twice_and_match_filters(api: Api) -> None:
    table = api.process.stores().jobs_table
    job_id = str(uuid.uuid4())
    table.insert({"PartitionKey": "pending", "RowKey": job_id, "operation": "CREATE", "externalId": 4711})
    assert ids(api, operation="create", externalId="4711") == [job_id]
    assert ids(api, updatedSince="2026-11-20T08:00:00Z") == [job_id]
    assert ids(api, operation="delete") == []


def test_private_offers_in_a_listing_keep_their_digits(api: Api, fresh_sandbox: Sandbox) -> None:
    job_id = finish(api, fresh_sandbox)
    [listed] = loads(api.jobs(state="succeeded").body)["jobs"]
    assert listed == loads(api.job(job_id).body)
