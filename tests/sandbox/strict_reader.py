"""A client that reads answers by Microsoft's schema and refuses everything else, as generated clients do.

The rules are those of the schemas configure-status, response-error and their parts (docs/upstream.md).
"""

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_DURABLE_ID = {"type": "string", "pattern": r"^[a-z](-?[a-z0-9]+)*/[a-z0-9-]+(/?[a-z0-9-])*$"}
_REFERENCE = {
    "oneOf": [
        _DURABLE_ID,
        {
            "type": "object",
            "required": ["externalId"],
            "properties": {"externalId": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-_]{2,49}$"}},
        },
        {
            "type": "object",
            "required": ["resourceName"],
            "properties": {"resourceName": {"type": "string", "pattern": "^[a-zA-Z0-9-_]{1,50}$"}},
        },
    ]
}
_SCHEMA_URI = {
    "type": "string",
    "pattern": r"^https://(schema\.mp\.microsoft\.com|product-ingestion\.azureedge\.net)/schema"
    r"/[a-z][a-z0-9]+(-[a-z0-9]+)*/\d{4}(-\d\d){2}(-preview\d+)?$",
}
_INNER_CODES = (
    *("businessValidationError", "collectionLimitExceeded", "invalidId", "invalidEntityStatus", "invalidRequest"),
    *("invalidResource", "invalidState", "notDeployed", "notSupported", "operationCanceled", "productLocked"),
    *("resourceNotFound", "schemaValidationError"),
)
_OUTER_CODES = (
    *("badRequest", "unauthorized", "forbidden", "notFound", "methodNotAllowed", "requestTimeout", "conflict"),
    *("locked", "internalServerError", "notImplemented", "serviceUnavailable"),
)


def _error(codes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code"],
        "properties": {
            "resourceId": _REFERENCE,
            "code": {"enum": list(codes)},
            "message": {"type": "string"},
            "details": {"type": "array", "items": {"$ref": "#/$defs/inner"}},
        },
    }


_DEFINITIONS = {"inner": _error(_INNER_CODES)}
_DATE_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$"}

_STATUS = {
    "$defs": _DEFINITIONS,
    "type": "object",
    "required": ["jobId", "jobStatus", "jobResult"],
    "additionalProperties": False,
    "properties": {
        "$schema": _SCHEMA_URI,
        "jobId": {"type": "string"},
        "jobStatus": {"enum": ["notStarted", "running", "completed"]},
        "jobResult": {"enum": ["pending", "succeeded", "failed", "cancelled"]},  # the last by prose alone
        "jobStart": _DATE_TIME,
        "jobEnd": _DATE_TIME,
        "resourceUri": {"type": "string"},
        "errors": {"type": "array", "items": _error(_OUTER_CODES)},
    },
}
_REFUSAL = {
    "$defs": _DEFINITIONS,
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {"error": _error(_OUTER_CODES)},
}


class BreaksTheSchemaError(Exception):
    """Says where an answer breaks Microsoft's schema, and how."""


@cache
def _validators() -> tuple["Validator", "Validator"]:
    """The validators of a job status and of an error answer."""
    with pytest.MonkeyPatch.context() as patch:
        # jsonschema imports this module if it is there, which takes seconds. No rule above needs it.
        patch.setitem(sys.modules, "rfc3987_syntax", None)
        from jsonschema import Draft202012Validator
    return Draft202012Validator(_STATUS), Draft202012Validator(_REFUSAL)


def _check(validator: "Validator", body: object) -> None:
    for error in validator.iter_errors(body):
        raise BreaksTheSchemaError(f"{error.json_path}: {error.message}")


def check_status(body: object) -> None:
    """Raises BreaksTheSchemaError for a job status that Microsoft's schema does not allow."""
    _check(_validators()[0], body)


def check_refusal(body: object) -> None:
    """Raises BreaksTheSchemaError for an error answer that Microsoft's schema does not allow."""
    _check(_validators()[1], body)
