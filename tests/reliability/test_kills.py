"""Hosts and Azurite are killed with SIGKILL at random moments, and every job and event comes out right all the same.

Two hosts with their timers on share one storage. Each lives for a few seconds, and is killed at a random moment, or
at a random moment of polls, of writes to storage, of webhook deliveries, of a run of the watch, or of the clean-up. A
new one takes its place. Meanwhile jobs that end in every state are registered over the API and by rows of another
system, upstream's first answer about every tenth job fails, offers are changed, accepted, deleted and created, and
the receiver answers every fifth event with a 503 or a reset first. The storage begins with old jobs, deliveries and
documents for the clean-up to remove, and younger ones that have to stay. After the last kill two hosts go on with
their timers until nothing waits.

Azurite keeps its data on disk, writes it there every five seconds, and acknowledges writes before that. Real storage
loses no acknowledged write, so a kill of Azurite has four steps. At a random moment its answers stop reaching the
hosts, while it goes on doing what they ask for. A marker is written to it and has to arrive in its file. It is killed
with SIGKILL, and started again from the file. So a host never learns whether its last requests were carried out, and
both happens; after each start the marker has to be there.

In the end every row of every table is assigned to an owner. A job in the wrong state, a second finishing event, an
event that no endpoint acknowledged or that came under two ids, a change of an offer that was told twice or never, a
row or a document without an owner, wrong statistics, or two polls of a job within a minute would show as a fault.
Each kill is proven by the exit status -9 of its process, and what it hit by the host's log and by requests whose
sender was gone before their answer. Documents that a kill left behind have no owner for a day; the clean-up of the
end runs with a clock that is two days ahead.

Limits: a kill loses nothing that the operating system has, so this is not a loss of power. Times are the machine's,
and all processes share its clock. A delivery that has failed three times waits for half an hour; such waits are cut
short in the end, and counted below.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from tests.reliability.kills.evidence import HitKill
from tests.reliability.kills.plan import FULL, size_of_run
from tests.reliability.kills.run import Run
from tests.reliability.kills.verdict import faults, kills_by_phase
from tests.reliability.report import Table, record


def _in_progress(kills: Sequence[HitKill]) -> list[tuple[str, int]]:
    return sorted(Counter(function for each in kills for function in set(each.kill.in_progress)).items())


@pytest.mark.slow
def test_every_job_and_event_comes_out_right_while_hosts_and_storage_are_killed(
    fresh_sandbox: Sandbox,
    seed: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    size = size_of_run()
    run = Run(size, fresh_sandbox, random.Random(seed), say)  # noqa: S311 - not a secret
    evidence = run.go(tmp_path, monkeypatch)
    found = faults(evidence, size)
    kills, events = evidence.host_kills, evidence.events
    figures = {
        "seed": seed,
        "kills of hosts, each with exit status -9": len(kills),
        "kills of Azurite, each with exit status -9": len(evidence.storage_kills),
        "requests to Azurite that its kills left without an answer": sum(
            k.unanswered for k in evidence.storage_kills
        ),
        "jobs": len(evidence.jobs),
        "of these registered while hosts were killed": sum(job.late for job in evidence.jobs),
        "tries that registering took": run.registration_tries,
        "changes of offers": len(evidence.offer_changes),
        "old jobs removed by clean-up": len(evidence.seeds.old_jobs),
        "different events": len({event.webhook_id for event in events}),
        "requests that the receiver got": len(events),
        "besides, requests that broke off half-way": run.broken_off_deliveries,
        "shortest time between two polls of one job, seconds": round(evidence.shortest_spacing_seconds or 0, 3),
        "rows in the end, each with an owner": sum(len(rows) for rows in evidence.rows.values()),
        "retries brought forward in the end": run.moved_deliveries,
        **{f"seconds of {what}": seconds for what, seconds in run.seconds.items()},
    }
    phases = kills_by_phase(kills)
    cut_off = {
        "polls": sum(each.polls for each in kills),
        "writes": sum(each.writes for each in kills),
        "deliveries": sum(each.deliveries for each in kills),
        "watch": sum(each.offers for each in kills),
    }
    tables = [
        Table(
            "What the kills of hosts hit",
            ("work", "kills that hit it", "requests cut off"),
            [(phase, hits, cut_off.get(phase, "")) for phase, hits in phases.items()],
        ),
        Table("Outcomes of the jobs", ("state", "jobs"), sorted(Counter(job.state for job in evidence.jobs).items())),
        Table(
            "What the receiver answered", ("answer", "requests"), sorted(Counter(e.answer for e in events).items())
        ),
        Table("Functions in progress when a host was killed", ("function", "kills"), _in_progress(kills)),
    ]
    say("\n".join(f"{name}: {value}" for name, value in figures.items()))
    say("\n".join(f"{table.title}: {table.rows}" for table in tables))
    say("\n".join(found[:60]))
    assert found == []
    if size == FULL:  # a short run is for development
        record("kills", figures=figures, tables=tables)
