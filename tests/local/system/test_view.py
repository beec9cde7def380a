"""What the terminal shows."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from local.system.monitor_api import JobRow
from local.system.view import LiveView, PlainView, jobs_table, next_poll, view_for

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JOB = JobRow("1", "Contoso [bold]renewal", "create", "pending", "running", 2, NOW + timedelta(seconds=42), "")


def _text(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (JOB, "in 42 s"),
        (replace(JOB, next_poll_at=NOW), "due"),
        (replace(JOB, next_poll_at=None), "due"),
        (replace(JOB, state="succeeded", next_poll_at=None), ""),
    ],
)
def test_the_next_poll_in_words(job: JobRow, shown: str) -> None:
    assert next_poll(job, now=NOW) == shown


def test_the_table_shows_a_job_with_its_label_as_it_is() -> None:
    row = next(line for line in _text(jobs_table([JOB], now=NOW)).splitlines() if "Contoso" in line)
    for cell in ("Contoso [bold]renewal", "create", "pending", "running", "2", "in 42 s"):
        assert cell in row


def test_without_a_terminal_a_job_is_one_line_for_each_change() -> None:
    console = Console(file=io.StringIO(), width=40)
    view = view_for(console)
    assert isinstance(view, PlainView)
    ended = replace(JOB, state="succeeded", job_status="completed", poll_count=3, note="Renewal (live)")
    for jobs in ([JOB], [JOB], [ended], [ended]):
        view.show_jobs(jobs)
    view.show_event("09:02:00 job.succeeded Contoso: succeeded, verified")
    assert isinstance(console.file, io.StringIO)
    assert [line[9:] for line in console.file.getvalue().splitlines()] == [
        "job     Contoso [bold]renewal: pending, upstream says running, 2 poll(s)",
        "job     Contoso [bold]renewal: succeeded, upstream says completed, 3 poll(s): Renewal (live)",
        "webhook job.succeeded Contoso: succeeded, verified",
    ]


def test_on_a_terminal_the_table_has_the_last_events_and_notes_below_it() -> None:
    console = Console(file=io.StringIO(), width=160, height=40, force_terminal=True)
    view = view_for(console)
    assert isinstance(view, LiveView)
    with view:
        view.show_jobs([JOB])
        for number in range(20):
            view.show_event(f"09:02:00 event {number}")
        view.show_note("host: a warning")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "Contoso [bold]renewal" in shown
    assert "event 19" in shown
    assert "event 11" not in shown
    assert "host: a warning" in shown


def test_the_same_note_again_is_shown_once() -> None:
    console = Console(file=io.StringIO(), width=40)
    view = PlainView(console)
    for line in ("one", "one", "two", "one"):
        view.show_note(line)
    assert isinstance(console.file, io.StringIO)
    assert [line[9:] for line in console.file.getvalue().splitlines()] == [
        "note    one",
        "note    two",
        "note    one",
    ]
