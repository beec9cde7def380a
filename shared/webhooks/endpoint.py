"""A webhook endpoint and its id."""

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.events.event import EVERY_EVENT

# The API's id of the endpoint of WEBHOOK_URL and WEBHOOK_SECRET.
SETTINGS_ENDPOINT_ID = "settings"
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
HEADERS_MAX = 5
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]{0,1998}[!-~])?")
_RESERVED_HEADER = re.compile(r"host|content-.*|transfer-encoding|connection|webhook-.*")


type FormatName = Literal["standard", "teams", "slack", "cloudevents"]
type DisabledReason = Literal["gone", "failing"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint.

    `disabled_reason` says why the monitor disabled it: "gone" after a 410, "failing" after days without a success.
    It is None while the endpoint is enabled, and when a person disabled it. `failing_since` is the time of the first
    failed attempt since the last success.
    """

    id: str
    url: str
    secret: str = field(repr=False)
    created_at: datetime | None = None
    events: tuple[str, ...] = (EVERY_EVENT,)
    description: str | None = None
    format: FormatName = "standard"
    # Headers of the owner's own, which every request carries. Their values are secrets.
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    enabled: bool = True
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    old_secret: str | None = field(default=None, repr=False)
    old_secret_until: datetime | None = None
    etag: str | None = field(default=None, compare=False, repr=False)

    @property
    def from_settings(self) -> bool:
        return is_settings_id(self.id)

    @property
    def shown_id(self) -> str:
        """The id in answers and logs."""
        return shown_id(self.id)

    def signing_secrets(self, now: datetime) -> list[str]:
        """The secrets that sign now, the current one first."""
        if self.old_secret is None or self.old_secret_until is None or now >= self.old_secret_until:
            return [self.secret]
        return [self.secret, self.old_secret]

    def with_secret(self, secret: str, now: datetime) -> "Endpoint":
        """The endpoint with a new secret; the old one signs too for 24 hours."""
        until = now + OLD_SECRET_SIGNS_FOR
        return replace(self, secret=secret, old_secret=self.secret, old_secret_until=until)

    def enabled_again(self) -> "Endpoint":
        """The endpoint as enabled by a person: earlier failures no longer count."""
        return replace(self, enabled=True, disabled_reason=None, failing_since=None)


def header_faults(headers: Collection[tuple[str, str]]) -> list[str]:
    """Every reason why an endpoint cannot have these headers; empty if it can. No reason repeats a value."""
    faults = []
    if len(headers) > HEADERS_MAX:
        faults.append(f"has {len(headers)} headers; {HEADERS_MAX} are allowed")
    for name, occurrences in Counter(name.lower() for name, _ in headers).items():
        if not _HEADER_NAME.fullmatch(name):
            faults.append(f"{name!r} is not the name of a header: 1 to 100 letters, digits and !#$%&'*+-.^_`|~")
        elif _RESERVED_HEADER.fullmatch(name):
            faults.append(f"{name} is set by the monitor")
        if occurrences > 1:
            faults.append(f"{name} is given {occurrences} times")
    faults += [
        f"the value of {name!r} should be 1 to 2,000 printable ASCII characters, without a blank at either end"
        for name, value in headers
        if not _HEADER_VALUE.fullmatch(value)
    ]
    return faults


def new_endpoint_id() -> str:
    return f"wh_{secrets.token_hex(12)}"


def settings_endpoint_id(url: str) -> str:
    """The id in storage of the settings' endpoint.

    It follows from the URL, so deliveries stored for one URL never go to another, and a URL that has left the
    settings is an endpoint that was removed.
    """
    return f"{SETTINGS_ENDPOINT_ID}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def shown_id(endpoint_id: str) -> str:
    """The id in answers and logs."""
    return SETTINGS_ENDPOINT_ID if is_settings_id(endpoint_id) else endpoint_id


def is_settings_id(endpoint_id: str) -> bool:
    return endpoint_id.startswith(SETTINGS_ENDPOINT_ID)
