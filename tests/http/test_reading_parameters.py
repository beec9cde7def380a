"""Parameters in the path and the query: every fault is named in one answer, and upstream is not asked."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import function_app
from sandbox.server import Sandbox
from shared.http.messages import Request
from shared.http.models import Filter, JobId
from shared.http.parameters import COMMA_SEPARATED, Choice, Parameters, WholeNumber, read_parameters
from shared.http.problems import ProblemError
from shared.jobs.job import JobState
from tests.declared_functions import declared_functions
from tests.http.api import Answer, Api
from tests.instance import TestProcess

type Function = Callable[[func.HttpRequest], func.HttpResponse]

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
ANONYMOUS = {"get_health", "get_openapi"}
PAGES = {"read_docs", "show_dashboard"}
HOSTILE_IDS = [
    "",
    ".",
    "..",
    "...",
    "../status",
    "a/b",
    "%2F",
    "a%2Fb",
    "a\\b",
    "a b",
    "a\n",
    "\x00",
    "a\x7f",
    "a'b",
    'a"b',
    "a?b=c",
    "a#b",
    "a;b",
    "a\u00e9",
    "\u202e",
    "\uff21",
    "\u0661",
    "\U0001f600",
    "\ud800",
    "a" * 101,
    "a" * 10_000,
    "{b3f49dff-381f-480d-a10e-17f4ce49b65f}",
    "b3f49dff381f480da10e17f4ce49b65f/",
]
ASKING_WITH_AN_ID: dict[str, Callable[[Api, str], Answer]] = {
    "a job": Api.job,
    "a job's check": Api.check,
    "a job's removal": Api.remove,
    "a job's offer": Api.offer_of_job,
    "a registration": lambda api, text: api.register({"jobId": text}),
    "a private offer": Api.private_offer,
    "a publisher": Api.cpp_offers,
    "a publisher's offer": lambda api, text: api.cpp_offer(text, "fine"),
    "a CPP offer": lambda api, text: api.cpp_offer("contoso", text),
    "a CPP offer's status": lambda api, text: api.cpp_status("contoso", text),
    "details by job": lambda api, text: api.offer_details(jobId=text),
    "details by private offer": lambda api, text: api.offer_details(privateOfferId=text),
    "details by publisher": lambda api, text: api.offer_details(publisherId=text, offerId="fine"),
    "details by CPP offer": lambda api, text: api.offer_details(publisherId="contoso", offerId=text),
}


@pytest.mark.parametrize("ask", ASKING_WITH_AN_ID.values(), ids=ASKING_WITH_AN_ID)
def test_a_hostile_id_is_a_fault_before_any_request(
    api: Api, fresh_sandbox: Sandbox, ask: Callable[[Api, str], Answer]
) -> None:
    for hostile in HOSTILE_IDS:
        answer = ask(api, hostile)
        assert answer.status == 400, hostile
        assert len(answer.faults) == 1
        assert "should be" in answer.faults[0]
        assert len(answer.body) < 1000
    assert fresh_sandbox.state.requests() == []


def test_both_ids_of_a_cpp_offer_and_every_parameter_are_named_in_one_answer(
    api: Api, fresh_sandbox: Sandbox
) -> None:
    answer = api.cpp_offer("..", "a b", slot="middle", version="-1", colour="blue")
    assert answer.status == 400
    assert [fault.split()[0] for fault in answer.faults] == [
        '"colour"',
        "publisherId",
        "offerId",
        "slot",
        "version",
        "slot",
    ]
    assert len(api.cpp_status("..", "a b").faults) == 2
    assert fresh_sandbox.state.requests() == []


def test_every_fault_of_a_query_for_offer_details_is_named_at_once(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.offer_details(privateOfferId="a/b", jobId="7", publisherId="..", slot="x", version="1.0")
    assert answer.status == 400
    assert [fault.split()[0] for fault in answer.faults] == [
        "privateOfferId",
        "jobId",
        "publisherId",
        "slot",
        "version",
        "slot",
        "privateOfferId",
        "publisherId",
        "slot",
    ]
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("limit", ["0", "-1", "1.0", "1e2", " 5", "+5", "5_0", "\u0665", "501", "9" * 5000, "five"])
def test_a_limit_is_a_whole_number_within_its_bounds(api: Api, limit: str) -> None:
    assert api.jobs(limit=limit).faults == ["limit should be a whole number from 1 to 500"]


def test_every_fault_of_a_listing_is_named_at_once(api: Api, fresh_sandbox: Sandbox) -> None:
    jobs = api.jobs(state="done", externalId="x" * 501, limit="0", cursor="", order="asc")
    assert jobs.status == 400
    assert [fault.split()[0] for fault in jobs.faults] == ['"order"', "state", "externalId", "limit", "cursor"]
    offers = api.private_offers(state="x" * 501, subState="", privateOfferType="", limit="1001", cursor="x" * 9000)
    assert [fault.split()[0] for fault in offers.faults] == [
        "state",
        "subState",
        "privateOfferType",
        "limit",
        "cursor",
    ]
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("cursor", ["x", "!", "\u00e9", "AAAA", "cGVuZGluZw", "b3RoZXI6eA", "cGVuZGluZzoA", "%00"])
def test_a_cursor_that_no_listing_gave_out_is_400(api: Api, fresh_sandbox: Sandbox, cursor: str) -> None:
    assert api.jobs(cursor=cursor).status == 400
    assert api.private_offers(cursor=cursor).status == 400
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("name", ["code", "Code"])
def test_the_function_key_may_be_in_the_query(api: Api, name: str) -> None:
    assert api.jobs(**{name: "a-key"}).status == 200


def requests_to_every_function() -> Iterator[tuple[Function, func.HttpRequest]]:
    """A request to each HTTP function that the app declares, with well-formed ids and an unknown parameter."""
    for function in declared_functions():
        trigger = function.get_trigger()
        if trigger is not None and trigger.type == "httpTrigger" and function.get_function_name() not in PAGES:
            facts = trigger.get_dict_repr()
            yield (
                function.get_user_function(),
                func.HttpRequest(
                    str(facts["methods"][0]),
                    f"https://monitor.example/api/{facts['route']}",
                    params={"wait": "5", "code": "a-key"},
                    route_params=dict.fromkeys(re.findall(r"{\**(\w+)", facts["route"]), JOB_ID),
                    body=b"",
                ),
            )


EVERY_FUNCTION = list(requests_to_every_function())


@pytest.mark.parametrize(
    ("function", "request_"), EVERY_FUNCTION, ids=[function.__name__ for function, _ in EVERY_FUNCTION]
)
def test_a_parameter_that_a_call_does_not_know_is_400_and_nothing_is_done(
    process: TestProcess,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    function: Function,
    request_: func.HttpRequest,
) -> None:
    """The anonymous calls ignore what they do not know."""
    monkeypatch.setattr(function_app, "_process", lambda: process)
    answer = function(request_)

    if function.__name__ in ANONYMOUS:
        assert answer.status_code == 200
        return
    assert answer.status_code == 400
    assert json.loads(answer.get_body())["faults"][0].startswith('"wait" is not a known parameter; ')
    assert fresh_sandbox.state.requests() == []


def test_an_empty_filter_is_a_fault(api: Api) -> None:
    assert len(api.jobs(state="", externalId="").faults) == 2
    assert len(api.private_offers(state="", subState="", privateOfferType="").faults) == 3
    assert len(api.cpp_offer("contoso", "fine", slot="").faults) == 1


def test_hundreds_of_unknown_parameters_are_named_up_to_a_hundred_and_each_is_cut(api: Api) -> None:
    answer = api.jobs(**{f"{number}" * 1000: "x" for number in range(300)})
    assert (answer.status, len(answer.faults)) == (400, 101)
    assert max(map(len, answer.faults)) <= 200
    assert len(answer.body) < 30_000


class Sample(Parameters):
    """A parameter of each kind."""

    job_id: JobId
    text: Filter
    states: Annotated[list[Annotated[JobState, Choice(JobState)]], COMMA_SEPARATED] | None = None
    limit: Annotated[int, WholeNumber(1, 5)] = 3


def read(query: dict[str, str]) -> Sample:
    return read_parameters(Request(url="", route={"jobId": JOB_ID}, query=query), Sample)


def test_parameters_arrive_as_what_they_mean() -> None:
    sample = read({"text": "a", "states": "Failed,lost", "limit": "05"})
    assert sample.job_id == JOB_ID
    assert (sample.states, sample.limit) == ([JobState.FAILED, JobState.LOST], 5)
    assert (read({"text": "a"}).states, read({"text": "a"}).limit) == (None, 3)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({}, "text is required"),
        (
            {"text": "a", "states": "failed,"},
            "states should be pending, succeeded, failed, cancelled, lost or expired",
        ),
        ({"text": "a", "jobId": JOB_ID}, '"jobId" is not a known parameter; known here: limit, states, text'),
        ({"text": "a", "job_id": JOB_ID}, '"job_id" is not a known parameter; known here: limit, states, text'),
        ({"text": "\ud800"}, "text should be a text without lone surrogates"),
    ],
)
def test_a_fault_says_in_plain_words_what_a_parameter_should_be(query: dict[str, str], fault: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(query)
    assert caught.value.problem["faults"] == [fault]


def test_a_model_describes_its_parameters_for_the_document() -> None:
    properties = Sample.model_json_schema()["properties"]
    assert properties["limit"] == {"default": 3, "maximum": 5, "minimum": 1, "title": "Limit", "type": "integer"}
    assert properties["states"]["anyOf"][0]["items"] == {"enum": [*JobState], "type": "string"}


def test_parameters_of_any_name_and_value_are_read_or_a_problem() -> None:
    @settings(max_examples=100, deadline=None)
    @given(
        st.dictionaries(st.sampled_from([*Sample.names(), "code"]) | st.text(), st.text() | st.integers().map(str))
    )
    def check(query: dict[str, str]) -> None:
        with suppress(ProblemError):
            read(query)

    check()
