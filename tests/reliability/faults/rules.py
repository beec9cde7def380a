"""What each row of the fault table has to show: rules that follow from docs/promises.md and docs/api.md."""

from collections.abc import Callable, Iterator
from enum import Enum, auto

from shared.jobs.job import JobState
from shared.json_codec import JsonValue, dumps, loads
from tests.reliability.faults.rows import NEVER_IN_TIME, RETRY_AFTER_SECONDS, Row

STATUS, DETAIL = "product-ingestion.job-status", "product-ingestion.job-detail"
BY_ID, LISTS = "product-ingestion.private-offer", "product-ingestion.private-offers"
# The first try and two more (`Transport.get`); a status request is never repeated (promise 1).
TRIES = 3


class Said(Enum):
    """What upstream's answer to a faulty request means."""

    USUAL = auto()
    UNAUTHORIZED = auto()
    FORBIDDEN = auto()
    MISSING = auto()
    REJECTED = auto()
    THROTTLED = auto()
    FAILED = auto()
    LATE = auto()


# Promise 10: the status says whose fault it is. FORBIDDEN depends on the API, USUAL has no problem.
PROBLEMS = {
    Said.UNAUTHORIZED: (502, "credential-refused"),
    Said.MISSING: (404, "upstream-not-found"),
    Said.REJECTED: (400, "upstream-rejected"),
    Said.THROTTLED: (503, "upstream-throttled"),
    Said.FAILED: (502, "upstream-failed"),
    Said.LATE: (504, "upstream-timeout"),
}
_BY_STATUS = {
    401: Said.UNAUTHORIZED,
    403: Said.FORBIDDEN,
    404: Said.MISSING,
    400: Said.REJECTED,
    429: Said.THROTTLED,
}


def said(row: Row) -> Said:
    """By the status that the sandbox logged. Answers that cannot be used, and those cut off, count as failed."""
    status = row.hits[-1].status if row.hits else None
    if row.kind in {"byte_order_mark", "surplus_whitespace"}:
        return Said.USUAL
    if row.kind in {"foreign_next_link", "circular_next_link"} and not row.target.startswith(LISTS):
        return Said.USUAL
    if row.kind in NEVER_IN_TIME:
        return Said.LATE
    return _BY_STATUS.get(status or 0, Said.FAILED)


def faults(row: Row) -> list[str]:
    """What is wrong with a row; empty if it keeps every promise."""
    rules: list[Callable[[Row], Iterator[str]]] = [_everywhere, _in_the_end]
    if not row.is_timer:
        rules += [_caller, _offers_arrive_unchanged, _reads_store_nothing]
    if row.function in {"check_job", "poll_pending_jobs"}:
        rules.append(_job)
    if row.function == "poll_pending_jobs":
        rules.append(_tick)
    if row.function == "watch_offers":
        rules.append(_watch)
    return [fault for rule in rules for fault in rule(row)]


def _everywhere(row: Row) -> Iterator[str]:
    if not row.hits:
        yield "the fault hit no request"
    if row.raised:
        yield f"an exception: {row.raised}"
    if row.seen.undocumented or row.again.undocumented:
        yield f"an answer that is not documented: {row.seen.undocumented or row.again.undocumented}"
    if row.seen.status == 500:
        yield "500"
    for leak in row.leaks:
        yield f"{leak} was shown or stored"
    if row.requests_to_trap:
        yield "a request went to another host"
    if len(row.hits) > (1 if row.target == STATUS else TRIES * row.requests_without):
        yield f"{len(row.hits)} requests"
    if row.target.startswith("tokens.") and said(row) is not Said.USUAL and _without_token(row):
        yield "a request without a token"


def _without_token(row: Row) -> bool:
    return any(not request.route.startswith("tokens.") for request in row.requests)


def _in_the_end(row: Row) -> Iterator[str]:
    """Once the fault has ended, the same call works, and everything is announced that would have been."""
    if (row.again.status, row.again.type) != (row.without.status, row.without.type):
        yield f"after the fault: {row.again.short}"
    if row.is_timer and row.again.title:
        yield f"after the fault: {row.again.title}"
    allowed = [sorted(row.events_without)]
    if row.function == "watch_offers" and row.target == DETAIL and said(row) in {Said.MISSING, Said.REJECTED}:
        # That is upstream's word for a job that has not ended. So its own change is told like any other.
        allowed.append(sorted([*row.events_without, "private_offer.created"]))
    if sorted(row.events) not in allowed:
        yield f"announced: {', '.join(sorted(row.events)) or 'nothing'}"


def expected_problem(row: Row) -> tuple[int, str]:
    """The status and the type of what the caller has to see."""
    meaning = said(row)
    usual = (int(row.without.status), row.without.type)
    if meaning is Said.USUAL:
        return usual
    if row.target.startswith("tokens."):
        return 502, "credential-refused"
    if row.target == DETAIL and row.function == "check_job":
        return usual  # the status is known, and the job awaits its detail
    if row.target == DETAIL and "unregistered" in row.call and meaning in {Said.MISSING, Said.REJECTED}:
        # The job may not have ended; its status decides.
        return (404, "no-offer") if usual[0] == 200 else usual
    if meaning is Said.FORBIDDEN:
        cpp = row.target.startswith("cloud-partner-portal.")
        status, slug = (403, "upstream-access-denied") if cpp else (502, "credential-refused")
    else:
        status, slug = PROBLEMS[meaning]
    one_part_came = row.call.endswith("both offers")
    return (200 if one_part_came else status), slug


