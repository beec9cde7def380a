"""What people read about a job."""

from typing import Any

import pytest

from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats.job_summary import error_lines
from tests.webhooks.formats.reading import card_texts, rendered, title_of
from tests.webhooks.samples import FAILED_ERRORS, event


def test_a_message_tells_operation_outcome_offer_label_and_dates() -> None:
    assert card_texts(event()) == [
        "'Contoso renewal': create succeeded",
        "Offer: Contoso 2027",
        "Offer state: live, waiting for acceptance",
        "Accept by: 2026-12-31",
        "Ends: 2027-01-31",
        "Label: Contoso renewal",
        "Operation: create",
        "Outcome: succeeded",
        "External id: crm-4711",
        "Registered: 2026-11-20T09:00:01Z",
        "Finished: 2026-11-20T09:02:00Z",
        "Job: b3f49dff-381f-480d-a10e-17f4ce49b65f",
    ]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "'Contoso renewal': create succeeded"),
        ({"label": None}, "'crm-4711': create succeeded"),
        ({"label": " ", "externalId": None}, "'Contoso 2027': create succeeded"),
        ({"operation": "unknown"}, "'Contoso renewal': job succeeded"),
        ({"operation": {"a": 1}}, "'Contoso renewal': job succeeded"),
        ({"label": None, "externalId": None, "privateOffer": None}, "Create of a private offer succeeded"),
        ({"label": None, "externalId": None, "privateOffer": None, "operation": "unknown"}, "Job succeeded"),
    ],
)
def test_the_title_names_the_job_by_its_label_its_external_id_or_its_offer(
    changes: dict[str, Any], title: str
) -> None:
    assert title_of(event(**changes)) == title


def test_a_long_label_leaves_room_for_the_outcome() -> None:
    title = title_of(event("job.expired", label="x" * 1000))
    assert title.endswith("x…': create has expired without a result")
    assert len(title) <= 150


@pytest.mark.parametrize(
    ("event_type", "title", "to_do"),
    [
        ("job.cancelled", "create was cancelled", "Submit the configuration again if you still want it."),
        ("job.lost", "create was lost", "Partner Center no longer knows this job."),
        ("job.expired", "create has expired without a result", "Partner Center never said how this job ended"),
        ("job.stalled", "create is taking unusually long", "You need not do anything yet"),
        ("job.failed", "create failed", "Correct the configuration and submit it again."),
    ],
)
def test_a_job_that_did_not_succeed_comes_with_what_to_do(event_type: str, title: str, to_do: str) -> None:
    lines = card_texts(event(event_type))
    assert lines[0] == f"'Contoso renewal': {title}"
    assert to_do in lines[-1]


def test_the_errors_of_a_failed_job_come_with_their_details_after_what_to_do() -> None:
    failed = event("job.failed", state="failed", errors=FAILED_ERRORS, privateOffer=None)
    assert card_texts(failed)[-5:] == [
        "Correct the configuration and submit it again. These are Partner Center's errors:",
        "The offer cannot be published. (conflict)",
        "The plan is not live. (businessValidationError)",
        "The customer is unknown. (businessValidationError)",
        "invalidState",
    ]


def test_a_failed_job_without_errors_says_that_there_is_no_reason() -> None:
    assert card_texts(event("job.failed"))[-1].endswith("Partner Center gave no reason.")


def test_a_date_in_year_1_is_not_told() -> None:
    offer = {"name": "Contoso 2027", "acceptBy": "0001-01-01T00:00:00", "end": "2027-01-31"}
    assert not any("0001" in line for line in card_texts(event(privateOffer=offer)))


@pytest.mark.parametrize("event_type", ["job.cancelled", "job.lost", "job.expired", "job.stalled"])
@pytest.mark.parametrize("format_name", ["teams", "slack"])
def test_every_outcome_has_words(format_name: FormatName, event_type: str) -> None:
    assert event_type not in str(rendered(format_name, event(event_type, privateOffer=None, operation="unknown")))


def test_a_long_list_of_errors_ends_with_how_many_more_there_are() -> None:
    assert error_lines([{"message": f"error {number}"} for number in range(100)])[-1] == "… and 90 more"


@pytest.mark.parametrize("errors", [None, [], {}, "text", [None, 7, "text"], [{"details": {"message": "inner"}}]])
def test_errors_of_any_shape_can_be_read(errors: Any) -> None:  # noqa: ANN401 - a JSON value
    assert "" not in error_lines(errors)
