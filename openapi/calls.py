"""Describes one call: its parameters, its body, and each status that it can answer."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from pydantic import Field

from openapi import texts
from openapi.functions import Call
from openapi.schemas import Schema, Schemas
from shared.http.models import MOST_JOBS_AT_ONCE, JobRegistration, JobRegistrations
from shared.http.operations import Text
from shared.http.problems import PROBLEM_TYPES, Problem
from shared.json_codec import JsonObject

JSON = "application/json"
PROBLEM = "application/problem+json"
# Problems that say when to try again.
WITH_RETRY_AFTER = frozenset(
    {"asked-too-recently", "being-sent", "busy", "job-pending", "storage", "upstream-throttled"}
)
# Headers of the answers to single calls.
HEADERS_OF_CALLS: Mapping[tuple[str, int], tuple[str, ...]] = {
    ("register_job", 200): ("Retry-After",),
    ("register_job", 202): ("Location", "Retry-After"),
    ("get_job", 200): ("Retry-After",),
    ("change_job", 200): ("Retry-After",),
    ("check_job", 200): ("Retry-After",),
    ("register_webhook", 201): ("Location",),
}

ConfigureAnswer = TypedDict(
    "ConfigureAnswer",
    {
        "$schema": NotRequired[str],
        "jobId": str,
        "jobStatus": str,
        "jobResult": NotRequired[str],
        "jobStart": NotRequired[str],
        "jobEnd": NotRequired[str],
        "resourceUri": NotRequired[str | None],
        "errors": NotRequired[list[JsonObject]],
    },
)
# What a body may be, where its model reads more than its schema tells.
_BODIES: Mapping[Any, Any] = {
    JobRegistrations: JobRegistration
    | ConfigureAnswer
    | Annotated[list[JobRegistration | ConfigureAnswer], Field(min_length=1, max_length=MOST_JOBS_AT_ONCE)],
}


def describe_call(call: Call, schemas: Schemas, examples: Mapping[str, Any]) -> Schema:
    """The operation object. `examples` has requests and answers by status, those of this call only."""
    first, *_ = call.path.strip("/").split("/")
    parts = [texts.unwrapped(call.text), texts.CALLS.get(call.name, "")]
    described: Schema = {
        "operationId": call.name,
        "tags": [texts.TAGS[first][0]],
        "summary": re.split(r"[:\n]", call.text)[0].rstrip("."),
        "description": "\n\n".join(part for part in parts if part),
    }
    if call.declared.anonymous:
        described["security"] = []
    parameters = _parameters(call, schemas)
    if parameters:
        described["parameters"] = parameters
    if call.declared.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {JSON: _content(_body(call, schemas), examples.get("request"))},
        }
    described["responses"] = _responses(call, schemas, examples)
    return described


def _parameters(call: Call, schemas: Schemas) -> list[Schema]:
    members, required = schemas.members(call.declared.parameters)
    parameters = [_parameter(call, name, schema, required) for name, schema in members.items()]
    if 304 in call.declared.answers:
        parameters.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": texts.IF_NONE_MATCH,
                "schema": {"type": "string"},
            }
        )
    return parameters


def _parameter(call: Call, name: str, schema: Schema, required: set[str]) -> Schema:
    schema = dict(schema)
    text = schema.pop("description", None) or texts.PARAMETERS.get(name)
    if text is None:
        raise ValueError(f"openapi/texts.py has no text for the parameter {name} of {call.name}")
    if schema.get("type") == "array":
        schema = _comma_separated(schema)
    place = "path" if call.has_in_path(name) else "query"
    parameter = {"name": name, "in": place, "description": text, "schema": schema}
    return {**parameter, "required": True} if name in required else parameter


def _comma_separated(schema: Schema) -> Schema:
    """A list in one parameter, as text: generated clients do not know `explode: false`."""
    element = f"({'|'.join(schema['items']['enum'])})"
    return {"type": "string", "pattern": f"^{element}(,{element})*$"}


def _body(call: Call, schemas: Schemas) -> Schema:
    model = call.declared.body
    schema = schemas.of(_BODIES.get(model, model), "validation")
    if call.method == "PATCH":
        # What is absent stays as it is.
        for member in schemas.components[schema["$ref"].rpartition("/")[2]]["properties"].values():
            member.pop("default", None)
    return schema


def _responses(call: Call, schemas: Schemas, examples: Mapping[str, Any]) -> Schema:
    responses: dict[int, Schema] = {}
    for status, answer in call.declared.answers.items():
        description = texts.ANSWERS_OF_CALLS.get((call.name, status)) or texts.ANSWERS.get(status, "")
        headers = HEADERS_OF_CALLS.get((call.name, status), ())
        if 304 in call.declared.answers:
            headers = (*headers, "ETag")
        response = _response(description, headers)
        if answer is not None:
            media_type = answer.media_type if isinstance(answer, Text) else JSON
            schema = {"type": "string"} if isinstance(answer, Text) else schemas.of(answer)
            response["content"] = {media_type: _content(schema, examples.get(str(status)))}
        responses[status] = response
    if not call.declared.anonymous:
        responses[401] = {"description": texts.NO_KEY}
        for status, slugs in _problems(call).items():
            problem = _problem_response(slugs, schemas, examples.get(f"{status} {PROBLEM}"))
            responses[status] = _both(responses[status], problem) if status in responses else problem
    return {str(status): responses[status] for status in sorted(responses)}


def _problems(call: Call) -> Mapping[int, list[str]]:
    """The kinds of problem by status."""
    slugs = defaultdict(list)
    for slug in sorted(call.declared.problems):
        for status in PROBLEM_TYPES[slug].statuses:
            # Only a body can have the wrong shape.
            if status != 422 or call.declared.body is not None:
                slugs[status].append(slug)
    return slugs


def _problem_response(slugs: list[str], schemas: Schemas, example: Any) -> Schema:  # noqa: ANN401 - any JSON
    lines = [f"`{slug}`: {PROBLEM_TYPES[slug].meaning}" for slug in slugs]
    description = lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)
    headers = ("Retry-After",) if WITH_RETRY_AFTER.intersection(slugs) else ()
    return {**_response(description, headers), "content": {PROBLEM: _content(schemas.of(Problem), example)}}


def _both(answer: Schema, problem: Schema) -> Schema:
    """A status that is an answer of the call, and a problem at other times."""
    return {
        "description": f"{answer['description']}\n\nOr a problem:\n\n{problem['description']}",
        "headers": answer["headers"] | problem["headers"],
        "content": answer["content"] | problem["content"],
    }


def _response(description: str, headers: tuple[str, ...]) -> Schema:
    names = ("Cache-Control", *headers)
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }


def _content(schema: Schema, example: Any) -> Schema:  # noqa: ANN401 - any JSON
    return {"schema": schema} if example is None else {"schema": schema, "example": example}
