"""Signs requests as Standard Webhooks 1.0 says (https://www.standardwebhooks.com), with the symmetric scheme `v1`.

The `standardwebhooks` library would load an HTTP client and six more packages at every cold start, and silently
takes any datetime for UTC. It is a development dependency: the tests verify these signatures with it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - every secret of the standard begins with it
SECRET_MIN_BYTES = 24
SECRET_MAX_BYTES = 64
_NEW_SECRET_BYTES = 32


def new_secret() -> str:
    """A new secret: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_NEW_SECRET_BYTES)).decode("ascii")


def secret_faults(secret: str) -> list[str]:
    """Every reason why `secret` cannot sign; empty if it can. No reason repeats any part of it."""
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

    Every secret signs: during a rotation a receiver may have the old secret or the new one.
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
