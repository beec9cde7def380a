"""What breaks a promise, as a function of the evidence alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.reliability.kills.evidence import Evidence, HitKill
from tests.reliability.kills.ownership import unowned_rows
from tests.reliability.kills.plan import Size

_SIGKILL = -9
_STATES = ("succeeded", "failed", "cancelled", "lost", "expired")


def faults(evidence: Evidence, size: Size) -> list[str]:
    """Every way in which the evidence breaks a promise, or does not show what the proof claims."""
    return [
        *_faults_of_kills(evidence, size),
        *_faults_of_jobs(evidence),
        *_faults_of_events(evidence),
        *_faults_of_offers(evidence),
        *_faults_of_deliveries(evidence),
        *_faults_of_statistics(evidence),
        *unowned_rows(evidence),
    ]


def kills_by_phase(kills: Sequence[HitKill]) -> dict[str, int]:
    """How many kills hit each kind of work."""
    return {
        "polls": sum(each.polls > 0 for each in kills),
        "writes": sum(each.writes > 0 for each in kills),
        "deliveries": sum(each.deliveries > 0 for each in kills),
        "watch": sum("watch_offers" in each.kill.in_progress for each in kills),
        "clean-up": sum("clean_up" in each.kill.in_progress for each in kills),
    }


def _faults_of_kills(evidence: Evidence, size: Size) -> Iterator[str]:
    statuses = [each.kill.exit_status for each in evidence.host_kills]
    statuses += [each.exit_status for each in evidence.storage_kills]
    yield from (f"a process ended with status {status}" for status in statuses if status != _SIGKILL)
    pids = Counter(each.kill.pid for each in evidence.host_kills)
    yield from (f"process {pid} was killed {times} times" for pid, times in pids.items() if times > 1)
    if len(evidence.host_kills) < size.host_kills:
        yield f"{len(evidence.host_kills)} kills of hosts instead of {size.host_kills}"
    if len(evidence.storage_kills) < size.storage_kills:
        yield f"{len(evidence.storage_kills)} kills of Azurite instead of {size.storage_kills}"
    yield from ("Azurite lost an acknowledged write" for each in evidence.storage_kills if not each.marker_kept)
    for phase, hits in kills_by_phase(evidence.host_kills).items():
        if hits < size.host_kills / 25:
            yield f"only {hits} kills hit {phase}"
    if evidence.shortest_spacing_seconds is None or evidence.shortest_spacing_seconds < 60:
        yield f"two polls of one job were {evidence.shortest_spacing_seconds} s apart"


def _faults_of_jobs(evidence: Evidence) -> Iterator[str]:
    finished = evidence.partition("finished")
    states: dict[str, list[str]] = defaultdict(list)
    for row in finished:
        if row["RowKey"].startswith("at~"):
            states[row["RowKey"].rpartition("~")[2]].append(row["state"])
    expected = {job.job_id: job.state for job in evidence.jobs} | dict.fromkeys(
        evidence.seeds.young_jobs, "succeeded"
    )
    for job_id, state in expected.items():
        if states.get(job_id) != [state]:
            yield f"job {job_id} is in the history as {states.get(job_id, [])}, not once as {state}"
    yield from (f"job {job_id} should not be in the history" for job_id in states if job_id not in expected)
    offers = {row["RowKey"].rpartition("~")[2] for row in finished if _has_offer(row)}
    for job in evidence.jobs:
        if (job.job_id in offers) != (job.state == "succeeded" and job.operation != "delete"):
            yield f"job {job.job_id} ({job.state}, {job.operation}) has an offer, or lacks one"


def _has_offer(row: object) -> bool:
    return isinstance(row, dict) and bool(row.get("privateOffer") or row.get("privateOfferDocument"))


def _faults_of_events(evidence: Evidence) -> Iterator[str]:
    yield from (f"event {each.webhook_id} has a bad signature" for each in evidence.events if not each.signed)
    by_id: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for event in evidence.events:
        by_id[event.webhook_id].add((event.type, event.subject, event.detail))
    yield from (f"event {each} was sent with different contents" for each, found in by_id.items() if len(found) > 1)
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in evidence.events:
        if event.type.startswith("job."):
            ids[event.subject, event.type].add(event.webhook_id)
    pointers = {row["RowKey"]: row.get("finishedEventId") for row in evidence.partition("finished")}
    expected: dict[tuple[str, str], str] = {}
    for job in evidence.jobs:
        expected[job.job_id, f"job.{job.state}"] = job.job_id
        if job.stalled:
            expected[job.job_id, "job.stalled"] = job.job_id
    for (job_id, kind), found in ids.items():
        if (job_id, kind) not in expected:
            yield f"{kind} was sent of job {job_id}, which is not so"
        elif len(found) != 1:
            yield f"{kind} of job {job_id} was sent under {len(found)} ids"
        elif kind != "job.stalled" and {pointers.get(f"job~{job_id}")} != found:
            yield f"{kind} of job {job_id} was sent under another id than that in the history"
    yield from (f"{kind} of job {job_id} was never sent" for job_id, kind in expected if (job_id, kind) not in ids)


def _faults_of_offers(evidence: Evidence) -> Iterator[str]:
    told: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in evidence.events:
        if event.type.startswith(("private_offer.", "cpp_offer.")):
            told[event.type, event.subject, event.detail].add(event.webhook_id)
    expected = Counter((change.type, change.offer_id, change.detail) for change in evidence.offer_changes)
    expected += Counter(
        ("private_offer.created", each, "") for each, told_here in evidence.late_offers.items() if told_here
    )
    either = {
        ("private_offer.created", each, "") for each, told_here in evidence.late_offers.items() if not told_here
    }
    for what in {*told, *expected}:
        times, wanted = len(told.get(what, ())), expected[what]
        if times != wanted and not (what in either and times == 1):
            yield f"{what[0]} of {what[1]} {what[2]} was announced {times} times, not {wanted}"


def _faults_of_deliveries(evidence: Evidence) -> Iterator[str]:
    finishing = {row["RowKey"]: row.get("finishedEventId") for row in evidence.partition("finished")}
    young = {str(finishing.get(f"job~{job_id}")) for job_id in evidence.seeds.young_jobs}
    everything = {event.webhook_id for event in evidence.events}
    for endpoint_id, path in evidence.endpoints.items():
        delivered = {each.webhook_id for each in evidence.events if each.path == path and each.answer == "delivered"}
        yield from (f"event {each} was never delivered to {path}" for each in everything - delivered)
        logs = [
            row
            for row in evidence.rows["deliveries"]
            if row["PartitionKey"] == endpoint_id and row["RowKey"].startswith("log~")
        ]
        kept = everything | (young if endpoint_id.startswith("settings") else set())
        times = Counter(str(row.get("eventId")) for row in logs)
        for event_id in {*kept, *times}:
            if times[event_id] != (event_id in kept):
                yield f"event {event_id} has {times[event_id]} deliveries to {path}"
        yield from (f"delivery {row['RowKey']} is {row['status']}" for row in logs if row["status"] != "delivered")


def _faults_of_statistics(evidence: Evidence) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for row in evidence.partition("finished"):
        if row["RowKey"].startswith("day~"):
            counted.update({state: int(row.get(state, 0)) for state in _STATES})
    expected = Counter(job.state for job in evidence.jobs)
    expected["succeeded"] += len(evidence.seeds.old_jobs) + len(evidence.seeds.young_jobs)
    if +counted != +expected:
        yield f"the statistics count {dict(+counted)} instead of {dict(+expected)}"
