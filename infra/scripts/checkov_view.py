"""Writes a copy of the templates that checkov's Bicep parser can read, and fails if it cannot read one of them.

checkov silently skips a file that it cannot parse, so a scan of nothing looks clean. Its parser (the pycep release
that it pins) does not support imports, user-defined types, typed arrays, lambdas or newer operators and functions. In
the copy, everything that checkov checks is the same.

Usage: checkov_view.py <templates> <copy>
"""

import re
import sys
from pathlib import Path

# This script runs in checkov's own environment, which has the parser.
from pycep import BicepParser

_REPLACEMENTS = (
    (re.compile(r"^import .*$", re.MULTILINE), ""),
    (re.compile(r"^(param \w+) \w+\[\]", re.MULTILINE), r"\1 array"),
    (re.compile(r"^(var \w+) = toObject\(.*$", re.MULTILINE), r"\1 = {}"),
    (re.compile(r"^(var \w+) = map\(.*\)$", re.MULTILINE), r"\1 = []"),
    (re.compile(r"^(var \w+) = map\(.*?^\}\)$", re.MULTILINE | re.DOTALL), r"\1 = []"),
    (re.compile(r"\w+\.\?\w+ \?\? ''"), "''"),
    (re.compile(r"\b(?:cidrSubnet|dateTimeToEpoch|join)\(.*\)"), "''"),
)


def plain_types(templates: Path) -> list[tuple[re.Pattern[str], str]]:
    """Patterns that replace each type of types.bicep by its basic type: object or string."""
    source = (templates / "types.bicep").read_text(encoding="utf-8")
    kinds = {
        name: "object" if body == "{" else "string" for name, body in re.findall(r"^type (\w+) = (.)", source, re.M)
    }
    return [(re.compile(rf"^(param \w+) {name}\b", re.M), rf"\1 {kind}") for name, kind in kinds.items()]


def write_view(templates: Path, copy: Path) -> int:
    """Copies every template except types.bicep, which declares no resource. Returns their number."""
    parser = BicepParser()
    sources = [path for path in sorted(templates.rglob("*.bicep")) if path.name != "types.bicep"]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for pattern, replacement in (*_REPLACEMENTS, *plain_types(templates)):
            text = pattern.sub(replacement, text)
        parser.parse(text=text)
        target = copy / source.relative_to(templates)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return len(sources)


if __name__ == "__main__":
    count = write_view(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write(f"checkov: {count} templates\n")
