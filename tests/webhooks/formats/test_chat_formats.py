"""What people read in Microsoft Teams and in Slack."""

from datetime import timedelta
from typing import Any

import pytest

from shared.events.event import Event
from shared.json_codec import loads
from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats import Formats
from shared.webhooks.formats.chat import error_lines
from tests.webhooks.samples import CREATED_AT, FAILED_ERRORS, event

TEAMS_MAX_BYTES = 28 * 1024


def rendered(format_name: FormatName, what: Event) -> Any:  # noqa: ANN401 - a JSON value
    return loads(Formats().payload(what, format_name).body)


def card_texts(what: Event) -> list[str]:
    """Each line of the Teams card as it is read."""
    blocks = rendered("teams", what)["attachments"][0]["content"]["body"]
    lines = [inner for block in blocks for inner in block.get("items", [block])]
    return ["".join(run["text"] for run in line["inlines"]) for line in lines]


def test_a_teams_message_is_one_adaptive_card() -> None:
    message = rendered("teams", event())
    assert message["type"] == "message"
    [attachment] = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["type"] == "AdaptiveCard"


def test_a_card_tells_operation_outcome_offer_label_and_dates() -> None:
    assert card_texts(event()) == [
        "Create of a private offer succeeded",
        "Offer: Contoso 2027",
        "Offer state: live / pendingAcceptance",
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


def test_a_card_tells_the_errors_of_a_failed_job_with_their_details() -> None:
    failed = event("job.failed", state="failed", errors=FAILED_ERRORS, privateOffer=None)
    assert card_texts(failed)[-4:] == [
        "The offer cannot be published. (conflict)",
        "The plan is not live. (businessValidationError)",
        "The customer is unknown. (businessValidationError)",
        "invalidState",
    ]


def test_a_card_shows_text_as_it_is_and_reads_no_markdown() -> None:
    blocks = rendered("teams", event(label="[click](https://evil.example) {{DATE(2026-01-01)}}"))
    assert "TextBlock" not in {block["type"] for block in blocks["attachments"][0]["content"]["body"]}


FACTS = ("Label", "Operation", "Outcome", "External id", "Registered", "Finished", "Job")


def mrkdwn_of(message: Any) -> set[str]:  # noqa: ANN401 - a JSON value
    """The texts of a Slack message's blocks in which Slack reads formatting."""
    texts = [
        text
        for block in message["blocks"]
        for text in [*block.get("fields", []), *([block["text"]] if "text" in block else [])]
    ]
    return {text["text"] for text in texts if text["type"] == "mrkdwn"}


def test_a_slack_message_has_blocks_and_a_text_for_notifications() -> None:
    message = rendered("slack", event())
    assert message["text"] == ":white_check_mark: Create of a private offer succeeded: Contoso 2027"
    assert message["blocks"][0]["text"]["text"] == "Create of a private offer succeeded"
    fields = [field["text"] for block in message["blocks"] for field in block.get("fields", [])]
    facts = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (facts["*Label*"], facts["*Accept by*"]) == ("Contoso renewal", "2026-12-31")


def test_slack_reads_no_link_or_mention_in_a_label() -> None:
    message = rendered("slack", event(label="<!channel> <https://evil.example|R&D>", privateOffer=None))
    assert message["text"].endswith("&lt;!channel&gt; &lt;https://evil.example|R&amp;D&gt;")
    assert mrkdwn_of(message) <= {f"*{name}*" for name in FACTS}


def test_slack_formats_nothing_in_a_label() -> None:
    message = rendered("slack", event(label="*bold* _slanted_ `code` ~gone~ :x:", privateOffer=None))
    assert not {"*", "_", "`", "~"} & set(message["text"].partition(": ")[2])
    assert ":x:" not in message["text"]
    assert mrkdwn_of(message) <= {f"*{name}*" for name in FACTS}
    assert {"type": "plain_text", "text": "*bold* _slanted_ `code` ~gone~ :x:", "emoji": False} in [
        field for block in message["blocks"] for field in block.get("fields", [])
    ]


def test_slack_lists_the_errors() -> None:
    message = rendered("slack", event("job.failed", errors=FAILED_ERRORS))
    assert message["blocks"][-1]["text"]["text"].startswith("• The offer cannot be published. (conflict)\n• The plan")


@pytest.mark.parametrize("event_type", ["job.cancelled", "job.lost", "job.expired", "job.stalled"])
@pytest.mark.parametrize("format_name", ["teams", "slack"])
def test_every_outcome_has_words(format_name: FormatName, event_type: str) -> None:
    assert event_type not in str(rendered(format_name, event(event_type, privateOffer=None, operation="unknown")))


def test_the_monitors_own_events_tell_the_reason() -> None:
    degraded = Event(
        id="evt_2", type="monitor.degraded", created_at=CREATED_AT, data={"monitor": {"reason": "token_refused"}}
    )
    assert card_texts(degraded) == [
        "The offer monitor cannot do its work",
        "Reason: token_refused",
        "Time: 2026-11-20T09:02:00Z",
    ]
    recovered = Event(
        id="evt_3", type="monitor.recovered", created_at=CREATED_AT + timedelta(hours=1), data={"monitor": {}}
    )
    assert card_texts(recovered) == ["The offer monitor works again", "Time: 2026-11-20T10:02:00Z"]


def test_a_test_event_says_that_it_is_one() -> None:
    test = Event(id="evt_4", type="webhook.test", created_at=CREATED_AT, data={"webhook": {"id": "wh_1"}})
    assert rendered("slack", test)["blocks"][0]["text"]["text"] == "Test of this webhook by the offer monitor"


def test_a_long_list_of_errors_ends_with_how_many_more_there_are() -> None:
    assert error_lines([{"message": f"error {number}"} for number in range(100)])[-1] == "… and 90 more"


@pytest.mark.parametrize("errors", [None, [], {}, "text", [None, 7, "text"], [{"details": {"message": "inner"}}]])
def test_errors_of_any_shape_can_be_read(errors: Any) -> None:  # noqa: ANN401 - a JSON value
    assert "" not in error_lines(errors)


@pytest.mark.parametrize("character", ["ü", "\u754c", "\U0001f600", "<", "&", '"', "\\", "\x01", "\ud800"])
def test_messages_keep_to_the_limits_of_teams_and_slack(character: str) -> None:
    long = character * 2000
    errors = [{"code": long, "message": long, "details": [{"message": long}] * 30}] * 3
    offer = dict.fromkeys(["name", "state", "subState", "acceptBy", "start", "end"], long)
    large = event(
        "job.failed", errors=errors, label=long, externalId=long, operation=long, jobId=long, privateOffer=offer
    )
    assert len(Formats().payload(large, "teams").body) < TEAMS_MAX_BYTES
    blocks = rendered("slack", large)["blocks"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        assert len(block.get("fields", [])) <= 10
        assert all(len(field["text"].encode()) <= 2000 for field in block.get("fields", []))
        assert len(block.get("text", {}).get("text", "").encode()) <= 3000
