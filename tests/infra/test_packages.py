"""Every pinned package is needed, and npm packages have permissive licences. `make lint-packages` checks the rest."""

import json
import re
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parents[2]
PERMISSIVE = {
    "(MIT OR CC0-1.0)",
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "ISC",
    "MIT",
    "MIT OR Apache-2.0",
    "Python-2.0",
    "Unlicense",
    "http://geraintluff.github.io/tv4/LICENSE.txt",  # public domain, or MIT
}
# The Mozilla licence demands that a changed file of the package is published. We change none, and do not deploy it.
UNCHANGED_TOOLS = {"node_modules/axe-core"}


def name_of(requirement: str) -> str:
    """The name in a line of a list or in a package's own requirement, as packages are compared."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_every_further_pin_is_needed_by_another_package() -> None:
    first, _, second = (ROOT / "requirements.txt").read_text(encoding="utf-8").partition("# Their own dependencies")
    pinned = [name_of(line) for line in (first + second).splitlines() if "==" in line]
    further = {name_of(line) for line in second.splitlines() if "==" in line}
    assert further
    needed = {
        name_of(requirement)
        for name in pinned
        for requirement in requires(name) or []
        if "extra ==" not in requirement or requirement.startswith("cryptography")
    }
    assert further - needed == set()


def test_every_npm_package_is_permissively_licensed() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    other = {
        path: package.get("license")
        for path, package in packages.items()
        if path and path not in UNCHANGED_TOOLS and package.get("license") not in PERMISSIVE
    }
    assert other == {}
