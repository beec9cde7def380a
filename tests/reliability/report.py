"""Keeps what a proof has seen in docs/reliability/, and renders docs/reliability.md from it.

A proof calls `record` after its last assertion, so a run that fails leaves the page as it was. After a change of a
proof's docstring or of docs/promises.md, `python -m tests.reliability.report` renders the page again.
"""

import functools
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.reliability.page import PROOFS, render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reliability"
PAGE = ROOT / "docs" / "reliability.md"

type Cell = str | int | float


@dataclass(frozen=True)
class Table:
    """A table below the figures; every row has one cell for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Image:
    """A picture in docs/reliability/, which the proof has written there, and the text for those who cannot see it."""

    file: str
    text: str


@dataclass(frozen=True)
class Results:
    """What one run of a proof has seen, and how to repeat it."""

    command: str
    commit: str
    date: str
    machine: str
    figures: Mapping[str, Cell]
    tables: Sequence[Table] = field(default_factory=list)
    images: Sequence[Image] = field(default_factory=list)


def record(
    proof: str,
    *,
    figures: Mapping[str, Cell],
    tables: Sequence[Table] = (),
    images: Sequence[Image] = (),
    folder: Path = FOLDER,
    page: Path = PAGE,
) -> None:
    """Replace the results of a proof (a name in `PROOFS`) and render the page again."""
    results = Results(
        command=PROOFS[proof].command,
        commit=tested_commit(),
        date=datetime.now(UTC).date().isoformat(),
        machine=f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        figures=figures,
        tables=tables,
        images=images,
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(results), indent=1, ensure_ascii=False)
    (folder / f"{proof}.json").write_text(text + "\n", encoding="utf-8")
    page.write_text(render(folder), encoding="utf-8")


@functools.cache
def tested_commit() -> str:
    """The commit that is tested, and whether the code differs from it. The first call decides, before the run."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", ":!docs/reliability", ":!docs/reliability.md")
    return f"{commit} with uncommitted changes" if changes else commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    PAGE.write_text(render(FOLDER), encoding="utf-8")
