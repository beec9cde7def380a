"""The publishing status of a CPP offer as the watch compares it."""

from typing import Any

import pytest
from hypothesis import given, settings

from shared.json_codec import dumps
from shared.watch.cpp_status import (
    LONGEST_TEXT_CHARACTERS,
    MOST_STEPS,
    InvalidStatus,
    PublishingStatus,
    publishing_status,
    status_changed,
)
from tests.json_texts import json_bytes


def status_of(**members: Any) -> PublishingStatus:  # noqa: ANN401 - any JSON value
    return publishing_status(dumps({"status": "running", **members}).encode())


def step(step_id: object = "live", status: object = "complete", **members: object) -> dict[str, object]:
    return {"id": step_id, "status": status, **members}


def test_a_status_has_the_steps_by_their_ids() -> None:
    steps = [step("displaycertify", "complete"), step("publisher-signoff", "waitingForPublisherReview")]

    assert status_of(steps=steps) == {
        "status": "running",
        "steps": {"displaycertify": "complete", "publisher-signoff": "waitingForPublisherReview"},
    }


def test_a_step_without_an_id_has_its_name() -> None:
    assert status_of(steps=[step(None, stepName="publisher-signoff")])["steps"] == {"publisher-signoff": "complete"}


@pytest.mark.parametrize("bad", [None, 5, "live", [], step(None), step(5), step(""), step("a", None), step("a", 7)])
def test_a_step_without_a_name_or_a_status_is_left_out(bad: object) -> None:
    assert status_of(steps=[bad, step()])["steps"] == {"live": "complete"}


@pytest.mark.parametrize("steps", [None, 5, "x", {}, {"id": "live"}])
def test_steps_that_are_not_a_list_are_none(steps: object) -> None:
    assert status_of(steps=steps)["steps"] == {}


def test_of_two_steps_with_one_id_the_first_counts() -> None:
    assert status_of(steps=[step(status="complete"), step(status="blocked")])["steps"] == {"live": "complete"}


def test_a_status_is_bounded() -> None:
    found = status_of(status="s" * 5000, steps=[step(f"{number:0200}" + "x" * 99) for number in range(1000)])

    assert len(found["status"]) == LONGEST_TEXT_CHARACTERS
    assert len(found["steps"]) <= MOST_STEPS
    assert all(len(step_id) <= LONGEST_TEXT_CHARACTERS for step_id in found["steps"])


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b"{}", b'{"status":null}', b'{"status":5}'])
def test_an_answer_without_a_status_is_refused(answer: bytes) -> None:
    with pytest.raises(InvalidStatus):
        publishing_status(answer)


@settings(max_examples=100, deadline=None)
@given(json_bytes(("status", "steps", "id", "stepName"), ("running", "live")))
def test_any_answer_is_a_status_or_refused(answer: bytes) -> None:
    try:
        found = publishing_status(answer)
    except InvalidStatus:
        return
    assert not status_changed(found, found)


# Changes


@pytest.mark.parametrize(
    "members",
    [
        {"status": "succeeded", "steps": [step()]},
        {"steps": [step(status="inProgress")]},
        {"steps": [step(), step("publisher-signoff", "notStarted")]},
        {"steps": []},
    ],
)
def test_a_status_value_that_differs_is_a_change(members: dict[str, Any]) -> None:
    assert status_changed(status_of(steps=[step()]), status_of(**members))


@pytest.mark.parametrize(
    "members",
    [
        {"status": "Running", "steps": [step("Live", "Complete"), step("a")]},
        {"steps": [step("a"), step()]},
        {"steps": [step(progressPercentage=50, messages=[{"messageHtml": "x"}]), step("a")], "messages": ["new"]},
    ],
    ids=["case", "order", "progress and messages"],
)
def test_nothing_else_is_a_change(members: dict[str, Any]) -> None:
    assert not status_changed(status_of(steps=[step(), step("a")]), status_of(**members))
