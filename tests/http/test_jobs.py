"""Registering, reading, listing, checking and removing jobs over HTTP."""

import itertools
import json
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.http.api import BASE_URL, Answer, Api

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
FIELDS_OF_A_RECORD = {
    *("jobId", "state", "operation", "label", "externalId", "registeredAt", "updatedAt", "finishedAt"),
    *(
        "jobStatus",
        "jobResult",
        "jobStart",
        "jobEnd",
        "resourceUri",
        "errors",
        "privateOffer",
        "pollCount",
        "lastPolledAt",
        "nextPollAt",
    ),
    *("consecutivePollFailures", "lastPollError", "stalled"),
}
ANSWER_TO_CONFIGURE: dict[str, Any] = {
    "$schema": "https://schema.mp.microsoft.com/schema/configure-status/2022-07-01",
    "jobId": JOB_ID,
    "jobStatus": "completed",
    "jobResult": "succeeded",
    "jobStart": "2026-11-20T08:59:54.9702903Z",
    "jobEnd": "0001-01-01",
    "resourceUri": f"https://product-ingestion.mp.microsoft.com/configure/{JOB_ID}",
    "errors": [],
}


def _ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [record["jobId"] for record in answer.json["jobs"]]


def _finish(api: Api, sandbox: Sandbox, **job: Any) -> str:  # noqa: ANN401 - the sandbox's own
    job_id = sandbox.state.add_job(**job)
    api.register({"jobId": job_id, "externalId": "crm"})
    assert api.check(job_id).json["state"] != "pending"
    return job_id


def test_a_job_is_registered_with_202_its_record_and_where_to_find_it(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.register({"jobId": JOB_ID, "operation": "create", "label": "Renewal", "externalId": "crm-1"})
    assert answer.status == 202
    assert answer.headers["Location"] == f"{BASE_URL}/jobs/{JOB_ID}"
    assert answer.headers["Retry-After"] == "60"
    assert set(answer.json) == FIELDS_OF_A_RECORD
    assert answer.json["registeredAt"] == "2026-11-20T09:00:00Z"
    assert (answer.json["state"], answer.json["operation"], answer.json["pollCount"]) == ("pending", "create", 0)
    assert fresh_sandbox.state.requests() == []


def test_a_job_known_already_answers_200_and_nothing_that_is_filled_in_changes(api: Api, clock: FakeClock) -> None:
    first = api.register({"jobId": JOB_ID, "label": "first", "operation": "update", "externalId": "crm-1"})
    clock.advance(5)
    second = api.register({"jobId": JOB_ID.upper(), "label": "second", "operation": "delete", "externalId": "crm-2"})
    assert (second.status, second.json) == (200, first.json)
    assert api.job(JOB_ID).json == first.json


def test_the_empty_members_of_a_job_known_already_are_filled_in(api: Api, clock: FakeClock) -> None:
    first = api.register({"jobId": JOB_ID, "label": "first"})
    clock.advance(5)
    second = api.register({"jobId": JOB_ID, "label": "second", "operation": "delete", "externalId": "crm-1"})
    filled_in = {"operation": "delete", "externalId": "crm-1", "updatedAt": "2026-11-20T09:00:05Z"}
    assert (second.status, second.json) == (200, first.json | filled_in)
    assert api.register({"jobId": JOB_ID, "operation": "unknown", "label": None}).json == second.json


def test_the_empty_members_of_a_finished_job_are_filled_in(api: Api, fresh_sandbox: Sandbox) -> None:
    job_id = _finish(api, fresh_sandbox)
    again = api.register({"jobId": job_id, "label": "late"})
    assert (again.status, again.json["label"], again.json["state"]) == (200, "late", "succeeded")


def test_a_finished_job_registered_again_answers_200_with_its_finished_record(
    api: Api, fresh_sandbox: Sandbox
) -> None:
    job_id = _finish(api, fresh_sandbox)
    again = api.register({"jobId": job_id})
    assert (again.status, again.json["state"]) == (200, "succeeded")
    assert "Retry-After" not in again.headers


@pytest.mark.parametrize("spelling", ["jobId", "jobID"])
def test_upstreams_answer_to_configure_registers_its_job_and_no_more(api: Api, spelling: str) -> None:
    body = {key: value for key, value in ANSWER_TO_CONFIGURE.items() if key != "jobId"}
    answer = api.register({**body, spelling: f" {JOB_ID.upper()} ", "operation": "Create", "unheardOf": [1]})
    assert answer.status == 202
    assert (answer.json["jobId"], answer.json["state"], answer.json["jobStatus"]) == (JOB_ID, "pending", None)
    assert answer.json["operation"] == "create"


@pytest.mark.parametrize(
    ("body", "at_fault"),
    [
        ({}, ["jobId"]),
        ({"jobId": None}, ["jobId"]),
        ({"jobId": 7, "operation": 7}, ["jobId", "operation"]),
        ({"jobId": JOB_ID, "label": "x" * 201, "externalId": ""}, ["label", "externalId"]),
        ({"jobId": JOB_ID, "Label": "x"}, ["Label"]),
        ({"jobStatus": "running"}, ["jobId"]),
        ({"jobID": 5, "jobStatus": "running"}, ["jobId"]),
    ],
)
def test_a_body_of_the_wrong_shape_is_422_with_every_fault(api: Api, body: object, at_fault: list[str]) -> None:
    answer = api.register(body)
    assert answer.status == 422
    assert [fault.partition(":")[0] for fault in answer.faults] == at_fault


REFUSAL: dict[str, Any] = {
    "code": "badRequest",
    "message": "Invalid configuration: schema validation failed",
    "details": [{"resourceId": "private-offer/1", "code": "schemaValidationError", "message": "x", "details": []}],
}


@pytest.mark.parametrize(
    "body", [{"error": REFUSAL}, REFUSAL, {"$schema": "x", "error": REFUSAL, "operation": "create"}]
)
def test_a_refused_configure_answer_is_422_with_upstreams_own_error(api: Api, body: object) -> None:
    answer = api.register(body)
    assert (answer.status, answer.json["type"]) == (422, "urn:problem:offer-monitor:configure-refused")
    assert (answer.json["upstreamCode"], answer.json["errors"]) == ("badRequest", REFUSAL["details"])
    assert REFUSAL["message"] in answer.json["detail"]
    assert api.jobs().json["jobs"] == []


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ({"error": {"code": "x", "details": {}}}, {"upstreamCode"}),
        ({"error": {"code": "x", "details": REFUSAL["details"][0]}}, {"upstreamCode", "errors"}),
        ({"error": {"code": 7, "message": [], "details": "x"}}, set()),
        ({"error": {"message": "x", "innerError": {"request-id": "1"}}}, {"upstreamRequestId"}),
        ({"error": "refused"}, set()),
        ({"statusCode": 429, "message": "Rate limit is exceeded."}, set()),
    ],
)
def test_a_refusal_of_any_form_is_recognised(api: Api, body: object, members: set[str]) -> None:
    problem = api.register(body).json
    assert problem["type"].endswith(":configure-refused")
    assert problem.keys() - {"type", "title", "status", "detail"} == members


