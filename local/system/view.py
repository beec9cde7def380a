"""The output of `make run`: a live table on a terminal, plain lines elsewhere."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.system.monitor_api import JobRow

_EVENTS_SHOWN = 8
_NOTES_SHOWN = 4
_STATE_STYLES = {"pending": "yellow", "succeeded": "green", "failed": "red", "cancelled": "magenta"}


class View(Protocol):
    """Shows the current jobs, and lines as they arrive."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show_jobs(self, jobs: Sequence[JobRow]) -> None:
        """All jobs, pending ones first."""

    def show_event(self, line: str) -> None:
        """A received webhook; `line` begins with its time."""

    def show_note(self, line: str) -> None:
        """Anything else worth a line, such as a warning of the host. Immediate repeats are shown once."""


def view_for(console: Console) -> View:
    """The live view on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class PlainView:
    """One line for each change of a job, for each event and each note."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}
        self._last_note = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show_jobs(self, jobs: Sequence[JobRow]) -> None:
        for job in jobs:
            status = f", upstream says {job.job_status}" if job.job_status else ""
            line = f"{job.label}: {job.state}{status}, {job.poll_count} poll(s)" + (
                f": {job.note}" if job.note else ""
            )
            if self._shown.get(job.job_id) != line:
                self._shown[job.job_id] = line
                self._print("job", line)

    def show_event(self, line: str) -> None:
        moment, _, event = line.partition(" ")
        self._print("webhook", event, moment)

    def show_note(self, line: str) -> None:
        if line != self._last_note:
            self._print("note", line)
        self._last_note = line

    def _print(self, kind: str, line: str, moment: str | None = None) -> None:
        moment = moment or datetime.now(UTC).strftime("%H:%M:%S")
        self._console.print(f"{moment} {kind:<8}{line}", markup=False, highlight=False, soft_wrap=True)


class LiveView:
    """A table that is redrawn in place, with the last events and notes below it."""

    def __init__(self, console: Console) -> None:
        self._jobs: Sequence[JobRow] = ()
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)
        self._notes: deque[str] = deque(maxlen=_NOTES_SHOWN)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show_jobs(self, jobs: Sequence[JobRow]) -> None:
        self._jobs = jobs

    def show_event(self, line: str) -> None:
        self._events.append(line)

    def show_note(self, line: str) -> None:
        if line not in self._notes:
            self._notes.append(line)

    def _render(self) -> Group:
        parts: list[Table | Text] = [jobs_table(self._jobs, now=datetime.now(UTC))]
        for title, lines in (("Webhooks received", self._events), ("Notes", self._notes)):
            if lines:
                parts += [Text(title, style="bold"), *(Text(f"  {line}", overflow="ellipsis") for line in lines)]
        return Group(*parts)


def jobs_table(jobs: Sequence[JobRow], *, now: datetime) -> Table:
    """The jobs as a table."""
    table = Table(expand=True, header_style="bold")
    table.add_column("Job", ratio=3, no_wrap=True)
    table.add_column("Operation")
    table.add_column("State")
    table.add_column("Upstream")
    table.add_column("Polls", justify="right")
    table.add_column("Next poll", justify="right")
    table.add_column("Outcome", ratio=4, no_wrap=True)
    for job in jobs:
        table.add_row(
            Text(job.label),
            job.operation,
            Text(job.state, style=_STATE_STYLES.get(job.state, "red")),
            job.job_status or "",
            str(job.poll_count),
            next_poll(job, now=now),
            Text(job.note),
        )
    return table


def next_poll(job: JobRow, *, now: datetime) -> str:
    """When the job is polled next, in words; empty when it has ended."""
    if not job.is_pending:
        return ""
    if job.next_poll_at is None or job.next_poll_at <= now:
        return "due"
    return f"in {(job.next_poll_at - now).total_seconds():.0f} s"