def _caller(row: Row) -> Iterator[str]:
    if row.seen.undocumented or row.raised:
        return
    expected = expected_problem(row)
    if (row.seen.status, row.seen.type) != expected:
        yield f"{row.seen.short} instead of {expected[0]} {expected[1]}"
    if row.seen.type and not row.seen.title:
        yield "a problem without a title"
    if row.seen.status in {429, 503} and not row.seen.retry_after:
        yield "no Retry-After"
    if row.seen.status == 503 and said(row) is Said.THROTTLED and row.seen.retry_after != str(RETRY_AFTER_SECONDS):
        yield f"Retry-After {row.seen.retry_after}"


def _offers_arrive_unchanged(row: Row) -> Iterator[str]:
    """Promise 11: what comes in spite of a fault is what comes without it, whole or in parts."""
    if row.function == "check_job" or not row.seen.status == row.again.status == 200:
        return
    seen, again = _without_next_links(loads(row.seen.body)), _without_next_links(loads(row.again.body))
    if row.seen.type and isinstance(seen, dict) and isinstance(again, dict):  # one part came, a problem for the other
        seen = {name: part for name, part in seen.items() if name != "problems" and part is not None}
        again = {name: again.get(name) for name in seen}
    if dumps(seen) != dumps(again):  # as text, because 9.90 is equal to 9.9
        yield "an offer is not what comes without the fault"


def _without_next_links(value: JsonValue) -> JsonValue:
    """Two faults put a link into every object that they hit; to an offer it is a member like any other."""
    if isinstance(value, dict):
        return {name: _without_next_links(member) for name, member in value.items() if name != "@nextLink"}
    return [_without_next_links(each) for each in value] if isinstance(value, list) else value


def _reads_store_nothing(row: Row) -> Iterator[str]:
    """A check stores its poll; a look-up of an unregistered job remembers its status request (promise 1)."""
    if row.function == "check_job":
        allowed = {"pending", "monitor", "finished"}
    else:
        allowed = {"asked"} if "unregistered" in row.call else set()
    if stored := set(row.stored) - allowed:
        yield f"stored in {', '.join(sorted(stored))}"


def _job(row: Row) -> Iterator[str]:
    """Promises 2, 3 and 5: only upstream finishes a job, a failure is stored with its reason, and the job goes on."""
    job, again, meaning = row.job, row.job_again, said(row)
    if job is None or again is None:
        yield "the job is gone"
        return
    if again.state is not JobState.SUCCEEDED or again.private_offer is None:
        yield f"in the end the job is {again.state}"
    if meaning is Said.USUAL:
        return
    if not job.pending:
        yield f"the job is {job.state}"
    if row.target.startswith("tokens."):
        if job.poll_count or row.waits_seconds > 0:
            yield "the job counts as polled"
        return
    if not job.last_poll_error:
        yield "no reason is stored"
    shortest = 60 if row.target == STATUS else 20
    if row.waits_seconds != (RETRY_AFTER_SECONDS if meaning is Said.THROTTLED else shortest):
        yield f"the next poll is {row.waits_seconds:.0f} s later"
    counted = int(meaning is not Said.UNAUTHORIZED) if row.target == STATUS else 0
    if job.consecutive_poll_failures != counted:
        yield f"{job.consecutive_poll_failures} failures are counted"
    if job.detail_attempts != int(row.target == DETAIL and meaning is not Said.THROTTLED):
        yield f"{job.detail_attempts} attempts at the detail are counted"


def _tick(row: Row) -> Iterator[str]:
    """Promises 4 and 13: health says if a cycle could not do its work."""
    meaning = said(row)
    refused = {Said.UNAUTHORIZED, Said.FORBIDDEN} if row.target == STATUS else {Said.UNAUTHORIZED}
    answered = {Said.USUAL, Said.MISSING, Said.THROTTLED}
    if meaning is not Said.USUAL and (row.target.startswith("tokens.") or meaning in refused):
        expected = ("failed", "token_refused")
    elif row.target == STATUS and meaning not in answered:
        expected = ("failed", "upstream_down")
    else:
        expected = ("ok", "")
    if (row.seen.status, row.seen.title) != expected:
        yield f"the tick is {row.seen.status} {row.seen.title}"
    if "setaside" in row.stored:
        yield "a row was set aside"


def _watch(row: Row) -> Iterator[str]:
    """Promises 25 to 27: trouble is named, nothing is gone or told twice for it, and the next runs make up for it."""
    meaning = said(row)
    if "private_offer.deleted" in row.events:
        yield "an offer counts as gone"
    # Not trouble: a listed offer that is gone when it is asked for, and a job whose detail is tried again.
    silent = row.target == DETAIL or (row.target == BY_ID and meaning is Said.MISSING)
    if meaning is Said.USUAL or silent:
        return
    if not row.seen.title:
        yield "no reason is named"
