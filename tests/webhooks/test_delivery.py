"""What an attempt says, and which delivery an event becomes."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from shared.webhooks.delivery import Attempt, delivery_id, next_attempt_at

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def attempt(status: int | None) -> Attempt:
    return Attempt(at=NOW, status=status, latency_ms=1)


@pytest.mark.parametrize(
    ("status", "succeeded"), [(None, False), (199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_an_attempt_succeeds_with_an_answer_of_200_to_299(status: int | None, succeeded: bool) -> None:
    assert attempt(status).succeeded is succeeded


@pytest.mark.parametrize(("status", "gone"), [(None, False), (404, False), (410, True), (411, False)])
def test_only_410_says_that_the_endpoint_is_gone(status: int | None, gone: bool) -> None:
    assert attempt(status).says_gone is gone


def test_an_events_delivery_to_an_endpoint_has_the_same_id_in_every_version() -> None:
    """It is stored under it: another id would send the events of the outbox again."""
    assert delivery_id("wh_1", "evt_1") == "dlv_" + hashlib.sha256(b"wh_1 evt_1").hexdigest()[:32]


def test_events_and_endpoints_have_deliveries_of_their_own() -> None:
    assert len({delivery_id(endpoint, event) for endpoint in ("wh_1", "wh_2") for event in ("evt_1", "evt_2")}) == 4


def test_a_retry_after_that_is_as_long_as_the_plan_changes_nothing() -> None:
    assert next_attempt_at(1, NOW, retry_after="60", random=lambda: 0) == NOW + timedelta(minutes=1)
