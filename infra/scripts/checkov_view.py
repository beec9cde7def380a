"""Writes a copy of the templates that checkov's Bicep parser can read, and fails if it cannot read one of them.

checkov passes over a file that it cannot parse without a word, so that a scan of none looks like a clean one. Its
parser (the pycep release that it pins) knows no imports, user-defined types, typed arrays or lambdas. The copy says
the same about every resource: only those constructs are replaced, none of which stands inside a resource.

Usage: checkov_view.py <templates> <copy>
"""

import re
import sys
from pathlib import Path

# Runs in checkov's own environment, where its parser is.
from pycep import BicepParser

_REPLACEMENTS = (
    (re.compile(r"^import .*$", re.MULTILINE), ""),
    (re.compile(r"^(param \w+) (?:Tags|AppSettings)\b", re.MULTILINE), r"\1 object"),
    (re.compile(r"^(param \w+) (?:ClientCertificateMode|PartnerCenterCredential)\b", re.MULTILINE), r"\1 string"),
    (re.compile(r"^(param \w+) string\[\]", re.MULTILINE), r"\1 array"),
    (re.compile(r"^(var \w+) = toObject\(.*$", re.MULTILINE), r"\1 = {}"),
)


def write_view(templates: Path, copy: Path) -> int:
    """Copies every template but types.bicep, which declares no resource; returns how many there were."""
    parser = BicepParser()
    sources = [path for path in sorted(templates.rglob("*.bicep")) if path.name != "types.bicep"]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for pattern, replacement in _REPLACEMENTS:
            text = pattern.sub(replacement, text)
        parser.parse(text=text)
        target = copy / source.relative_to(templates)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return len(sources)


if __name__ == "__main__":
    count = write_view(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write(f"checkov: {count} templates\n")
