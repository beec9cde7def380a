"""Reads a request's JSON body into its model."""

from http import HTTPStatus

from pydantic import BaseModel, ValidationError

from shared.http.exchange import Request
from shared.http.problems import ProblemError, invalid_request
from shared.json_codec import InvalidJson, loads
from shared.models.requests import faults_of

LONGEST_BODY_BYTES = 256 * 1024


def read_body[M: BaseModel](request: Request, model: type[M]) -> M:
    """The body as `model`. Raises a problem: 413 too large, 400 not JSON, 422 with every fault of the shape."""
    if len(request.body) > LONGEST_BODY_BYTES:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-too-large",
            f"The body is larger than {LONGEST_BODY_BYTES} bytes.",
        )
    try:
        value = loads(request.body)
    except InvalidJson as error:
        raise invalid_request([f"body: {error}"]) from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_request(faults_of(error), status=HTTPStatus.UNPROCESSABLE_ENTITY) from error
