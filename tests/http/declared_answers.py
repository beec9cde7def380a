"""Checks that a call answers only what its handler declares, for the whole of tests/http."""

from collections.abc import Callable
from http import HTTPStatus

from shared.http.messages import PROBLEM_TYPE, Response
from shared.http.operations import Handler, HttpOperation, operation_of
from shared.http.problems import PROBLEM_TYPES
from shared.json_codec import loads

_TYPE_PREFIX = "urn:problem:offer-monitor:"


def assert_declared(find_handler: Callable[[], Handler], response: Response) -> None:
    """Fail unless the handler declares this answer. A problem has to be in the catalogue, too."""
    if response.content_type == PROBLEM_TYPE:
        slug = loads(response.body)["type"].removeprefix(_TYPE_PREFIX)
        assert response.status in PROBLEM_TYPES[slug].statuses, (slug, response.status)
        declared = _declared(find_handler)
        assert declared is None or slug in declared.problems, slug
    else:
        declared = _declared(find_handler)
        assert declared is None or response.status in declared.answers, HTTPStatus(response.status)


def _declared(find_handler: Callable[[], Handler]) -> HttpOperation | None:
    """None if the handler cannot be built, for want of a setting, or declares nothing yet."""
    try:
        return operation_of(find_handler())
    except Exception:  # noqa: BLE001 - the answer is the problem that says why
        return None
