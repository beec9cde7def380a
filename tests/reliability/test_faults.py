"""Every fault of the sandbox on every request that each call sends upstream: what the caller saw, what was stored.

The calls are the HTTP functions that go upstream, the poller and the watch, with their requests for tokens. Each call
is made once without a fault, which shows what it requests. Then the table is generated: one row for each call, each
kind of request that it makes, and each fault that the sandbox has. A row has a sandbox, an instance of the app, a
table and a clock of its own. The fault hits every such request of one call; then it ends, and the same call is made
again.

Rules, not typed expectations, judge each row: the answer is a documented problem that says whose fault it is; 503 has
`Retry-After`; no token, secret or signed link is in an answer, a row or the log, and no request goes to another host;
a read stores nothing; an offer that comes all the same comes unchanged; a job stays pending with the reason and is
polled again when its wait is over; the watch names its trouble and takes no offer for gone; and once the fault has
ended, the same call works, the job finishes, and everything is announced that would have been, once. A rule that
fails names its row. In the tables, faults with the same outcome share a row.

Limits: one fault at a time, and always on all requests of its kind. The sandbox's faults are those that we know of.
Pauses before a repeated request are left out to save time. msal, which requests the tokens, repeats a refusal for up
to a minute, or as long as `Retry-After` says, so the app recovers that much later; the proof moves msal's clock on. A
job's detail that is answered with 400 or 404 means that the job has not ended. If such an answer is wrong, the watch
tells the change of the job as well.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openapi.functions import find_calls
from sandbox.fault_kinds import FAULT_KINDS
from sandbox.server import Sandbox
from shared.jobs.job import Job, JobState
from tests.declared_functions import declared_functions
from tests.reliability.faults.calls import CALLS
from tests.reliability.faults.rows import Players, Requested, Row
from tests.reliability.faults.rules import BY_ID, DETAIL, STATUS, faults
from tests.reliability.faults.stage import SIGNED_LINK, Seen, leaks_in
from tests.reliability.faults.tables import tables
from tests.reliability.report import record

SANDBOXES = 10
# Longer than any refusal is repeated by msal.
MSAL_REPEATS_SECONDS = 400.0
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OK = Seen(200, body='{"id": "an offer", "price": 9.90}')
FAILED = Seen(502, "upstream-failed", "Bad Gateway")
READ = Row(
    call="GET /private-offers/{id}",
    function="get_private_offer",
    is_timer=False,
    target=BY_ID,
    kind="server_error",
    requests=[Requested(BY_ID, 503, "server_error")] * 3,
    seen=FAILED,
    without=OK,
    again=OK,
)
THROTTLED = replace(
    READ,
    kind="too_many_requests",
    requests=[Requested(BY_ID, 429, "too_many_requests")],
    seen=Seen(503, "upstream-throttled", "Service Unavailable", "300"),
)
UNHARMED = replace(READ, kind="byte_order_mark", requests=[Requested(BY_ID, 200, "byte_order_mark")], seen=OK)
BOTH = Seen(200, body='{"privateOffer": {"id": "one"}, "cppOffer": {"id": "other"}, "problems": []}')
ONE_PART = replace(
    READ,
    call="GET /offer-details, both offers",
    function="get_offer_details",
    seen=Seen(200, "upstream-failed", "Bad Gateway", body='{"privateOffer": {"id": "one"}, "cppOffer": null}'),
    without=BOTH,
    again=BOTH,
)
WAITING = Job(
    job_id="b3f49dff-381f-480d-a10e-17f4ce49b65f",
    registered_at=NOW,
    next_poll_at=NOW + timedelta(seconds=60),
    poll_count=1,
    last_polled_at=NOW,
    consecutive_poll_failures=1,
    last_poll_error="Product Ingestion answered 503.",
)
SUCCEEDED = replace(WAITING, state=JobState.SUCCEEDED, private_offer=b"{}")
POLL = replace(
    READ,
    call="the poller",
    function="poll_pending_jobs",
    is_timer=True,
    target=STATUS,
    requests=[Requested(STATUS, 503, "server_error")],
    seen=Seen("failed", title="upstream_down"),
    without=Seen("ok"),
    again=Seen("ok"),
    stored=["monitor", "pending"],
    job=WAITING,
    waits_seconds=60.0,
    job_again=SUCCEEDED,
    events=["job.succeeded"],
    events_without=["job.succeeded"],
)
WATCH = replace(
    READ,
    call="the watch",
    function="watch_offers",
    is_timer=True,
    seen=Seen("failed", title="offer 1 cannot be read"),
    without=Seen("ok"),
    again=Seen("ok"),
    stored=["monitor", "offers"],
    events=["private_offer.accepted"],
    events_without=["private_offer.accepted"],
)
TOKENS = replace(
    POLL,
    target="tokens.token",
    requests=[Requested("tokens.token", 503, "server_error")],
    seen=Seen("failed", title="token_refused"),
    job=replace(WAITING, poll_count=0, last_polled_at=None, consecutive_poll_failures=0, last_poll_error=None),
    waits_seconds=0.0,
)


LINKED = replace(
    UNHARMED,
    kind="foreign_next_link",
    requests=[Requested(BY_ID, 200, "foreign_next_link")],
    seen=replace(OK, body='{"id": "an offer", "price": 9.90, "@nextLink": "https://evil.example/next"}'),
)


@pytest.mark.parametrize("row", [READ, THROTTLED, LINKED, UNHARMED, ONE_PART, POLL, WATCH, TOKENS])
def test_a_row_that_keeps_every_promise_has_no_fault(row: Row) -> None:
    assert faults(row) == []


@pytest.mark.parametrize(
    ("good", "changes", "fault"),
    [
        (READ, {"requests": []}, "hit no request"),
        (READ, {"raised": "KeyError: 'x'"}, "an exception"),
        (READ, {"seen": replace(FAILED, undocumented="418")}, "not documented"),
        (READ, {"seen": Seen(500, "internal", "Internal Server Error")}, "500"),
        (READ, {"seen": Seen(404, "upstream-not-found", "Not Found")}, "instead of 502 upstream-failed"),
        (READ, {"seen": OK}, "instead of 502 upstream-failed"),
        (READ, {"seen": replace(FAILED, title="")}, "without a title"),
        (READ, {"requests": [Requested(BY_ID, 503, "server_error")] * 4}, "4 requests"),
        (READ, {"leaks": ["a token"]}, "a token was shown"),
        (READ, {"requests_to_trap": 1}, "another host"),
        (READ, {"stored": ["pending"]}, "stored in pending"),
        (READ, {"again": FAILED}, "after the fault"),
        (
            UNHARMED,
            {"seen": replace(OK, body='{"id": "an offer", "price": 9.9}')},
            "not what comes without the fault",
        ),
        (UNHARMED, {"seen": replace(OK, body='{"id": "an offer"}')}, "not what comes without the fault"),
        (
            ONE_PART,
            {"seen": replace(ONE_PART.seen, body='{"privateOffer": {"id": "another"}}')},
            "not what comes without",
        ),
        (THROTTLED, {"seen": replace(THROTTLED.seen, retry_after="")}, "no Retry-After"),
        (THROTTLED, {"seen": replace(THROTTLED.seen, retry_after="60")}, "Retry-After 60"),
        (POLL, {"requests": [Requested(STATUS, 503, "server_error")] * 2}, "2 requests"),
        (POLL, {"job": None}, "the job is gone"),
        (POLL, {"job": replace(WAITING, state=JobState.FAILED)}, "the job is failed"),
        (POLL, {"job": replace(WAITING, last_poll_error=None)}, "no reason is stored"),
        (POLL, {"job": replace(WAITING, consecutive_poll_failures=0)}, "0 failures"),
        (POLL, {"waits_seconds": 3600.0}, "3600 s later"),
        (POLL, {"job_again": WAITING}, "in the end the job is pending"),
        (POLL, {"job_again": replace(SUCCEEDED, private_offer=None)}, "in the end"),
        (POLL, {"events": ["job.succeeded"] * 2}, "announced: job.succeeded, job.succeeded"),
        (POLL, {"events": []}, "announced: nothing"),
        (POLL, {"seen": Seen("ok")}, "the tick is ok"),
        (POLL, {"stored": ["monitor", "setaside"]}, "set aside"),
        (TOKENS, {"requests": [*TOKENS.requests, Requested(STATUS, 401, None)]}, "without a token"),
        (TOKENS, {"job": WAITING}, "counts as polled"),
        (WATCH, {"seen": Seen("ok")}, "no reason is named"),
        (WATCH, {"events": ["private_offer.accepted", "private_offer.deleted"]}, "counts as gone"),
        (WATCH, {"again": Seen("failed", title="a page failed")}, "after the fault"),
        (WATCH, {"target": DETAIL, "events": ["private_offer.accepted", "private_offer.created"]}, "announced"),
    ],
)
def test_evidence_of_a_broken_promise_is_seen(good: Row, changes: dict[str, Any], fault: str) -> None:
    found = faults(replace(good, **changes))
    assert any(fault in each for each in found), found


def test_every_function_that_goes_upstream_is_in_the_table() -> None:
    upstream = {call.name for call in find_calls(declared_functions()) if "upstream-failed" in call.declared.problems}
    assert {call.function for call in CALLS} == upstream | {"poll_pending_jobs", "watch_offers"}


def test_the_table_has_every_fault_of_the_sandbox() -> None:
    assert Players("", [], trap=None, calls=[], let_msal_ask_again=lambda: None).kinds == tuple(FAULT_KINDS)  # type: ignore[arg-type] # nothing is played


def test_a_leak_is_seen() -> None:
    token = "eyJhbGciOiJSUzI1NiIsInR5cCI6.eyJhdWQiOiJodHRwczovL2dyYXBo"
    assert leaks_in(f"see {SIGNED_LINK}", "s3cret") == ["a signed link"]
    assert leaks_in(f"Bearer {token}", "s3cret") == ["a token"]
    assert leaks_in("the s3cret", "s3cret") == ["the client secret"]
    assert leaks_in("an answer", "s3cret") == []


def test_faults_with_the_same_outcome_share_a_row_of_the_table() -> None:
    other = replace(READ, kind="any_answer", requests=[Requested(BY_ID, 503, "any_answer")] * 3)
    [table] = tables([READ, other, THROTTLED])
    assert [(row[1], row[3]) for row in table.rows] == [
        ("server_error, any_answer", "502 upstream-failed"),
        ("too_many_requests", "503 upstream-throttled, Retry-After 300"),
    ]


@pytest.fixture
def players(azurite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Players]:
    """Sandboxes that are trusted, and one that no request may reach."""
    offset = [0.0]

    def let_msal_ask_again() -> None:
        offset[0] += MSAL_REPEATS_SECONDS

    monkeypatch.setattr("msal.individual_cache.time", SimpleNamespace(time=lambda: time.time() + offset[0]))
    monkeypatch.setattr("shared.upstream.transport.FIRST_PAUSE_SECONDS", 0.0)
    with ExitStack() as running:
        *sandboxes, trap = [running.enter_context(Sandbox.start()) for _ in range(SANDBOXES + 1)]
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(b"".join(Path(each.ca_bundle).read_bytes() for each in (*sandboxes, trap)))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        yield Players(azurite, sandboxes, trap, CALLS, let_msal_ask_again)


@pytest.mark.slow
def test_every_fault_on_every_request_of_every_call_keeps_the_promises(
    players: Players, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor")
    rows = players.play()
    wrong = [f"{row.call}, {row.target}, {row.kind}: {'; '.join(found)}" for row in rows if (found := faults(row))]
    assert not wrong, "\n".join(wrong)
    assert leaks_in(caplog.text, players.trap.client_secret) == []
    assert "unexpectedly" not in caplog.text
    kinds, seen = Counter(row.kind for row in rows), Counter(row.seen.short for row in rows if not row.is_timer)
    assert kinds.keys() == FAULT_KINDS.keys()
    record(
        "faults",
        figures={
            "rows": len(rows),
            "calls": len(players.calls),
            "faults": len(kinds),
            "kinds of requests": len({row.target for row in rows}),
            "requests that a fault hit": sum(len(row.hits) for row in rows),
            **{f"rows whose caller saw {answer}": number for answer, number in seen.most_common()},
            "rows of the poller and of the watch": sum(row.is_timer for row in rows),
            "rows that broke a rule": len(wrong),
            "lines of log searched for secrets": len(caplog.records),
        },
        tables=tables(rows),
    )
