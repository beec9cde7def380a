"""The form of a message for Slack."""

from tests.webhooks.formats.reading import formatted_texts_of, plain_texts_of, rendered
from tests.webhooks.samples import FAILED_ERRORS, event, offer_event, private_offer

NAMES = ("Label", "Operation", "Outcome", "External id", "Registered", "Finished", "Job")


def test_a_message_has_blocks_and_a_text_for_notifications() -> None:
    message = rendered("slack", event())
    assert message["text"] == ":white_check_mark: 'Contoso renewal': create succeeded"
    assert message["blocks"][0]["text"]["text"] == "'Contoso renewal': create succeeded"
    fields = [field["text"] for block in message["blocks"] for field in block.get("fields", [])]
    facts = dict(zip(fields[::2], fields[1::2], strict=True))
    assert (facts["*Label*"], facts["*Accept by*"]) == ("Contoso renewal", "2026-12-31")


def test_slack_reads_no_link_or_mention_in_a_name() -> None:
    name = "<!channel> <https://evil.example|R&D>"
    of_job = rendered("slack", event(label=name, privateOffer=None))
    of_offer = rendered("slack", offer_event("private_offer.ended", offer=private_offer(name=name)))
    for message in (of_job, of_offer):
        assert "&lt;!channel&gt; &lt;https" in message["text"]
        assert not {"<", ">"} & set(message["text"])
        assert "evil" not in "".join(formatted_texts_of(message))
    assert set(formatted_texts_of(of_job)) <= {f"*{name}*" for name in NAMES}


def test_slack_formats_nothing_in_a_label() -> None:
    label = "*bold* _slanted_ `code` ~gone~ :x:"
    message = rendered("slack", event(label=label, privateOffer=None))
    assert not {"*", "_", "`", "~"} & set(message["text"].partition(": ")[2])
    assert ":x:" not in message["text"]
    assert set(formatted_texts_of(message)) <= {f"*{name}*" for name in NAMES}
    assert label in plain_texts_of(message)


def test_what_to_do_and_the_errors_come_last() -> None:
    message = rendered("slack", event("job.failed", errors=FAILED_ERRORS))
    assert message["blocks"][-2]["text"]["text"].startswith("Correct the configuration")
    assert message["blocks"][-1]["text"]["text"].startswith("• The offer cannot be published. (conflict)\n• The plan")
