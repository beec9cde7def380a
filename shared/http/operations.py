"""What each call of the API takes and answers, declared on its handler, and the answer to a request.

The declaration does two things: a request is read by it before the handler runs, and the API's description is made of
it. A handler's docstring is the summary of its call.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, overload

from pydantic import BaseModel

from shared.http.messages import Request, Response, json_response
from shared.http.parameters import Parameters, read_parameters
from shared.http.problems import OF_A_BODY, OF_EVERY_CALL, problem_of, problem_response, unforeseen_problem
from shared.http.reading import read_body
from shared.monitor.health import HealthStatus

type _Handler[S] = Callable[[S, Request], Response]


class NoParameters(Parameters):
    """For a call that takes none."""


@dataclass(frozen=True)
class Text:
    """In place of a type, for an answer that is text of this media type and not JSON."""

    media_type: str


@dataclass(frozen=True)
class HttpOperation:
    """A call: the models of its parameters and its body, the type of each answer's JSON by status (None: no body),
    and the slugs of the problems that it may answer instead (`problems.py`)."""

    parameters: type[Parameters]
    body: type[BaseModel] | None
    answers: Mapping[int, Any]
    problems: frozenset[str]
    anonymous: bool


type _Answers = Mapping[int, Any]
type _Problems = tuple[str, ...]


@overload
def operation[S](
    *, answers: _Answers, problems: _Problems = (), anonymous: bool = False
) -> Callable[[Callable[[S, Request], Response]], _Handler[S]]: ...


@overload
def operation[S, P: Parameters](
    *, parameters: type[P], answers: _Answers, problems: _Problems = (), anonymous: bool = False
) -> Callable[[Callable[[S, Request, P], Response]], _Handler[S]]: ...


@overload
def operation[S, B: BaseModel](
    *, body: type[B], answers: _Answers, problems: _Problems = (), anonymous: bool = False
) -> Callable[[Callable[[S, Request, B], Response]], _Handler[S]]: ...


@overload
def operation[S, P: Parameters, B: BaseModel](
    *, parameters: type[P], body: type[B], answers: _Answers, problems: _Problems = (), anonymous: bool = False
) -> Callable[[Callable[[S, Request, P, B], Response]], _Handler[S]]: ...


def operation(
    *,
    parameters: type[Parameters] | None = None,
    body: type[BaseModel] | None = None,
    answers: _Answers,
    problems: _Problems = (),
    anonymous: bool = False,
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Declare a handler, and call it with what it declares: after the request its parameters, then its body.

    An unknown parameter is refused; an `anonymous` call ignores it.
    """
    declared = HttpOperation(
        parameters=parameters or NoParameters,
        body=body,
        answers=answers,
        problems=frozenset((*OF_EVERY_CALL, *(OF_A_BODY if body is not None else ()), *problems)),
        anonymous=anonymous,
    )

    def declare(handle: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(handle)
        def call(handlers: object, request: Request) -> Response:
            # Also if it takes none: unknown ones are refused.
            given = read_parameters(request, declared.parameters, ignore_unknown=anonymous)
            arguments: list[BaseModel] = [] if parameters is None else [given]
            if body is not None:
                arguments.append(read_body(request, body))
            return handle(handlers, request, *arguments)

        call.operation = declared  # type: ignore[attr-defined] # functions may have attributes
        return call

    return declare


def operation_of(handler: Callable[..., Response]) -> HttpOperation:
    """What a handler declares. Raises AttributeError if it declares nothing."""
    declared: HttpOperation = handler.operation  # type: ignore[attr-defined] # see `operation`
    return declared


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
