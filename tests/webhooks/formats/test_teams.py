"""The form of a message for Microsoft Teams."""

from tests.webhooks.formats.reading import card_of, rendered
from tests.webhooks.samples import event


def test_a_message_is_one_adaptive_card() -> None:
    message = rendered("teams", event())
    assert message["type"] == "message"
    [attachment] = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (attachment["content"]["type"], attachment["content"]["version"]) == ("AdaptiveCard", "1.2")


def test_a_card_shows_text_as_it_is_and_reads_no_markdown() -> None:
    label = "[click](https://evil.example) {{DATE(2026-01-01)}}"
    card = card_of(event(label=label))
    assert {block["type"] for block in card["body"]} == {"Container", "RichTextBlock"}
    assert card["body"][0]["items"][0]["type"] == "RichTextBlock"
    assert "evil" not in card["fallbackText"]
