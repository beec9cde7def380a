"""Reads the parameters of a call, those in its path and those in its query, into the model that the call declares."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.cursor import LONGEST_CURSOR_CHARACTERS
from shared.http.messages import Request
from shared.http.problems import invalid_request
from shared.http.reading import fault_text
from shared.json_codec import dumps

LONGEST_SHOWN_NAME_CHARACTERS = 50
# Keeps `int` from reading a number of thousands of digits. The bounds of a parameter have fewer.
_LONGEST_NUMBER_CHARACTERS = 20
# The function key may be in the query. The Functions host has checked it.
_ALWAYS_KNOWN = "code"
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Parameters(BaseModel):
    """The base of the models. Every value arrives as text. A name that is in the route's template is in the path."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    @classmethod
    def conflicts(cls, given: Set[str]) -> Iterable[str]:  # noqa: ARG003 - for the models that have some
        """What is wrong with this combination of parameters, whatever their values; `given` has their names."""
        return ()

    @classmethod
    def names(cls) -> list[str]:
        """The names of the parameters, as callers write them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def read_parameters[P: Parameters](request: Request, model: type[P], *, ignore_unknown: bool = False) -> P:
    """The parameters as `model`. Raises a problem (400) that names every fault in the path and the query."""
    known = [name for name in model.names() if name not in request.route]
    faults = []
    if not ignore_unknown:
        faults += [_unknown(name, known) for name in request.query if not _is_known(name, known)]
    values = {name: text for name, text in request.query.items() if name in known} | dict(request.route)
    try:
        parameters = model.model_validate(values)
    except ValidationError as error:
        faults += [f"{fault['loc'][0]} {fault_text(fault)}" for fault in error.errors(include_url=False)]
    faults += model.conflicts(values.keys())
    if faults:
        raise invalid_request(list(dict.fromkeys(faults)))
    return parameters


def _is_known(name: str, known: Iterable[str]) -> bool:
    return name in known or name.casefold() == _ALWAYS_KNOWN


def _unknown(name: str, known: Iterable[str]) -> str:
    here = f"known here: {', '.join(sorted(known))}" if known else "this call takes none"
    return f"{dumps(name[:LONGEST_SHOWN_NAME_CHARACTERS])} is not a known parameter; {here}"


@dataclass(frozen=True)
class WholeNumber:
    """Annotates a parameter that is a whole number from `lowest` to `highest`, in ASCII digits."""

    lowest: int
    highest: int

    def _read(self, text: str) -> int:
        # isdecimal alone would accept digits of every script, int alone signs, spaces and underscores.
        if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER_CHARACTERS:
            number = int(text)
            if self.lowest <= number <= self.highest:
                return number
        raise PydanticCustomError(
            "whole_number", "should be a whole number from {lowest} to {highest}", vars(self).copy()
        )

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        schema = core_schema.int_schema(ge=self.lowest, le=self.highest)
        return core_schema.no_info_before_validator_function(self._read, schema)


class Choice:
    """Annotates a parameter, or a member of a body, that is one of these texts in any case."""

    def __init__(self, choices: Iterable[str]) -> None:
        self._choices = {choice.casefold(): choice for choice in choices}

    def _read(self, value: object) -> str:
        choice = self._choices.get(value.strip().casefold()) if isinstance(value, str) else None
        if choice is None:
            *most, last = self._choices
            raise PydanticCustomError("choice", "should be {expected}", {"expected": f"{', '.join(most)} or {last}"})
        return choice

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": [str(choice) for choice in self._choices]}


def _split(text: str) -> list[str]:
    return text.split(",")


# Annotates a list whose elements are separated by commas, as `style: form, explode: false` says in OpenAPI.
COMMA_SEPARATED: Any = BeforeValidator(_split)


def _moment(text: object) -> datetime:
    fault = PydanticCustomError("moment", "should be a time with a zone, such as 2026-11-20T09:00:00Z")
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise fault
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise fault from error


# A moment as RFC 3339 writes it, with a zone; read as UTC.
type Moment = Annotated[datetime, BeforeValidator(_moment)]


# The `nextCursor` of an earlier answer.
type Cursor = Annotated[str, Field(min_length=1, max_length=LONGEST_CURSOR_CHARACTERS)]
