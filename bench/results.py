"""The rows of the table, and the table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


class BenchError(Exception):
    """The measured work was not done, so its time means nothing."""


@dataclass(frozen=True)
class Result:
    """One row: a measured value, and `beside` it the ideal or the baseline from the same run.

    `target` is in words; `met` is None if there is no target.
    """

    group: str
    what: str
    measured: str
    beside: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Scale:
    """The size of each measurement. Targets are checked at full scale only: ten jobs say nothing about a thousand."""

    jobs: int = 1000
    pending_rows: int = 10_000
    sequential_jobs: int = 50
    detail_requests: int = 300
    events: int = 1000
    starts: int = 7
    large_offers: int = 60
    backlog: int = 50_000
    is_full: bool = True

    @classmethod
    def quick(cls) -> "Scale":
        """Just enough to see that everything works."""
        return cls(
            jobs=40,
            pending_rows=200,
            sequential_jobs=5,
            detail_requests=20,
            events=40,
            starts=1,
            large_offers=4,
            backlog=300,
            is_full=False,
        )

    def judged(self, met: bool) -> bool | None:
        """Return `met` at full scale, else None."""
        return met if self.is_full else None


_COLUMNS = ("group", "what", "measured", "ideal or baseline", "ratio", "target", "met")
_MET = {True: "yes", False: "NO", None: ""}


def show_table(results: Sequence[Result], console: Console) -> None:
    """Print the table to a terminal."""
    table = Table(*_COLUMNS)
    for result in results:
        style = "red" if result.met is False else None
        table.add_row(*_cells(result), style=style, end_section=_ends_group(result, results))
    console.print(table)


def markdown_table(results: Sequence[Result]) -> str:
    """The same table as Markdown."""
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *(_cells(result) for result in results)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cells(result: Result) -> tuple[str, ...]:
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    return result.group, result.what, result.measured, result.beside, ratio, result.target, _MET[result.met]


def _ends_group(result: Result, results: Sequence[Result]) -> bool:
    return result is [other for other in results if other.group == result.group][-1]
