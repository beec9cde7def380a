"""Makes types.json: what Microsoft publishes about the resource types that the templates declare, and no more.

Microsoft's published types (github.com/Azure/bicep-types-az, MIT) are facts about Azure's API: the names of
properties, which are required or read-only, and which values an enum knows. This keeps those facts for the types and
versions that `infra/` declares, and drops the descriptions. Run it again when they declare another type or version:

    python -m tests.infra.bicep_types.reduce <git directory of a clone of Azure/bicep-types-az>
"""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.template import templates

TYPES = Path(__file__).with_name("types.json")

# Of Microsoft's flags: 1 required, 2 read-only. The others (write-only, known at the start) say nothing here.
_FLAGS = 3
_BOUNDS = ("minLength", "maxLength", "minValue", "maxValue")

type Json = dict[str, Any]


def wanted() -> set[str]:
    """`type@version` of every resource that the templates declare, existing ones included."""
    return {f"{resource.type}@{resource.version}" for template in templates() for resource in template.resources}


class Clone:
    """A clone of Azure/bicep-types-az, which needs no work tree."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._directory), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    @cache  # noqa: B019 lives as long as this script
    def paths(self) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", "HEAD", "generated").splitlines()

    @cache  # noqa: B019 lives as long as this script
    def types_of(self, path: str) -> list[Json]:
        types: list[Json] = json.loads(self.git("show", f"HEAD:{path}"))
        return types

    def find(self, reference: str) -> tuple[list[Json], Json]:
        """The file that declares this `type@version`, and the declaration."""
        kind, _, version = reference.partition("@")
        provider = kind.partition("/")[0].lower()
        for path in self.paths():
            if path.endswith(f"/{provider}/{version}/types.json"):
                types = self.types_of(path)
                for declaration in types:
                    if declaration["$type"] == "ResourceType" and declaration["name"].lower() == reference.lower():
                        return types, declaration
        raise SystemExit(f"{reference} is not among the published types")


class Reducer:
    """Numbers the types that it meets, each once for each file."""

    def __init__(self) -> None:
        self.reduced: list[Json | None] = []
        self._numbers: dict[tuple[int, int], int] = {}

    def add(self, types: list[Json], index: int) -> int:
        key = (id(types), index)
        if key not in self._numbers:
            self._numbers[key] = number = len(self.reduced)
            self.reduced.append(None)
            self.reduced[number] = self._reduce(types, types[index])
        return self._numbers[key]

    def _reduce(self, types: list[Json], declared: Json) -> Json:
        def reference(value: Json) -> int:
            return self.add(types, int(re.findall(r"\d+", value["$ref"])[-1]))

        def members(declared_members: Json) -> Json:
            return {
                name: [reference(member["type"]), member["flags"] & _FLAGS]
                for name, member in declared_members.items()
            }

        match declared["$type"]:
            case "ObjectType":
                reduced: Json = {"properties": members(declared["properties"])}
                if "additionalProperties" in declared:
                    reduced["additional"] = reference(declared["additionalProperties"])
                return reduced
            case "DiscriminatedObjectType":
                return {
                    "discriminator": declared["discriminator"],
                    "properties": members(declared["baseProperties"]),
                    "variants": {name: reference(variant) for name, variant in declared["elements"].items()},
                }
            case "ArrayType":
                return {"items": reference(declared["itemType"])}
            case "UnionType":
                return {"anyOf": [reference(element) for element in declared["elements"]]}
            case "StringLiteralType":
                return {"value": declared["value"]}
            case kind:
                bounds = {name: declared[name] for name in _BOUNDS if name in declared}
                return {"kind": kind.removesuffix("Type").lower(), **bounds}


def main(directory: Path) -> None:
    clone = Clone(directory)
    reducer = Reducer()
    resources = {}
    for reference in sorted(wanted()):
        types, declaration = clone.find(reference)
        resources[declaration["name"]] = reducer.add(types, int(re.findall(r"\d+", declaration["body"]["$ref"])[-1]))
    source = f"https://github.com/Azure/bicep-types-az commit {clone.git('rev-parse', 'HEAD').strip()}"
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in reducer.reduced)
    document = json.dumps({"source": source, "resources": resources}, indent=1)
    TYPES.write_text(f'{document[:-2]},\n "types": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
