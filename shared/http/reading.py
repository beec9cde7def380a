"""Reads a request's JSON body into its model, and puts faults into words."""

import re
from http import HTTPStatus

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.http.messages import Request
from shared.http.problems import ProblemError, invalid_request
from shared.identifiers import InvalidIdentifier
from shared.json_codec import InvalidJson, loads

LONGEST_BODY_BYTES = 256 * 1024


def read_body[M: BaseModel](request: Request, model: type[M]) -> M:
    """The body as `model`. Raises a problem that names every fault.

    411: sent in chunks; 415: compressed; 413: too large; 400: not JSON, or a malformed id; 422: the wrong shape.
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
    return read_value(value, model)


def read_value[M: BaseModel](value: object, model: type[M]) -> M:
    """A JSON value as `model`. Raises a problem that names every fault, as `read_body` does."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # A malformed id is 400, in a body as in a path; a body of the wrong shape is 422.
        status = HTTPStatus.BAD_REQUEST if only_malformed_ids(error) else HTTPStatus.UNPROCESSABLE_ENTITY
        raise invalid_request(faults_of(error), status=status) from error


def _check_transfer(request: Request) -> None:
    """The Functions host drops a body that comes in chunks, and passes on a compressed one as it is."""
    if not request.body and request.headers.get("transfer-encoding"):
        raise ProblemError(
            HTTPStatus.LENGTH_REQUIRED,
            "length-required",
            "A body that is sent in chunks does not reach the app. Send it whole, with Content-Length.",
        )
    encoding = request.headers.get("content-encoding", "").strip()
    if encoding and encoding.casefold() != "identity":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "body-compressed",
            "The body has a Content-Encoding. Send it uncompressed, without that header.",
        )


# By pydantic's type of fault. Its context fills in the braces.
_TEXTS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "null": "should not be null: leave it out",
    "model_type": "should be an object",
    "model_attributes_type": "should be an object",
    "dict_type": "should be an object",
    "list_type": "should be an array",
    "string_type": "should be a text",
    "string_unicode": "should be a text without lone surrogates",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "too_short": "should have at least {min_length} elements",
    "too_long": "should have at most {max_length} elements",
    "literal_error": "should be {expected}",
    "enum": "should be {expected}",
    "string_pattern_mismatch": "should match {pattern}",
}
# Pydantic's names for the ways in which a body may be read (`JobRegistrations`). No member has such a name.
_TAGS = {"one", "many"}
_SINGULAR = re.compile(r"\b1 (character|element)s")


def faults_of(error: ValidationError) -> list[str]:
    """Each fault of a body as `path: what is wrong`. Of the body only the names of members are repeated."""
    return [
        f"{'.'.join(str(part) for part in fault['loc'] if part not in _TAGS) or 'body'}: {fault_text(fault)}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def only_malformed_ids(error: ValidationError) -> bool:
    """Whether malformed ids are all that is wrong with the body."""
    return all(
        isinstance(fault.get("ctx", {}).get("error"), InvalidIdentifier)
        for fault in error.errors(include_url=False, include_input=False)
    )


def fault_text(fault: ErrorDetails) -> str:
    """What is wrong, in the words of JSON, without the value."""
    context = fault.get("ctx", {})
    if isinstance(error := context.get("error"), InvalidIdentifier):
        return f"should be {error.should_be}"
    text = _TEXTS.get(fault["type"])
    if text is None:
        return fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return _SINGULAR.sub(r"1 \1", text.format(**context))
