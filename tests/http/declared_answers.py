"""Checks that a call answers only what its handler declares and the API's description says, for all of tests/http."""

import json
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from openapi.functions import find_calls
from shared.http.messages import COMMON_HEADERS, PROBLEM_TYPE, Response
from shared.http.operations import Handler, HttpOperation, operation_of
from shared.http.pages import DOCUMENT
from shared.http.problems import PROBLEM_TYPES
from shared.json_codec import loads
from tests.declared_functions import declared_functions

_TYPE_PREFIX = "urn:problem:offer-monitor:"
# An answer of hundreds of jobs takes seconds to check, and its first ones are like the others.
_LONGEST_CHECKED_BYTES = 100_000


def assert_declared(find_handler: Callable[[], Handler], response: Response) -> None:
    """Fail unless the handler declares this answer. A problem has to be in the catalogue, too."""
    declared = _declared(find_handler)
    if response.content_type == PROBLEM_TYPE:
        slug = loads(response.body)["type"].removeprefix(_TYPE_PREFIX)
        assert response.status in PROBLEM_TYPES[slug].statuses, (slug, response.status)
        assert declared is None or slug in declared.problems, slug
    else:
        assert declared is None or response.status in declared.answers, HTTPStatus(response.status)
    if declared is not None and not declared.anonymous:
        _assert_described(_described(declared), response)


def _declared(find_handler: Callable[[], Handler]) -> HttpOperation | None:
    """None if the handler cannot be built because a setting is missing."""
    try:
        return operation_of(find_handler())
    except Exception:  # noqa: BLE001 - the answer is the problem that says why
        return None


def _assert_described(operation: dict[str, Any], response: Response) -> None:
    answer = operation["responses"][str(response.status)]
    own_headers = response.all_headers.keys() - COMMON_HEADERS.keys()
    assert own_headers <= answer["headers"].keys(), own_headers
    if response.body and len(response.body) <= _LONGEST_CHECKED_BYTES:
        media_type = str(response.content_type).partition(";")[0]
        validator = _validator(operation["operationId"], response.status, media_type)
        body = response.body.decode() if media_type.startswith("text/") else json.loads(response.body)
        faults = [error.message for error in validator.iter_errors(body)]
        assert not faults, faults


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return document


@cache
def _operations() -> dict[str, dict[str, Any]]:
    return {each["operationId"]: each for methods in _document()["paths"].values() for each in methods.values()}


def _described(declared: HttpOperation) -> dict[str, Any]:
    """The operation of the first call with this declaration: others with the same are described alike."""
    return next(_operations()[call.name] for call in _calls() if call.declared is declared)


@cache
def _calls() -> tuple[Any, ...]:
    return tuple(find_calls(declared_functions()))


@cache
def _validator(operation_id: str, status: int, media_type: str) -> Draft202012Validator:
    schema = _operations()[operation_id]["responses"][str(status)]["content"][media_type]["schema"]
    # References in it begin with #/components.
    with_components = {"components": _document()["components"], **schema}
    return Draft202012Validator(with_components, format_checker=FormatChecker())
