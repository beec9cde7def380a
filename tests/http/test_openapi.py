"""`/openapi.json`: the stored description, to everyone, without any settings."""

import gzip
from collections.abc import Mapping

import pytest

from shared.http import operations
from shared.http.messages import COMMON_HEADERS, Request, Response
from shared.http.pages import DOCUMENT, OpenApiHandlers


def get(headers: Mapping[str, str], **query: str) -> Response:
    """GET /api/openapi.json."""
    request = Request(url="https://monitor.example/api/openapi.json", query=query, headers=headers)
    return operations.answer(lambda: OpenApiHandlers().read, request)


def test_the_description_is_the_stored_file() -> None:
    answer = get({})
    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")
    assert answer.body == DOCUMENT.read_bytes()
    assert answer.all_headers.items() >= COMMON_HEADERS.items()


def test_a_client_that_accepts_gzip_gets_it_compressed() -> None:
    answer = get({"accept-encoding": "gzip, br"})
    assert answer.all_headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == DOCUMENT.read_bytes()


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_a_copy_that_is_still_good_is_answered_304(accepted: str) -> None:
    etag = get({"accept-encoding": accepted}).all_headers["ETag"]
    again = get({"accept-encoding": accepted, "if-none-match": etag})
    assert (again.status, again.body) == (304, b"")
    assert again.all_headers["ETag"] == etag
    assert get({"accept-encoding": accepted, "if-none-match": '"other"'}).status == 200


def test_an_unknown_parameter_is_ignored() -> None:
    assert get({}, version="2").status == 200