def test_a_refusal_is_repeated_without_signed_links_and_within_bounds(api: Api) -> None:
    link = "https://blob.example/x?sig=SECRETSIG"
    answer = api.register({"error": {"code": "x" * 9000, "message": link * 900, "details": [{"message": link}]}})
    assert "SECRETSIG" not in answer.body.decode()
    assert len(answer.body) < 2000


def test_label_and_external_id_may_be_null(api: Api) -> None:
    answer = api.register({"jobId": JOB_ID, "label": None, "externalId": None})
    assert (answer.status, answer.json["label"], answer.json["externalId"]) == (202, None, None)


@pytest.mark.parametrize("member", ["jobId", "operation"])
def test_neither_the_job_id_nor_the_operation_may_be_null(api: Api, member: str) -> None:
    answer = api.register({"jobId": JOB_ID, member: None})
    assert (answer.status, len(answer.faults)) == (422, 1)
    assert answer.faults[0].startswith(f"{member}: should be ")


def test_texts_of_any_script_come_back_as_they_were_sent(api: Api) -> None:
    label = "\u0416\u00fc\U0001f600'\"\\ \u202e <b> %00 \t"
    api.register({"jobId": JOB_ID, "label": label, "externalId": label})
    assert api.job(JOB_ID).json["label"] == label
    assert _ids(api.jobs(externalId=label)) == [JOB_ID]


@pytest.mark.parametrize("text", ["\u0000", "\u0007\u001f", "\uffff"])
def test_control_characters_come_back_as_they_were_sent(api: Api, text: str) -> None:
    assert api.register({"jobId": JOB_ID, "label": text}).status == 202
    assert [job["label"] for job in api.jobs().json["jobs"]] == [text]


def test_a_lone_surrogate_which_storage_does_not_take_is_422(api: Api) -> None:
    body = json.dumps({"jobId": JOB_ID, "label": "a\ud800b"}).encode()
    answer = api.register(body)
    assert (answer.status, answer.faults) == (422, ["label: should be a text without lone surrogates"])
    assert api.jobs().json["jobs"] == []


def test_a_filter_by_external_id_cannot_leave_its_quotes(api: Api) -> None:
    api.register({"jobId": JOB_ID, "externalId": "other"})
    for hostile in ("' or PartitionKey ne '", "other' or 'a' eq 'a", "x') or (true", "''", "%27"):
        assert _ids(api.jobs(externalId=hostile, state="all")) == []


