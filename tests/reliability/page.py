"""Renders docs/reliability.md. Its texts are the docstrings of the proofs, its figures the results of their runs."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_TESTS = "tests/reliability"
_FUZZING = "tests/openapi/test_fuzzing.py"


@dataclass(frozen=True)
class Proof:
    """One section of the page: its heading, the module whose docstring is its text, the command that repeats it."""

    heading: str
    module: str
    command: str


def _slow(heading: str, module: str) -> Proof:
    return Proof(heading, f"{_TESTS}/{module}.py", f"make test-slow ARGS={_TESTS}/{module}.py")


# In the order of the page.
PROOFS: Mapping[str, Proof] = {
    "kills": _slow("Kills", "test_kills"),
    "model": _slow("Model", "test_model"),
    "faults": _slow("Faults of upstream", "test_faults"),
    "requests": Proof("Requests", _FUZZING, f"make test-slow ARGS={_FUZZING}"),
    "clocks": _slow("Clocks", "test_clocks"),
    "spacing": _slow("A minute between polls", "test_spacing"),
    "soak": _slow("Soak", "test_soak"),
    "secrets": _slow("Secrets", "test_secrets"),
    "coverage": Proof("Coverage", f"{_TESTS}/branch_coverage.py", "make coverage"),
    "mutations": Proof("Mutations", f"{_TESTS}/mutations.py", "make mutate"),
}

_OPENING = """\
# Reliability

[Promises](promises.md) says what the monitor guarantees. This page says how we tried to break those promises, and
what we saw. Each run writes its own figures here, with the command that repeats it and the commit that was tested. No
figure is typed by hand. `make reliability` runs everything again, which takes some hours on two cores.
"""


def render(folder: Path) -> str:
    """The page, from the results in `folder` (docs/reliability/)."""
    results = {proof: _read(folder / f"{proof}.json") for proof in PROOFS}
    parts = [_OPENING, "\n".join(_overview(results)) + "\n", "\n".join(_promises()) + "\n"]
    parts += ["\n".join(_section(proof, results[name])) + "\n" for name, proof in PROOFS.items()]
    return "\n".join(parts)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def _overview(results: Mapping[str, dict[str, Any] | None]) -> Iterator[str]:
    rows = [
        (_link(proof.heading), f"`{proof.command}`", f"`{found['commit']}`", found["date"] + _left(found))
        if (found := results[name]) is not None
        else (_link(proof.heading), f"`{proof.command}`", "not run in full yet", "")
        for name, proof in PROOFS.items()
    ]
    yield from _table(("proof", "command", "commit", "date"), rows)


def _left(found: Mapping[str, Any]) -> str:
    """What a run that was stopped has left: only mutants may be recorded in parts."""
    left = found["figures"].get("not tried", 0)
    return f", {left:,} not tried yet" if left else ""


def _promises() -> Iterator[str]:
    """Every promise with the number of its tests and the proofs of this page that try to break it."""
    yield "## Promises and proofs"
    yield ""
    yield (
        "[Promises](promises.md) names the tests of each promise. Here are their numbers, and the proofs below that"
        " try to break it. [Mutations](#mutations) breaks the code instead, and looks whether the tests notice."
    )
    yield ""
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    by_module = {proof.module: proof.heading for proof in PROOFS.values()}
    rows = []
    for number, text in re.findall(r"^\*\*(\d+)\. (.*?)(?=^\*\*\d+\. |^## |\Z)", page, re.MULTILINE | re.DOTALL):
        tests = re.findall(r"^- `(tests/[\w/]+\.py)::", text, re.MULTILINE)
        headings = [by_module[path] for path in dict.fromkeys(tests) if path in by_module]
        title = " ".join(text.split("**")[0].split())
        proofs = ", ".join(_link(heading) for heading in headings) or "its tests"
        rows.append((int(number), title, sum(path not in by_module for path in tests), proofs))
    yield from _table(("", "promise", "tests", "proofs"), rows)


def _section(proof: Proof, results: Mapping[str, Any] | None) -> Iterator[str]:
    yield f"## {proof.heading}"
    yield ""
    yield _docstring(ROOT / proof.module)
    yield ""
    if results is None:
        yield f"Not run in full yet: `{proof.command}`."
        return
    yield f"`{results['command']}` at commit `{results['commit']}` on {results['date']}, {results['machine']}:"
    yield ""
    yield from _table(("seen", ""), list(results["figures"].items()))
    for table in results["tables"]:
        yield ""
        yield f"**{table['title']}**"
        yield ""
        yield from _table(table["columns"], table["rows"])
    for image in results["images"]:
        yield ""
        yield f"![{image['text']}](reliability/{image['file']})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield _row(columns)
    yield _row(["---"] * len(columns))
    for row in rows:
        yield _row(row)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.replace("|", "\\|").split())


def _docstring(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return "" if text is None else text


def _link(heading: str) -> str:
    """A link to the section with this heading, by the fragment that GitHub makes for it."""
    return f"[{heading}](#{re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-')})"
