"""Signatures, checked against the Standard Webhooks library and the specification's own example."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from shared.webhooks.signing import new_secret, secret_faults, signed_headers

# From the specification's reference implementations: id, time, body, secret and the signature they agree on.
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIMESTAMP = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def test_the_specifications_example_has_the_specifications_signature() -> None:
    headers = signed_headers(VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_BODY, [VECTOR_SECRET])
    assert headers == {
        "webhook-id": VECTOR_ID,
        "webhook-timestamp": str(VECTOR_TIMESTAMP),
        "webhook-signature": VECTOR_SIGNATURE,
    }


@given(
    body=st.text().map(lambda text: text.encode("utf-8", "replace")),
    webhook_id=st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True),
)
@settings(max_examples=50, deadline=None)
def test_the_library_verifies_every_body(body: bytes, webhook_id: str) -> None:
    secret = new_secret()
    Webhook(secret).verify(body, signed_headers(webhook_id, now(), body, [secret]), json_parse=False)


def test_the_library_refuses_a_changed_body() -> None:
    secret = new_secret()
    headers = signed_headers("msg_1", now(), b"{}", [secret])
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"[]", headers)


def test_either_of_two_secrets_verifies_while_one_replaces_the_other() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("msg_1", now(), b"{}", [new, old])
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        Webhook(secret).verify(b"{}", headers)


def test_new_secrets_can_sign_and_are_all_different() -> None:
    assert secret_faults(new_secret()) == []
    assert new_secret() != new_secret()


def whsec(size_bytes: int) -> str:
    return "whsec_" + base64.b64encode(b"x" * size_bytes).decode()


@pytest.mark.parametrize("secret", [whsec(24), whsec(64), VECTOR_SECRET])
def test_a_secret_of_24_to_64_bytes_can_sign(secret: str) -> None:
    assert secret_faults(secret) == []


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", whsec(23), whsec(65), whsec(32).removeprefix("whsec_"), "whsec_!" + "A" * 40, "whsec_é"],
    ids=["empty", "nothing after the prefix", "short", "long", "no prefix", "not base64", "not ASCII"],
)
def test_any_other_secret_is_refused_without_repeating_it(secret: str) -> None:
    faults = secret_faults(secret)
    assert len(faults) == 1
    body = secret.removeprefix("whsec_")
    assert not body or body not in faults[0]


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin with whsec_"),
        ("whsec_!", "is not base64 after whsec_"),
        ("whsec_\u00e9", "is not base64 after whsec_"),
        (whsec(23), "holds 23 bytes; 24 to 64 are allowed"),
        (whsec(65), "holds 65 bytes; 24 to 64 are allowed"),
    ],
    ids=["no prefix", "not base64", "not ASCII", "short", "long"],
)
def test_the_fault_of_a_secret_is_named(secret: str, fault: str) -> None:
    assert secret_faults(secret) == [fault]


def test_a_new_secret_has_32_bytes() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_every_secret_signs_in_the_order_given() -> None:
    both = signed_headers("msg_1", 1, b"{}", [VECTOR_SECRET, whsec(32)])["webhook-signature"]
    alone = [signed_headers("msg_1", 1, b"{}", [one])["webhook-signature"] for one in (VECTOR_SECRET, whsec(32))]
    assert both == " ".join(alone)
