"""Signs as Standard Webhooks 1.0 says (https://www.standardwebhooks.com), with the symmetric scheme `v1`.

Fifteen lines of our own rather than the `standardwebhooks` library, which is a development dependency and verifies
these signatures in the tests: it brings an HTTP client and six more packages to every cold start, and signs a
datetime after silently calling it UTC. Here the timestamp is an integer.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark that every secret of the standard begins with
SECRET_MIN_BYTES = 24
SECRET_MAX_BYTES = 64
_NEW_SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh secret: `whsec_` and base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_NEW_SECRET_BYTES)).decode("ascii")


def secret_faults(secret: str) -> list[str]:
    """Every reason why `secret` cannot sign; empty if it can. No reason repeats any of it."""
    if not secret.startswith(SECRET_PREFIX):
        return [f"does not begin with {SECRET_PREFIX}"]
    try:
        size_bytes = len(_key(secret))
    except (binascii.Error, ValueError):
        return [f"is not base64 after {SECRET_PREFIX}"]
    if not SECRET_MIN_BYTES <= size_bytes <= SECRET_MAX_BYTES:
        return [f"holds {size_bytes} bytes; {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} are allowed"]
    return []


def signed_headers(webhook_id: str, timestamp: int, body: bytes, signing_secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of the standard for exactly these body bytes; `timestamp` is the attempt's, in Unix seconds.

    Each secret signs, so that a receiver may hold either of two while one replaces the other.
    """
    signed = b".".join((webhook_id.encode("ascii"), str(timestamp).encode("ascii"), body))
    signatures = (hmac.digest(_key(secret), signed, hashlib.sha256) for secret in signing_secrets)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode('ascii')}" for signature in signatures
        ),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
