"""docs/promises.md names tests that exist, and nothing in the repository refers to a document outside it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
PROMISES = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", PAGE, re.MULTILINE)]
PROOFS = re.findall(r"^- `(tests/[\w/]+\.py)::(test_\w+)`", PAGE, re.MULTILINE)
# Documents that the repository does not hold, by the words that lead to them.
FOREIGN = re.compile(
    r"""
    \bcontract,?\ section | \bsections?\ \d[^.]{0,20}\ of\ the\ contract | \b(?:of|by|as)\ the\ contract\b
    | upstream-api | platform-notes | \bSEED-?\d | \bissue\ \#?\d | \b(?:see|per|by)\ [ABC]\d{1,2}\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
REFERENCE = re.compile(r"\bpromises? (\d+)(?:(?:, | and | to )(\d+))*", re.IGNORECASE)
TEXTS = {".py", ".md", ".sh", ".toml", ".txt", ".bicep", ".yml", ".yaml", ".kql", ".html", ".js", ".css"}
FOLDERS = (".github", "bench", "docs", "infra", "local", "sandbox", "shared", "tests")


def texts() -> dict[str, str]:
    """Every text that people write in this repository, by its path, except this file."""
    paths = [*ROOT.iterdir(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if (path.suffix in TEXTS or path.name == "Makefile") and path.is_file() and path != Path(__file__)
    }


def test_the_promises_are_numbered_without_a_gap() -> None:
    assert list(range(1, len(PROMISES) + 1)) == PROMISES


def test_every_promise_names_its_tests() -> None:
    for text in re.split(r"^\*\*\d+\. ", PAGE, flags=re.MULTILINE)[1:]:
        assert re.search(r"^- `tests/", text, re.MULTILINE), text.splitlines()[0]


@pytest.mark.parametrize("path", sorted({path for path, _ in PROOFS}))
def test_every_test_that_the_page_names_exists(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {name for file, name in PROOFS if file == path} <= defined


def test_every_promise_that_is_referred_to_is_on_the_page() -> None:
    unknown = {
        f"{name}: {match[0]}"
        for name, text in texts().items()
        for match in REFERENCE.finditer(text)
        if not {int(number) for number in re.findall(r"\d+", match[0])} <= set(PROMISES)
    }
    assert unknown == set()


@pytest.mark.parametrize(("word", "page"), [("promise", "docs/promises.md"), ("quirk", "docs/upstream.md")])
def test_code_that_refers_to_a_number_names_the_page(word: str, page: str) -> None:
    numbered = re.compile(rf"\b{word}s? \d", re.IGNORECASE)
    silent = {
        name for name, text in texts().items() if name.endswith(".py") and numbered.search(text) and page not in text
    }
    assert silent == set()


def test_nothing_refers_to_a_document_outside_the_repository() -> None:
    found = {f"{name}: {match[0]}" for name, text in texts().items() for match in FOREIGN.finditer(text)}
    assert found == set()
