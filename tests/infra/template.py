"""A Bicep file as the tests read it: parsed by a real grammar, with its declarations by name.

Not a compiler: it knows what a file declares and names, not what a type is. `make lint-bicep` runs the compiler.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

REPOSITORY = Path(__file__).parents[2]
INFRA = REPOSITORY / "infra"

_PARSER = Parser(Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Parameter:
    """A `param`: its name, its decorators by name, and whether a caller may leave it out."""

    name: str
    decorators: frozenset[str]
    has_default: bool


@dataclass(frozen=True)
class Resource:
    """A `resource`: its symbol, its type without the version, the version, and the declaration's node."""

    symbol: str
    type: str
    version: str
    existing: bool
    node: Node


@dataclass(frozen=True)
class ModuleCall:
    """A `module`: its symbol, the file it names, and what it is given."""

    symbol: str
    file: str
    arguments: dict[str, Node]
    node: Node


@dataclass(frozen=True)
class Template:
    """One `.bicep` file."""

    path: Path

    @cached_property
    def root(self) -> Node:
        return _PARSER.parse(self.path.read_bytes()).root_node

    @property
    def name(self) -> str:
        return self.path.relative_to(INFRA).as_posix()

    @property
    def faults(self) -> list[str]:
        """Where the grammar stumbles: `line: text`."""
        return [
            f"{node.start_point.row + 1}: {text(node)[:60]}"
            for node in walk(self.root)
            if node.is_error or node.is_missing
        ]

    @property
    def parameters(self) -> dict[str, Parameter]:
        found = {}
        for node in self._declarations("parameter_declaration"):
            name = text(node.named_children[0])
            decorators = frozenset(text(identifier_of(decorator)) for decorator in decorators_of(node))
            found[name] = Parameter(name, decorators, has_default=any(child.type == "=" for child in node.children))
        return found

    @property
    def outputs(self) -> dict[str, Node]:
        return {text(node.named_children[0]): node for node in self._declarations("output_declaration")}

    @property
    def variables(self) -> dict[str, Node]:
        return {text(node.named_children[0]): node for node in self._declarations("variable_declaration")}

    @property
    def types(self) -> dict[str, Node]:
        return {text(node.named_children[0]): node for node in self._declarations("type_declaration")}

    @property
    def resources(self) -> list[Resource]:
        found = []
        for node in self._declarations("resource_declaration"):
            symbol, reference = node.named_children[0], node.named_children[1]
            kind, _, version = literal(reference).partition("@")
            existing = any(child.type == "existing" for child in node.children)
            found.append(Resource(text(symbol), kind, version, existing, node))
        return found

    @property
    def modules(self) -> list[ModuleCall]:
        found = []
        for node in self._declarations("module_declaration"):
            symbol, file = node.named_children[0], node.named_children[1]
            arguments = property_value(body_of(node), "params")
            found.append(ModuleCall(text(symbol), literal(file), properties(arguments), node))
        return found

    @property
    def identifiers(self) -> list[str]:
        """Every identifier in the file, declarations included: one that occurs once is declared and not used."""
        return [text(node) for node in walk(self.root) if node.type == "identifier"]

    def _declarations(self, kind: str) -> list[Node]:
        return [node for node in self.root.named_children if node.type == kind]


def templates() -> list[Template]:
    """Every `.bicep` file, main.bicep first."""
    return [Template(path) for path in sorted(INFRA.rglob("*.bicep"), key=lambda path: (path.parent != INFRA, path))]


def main_template() -> Template:
    return Template(INFRA / "main.bicep")


def parameters_file() -> dict[str, str]:
    """The parameters that azd fills in, each with its expression."""
    document = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in document["parameters"].items()}


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def literal(node: Node) -> str:
    """A string without its quotes; interpolations stay as they are written."""
    return text(node).removeprefix("'").removesuffix("'")


def identifier_of(decorator: Node) -> Node:
    return next(node for node in walk(decorator) if node.type == "identifier")


def decorators_of(declaration: Node) -> list[Node]:
    before = declaration.prev_named_sibling
    return before.named_children if before is not None and before.type == "decorators" else []


def body_of(declaration: Node) -> Node:
    """The object of a resource, module or variable, behind a condition or a loop if it has one."""
    objects = [node for node in walk(declaration) if node.type == "object"]
    return next((node for node in objects if node.named_children), objects[0])


def properties(obj: Node) -> dict[str, Node]:
    """The properties of an object literal by name."""
    found = {}
    for node in obj.named_children:
        if node.type == "object_property":
            key, value = node.named_children[0], node.named_children[-1]
            found[literal(key)] = value
    return found


def property_value(obj: Node, *path: str) -> Node:
    for name in path:
        obj = properties(obj)[name]
    return obj
