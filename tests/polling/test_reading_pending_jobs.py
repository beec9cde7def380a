"""Reading the pending partition for a cycle: page by page, as far as needed, with the rest left to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from shared.jobs.job import Job
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import PendingPage
from shared.polling.due import PendingReader, PollStores
from shared.polling.report import CycleReport
from shared.storage.table import Row
from tests.clock import FakeClock

NOW = FakeClock().now()


def row(name: str, *, polled: bool = True, due_in_seconds: float = 0) -> PendingRow:
    job = Job(
        job_id=name,
        registered_at=NOW,
        next_poll_at=NOW + timedelta(seconds=due_in_seconds),
        last_polled_at=NOW - timedelta(minutes=1) if polled else None,
        poll_count=int(polled),
    )
    return PendingRow(job=job, etag="", row_key=name)


def page(*rows: PendingRow, **fields: Any) -> PendingPage:  # noqa: ANN401 - any field of a page
    return PendingPage(**{"rows": list(rows), "last_key": rows[-1].row_key if rows else ""} | fields)


@dataclass
class Stores:
    """The stores of a cycle, and its finishing thread. They record what they are asked."""

    pages_left: list[PendingPage] = field(default_factory=list)
    last_polled: dict[str, datetime] = field(default_factory=dict)
    remembered: dict[str, datetime] = field(default_factory=dict)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def pages(self, *, start_at: str) -> Iterator[PendingPage]:
        self.asked.append(("pages", start_at))
        yield from self.pages_left

    def reread(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        self.asked.append(("reread",))
        return [replace(each, etag="new") for each in rows]

    def set_aside(self, bad: Sequence[tuple[Row, str]]) -> None:
        self.asked.append(("set aside", list(bad)))

    def in_lower_case(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        return [replace(each, row_key=each.row_key.lower()) for each in rows]

    def in_present(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        assert all(each.row_key.islower() for each in rows)
        return [each for each in rows if each.row_key != "ahead"]

    def finish_stored(self, events: Sequence[object]) -> None:
        self.asked.append(("finish", list(events)))

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        self.asked.append(("last polls", since))
        return self.last_polled

    def recent(self, now: datetime) -> dict[str, datetime]:
        self.asked.append(("recent", now))
        return self.remembered

    def told(self, what: str) -> list[object]:
        """With what it was asked for this."""
        return [rest[0] for name, *rest in self.asked if name == what]


@dataclass
class Reading:
    """A reader over such stores, on a clock to move."""

    stores: Stores
    start_at: str = ""
    clock: FakeClock = field(default_factory=FakeClock)
    report: CycleReport = field(default_factory=lambda: CycleReport(started_at=NOW))

    def __post_init__(self) -> None:
        store = cast("Any", self.stores)
        self.reader = PendingReader(
            PollStores(pending=store, row_repair=store, poll_spacing=store, finishing=store),
            store,
            self.report,
            self.clock,
            last_request_at=NOW + timedelta(seconds=36),
            start_at=self.start_at,
        )

    def due(self) -> list[str]:
        return [each.row_key for each in self.reader.due.due(self.clock.now())]


def reading(*pages: PendingPage, start_at: str = "") -> Reading:
    return Reading(Stores(list(pages)), start_at)


def test_pages_are_read_until_there_is_none_left() -> None:
    run = reading(page(row("a")), page(row("b")), start_at="a")
    assert [run.reader.read_page() for _ in range(2)] == [True, True]
    assert not run.reader.read_all
    assert not run.reader.read_page()
    assert run.reader.read_all
    assert not run.reader.read_page()
    assert run.due() == ["a", "b"]
    assert run.stores.asked[0] == ("pages", "a")


@pytest.mark.parametrize(("seconds", "reads"), [(36, True), (36.001, False)])
def test_no_page_is_read_after_the_last_request(*, seconds: float, reads: bool) -> None:
    run = reading(page(row("a")))
    run.clock.advance(seconds)
    assert run.reader.read_page() is reads
    assert not run.reader.read_all


def test_no_page_is_read_while_enough_jobs_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.polling.due.ENOUGH_DUE_JOBS", 1)
    run = reading(page(row("a")), page(row("b")))
    assert run.reader.read_page()
    assert not run.reader.read_page()
    run.reader.due.take(NOW, 1)
    assert run.reader.read_page()


def test_the_events_and_the_bad_rows_of_each_page_are_dealt_with() -> None:
    bad: list[tuple[Row, str]] = [({"RowKey": "x"}, "bad"), ({"RowKey": "y"}, "bad")]
    events = [cast("Any", "event")]
    run = reading(page(row("a"), bad=bad, events=events), page(bad=bad[:1]))
    while run.reader.read_page():
        pass
    assert run.stores.told("finish") == [events, []]
    assert run.stores.told("set aside") == [bad, bad[:1]]
    assert run.report.set_aside == 3


def test_jobs_are_counted_and_due_once_their_rows_are_right() -> None:
    run = reading(page(row("A"), row("ahead"), row("b")), page(row("c")))
    while run.reader.read_page():
        pass
    assert run.due() == ["a", "b", "c"]
    assert run.report.pending == 3


def test_for_jobs_that_were_polled_nothing_else_is_read() -> None:
    run = reading(page(row("a")))
    run.reader.read_page()
    assert run.stores.told("last polls") == run.stores.told("recent") == []


def due_moments(run: Reading) -> dict[str, float]:
    """When each job comes due, in seconds from the start."""
    run.reader.read_page()
    rows = run.reader.due.due(NOW + timedelta(hours=1))
    return {each.row_key: (each.job.next_poll_at - NOW).total_seconds() for each in rows}


def test_a_job_without_a_poll_waits_for_the_minutes_that_began_before_its_row_was_there() -> None:
    names = ["finished", "looked up", "both", "long ago", "never", "polled"]
    run = reading(page(*(row(name, polled=name == "polled") for name in names)))
    ago = {"finished": 40, "both": 50, "long ago": 70, "polled": 30}
    run.stores.last_polled = {name: NOW - timedelta(seconds=seconds) for name, seconds in ago.items()}
    ahead = {"looked up": 30, "both": 15, "polled": 35}
    run.stores.remembered = {name: NOW + timedelta(seconds=seconds) for name, seconds in ahead.items()}
    run.clock.advance(5)
    assert due_moments(run) == {
        "finished": 20,
        "looked up": 30,
        "both": 15,
        "long ago": 0,
        "never": 0,
        "polled": 0,
    }
    assert run.stores.told("last polls") == [NOW - timedelta(seconds=115)]
    assert run.stores.told("recent") == [NOW + timedelta(seconds=5)]


def test_a_job_due_later_than_the_minute_that_is_remembered_is_due_as_it_says() -> None:
    run = reading(page(row("a", polled=False, due_in_seconds=30)))
    run.stores.remembered = {"a": NOW + timedelta(seconds=20)}
    assert due_moments(run) == {"a": 30}


def test_a_job_whose_minute_is_over_only_after_the_last_request_is_left_to_the_next_tick() -> None:
    run = reading(page(row("a", polled=False)))
    run.stores.remembered = {"a": NOW + timedelta(seconds=37)}
    assert due_moments(run) == {}


def test_rows_that_others_have_changed_are_read_again_and_wait_for_their_minutes() -> None:
    run = reading()
    run.stores.remembered = {"b": NOW + timedelta(seconds=20)}
    run.clock.advance(3)
    run.reader.read_again([row("a", polled=False), row("b", polled=False)])
    assert run.due() == ["a"]
    assert [each.etag for each in run.reader.due.due(NOW + timedelta(hours=1))] == ["new", "new"]
    assert ("reread",) in run.stores.asked


def test_a_cycle_that_has_read_everything_leaves_no_place_to_begin_at() -> None:
    run = reading(page(row("a")), start_at="a")
    while run.reader.read_page():
        pass
    assert run.reader.next_start(NOW) == ""


def test_the_next_cycle_begins_where_this_one_began_if_it_has_read_nothing() -> None:
    assert reading(start_at="k").reader.next_start(NOW) == "k"


def test_the_next_cycle_begins_where_this_one_stopped_if_nothing_is_left() -> None:
    run = reading(
        page(row("k", due_in_seconds=40), row("m", due_in_seconds=40)),
        page(last_key="~finished~x"),
        page(),
        page(row("z", due_in_seconds=40)),
    )
    stops = []
    while run.reader.read_page():
        stops.append(run.reader.next_start(NOW))
    assert stops == ["m", "m", "m", "z"]


def test_the_next_cycle_begins_at_the_first_job_that_was_due_and_not_polled() -> None:
    run = reading(page(row("c"), row("d"), row("e", due_in_seconds=10)), page(row("f")))
    run.reader.read_page()
    assert run.reader.next_start(NOW) == "c"
    [first, *_] = run.reader.due.take(NOW, 2)
    assert run.reader.next_start(NOW) == "e"
    assert run.reader.next_start(NOW + timedelta(seconds=10)) == "e"
    run.reader.return_unpolled(first)
    assert run.reader.next_start(NOW) == "c"


@pytest.mark.parametrize(
    ("left", "first"),
    [(["a", "k", "z"], "k"), (["a", "z"], "z"), (["a", "b"], "a"), (["k", "l"], "k")],
    ids=["there", "after", "around", "there and after"],
)
def test_the_first_is_counted_from_the_place_where_this_cycle_began(left: list[str], first: str) -> None:
    run = reading(page(*(row(name) for name in left)), start_at="k")
    run.reader.read_page()
    assert run.reader.next_start(NOW) == first
