"""The edge of the HTTP API: calls a handler, and turns whatever it raises into an answer."""

import logging
from collections.abc import Callable

from shared.http.messages import Request, Response, json_response
from shared.http.problems import problem_of, problem_response, unforeseen_problem
from shared.monitor.health import HealthStatus

type Handler = Callable[[Request], Response]
_log = logging.getLogger("offer_monitor.http")


def answer(find_handler: Callable[[], Handler], request: Request) -> Response:
    """Answer a request. `find_handler` is called in here too: a missing setting is a problem like any other."""
    try:
        return find_handler()(request)
    except Exception as error:  # noqa: BLE001 - the edge: whatever happened, the caller gets an answer
        problem = problem_of(error)
        if problem is None:
            _log.exception("a request failed unexpectedly")
            problem = unforeseen_problem()
        return problem_response(problem)


def answer_anyone(find_handler: Callable[[], Handler], request: Request) -> Response:
    """Answer a health check that needs no key: a problem of any kind becomes `degraded`, and no more is said."""
    response = answer(find_handler, request)
    if response.status in {200, 503} and response.content_type is not None and "problem" not in response.content_type:
        return response
    return json_response(HealthStatus(status="degraded"), 503)
