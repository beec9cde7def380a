"""JSON Schema of the declared types: pydantic's, made simpler for readers and for generators of clients."""

import re
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from openapi import texts
from shared.json_codec import RawJson

type Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"
_NULL = {"type": "null"}
# By these names the API calls its times. Those of upstream have other names, and are as they came.
_MOMENT = re.compile(r"(^a|A)t$|Until$")
_JOB_ID = "jobId"


class _Generator(GenerateJsonSchema):
    """Knows RawJson, and gives members no titles."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        if schema["cls"] is RawJson:
            return {"type": "object"}
        return super().dataclass_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - as pydantic has it
        return False


class Schemas:
    """The schemas of a document. Objects and enumerations with a name become components."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, declared: Any, mode: JsonSchemaMode = "serialization") -> Schema:  # noqa: ANN401 - any type
        """The schema of a type: as it is sent, or with mode "validation" as it is read."""
        generated = TypeAdapter(declared).json_schema(
            mode=mode, ref_template=f"{REFERENCE}{{model}}", schema_generator=_Generator
        )
        definitions = generated.pop("$defs", {})
        name = generated.get("title")
        if name is not None and _has_name(generated):
            return self._component(name, generated, definitions)
        simple: Schema = self._simple(generated, definitions)
        return simple

    def members(self, model: Any) -> tuple[dict[str, Schema], set[str]]:  # noqa: ANN401 - any model
        """The schemas of a model's members, which may not be null, and the names of those that are required."""
        generated = TypeAdapter(model).json_schema(
            mode="validation", ref_template=f"{REFERENCE}{{model}}", schema_generator=_Generator
        )
        definitions = generated.pop("$defs", {})
        simple = {
            name: without_null(self._simple(member, definitions))
            for name, member in generated.get("properties", {}).items()
        }
        return simple, set(generated.get("required", ()))

    def add(self, name: str, schema: Schema) -> Schema:
        """Add a component that is of no Python type. Returns the reference to it."""
        return self._added(name, schema)

    def _component(self, name: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # for a type that contains itself
            simple = self._simple({key: value for key, value in schema.items() if key != "title"}, definitions)
            del self.components[name]
            return self._added(name, _described(name, simple))
        return {"$ref": f"{REFERENCE}{name}"}

    def _added(self, name: str, schema: Schema) -> Schema:
        if self.components.setdefault(name, schema) != schema:
            raise ValueError(f"two types are called {name}")
        return {"$ref": f"{REFERENCE}{name}"}

    def _simple(self, schema: Any, definitions: dict[str, Schema]) -> Any:  # noqa: ANN401 - any part of a schema
        if isinstance(schema, list):
            return [self._simple(part, definitions) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._referred(schema, definitions)
        simple = {key: self._simple(value, definitions) for key, value in schema.items() if key != "discriminator"}
        if simple.get("additionalProperties") is True:
            del simple["additionalProperties"]
        if "default" in simple and simple["default"] is None:
            del simple["default"]
        return _with_short_null(simple) if "anyOf" in simple else simple

    def _referred(self, schema: Schema, definitions: dict[str, Schema]) -> Schema:
        """An object or an enumeration stays a reference; anything else takes the reference's place."""
        name = schema["$ref"].removeprefix(REFERENCE)
        beside = self._simple({key: value for key, value in schema.items() if key != "$ref"}, definitions)
        if name in texts.ANY_JSON:
            return {"description": texts.ANY_JSON[name], **beside}
        definition = definitions[name]
        if _has_name(definition):
            return {**self._component(name, definition, definitions), **beside}
        return {**self._simple(definition, definitions), **beside}


def _has_name(schema: Schema) -> bool:
    return "properties" in schema or "enum" in schema


def without_null(schema: Schema) -> Schema:
    """The schema of a value that may not be null."""
    if isinstance(schema.get("type"), list):
        (kind,) = (kind for kind in schema["type"] if kind != "null")
        return {**schema, "type": kind}
    if "anyOf" in schema:
        (option,) = (option for option in schema["anyOf"] if option != _NULL)
        return {**option, **{key: value for key, value in schema.items() if key != "anyOf"}}
    return schema


def _with_short_null(schema: Schema) -> Schema:
    """`type: [x, "null"]` in place of `anyOf`, but for enumerations and objects, which generators then name twice."""
    options = [option for option in schema["anyOf"] if option != _NULL]
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(options) == len(schema["anyOf"]) == 1:
        return {**options[0], **beside}
    if len(options) != 1 or "$ref" in options[0] or "enum" in options[0]:
        return schema
    (option,) = options
    return {**option, "type": [option["type"], "null"], **beside}


def _described(name: str, schema: Schema) -> Schema:
    """A component with its own description and those of its members."""
    text = texts.SCHEMAS.get(name) or texts.unwrapped(schema.get("description", ""))
    described = {"description": text} | {key: value for key, value in schema.items() if key != "description"}
    if "properties" in schema:
        described["properties"] = {
            member: _described_member(name, member, value) for member, value in schema["properties"].items()
        }
    return described


def _described_member(component: str, name: str, schema: Schema) -> Schema:
    described = dict(schema)
    is_text = schema.get("type") in ("string", ["string", "null"]) and "format" not in schema
    if is_text and _MOMENT.search(name):
        described["format"] = "date-time"
    if is_text and name == "date":
        described["format"] = "date"
    if is_text and name == _JOB_ID:
        described["format"] = "uuid"
    text = texts.member(component, name)
    return described if text is None else {**described, "description": text}


def with_shared_enumerations(part: Any, components: dict[str, Schema]) -> Any:  # noqa: ANN401 - any part of a document
    """`part` with a reference wherever it repeats the enumeration of a component."""
    names = {tuple(schema["enum"]): name for name, schema in components.items() if "enum" in schema}

    def shared(part: Any) -> Any:  # noqa: ANN401 - see above
        if isinstance(part, list):
            return [shared(each) for each in part]
        if not isinstance(part, dict):
            return part
        name = names.get(tuple(part["enum"])) if isinstance(part.get("enum"), list) else None
        if name is None or part is components[name]:
            return {key: shared(value) for key, value in part.items()}
        beside = {key: value for key, value in part.items() if key not in {"enum", "type"}}
        return {"$ref": f"{REFERENCE}{name}", **beside}

    return shared(part)