def test_a_pending_job_says_when_to_come_back(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    api.register({"jobId": job_id})
    assert api.job(job_id).headers["Retry-After"] == "1"  # due now
    api.check(job_id)
    clock.advance(18)
    answer = api.job(job_id.upper())
    assert (answer.json["nextPollAt"], answer.headers["Retry-After"]) == ("2026-11-20T09:01:00Z", "42")


def test_an_unregistered_job_is_404_without_asking_upstream(api: Api, fresh_sandbox: Sandbox) -> None:
    for answer in (api.job(JOB_ID), api.check(JOB_ID), api.remove(JOB_ID)):
        assert (answer.status, answer.json["type"]) == (404, "urn:problem:offer-monitor:job-unknown")
    assert fresh_sandbox.state.requests() == []


def test_a_check_polls_at_once_and_again_only_after_a_minute(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    api.register({"jobId": job_id})
    assert (api.check(job_id).status, api.job(job_id).json["pollCount"]) == (200, 1)
    clock.advance(59.5)
    early = api.check(job_id)
    assert (early.status, early.headers["Retry-After"]) == (429, "1")
    clock.advance(0.5)
    assert api.check(job_id).json["pollCount"] == 2
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2


def test_a_check_of_a_finished_job_answers_its_record_and_asks_nobody(api: Api, fresh_sandbox: Sandbox) -> None:
    job_id = _finish(api, fresh_sandbox)
    fresh_sandbox.state.clear_requests()
    assert (api.check(job_id).status, api.check(job_id).json["state"]) == (200, "succeeded")
    assert fresh_sandbox.state.requests() == []


def test_a_removed_job_is_gone_whether_pending_or_finished(api: Api, fresh_sandbox: Sandbox) -> None:
    finished = _finish(api, fresh_sandbox)
    api.register({"jobId": JOB_ID})
    for job_id in (JOB_ID, finished):
        answer = api.remove(job_id)
        assert (answer.status, answer.body) == (204, b"")
        assert api.job(job_id).status == 404
        assert api.remove(job_id).status == 404
    assert _ids(api.jobs(state="all")) == []


def test_a_removed_job_may_be_registered_again_as_a_new_one(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    job_id = _finish(api, fresh_sandbox)
    api.remove(job_id)
    clock.advance(60)
    assert api.register({"jobId": job_id, "label": "again"}).status == 202
    assert api.check(job_id).json["state"] == "succeeded"
    assert _ids(api.jobs(state="all")) == [job_id]


def test_a_listing_shows_pending_jobs_unless_another_state_is_asked_for(api: Api, fresh_sandbox: Sandbox) -> None:
    succeeded = _finish(api, fresh_sandbox)
    failed = _finish(api, fresh_sandbox, outcome="failed")
    api.register({"jobId": JOB_ID, "externalId": "crm"})
    assert _ids(api.jobs()) == [JOB_ID]
    assert _ids(api.jobs(state="PENDING")) == [JOB_ID]
    assert _ids(api.jobs(state="Succeeded")) == [succeeded]
    assert _ids(api.jobs(state="failed", externalId="crm")) == [failed]
    assert _ids(api.jobs(state="failed", externalId="CRM")) == []
    assert _ids(api.jobs(state="lost")) == []


def test_all_lists_pending_jobs_first_then_finished_ones_newest_first(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    finished = []
    for _ in range(4):
        clock.advance(1)
        finished.append(_finish(api, fresh_sandbox))
    pending = sorted(fresh_sandbox.state.add_job(seconds=None) for _ in range(3))
    for job_id in pending:
        api.register({"jobId": job_id})
    assert _ids(api.jobs(state="all")) == [*pending, *reversed(finished)]


def test_cursors_lead_through_a_listing_without_gaps_or_repetitions(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    for _ in range(4):
        clock.advance(1)
        _finish(api, fresh_sandbox)
        api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    for state, limit in itertools.product(["pending", "succeeded", "all"], ["1", "2", "3", "4", "7", "8"]):
        assert _ids_page_by_page(api, state=state, limit=limit) == _ids(api.jobs(state=state)), (state, limit)


def _ids_page_by_page(api: Api, **query: str) -> list[str]:
    page = api.jobs(**query)
    found = _ids(page)
    while (cursor := page.json["nextCursor"]) is not None:
        page = api.jobs(**query, cursor=cursor)
        assert len(page.json["jobs"]) <= int(query["limit"])
        found += _ids(page)
    return found


def test_a_row_that_is_not_a_job_is_not_listed(api: Api, table: Table) -> None:
    table.upsert({"PartitionKey": "pending", "RowKey": "no-job"})
    table.upsert({"PartitionKey": "pending", "RowKey": "~finished~no-job"})
    api.register({"jobId": JOB_ID})
    assert _ids(api.jobs(state="all")) == [JOB_ID]
