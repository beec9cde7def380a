"""Puts the document together."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openapi import texts
from openapi.calls import describe_call
from openapi.events import describe_events
from openapi.functions import Call
from openapi.schemas import Schema, Schemas, with_shared_enumerations

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = Path(__file__).with_name("examples.json")


def build_document(calls: Iterable[Call], examples: Mapping[str, Any]) -> Schema:
    """The document; the calls are in the order of their functions, the schemas in that of their names."""
    schemas = Schemas()
    paths: dict[str, Schema] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = describe_call(
            call, schemas, examples.get(call.name, {})
        )
    for (name, status), parameters in _LINKS.items():
        _add_links(paths, name, status, parameters)
    webhooks = describe_events(schemas, examples.get("events", {}))
    components = dict(sorted(schemas.components.items()))
    used = {tag for path in paths.values() for operation in path.values() for tag in operation["tags"]}
    document = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/api", "description": "The app that serves this document."}],
        "security": [{"header": []}, {"query": []}],
        "tags": [
            {"name": name, "description": text}
            for name, text in (*texts.TAGS.values(), texts.EVENTS_TAG)
            if name in used or name == texts.EVENTS_TAG[0]
        ],
        "paths": paths,
        "webhooks": webhooks,
        "components": {"securitySchemes": _KEYS, "headers": _HEADERS, "schemas": components},
    }
    shared: Schema = with_shared_enumerations(document, components)
    return shared


def _add_links(paths: dict[str, Schema], name: str, status: str, parameters: Mapping[str, str]) -> None:
    """Link an answer to the calls about what is in it: their paths go on with its id, and may have one more part."""
    *_, own_id = parameters
    for path, operation in [(path, each) for path, methods in paths.items() for each in methods.values()]:
        if operation["operationId"] == name:
            operation["responses"][status]["links"] = {
                other["operationId"]: {"operationId": other["operationId"], "parameters": dict(parameters)}
                for below, methods in paths.items()
                if re.fullmatch(re.escape(f"{path}/{{{own_id}}}") + "(/[^{}]+)?", below)
                for other in methods.values()
            }


def written(document: Schema) -> str:
    """The document as it is stored."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_examples() -> Mapping[str, Any]:
    """Requests and answers by call and status, recorded from the running app (tests/openapi/test_examples.py)."""
    examples: Mapping[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return examples


def _info() -> Schema:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "title": texts.TITLE,
        "version": project["version"],
        "summary": project["description"],
        "description": texts.DESCRIPTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }


# By call and status: where in the answer the parameters of calls about it are, the id of its own last.
_LINKS = {
    ("register_job", "202"): {"jobId": "$response.body#/jobId"},
    ("register_webhook", "201"): {"webhookId": "$response.body#/id"},
    ("list_deliveries", "200"): {
        "webhookId": "$request.path.webhookId",
        "deliveryId": "$response.body#/deliveries/0/id",
    },
}
_KEYS = {
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "x-functions-key",
        "description": "A function key or host key of the app.",
    },
    "query": {
        "type": "apiKey",
        "in": "query",
        "name": "code",
        "description": "The same key. Addresses are logged in many places, so prefer the header.",
    },
}
_HEADERS = {
    "Cache-Control": {
        "description": texts.HEADERS["Cache-Control"],
        "required": True,
        "schema": {"type": "string", "const": "private, no-cache"},
    },
    "ETag": {"description": texts.HEADERS["ETag"], "schema": {"type": "string"}},
    "Location": {"description": texts.HEADERS["Location"], "required": True, "schema": {"type": "string"}},
    "Retry-After": {
        "description": texts.HEADERS["Retry-After"],
        "schema": {"type": "integer", "minimum": 1},
    },
}
