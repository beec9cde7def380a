"""Query parameters and ids from outside: each fault has its words, all are named at once, upstream is not asked."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import function_app
from sandbox.server import Sandbox
from shared import identifiers
from shared.http.problems import ProblemError
from shared.http.reading import Parameters
from tests.declared_functions import declared_functions
from tests.http.api import Answer, Api
from tests.instance import TestProcess

type Function = Callable[[func.HttpRequest], func.HttpResponse]

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
ANONYMOUS = {"get_health"}
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
    assert [fault.split()[0] for fault in answer.faults] == ['"colour"', "publisherId", "offerId", "slot", "version"]
    assert len(api.cpp_status("..", "a b").faults) == 2
    assert fresh_sandbox.state.requests() == []


def test_every_fault_of_a_question_for_details_is_named_at_once(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.offer_details(privateOfferId="a/b", jobId="7", publisherId="..", slot="x", version="1.0")
    assert answer.status == 400
    assert [fault.split()[0] for fault in answer.faults] == [
        "privateOfferId",
        "jobId",
        "publisherId",
        "slot",
        "version",
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
    assert [fault.split()[0] for fault in jobs.faults] == ['"order"', "state", "externalId", "cursor", "limit"]
    offers = api.private_offers(state="x" * 501, subState="", privateOfferType="", limit="1001", cursor="x" * 9000)
    assert [fault.split()[0] for fault in offers.faults] == [
        "limit",
        "state",
        "subState",
        "privateOfferType",
        "cursor",
    ]
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("cursor", ["x", "!", "\u00e9", "AAAA", "cGVuZGluZw", "b3RoZXI6eA", "cGVuZGluZzoA", "%00"])
def test_a_cursor_that_no_listing_gave_out_is_400(api: Api, fresh_sandbox: Sandbox, cursor: str) -> None:
    assert api.jobs(cursor=cursor).status == 400
    assert api.private_offers(cursor=cursor).status == 400
    assert fresh_sandbox.state.requests() == []


def test_the_function_key_in_the_query_is_no_unknown_parameter(api: Api) -> None:
    assert api.jobs(code="a-key").status == 200


def requests_to_every_function() -> Iterator[tuple[Function, func.HttpRequest]]:
    """A request with an unknown parameter to each HTTP function that the app declares, its ids well-formed."""
    for function in declared_functions():
        trigger = function.get_trigger()
        if trigger is not None and trigger.type == "httpTrigger":
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
    assert len(api.cpp_offer("contoso", "fine", slot="", version="").faults) == 2


def test_parameters_without_end_do_not_come_back_whole(api: Api) -> None:
    answer = api.jobs(**{f"{number}" * 1000: "x" for number in range(300)})
    assert (answer.status, len(answer.faults)) == (400, 101)
    assert max(map(len, answer.faults)) <= 200
    assert len(answer.body) < 30_000


_READERS: dict[str, Callable[[Parameters], object]] = {
    "text": lambda parameters: parameters.text("a"),
    "choice": lambda parameters: parameters.choice("a", ["b", "c"]),
    "whole number": lambda parameters: parameters.whole_number("a", None, lowest=0, highest=9),
    "limit": lambda parameters: parameters.limit(5, 10),
    "identifier": lambda parameters: parameters.identifier("a", identifiers.job_id),
}


@pytest.mark.parametrize("read", _READERS.values(), ids=_READERS)
def test_whatever_the_parameters_are_they_are_read_or_a_problem(read: Callable[[Parameters], object]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.dictionaries(st.sampled_from(["a", "limit", "code"]) | st.text(), st.text() | st.integers().map(str)))
    def check(query: dict[str, str]) -> None:
        with suppress(ProblemError):
            parameters = Parameters(query, known={"a", "limit"})
            read(parameters)
            parameters.check()

    check()
