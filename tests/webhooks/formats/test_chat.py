"""What is the same in messages for Teams and for Slack: the monitor's own events, buttons, limits, hostile names."""

from datetime import timedelta
from typing import Any

import pytest

from shared.events.event import EVENT_TYPES, Event
from shared.webhooks.formats import Formats
from tests.webhooks.formats.reading import card_of, card_texts, rendered, title_of
from tests.webhooks.samples import CREATED_AT, JOB_ID, event, offer_event, private_offer

PUBLIC_URL = "https://offers.example"
DASHBOARD = f"{PUBLIC_URL}/api/dashboard#"
TEAMS_MAX_BYTES = 28 * 1024


def about_monitor(event_type: str, **monitor: Any) -> Event:  # noqa: ANN401 - JSON values
    return Event(id="evt_2", type=event_type, created_at=CREATED_AT, data={"monitor": monitor})


def test_a_degraded_monitor_tells_the_reason_and_what_to_do() -> None:
    assert card_texts(about_monitor("monitor.degraded", reason="token_refused", failedCyclesInARow=3)) == [
        "The offer monitor cannot do its work",
        "Reason: token_refused",
        "Failed cycles in a row: 3",
        "Time: 2026-11-20T09:02:00Z",
        (
            "Check the credential of the Entra application and its access in Partner Center. Jobs wait until it is "
            "accepted; none is lost."
        ),
    ]


@pytest.mark.parametrize(
    ("reason", "to_do"),
    [
        ("upstream_down", "Partner Center does not answer as it should."),
        ("storage_unreachable", "Check the storage account"),
        ("settings_invalid", "Correct the app's settings."),
        ("unforeseen", "Look at the app's log"),
        (None, "Look at the app's log"),
    ],
)
def test_every_reason_comes_with_what_to_do(reason: str | None, to_do: str) -> None:
    assert card_texts(about_monitor("monitor.degraded", reason=reason))[-1].startswith(to_do)


def test_a_recovered_monitor_says_only_that_it_works() -> None:
    recovered = Event(
        id="evt_3",
        type="monitor.recovered",
        created_at=CREATED_AT + timedelta(hours=1),
        data={"monitor": {"reason": None, "detail": None}},
    )
    assert card_texts(recovered) == ["The offer monitor works again", "Time: 2026-11-20T10:02:00Z"]


def test_a_test_event_says_that_it_is_one() -> None:
    test = Event(id="evt_4", type="webhook.test", created_at=CREATED_AT, data={"webhook": {"id": "wh_1"}})
    assert rendered("slack", test)["blocks"][0]["text"]["text"] == "Test of this webhook by the offer monitor"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("data", [{}, {"truncated": True}])
def test_an_event_whose_data_cannot_be_shown_still_has_a_sentence(event_type: str, data: dict[str, Any]) -> None:
    bare = Event(id="evt_1", type=event_type, created_at=CREATED_AT, data=data)
    assert event_type not in title_of(bare)
    assert rendered("slack", bare)["blocks"][0]["text"]["text"] == title_of(bare)


CPP_DATA = {"cppOffer": {"publisherId": "contoso", "offerId": "vm_1.0"}, "from": {}, "to": {}}
BUTTONS = [
    (event(jobId=JOB_ID.upper()), "Open the job", f"/jobs/{JOB_ID}"),
    (offer_event("private_offer.ended"), "Open the offer", "/offers/aaaaaaaa-0000-4000-8000-000000000001"),
    (
        Event(id="evt_1", type="cpp_offer.status_changed", created_at=CREATED_AT, data=CPP_DATA),
        "Open the offer",
        "/cpp/contoso/vm_1.0",
    ),
    (about_monitor("monitor.degraded"), "Open the dashboard", "/"),
    (about_monitor("monitor.recovered"), "Open the dashboard", "/"),
    (Event(id="evt_1", type="webhook.test", created_at=CREATED_AT, data={}), "Open the dashboard", "/"),
]


