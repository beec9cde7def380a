"""Reads a request's JSON body into its model."""

from http import HTTPStatus

from pydantic import BaseModel, ValidationError

from shared.http.exchange import Request
from shared.http.problems import ProblemError, invalid_request
from shared.json_codec import InvalidJson, loads
from shared.models.body_faults import faults_of, only_malformed_ids

LONGEST_BODY_BYTES = 256 * 1024


def read_body[M: BaseModel](request: Request, model: type[M]) -> M:
    """The body as `model`. Raises a problem that names every fault.

    411: sent in chunks; 415: compressed; 413: too large; 400: not JSON, or a malformed id; 422: of the wrong shape.
    """
    _check_transfer(request)
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
        # A malformed id is 400 wherever it stands, as in a path; a body of the wrong shape is 422.
        status = HTTPStatus.BAD_REQUEST if only_malformed_ids(error) else HTTPStatus.UNPROCESSABLE_ENTITY
        raise invalid_request(faults_of(error), status=status) from error


def _check_transfer(request: Request) -> None:
    """The Functions host passes on no body that comes in chunks, and a compressed one as it is."""
    if not request.body and request.headers.get("transfer-encoding"):
        raise ProblemError(
            HTTPStatus.LENGTH_REQUIRED,
            "length-required",
            "A body that is sent in chunks does not get here. Send it whole, with Content-Length.",
        )
    encoding = request.headers.get("content-encoding", "").strip()
    if encoding and encoding.casefold() != "identity":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "body-compressed",
            "The body has a Content-Encoding. Send it uncompressed, without that header.",
        )
