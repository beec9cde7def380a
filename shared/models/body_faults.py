"""What is wrong with a body, in the words of JSON: pydantic's own are about Python."""

import re
from typing import Any

from pydantic import ValidationError

from shared.identifiers import InvalidIdentifier

# By pydantic's type of fault; `{}` is filled in from its context.
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
_SINGULAR = re.compile(r"\b1 (character|element)s")


def faults_of(error: ValidationError) -> list[str]:
    """Each fault of a body as `path: what is wrong`; of what was sent only the names of members are repeated."""
    return [
        f"{'.'.join(str(part) for part in fault['loc']) or 'body'}: {_text(fault)}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def only_malformed_ids(error: ValidationError) -> bool:
    """Whether the body has the right shape, and nothing but an id in it is malformed."""
    return all(
        isinstance(fault.get("ctx", {}).get("error"), InvalidIdentifier)
        for fault in error.errors(include_url=False, include_input=False)
    )


def _text(fault: Any) -> str:  # noqa: ANN401 - a dictionary that pydantic_core describes
    text = _TEXTS.get(fault["type"])
    if text is None:
        return str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return _SINGULAR.sub(r"1 \1", text.format(**fault.get("ctx", {})))