@pytest.mark.parametrize(("what", "text", "page"), BUTTONS)
def test_a_button_opens_the_page_of_what_the_message_is_about(what: Event, text: str, page: str) -> None:
    assert card_of(what, PUBLIC_URL)["actions"] == [
        {"type": "Action.OpenUrl", "title": text, "url": DASHBOARD + page}
    ]
    assert rendered("slack", what, PUBLIC_URL)["blocks"][-1] == {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": text, "emoji": False},
                "url": DASHBOARD + page,
            }
        ],
    }


HOSTILE_IDS = ["../../evil", "x)](https://evil.example", "a b", "%2e%2e", "", None, {"a": 1}, "x" * 101]


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_an_id_that_cannot_be_one_makes_no_button(hostile: Any) -> None:  # noqa: ANN401 - a JSON value
    cpp_data = {"cppOffer": {"publisherId": "contoso", "offerId": hostile}}
    for what in (
        event(jobId=hostile),
        offer_event("private_offer.ended", offer=private_offer(id=hostile)),
        Event(id="evt_1", type="cpp_offer.status_changed", created_at=CREATED_AT, data=cpp_data),
    ):
        assert "actions" not in card_of(what, PUBLIC_URL)
        assert "actions" not in [block["type"] for block in rendered("slack", what, PUBLIC_URL)["blocks"]]


@pytest.mark.parametrize(("what", "text", "page"), BUTTONS)
def test_without_a_public_url_there_is_no_button(what: Event, text: str, page: str) -> None:
    assert "actions" not in card_of(what)
    assert text not in str(rendered("slack", what))
    assert page == "/" or page not in str(rendered("slack", what))


def test_a_name_cannot_turn_the_direction_of_the_words_around_it() -> None:
    label = "\u202egnp.liame\u202c \u2067x\u2069\u200f"
    assert title_of(event("job.failed", label=label)) == "'gnp.liame x': create failed"


@pytest.mark.parametrize("character", ["ü", "\u754c", "\U0001f600", "<", "&", '"', "\\", "\x01", "\ud800", "{"])
def test_messages_keep_to_the_limits_of_teams_and_slack(character: str) -> None:
    long = character * 2000
    errors = [{"code": long, "message": long, "details": [{"message": long}] * 30}] * 3
    texts = ["name", "state", "subState", "acceptBy", "start", "end", "id", "privateOfferType"]
    offer: dict[str, Any] = dict.fromkeys(texts, long) | {
        "beneficiaries": [{"description": long}] * 5,
        "partners": [{"partnerName": long}] * 5,
        "pricing": [{"productName": long, "planName": long, "discountPercentage": 1}] * 9,
    }
    job = event(
        "job.failed", errors=errors, label=long, externalId=long, operation=long, jobId=long, privateOffer=offer
    )
    steps = {f"{number}{long}": long for number in range(30)}
    cpp = {"cppOffer": {"publisherId": long, "offerId": long}, "from": {}, "to": {"status": long, "steps": steps}}
    for what in (
        job,
        offer_event("private_offer.changed", offer=offer, changes=["/pricing", "/state", "/end", f"/{long}"] * 25),
        offer_event(
            "private_offer.accepted", offer=offer | {"beneficiaries": [{"description": long}]}, by="customer"
        ),
        Event(id="evt_1", type="cpp_offer.status_changed", created_at=CREATED_AT, data=cpp),
        about_monitor("monitor.degraded", reason=long, detail=long),
    ):
        public_url = "https://offers.example/" + "x" * 1900
        assert len(Formats(public_url).payload(what, "teams").body) < TEAMS_MAX_BYTES
        message = rendered("slack", what, public_url)
        assert len(message["text"]) <= 4000
        blocks = message["blocks"]
        assert len(blocks) <= 50
        assert len(blocks[0]["text"]["text"]) <= 150
        for block in blocks[1:]:
            assert len(block.get("fields", [])) <= 10
            assert all(0 < len(field["text"].encode()) <= 2000 for field in block.get("fields", []))
            assert len(block.get("text", {}).get("text", "").encode()) <= 3000
            assert all(len(element["url"]) <= 3000 for element in block.get("elements", []))
