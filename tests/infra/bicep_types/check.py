"""Holds the resources of a template to Microsoft's published types: names, required members, enums, kinds.

It follows what a template says outright: objects, lists, loops, both sides of a choice, variables, and parameters
with a list of allowed values. What only Azure knows (other resources, most functions) counts as fitting.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tree_sitter import Node

from tests.infra.bicep_types.reduce import TYPES
from tests.infra.template import INFRA, Resource, Template, decorators_of, literal, text

type Json = dict[str, Any]

_REQUIRED, _READ_ONLY = 1, 2
# Bicep's own words in a resource, which no type of Azure's has.
_BICEP_MEMBERS = {"parent", "scope", "dependsOn"}
# Members that Bicep fills in from the declaration.
_IMPLIED = {"id", "type", "apiVersion"}
_KINDS = {
    "boolean": {"boolean"},
    "number": {"integer"},
    "string": {"string"},
    "object": {"object"},
    "array": {"array"},
}


@cache
def published() -> Json:
    document: Json = json.loads(TYPES.read_text(encoding="utf-8"))
    return document


def faults(template: Template, resource: Resource) -> list[str]:
    """The faults of a resource by its published type, each as `path: fault`."""
    number = published()["resources"].get(f"{resource.type}@{resource.version}")
    if number is None:
        return [f"{resource.symbol}: {resource.type}@{resource.version} is not in types.json"]
    bodies = [node for node in resource.node.named_children[2:] if node.type in _BODIES]
    return [
        fault
        for body in bodies
        for fault in _Checker(template, existing=resource.existing).check(body, number, resource.symbol)
    ]


_BODIES = {"object", "if_statement", "for_statement"}


class _Checker:
    def __init__(self, template: Template, *, existing: bool) -> None:
        self._template = template
        self._existing = existing

    def check(self, node: Node, number: int, path: str) -> Iterator[str]:
        wanted = published()["types"][number]
        for value in self._values(node):
            yield from self._check_value(value, wanted, path)

    def _values(self, node: Node) -> Iterator[Node]:
        """The literals that a node may become; none where only Azure knows."""
        match node.type:
            case "object" | "array" | "boolean" | "number":
                yield node
            case "string" if not any(child.type == "interpolation" for child in node.named_children):
                yield node
            case "parenthesized_expression":
                yield from self._values(node.named_children[0])
            case "if_statement":
                yield from self._values(node.named_children[-1])
            case "for_statement":
                yield from self._values(node.named_children[-1])
            case "ternary_expression":
                yield from self._values(node.named_children[1])
                yield from self._values(node.named_children[2])
            case "identifier":
                yield from self._named(text(node))
            case "call_expression" if text(node.named_children[0]) == "map":
                yield from self._lambda_bodies(node)

    def _lambda_bodies(self, call: Node) -> Iterator[Node]:
        for argument in call.named_children[1].named_children:
            if argument.type == "lambda_expression":
                yield argument

    def _named(self, name: str) -> Iterator[Node]:
        if name in self._template.variables:
            yield from self._values(self._template.variables[name].named_children[-1])
        for declaration in self._template.root.named_children:
            if declaration.type == "parameter_declaration" and text(declaration.named_children[0]) == name:
                for decorator in decorators_of(declaration):
                    if text(decorator).startswith("@allowed"):
                        yield from (node for node in _literals(decorator))
                kind = text(declaration.named_children[1])
                if kind in _exported_types():
                    yield from (
                        node
                        for node in _literals(_exported_types()[kind])
                        if node.parent is not None and node.parent.type == "union_type"
                    )

    def _check_value(self, value: Node, wanted: Json, path: str) -> Iterator[str]:
        if value.type == "lambda_expression":
            yield from self.check(value.named_children[-1], wanted["items"], f"{path}[]")
        elif "anyOf" in wanted:
            yield from self._check_choice(value, wanted, path)
        elif "value" in wanted:
            if literal(value) != wanted["value"]:
                yield f"{path}: {text(value)} is not '{wanted['value']}'"
        elif "kind" in wanted:
            if wanted["kind"] not in _KINDS[value.type] | {"any"}:
                yield f"{path}: {text(value)[:40]} is not a {wanted['kind']}"
        elif "items" in wanted:
            # The body of a loop is one item.
            for item in value.named_children if value.type == "array" else [value]:
                if item.type != "comment":
                    yield from self.check(item, wanted["items"], f"{path}[]")
        elif value.type != "object":
            yield f"{path}: {text(value)[:40]} is not an object"
        else:
            yield from self._check_object(value, wanted, path)

    def _check_choice(self, value: Node, wanted: Json, path: str) -> Iterator[str]:
        """An enum. A wrong value of an open one, which takes any text, passes the compiler and fails on Azure."""
        choices = [published()["types"][number] for number in wanted["anyOf"]]
        literals = {choice["value"] for choice in choices if "value" in choice}
        if value.type == "string" and literals:
            if literal(value) not in literals:
                yield f"{path}: {text(value)} is none of {', '.join(sorted(literals))}"
        elif all(list(self._check_value(value, choice, path)) for choice in choices):
            yield f"{path}: {text(value)[:40]} fits none of its choices"

    def _check_object(self, value: Node, wanted: Json, path: str) -> Iterator[str]:
        given = dict(_members(value))
        members = dict(wanted["properties"])
        if "variants" in wanted:
            chosen = given.get(wanted["discriminator"])
            variant = wanted["variants"].get(literal(chosen)) if chosen is not None else None
            if variant is None:
                yield f"{path}.{wanted['discriminator']}: names none of {', '.join(wanted['variants'])}"
                return
            members |= published()["types"][variant]["properties"]
        for name, node in given.items():
            if name in members:
                number, flags = members[name]
                if flags & _READ_ONLY and name not in _IMPLIED:
                    yield f"{path}.{name}: is read-only"
                yield from self.check(node, number, f"{path}.{name}")
            elif "additional" in wanted:
                yield from self.check(node, wanted["additional"], f"{path}.{name}")
            elif name not in _BICEP_MEMBERS and "${" not in name:
                yield f"{path}.{name}: no such property"
        if not self._existing:
            for name, (_, flags) in members.items():
                if flags & _REQUIRED and not flags & _READ_ONLY and name not in given and name not in _IMPLIED:
                    yield f"{path}.{name}: is required"


def _members(value: Node) -> Iterator[tuple[str, Node]]:
    for node in value.named_children:
        if node.type == "object_property":
            yield literal(node.named_children[0]), node.named_children[-1]


def _literals(node: Node) -> Iterator[Node]:
    if node.type in {"string", "number"} and not re.match(r"'.*\$\{", text(node)):
        yield node
    else:
        for child in node.named_children:
            yield from _literals(child)


@cache
def _exported_types() -> dict[str, Node]:
    return Template(INFRA / "types.bicep").types
