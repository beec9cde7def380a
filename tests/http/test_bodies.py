"""Reading a request's body: everything wrong with it is said, and upstream is not asked."""

import json

import pytest

from sandbox.server import Sandbox
from tests.http.api import Api

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
        b"[" * 100_000,
        b'{"a":' * 40_000,
    ],
    ids=["empty", "blank", "a form", "cut", "not UTF-8", "NaN", "endless integer", "deep list", "deep object"],
)
def test_a_body_that_is_not_json_is_400(api: Api, body: bytes) -> None:
    answer = api.register(body)
    assert (answer.status, answer.json["type"]) == (400, "urn:problem:offer-monitor:invalid-request")
    assert answer.faults[0].startswith(("body: not valid JSON", "body: nested deeper"))


def test_a_body_of_256_kib_is_read_and_one_byte_more_is_413(api: Api) -> None:
    body = json.dumps({"jobId": JOB_ID}).encode().ljust(256 * 1024)
    assert api.register(body).status == 202
    answer = api.register(body + b" ")
    assert (answer.status, answer.json["type"]) == (413, "urn:problem:offer-monitor:body-too-large")


@pytest.mark.parametrize("body", [[], "text", 7, None, True, [{"jobId": JOB_ID}]])
def test_json_that_is_no_object_is_422(api: Api, body: object) -> None:
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
