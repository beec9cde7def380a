"""The numbers in the documentation are those of the code."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import RETRY_AFTER_MAX_SECONDS
from shared.egress.guard import ATTEMPT_TIMEOUT_SECONDS
from shared.http.models import MOST_JOBS_AT_ONCE
from shared.jobs import listing
from shared.jobs.history import REMOVAL_REMEMBERED_FOR
from shared.jobs.job import LONGEST_POLL_SPACING, LONGEST_RETRY_AFTER, POLL_SPACING
from shared.jobs.poll_spacing import FORGET_AFTER
from shared.monitor.clean_up import ORPHANED_AFTER
from shared.monitor.stats import DAYS_KEPT
from shared.polling import cycle, due, poller, workers
from shared.storage.large_columns import LONGEST_COLUMN_BYTES
from shared.upstream import cpp_diff, transport
from shared.watch import planned_writes, watch
from shared.watch.job_details import JOBS_AT_MOST
from shared.watch.private_offers import RESUMED_FOR
from shared.watch.rows import HISTORY_MOST_CHANGES
from shared.webhooks.deliverer import BODIES_HELD_MAX_BYTES
from shared.webhooks.delivery import RETRY_DELAYS
from shared.webhooks.endpoint import OLD_SECRET_SIGNS_FOR
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from shared.webhooks.endpoints import ENDPOINTS_MAX, FAILING_DISABLES_AFTER
from shared.webhooks.formats.standard import BODY_MAX_BYTES
from shared.webhooks.sender import TEXT_MAX_CHARACTERS
from shared.webhooks.signing import SECRET_MAX_BYTES, SECRET_MIN_BYTES

ROOT = Path(__file__).parents[1]
KIB, MIB = 1024, 1024 * 1024
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORDS = {2: "two", 5: "five", 10: "ten", 16: "sixteen"}


def count(number: float) -> str:
    return f"{number:,g}"


def seconds(time: timedelta) -> str:
    return count(time.total_seconds())


API = (
    f"longer than {count(cpp_diff.LONGEST_VALUE_CHARACTERS)} characters becomes the first",
    f"at most {count(cpp_diff.MOST_CHANGES)} changes",
    f"longer than {count(cpp_diff.LONGEST_PATH_CHARACTERS)} characters is left out",
)
ARCHITECTURE = (
    f"longer than {count(LONGEST_COLUMN_BYTES)} bytes become a document",
    f"After {count(cycle.LOST_CLAIMS_MAX)} lost claims",
    f"Only {WORDS[poller.LARGE_ANSWERS_AT_ONCE]} large answers",
    f"(over {count(transport.LARGE_ANSWER_BYTES / KIB)} KiB) may be in memory at once",
    f"waits {WORDS[int(poller.LARGE_ANSWER_WAITS_SECONDS)]} seconds for that",
    f"gathered for {count(workers.GATHER_SECONDS)} seconds",
    f"retried for {count(due.STORAGE_MAY_FAIL_SECONDS)} seconds",
    f"fewer than {count(due.ENOUGH_DUE_JOBS)} due jobs wait. At most {count(due.MOST_JOBS)} jobs",
    f"later than {seconds(cycle.LAST_REQUEST_AFTER)} seconds into the tick",
    f"no answer is awaited after {seconds(cycle.LAST_ANSWER_AFTER)}, so a tick",
    f"one status request a job in {seconds(POLL_SPACING)} seconds",
    f"up to {seconds(due.WAIT_FOR_NEW_JOB)} seconds for a job registered within the hour",
    f"up to {seconds(due.WAIT_FOR_OLD_JOB)} seconds for an older one",
    f"at {count(listing.PAGE_MAX_BYTES / MIB)} MiB, or after {count(listing.PAGE_MAX_SECONDS)} seconds",
    f"after {DAYS_KEPT} days",
    f"then every {count(LONGEST_POLL_SPACING / MINUTE)} minutes",
    f"row `run` for {seconds(watch.CLAIMED_FOR)} seconds",
    f"for about {count(watch.SENDING_SECONDS[1])} seconds",
    f"for {count(watch.CPP_REQUESTS_SECONDS[1])} seconds at most",
    f"later than {count(watch.OFFER_REQUESTS_SECONDS[0])} seconds into the run",
    f"no detail of a job after {count(watch.DETAIL_REQUESTS_SECONDS[0])}",
    f"no answer is awaited after {count(watch.OFFER_REQUESTS_SECONDS[1])}. Requests",
    f"the {HISTORY_MOST_CHANGES} newest events",
    f"{JOBS_AT_MOST} at most at a time",
    f"{count(planned_writes.PLANS_AT_ONCE_BYTES / MIB)} MiB or one large one",
    f"up to {WORDS[THREADS_PER_ENDPOINT]} threads",
    f"memory up to {count(BODIES_HELD_MAX_BYTES / MIB)} MiB",
)
PROMISES = (
    f"one status request per job in any {seconds(POLL_SPACING)} seconds",
    f"at least every {count(LONGEST_POLL_SPACING / MINUTE)} minutes",
    f"at most {count(listing.PAGE_MAX_BYTES / MIB)} MiB and takes at most {count(listing.PAGE_MAX_SECONDS)} seconds",
    f"so do {WORDS[FAILING_DISABLES_AFTER.days]} days without a success",
)
README = (f"an array of up to {MOST_JOBS_AT_ONCE} jobs",)
WEBHOOKS = (
    f"always under {count((BODY_MAX_BYTES + 1) / KIB)} KiB",
    f"Answer within {count(ATTEMPT_TIMEOUT_SECONDS)} seconds",
    f"not complete after {count(ATTEMPT_TIMEOUT_SECONDS)} seconds",
    "follow 1 minute, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours after",
    f"for **{WORDS[FAILING_DISABLES_AFTER.days]} days**",
    f"the first {count(TEXT_MAX_CHARACTERS)} characters of the answer",
    f"For {count(OLD_SECRET_SIGNS_FOR / HOUR)} hours every request has two signatures",
    f"base64 of {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} random bytes. There can be {ENDPOINTS_MAX} endpoints",
)
DOCUMENTED = {
    "README.md": README,
    "docs/api.md": API,
    "docs/architecture.md": ARCHITECTURE,
    "docs/promises.md": PROMISES,
    "docs/webhooks.md": WEBHOOKS,
}


@pytest.mark.parametrize(
    ("page", "phrase"), [(page, each) for page, phrases in DOCUMENTED.items() for each in phrases]
)
def test_a_number_of_the_documentation_is_that_of_the_code(page: str, phrase: str) -> None:
    assert phrase in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def test_what_the_documentation_has_in_words_is_so() -> None:
    """In docs/architecture.md: "a day at most", "a day after", "five minutes after their minute", "up to twice"."""
    assert {LONGEST_RETRY_AFTER, REMOVAL_REMEMBERED_FOR, ORPHANED_AFTER, RESUMED_FOR} == {DAY}
    assert DAY.total_seconds() == RETRY_AFTER_MAX_SECONDS
    assert FORGET_AFTER == 5 * MINUTE
    assert transport.RETRIES_MAX == 2
    assert tuple(RETRY_DELAYS) == (
        MINUTE,
        5 * MINUTE,
        30 * MINUTE,
        *(hours * HOUR for hours in (2, 5, 10, 14, 20, 24)),
    )
