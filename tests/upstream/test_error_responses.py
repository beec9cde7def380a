"""Refusals of upstream. docs/upstream.md has the quirks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from shared.json_codec import dumps
from shared.upstream.answers import MESSAGE_MAX_CHARACTERS, refusal
from shared.upstream.errors import (
    AccessDenied,
    TokenRejected,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreadable,
)
from tests.json_texts import json_bytes

SIGNED = "https://docs.example/terms.pdf?sv=2024-08-04&sig=c2VjcmV0"


def refused(status: int, body: object = b"", **headers: str) -> UpstreamError:
    return refusal(
        "Product Ingestion",
        status,
        CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()}),
        body if isinstance(body, bytes) else dumps(body).encode(),
        request_id=None,
        sent_id="sent-1",
        now=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        token_was_renewed=False,
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, UpstreamUnreadable),
        (400, UpstreamRejectedRequest),
        (401, TokenRejected),
        (403, AccessDenied),
        (404, UpstreamNotFound),
        (408, UpstreamTimeout),
        (409, UpstreamRejectedRequest),
        (429, UpstreamThrottled),
        (500, UpstreamServerError),
        (503, UpstreamServerError),
    ],
)
def test_every_status_has_its_error(status: int, kind: type[UpstreamError]) -> None:
    error = refused(status)

    assert type(error) is kind
    assert error.status == status


def test_the_envelope_of_both_apis_gives_code_message_and_details() -> None:
    details = [{"code": "schemaValidationError", "message": "Bad.", "details": []}]
    error = refused(400, {"error": {"code": "badRequest", "message": "Invalid configuration", "details": details}})

    assert str(error) == "Product Ingestion answered 400 (badRequest): Invalid configuration"
    assert (error.code, error.details) == ("badRequest", details)


def test_graphs_envelope_gives_the_request_id_too() -> None:
    inner = {"date": "2024-05-01T09:15:30", "request-id": "graph-1", "client-request-id": "sent-1"}
    error = refused(
        401, {"error": {"code": "InvalidAuthenticationToken", "message": "Expired.", "innerError": inner}}
    )

    assert (error.code, error.request_id) == ("InvalidAuthenticationToken", "graph-1")


def test_the_throttles_own_envelope_gives_its_message() -> None:
    error = refused(429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."})

    assert "Try again in 57 seconds." in str(error)


@pytest.mark.parametrize(("header", "seconds"), [("57", 57.0), ("Fri, 20 Nov 2026 09:01:00 GMT", 60.0)])
def test_retry_after_is_understood_as_seconds_or_a_date(header: str, seconds: float) -> None:
    assert refused(429, Retry_After=header).retry_after_seconds == seconds
    assert refused(503, Retry_After=header).retry_after_seconds == seconds


def test_a_body_that_is_a_json_string_is_the_message() -> None:
    """Quirk 16."""
    error = refused(404, "Microsoft.Ingestion.Api.Common.Exceptions.Http404Exception: gone")

    assert "Http404Exception: gone" in str(error)


@pytest.mark.parametrize("details", [{}, None, ""])
def test_missing_details_have_many_forms(details: object) -> None:
    """Quirk 8."""
    assert refused(400, {"error": {"code": "badRequest", "details": details}}).details is None


def test_a_single_detail_counts_as_a_list_of_one() -> None:
    """Quirk 8."""
    assert refused(400, {"error": {"details": {"code": "invalidId"}}}).details == [{"code": "invalidId"}]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"error"', b"null", b"7", b"[]", {"error": None}, {"error": [1]}, {"error": {"code": 7}}],
)
def test_a_body_of_any_other_kind_leaves_only_the_status(body: object) -> None:
    error = refused(502, body)

    assert str(error) == "Product Ingestion answered 502."
    assert error.code is None


def test_a_message_that_is_a_text_where_an_object_should_be_is_kept() -> None:
    assert str(refused(500, {"error": "went wrong"})) == "Product Ingestion answered 500: went wrong"


def test_a_long_message_is_cut_and_its_lines_joined() -> None:
    message = str(refused(500, {"error": {"message": "at line\r\n" * 500}}))

    assert "\n" not in message
    assert len(message) < MESSAGE_MAX_CHARACTERS + 50


def test_a_signed_link_in_a_message_is_removed() -> None:
    assert "c2VjcmV0" not in str(refused(400, {"error": {"code": "badRequest", "message": f"cannot read {SIGNED}"}}))


_NAMES = ("error", "code", "message", "details", "innerError", "request-id", "statusCode")


@settings(max_examples=100, deadline=None)
@given(
    status=st.integers(100, 199) | st.integers(300, 999),
    body=json_bytes(names=_NAMES, texts=("notFound", "x" * 1000)),
    retry_after=st.text() | st.integers().map(str),
)
def test_any_refusal_is_an_error_with_a_short_text(status: int, body: bytes, retry_after: str) -> None:
    error = refused(status, body, Retry_After=retry_after)

    assert len(str(error)) < 2 * MESSAGE_MAX_CHARACTERS
    assert isinstance(error.details, list | None)
    assert isinstance(error.code, str | None)
