"""Reading a request's body: every fault is named, and upstream is not asked."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from pydantic import BaseModel

from sandbox.server import Sandbox
from shared.http.messages import Request
from shared.http.models import JobRegistration
from shared.http.problems import ProblemError
from shared.http.reading import read_body
from shared.http.webhook_models import NewWebhook, WebhookChange
from tests.http.api import Answer, Api
from tests.json_texts import json_bytes

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"jobId=b3f49dff",
        b"{",
        b"\xff\xfe{}",
        b'{"jobId": NaN}',
        b'{"jobId": 1' + b"0" * 5000 + b"}",
        b'{"label": 1e99999999999999999999}',
    ],
    ids=["empty", "blank", "a form", "cut", "not UTF-8", "NaN", "endless integer", "endless number"],
)
def test_a_body_that_is_not_json_is_400(api: Api, body: bytes) -> None:
    answer = api.register(body)
    assert (answer.status, answer.json["type"]) == (400, "urn:problem:offer-monitor:invalid-request")
    assert answer.faults[0].startswith(("body: not valid JSON", "body: nested deeper"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 40_000, b"[" * 101 + b"]" * 101])
def test_a_body_that_nests_too_deep_is_400(api: Api, body: bytes) -> None:
    answer = api.register(body)
    assert (answer.status, answer.faults) == (400, ["body: nested deeper than 100 levels"])


def send(api: Api, body: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.call(lambda process: process.api().jobs.register, path="jobs", headers=named, body=body)


def test_a_body_sent_in_chunks_is_411_and_the_answer_says_why(api: Api) -> None:
    """The Functions host drops the body and passes on the header."""
    answer = send(api, b"", transfer_encoding="chunked")
    assert (answer.status, answer.json["type"]) == (411, "urn:problem:offer-monitor:length-required")
    assert "Content-Length" in answer.json["detail"]


def test_a_body_that_arrived_is_read_however_it_was_sent(api: Api) -> None:
    assert send(api, json.dumps({"jobId": JOB_ID}).encode(), transfer_encoding="chunked").status == 202


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip", "x"])
def test_a_compressed_body_is_415(api: Api, encoding: str) -> None:
    answer = send(api, gzip.compress(json.dumps({"jobId": JOB_ID}).encode()), content_encoding=encoding)
    assert (answer.status, answer.json["type"]) == (415, "urn:problem:offer-monitor:body-compressed")


@pytest.mark.parametrize("encoding", ["identity", "Identity", " "])
def test_the_identity_encoding_is_accepted(api: Api, encoding: str) -> None:
    assert send(api, json.dumps({"jobId": JOB_ID}).encode(), content_encoding=encoding).status == 202


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([], "body: should have at least 1 element"),
        ([{"jobId": JOB_ID}] * 101, "body: should have at most 100 elements"),
        (7, "body: should be an object"),
        ({}, "jobId: is required"),
        ({"jobId": 7}, "jobId: should be a text"),
        ({"jobId": JOB_ID, "label": True}, "label: should be a text"),
        ({"jobId": JOB_ID, "label": ""}, "label: should have at least 1 character"),
        ({"jobId": JOB_ID, "label": "x" * 201}, "label: should have at most 200 characters"),
        ({"jobId": JOB_ID, "colour": 1}, "colour: is not known here"),
    ],
)
def test_faults_are_in_the_words_of_json(api: Api, body: object, fault: str) -> None:
    assert api.register(json.dumps(body).encode()).faults == [fault]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"url": None}, "url: should not be null: leave it out"),
        ({"events": None}, "events: should not be null: leave it out"),
        ({"enabled": None}, "enabled: should not be null: leave it out"),
        ({"format": None}, "format: should not be null: leave it out"),
        ({"enabled": 1}, "enabled: should be true or false"),
        ({"events": {}}, "events: should be an array"),
        ({"events": []}, "events: should have at least 1 element"),
        ({"events": [7]}, "events.0: should be a text"),
    ],
)
def test_of_an_endpoint_only_the_description_may_be_null(body: object, fault: str) -> None:
    request = Request(url="", body=json.dumps(body).encode())
    with pytest.raises(ProblemError) as caught:
        read_body(request, WebhookChange)
    assert (caught.value.problem["status"], caught.value.problem["faults"]) == (422, [fault])
    assert read_body(Request(url="", body=b'{"description":null}'), WebhookChange).description is None


def test_hundreds_of_faults_are_named_up_to_a_hundred_and_each_is_cut(api: Api) -> None:
    body = {"jobId": JOB_ID} | {f"{number}" * 200: 1 for number in range(400)}
    answer = api.register(body)
    assert (answer.status, len(answer.faults)) == (422, 101)
    assert answer.faults[-1] == "300 more faults are not named"
    assert max(map(len, answer.faults)) <= 200
    assert len(answer.body) < 30_000


_MEMBERS = ("jobId", "jobID", "operation", "label", "externalId", "jobStatus", "url", "events", "format", "enabled")


@pytest.mark.parametrize("model", [JobRegistration, NewWebhook, WebhookChange])
def test_any_body_is_read_or_a_problem(model: type[BaseModel]) -> None:
    @settings(max_examples=50, deadline=None)
    @given(json_bytes(names=_MEMBERS, texts=(JOB_ID, "create", "https://a.example", "job.*")))
    def check(body: bytes) -> None:
        with suppress(ProblemError):
            read_body(Request(url="", body=body), model)

    check()


def test_a_body_of_256_kib_is_read_and_one_byte_more_is_413(api: Api) -> None:
    body = json.dumps({"jobId": JOB_ID}).encode().ljust(256 * 1024)
    assert api.register(body).status == 202
    answer = api.register(body + b" ")
    assert (answer.status, answer.json["type"]) == (413, "urn:problem:offer-monitor:body-too-large")


@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_json_that_is_neither_an_object_nor_an_array_of_some_is_422(api: Api, body: object) -> None:
    answer = api.register(json.dumps(body).encode())
    assert answer.status == 422
    assert len(answer.faults) == 1
    assert answer.faults[0].startswith("body:")


def test_every_fault_of_a_body_is_named_at_once_and_none_repeats_what_was_sent(
    api: Api, fresh_sandbox: Sandbox
) -> None:
    body = {"jobId": "hostile'value", "operation": "destroy", "label": "", "externalId": 7, "secret": "hostile'value"}
    answer = api.register(body)
    assert answer.status == 422
    assert {fault.partition(":")[0] for fault in answer.faults} == set(body)
    assert "hostile" not in answer.body.decode()
    assert all(fault in answer.json["detail"] for fault in answer.faults)
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("job_id", ["", "nope", "b3f49dff381f480da10e17f4ce49b65f", "../status"])
def test_a_malformed_id_is_400_as_in_a_path(api: Api, job_id: str) -> None:
    assert api.register(json.dumps({"jobId": job_id, "label": "x"}).encode()).status == 400


@pytest.mark.parametrize("body", [{}, {"jobId": 7}, {"jobId": None}, {"jobId": "nope", "label": 7}])
def test_a_body_of_another_shape_is_422(api: Api, body: object) -> None:
    assert api.register(json.dumps(body).encode()).status == 422


def test_a_byte_order_mark_before_the_body_does_no_harm(api: Api) -> None:
    assert api.register(b"\xef\xbb\xbf" + json.dumps({"jobId": JOB_ID}).encode()).status == 202


def test_a_hundred_faults_are_named_and_the_others_counted(api: Api) -> None:
    faults = api.register({f"unknown{number}": 1 for number in range(150)}).faults
    assert (len(faults), faults[-1]) == (101, "51 more faults are not named")
