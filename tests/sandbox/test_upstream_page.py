"""docs/upstream.md: its quirks are numbered, the files that it names exist, and every reference to it holds."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")
QUIRKS = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", PAGE, re.MULTILINE)]
FILES = sorted(set(re.findall(r"`((?:shared|sandbox)/[\w/]+\.py)`", PAGE)))
SOURCES = sorted([*(ROOT / "sandbox").rglob("*.*"), *(ROOT / "tests").rglob("*.py")])


def test_the_quirks_are_numbered_without_a_gap() -> None:
    assert list(range(1, len(QUIRKS) + 1)) == QUIRKS


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_the_page_names_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_every_quirk_that_the_code_refers_to_is_on_the_page() -> None:
    missing = {}
    for path in SOURCES:
        if path.suffix not in (".py", ".md"):
            continue
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"\bquirks? (\d+)(?:(?:, | and | to )(\d+))*", text, re.IGNORECASE):
            unknown = {int(number) for number in re.findall(r"\d+", match[0])} - set(QUIRKS)
            if unknown:
                missing[path.name] = unknown
    assert missing == {}
