"""One process of the app works for weeks of simulated time, and neither its storage nor the process may grow.

The test moves the clock of the app, so that the timers run at their times of day without waiting: every half hour,
every minute for half an hour a day, and `clean_up` once a night. A minute in which nothing is due costs the same
whenever it comes, so all 1,440 of a day would only take longer. A hundred jobs a day succeed, fail, are cancelled,
take thirty hours, never end, are unknown upstream, or are removed while pending; some have offers or errors that are
too large for a row. People change offers in Partner Center, publish others, rotate secrets, register and remove an
endpoint, read lists, check jobs and look things up. Other systems put jobs into the table, and rows that are not
jobs. Upstream fails and revokes tokens. One endpoint fails every night, one for two days a week, one answers 410, and
one fails until it is disabled. Storage is Azurite, upstream is the sandbox behind TLS, and the endpoints answer real
HTTP. Only the clock is not real.

After each night's `clean_up` the test counts rows and documents, and asks the process for its memory, Python objects,
open files and threads. The sandbox and the endpoints run in another process, so nothing of theirs is measured. Once
everything that is kept is as old as it gets, each figure has to be flat: its growth a day, which is the median slope
between the same days of different weeks, stays below a limit. A slow leak of rows would hide in the noise of such
figures, so each row is judged too. A row that outlives its retention or has lost the row to which it belongs, a
document to which no row refers, and a row of an unknown kind fail the proof on the first day. Each job has to end as
upstream says, with one event, and that event has to reach every endpoint that wants it or be listed there as dead.
One more endpoint never fails. It has to get each event within a minute; the clock stands still during a tick, so an
event that is left to a later one would show. In the quiet days at the end, everything that came from the work has to
go.

The app stores no blobs: an offer that is too large for a row is a document, which consists of rows of the same table.
The figures of a day are kept for a hundred days, so their rows still grow by three a day when the soak ends. The
proof cannot see leaks of memory below the limits, nor those of the Functions runtime, which is not part of it. No
process dies here, and no two instances work at once; other proofs try that.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.report import FOLDER, Image, Table, record
from tests.reliability.soak.endpoints import STANDING
from tests.reliability.soak.plots import PROCESS, STORAGE, draw
from tests.reliability.soak.run import Evidence, Sample, soak
from tests.reliability.soak.scale import FULL, chosen_scale
from tests.reliability.soak.verdict import faults, growths

PICTURES = {
    "soak-storage.svg": (
        STORAGE,
        "Rows, documents and outstanding deliveries by day: they rise, stay level and fall",
    ),
    "soak-process.svg": (
        PROCESS,
        "Memory, Python objects, open files and threads by day: level after the first days",
    ),
}


@pytest.mark.slow
def test_weeks_of_work_leave_nothing_behind(
    azurite: str, jobs_table: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = chosen_scale()

    def show(sample: Sample) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{sample}\n")

    evidence = soak(scale, seed, azurite, jobs_table, tmp_path / "app.log", show)
    for name, (panels, _) in PICTURES.items():
        draw(panels, evidence, tmp_path / name)
    found = faults(evidence)
    assert not found, "\n".join(found)
    if scale != FULL:
        return  # a short one is no proof
    for name in PICTURES:
        (FOLDER / name).write_bytes((tmp_path / name).read_bytes())
    record(
        "soak",
        figures=_figures(evidence),
        tables=[_table(evidence)],
        images=[Image(name, text) for name, (_, text) in PICTURES.items()],
    )


def _figures(evidence: Evidence) -> dict[str, str | int | float]:
    outcomes = Counter(evidence.expected.values())
    standing = [evidence.accepted[name] for name in STANDING]
    return {
        "seed": evidence.seed,
        "simulated days of work, and quiet days after them": f"{evidence.scale.days} + {evidence.scale.quiet_days}",
        "minutes that it took": round(evidence.seconds / 60),
        "days that finished jobs and ended deliveries are kept": (
            f"{evidence.scale.job_history_days} and {evidence.scale.delivery_history_days}"
        ),
        "timers fired": sum(evidence.fired.values()),
        "calls of the API": sum(evidence.answers.values()),
        "requests to upstream": evidence.upstream_requests,
        "of them failed on purpose": sum(evidence.faults.values()),
        "jobs that had to end": len(evidence.expected),
        "of them succeeded, failed, cancelled, expired, lost": ", ".join(
            str(outcomes[outcome]) for outcome in ("succeeded", "failed", "cancelled", "expired", "lost")
        ),
        "events": sum(evidence.events.values()),
        "longest way of an event to the endpoint that never fails, simulated seconds": (
            evidence.latest.total_seconds()
        ),
        "requests to endpoints": sum(each.requests for each in evidence.accepted.values()),
        "of them failed on purpose, in the endpoints' bad times": sum(each.failed for each in standing),
        "times that the app disabled an endpoint": sum(evidence.disabled.values()),
        "deliveries seen dead": sum(len(dead) for dead in evidence.dead.values()),
        "dead deliveries sent again": evidence.sent_again,
        "rows left over at the end": len(evidence.left_over),
    }


def _table(evidence: Evidence) -> Table:
    rows = [
        (
            growth.name,
            f"{growth.least:.4g}",
            f"{growth.most:.4g}",
            f"{growth.a_day:+.2g}",
            f"{growth.allowed:g}",
        )
        for growth in growths(evidence)
    ]
    return Table(
        "Growth between the warm-up and the end of the work", ("", "least", "most", "a day", "allowed"), rows
    )
