"""The API's description says everything that a caller needs to know, and is what the code says today."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from openapi import texts
from openapi.document import written
from openapi.functions import UndeclaredCalls, find_calls
from shared.events.event import EVENT_TYPES
from shared.http.jobs import JobHandlers
from shared.http.operations import operation_of
from shared.http.pages import DOCUMENT
from shared.http.problems import PROBLEM_TYPES
from tests.declared_functions import declared_functions
from tests.test_function_app import ANONYMOUS, HTTP_FUNCTIONS

type Document = dict[str, Any]
PAGES = {"read_docs", "show_dashboard"}


def operations(document: Document) -> dict[str, dict[str, Any]]:
    """Every operation by its id, with its path and method."""
    return {
        operation["operationId"]: {**operation, "path": path, "method": method.upper()}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def every_part(part: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    """A JSON value, and all values in it."""
    yield part
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from every_part(each)


def test_the_stored_description_is_that_of_todays_code(document: Document) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == written(document), "`make openapi` writes it anew"


def test_a_call_that_declares_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(JobHandlers.list, "operation")
    with pytest.raises(UndeclaredCalls, match="these calls declare nothing: list_jobs"):
        find_calls(declared_functions())


def test_a_function_that_differs_from_its_handler_on_who_may_call_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = replace(operation_of(JobHandlers.list), anonymous=True)
    monkeypatch.setattr(JobHandlers.list, "operation", open_to_all)
    with pytest.raises(ValueError, match="list_jobs: the function and its handler differ"):
        find_calls(declared_functions())


def test_every_call_is_described_with_its_method_its_path_and_its_need_for_a_key(document: Document) -> None:
    described = {
        name: (operation["method"], operation["path"].removeprefix("/"), operation.get("security") == [])
        for name, operation in operations(document).items()
    }
    assert described == {
        name: (method, path, level == ANONYMOUS)
        for name, (method, path, level) in HTTP_FUNCTIONS.items()
        if name not in PAGES
    }


def test_every_event_is_described(document: Document) -> None:
    assert tuple(document["webhooks"]) == EVENT_TYPES


def test_the_description_is_valid(document: Document) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_no_schema_is_just_true_or_false(document: Document) -> None:
    """Generators of clients do not read such schemas, except that of `additionalProperties`."""
    for part in every_part(document):
        if isinstance(part, dict):
            assert not any(isinstance(part.get(name), bool) for name in ("schema", "items"))
            members = part.get("properties", {})
            assert not any(isinstance(member, bool) for member in members.values())


def test_every_member_parameter_answer_and_tag_is_put_into_words(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema["description"], name
        for member, value in schema.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, (name, member)
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert all(parameter["description"] for parameter in operation.get("parameters", ())), name
        assert all(answer["description"] for answer in operation["responses"].values()), name
    assert all(tag["description"] for tag in document["tags"])


def test_no_text_is_about_something_that_is_gone(document: Document) -> None:
    schemas = document["components"]["schemas"]
    assert texts.SCHEMAS.keys() <= schemas.keys()
    for name, members in texts.MEMBERS.items():
        known = {member for schema in schemas.values() for member in schema.get("properties", ())}
        assert members.keys() <= (known if name == "*" else schemas[name]["properties"].keys()), name
    known_calls = operations(document)
    assert texts.CALLS.keys() <= known_calls.keys()
    assert {name for name, _ in texts.ANSWERS_OF_CALLS} <= known_calls.keys()
    parameters = {
        parameter["name"] for operation in known_calls.values() for parameter in operation.get("parameters", ())
    }
    assert texts.PARAMETERS.keys() <= parameters


def test_every_call_with_a_key_answers_401_without_one_and_every_problem_is_named(document: Document) -> None:
    for name, operation in operations(document).items():
        problems = "".join(
            answer["description"]
            for answer in operation["responses"].values()
            if "application/problem+json" in answer.get("content", {})
        )
        if operation.get("security") == []:
            assert not problems, name
        else:
            assert operation["responses"]["401"] == {"description": texts.NO_KEY}
            assert "`invalid-request`: " + PROBLEM_TYPES["invalid-request"].meaning in problems, name


def test_an_enumeration_with_a_name_is_written_once(document: Document) -> None:
    named = [schema["enum"] for schema in document["components"]["schemas"].values() if "enum" in schema]
    written_out = [part["enum"] for part in every_part(document) if isinstance(part, dict) and "enum" in part]
    assert [enum for enum in written_out if enum in named] == named


def media_types(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body in the description, with where it is."""
    for name, operation in operations(document).items():
        for content in (operation.get("requestBody", {}), *operation["responses"].values()):
            yield from ((name, media_type) for media_type in content.get("content", {}).values())
    for event, methods in document["webhooks"].items():
        yield from ((event, media_type) for media_type in methods["post"]["requestBody"]["content"].values())


def test_every_example_is_what_its_schema_says(document: Document) -> None:
    examples = [(name, each["schema"], each["example"]) for name, each in media_types(document) if "example" in each]
    assert len(examples) > 40
    for name, schema, example in examples:
        # References in it begin with #/components.
        with_components = {"components": document["components"], **schema}
        validator = Draft202012Validator(with_components, format_checker=FormatChecker())
        assert [error.message for error in validator.iter_errors(example)] == [], name


def test_every_event_has_an_example(document: Document) -> None:
    for event, methods in document["webhooks"].items():
        example = methods["post"]["requestBody"]["content"]["application/json"]["example"]
        assert example["type"] == event


@pytest.mark.parametrize("status", ["200", "201", "202"])
def test_a_successful_answer_with_a_body_has_an_example(document: Document, status: str) -> None:
    without = {
        name
        for name, operation in operations(document).items()
        for media_type in operation["responses"].get(status, {}).get("content", {}).values()
        if "example" not in media_type
    }
    assert without <= {"get_openapi"}
