"""The whole fast suite runs with marked secrets, and then everything that left the app is searched for them.

The client secret, each access token, the assertions, the managed identity's header, the storage key, the keys of the
host, each webhook secret, a header and a URL query for each endpoint have a mark in them that no encoding hides:
letters and digits. The certificate's private key, signed assertions, and secrets that a test chooses itself are
noted where they are used; signed links of the sandbox have signatures that are known. In each process that the suite
starts, hooks keep what the search reads: each log line, also those below the log's level, the text of each error of
the app, each answer of the API and the pages, each row and request to storage, each webhook, each request to Entra
and upstream, each line that a process prints, and each setting that is read. A secret is searched for as it is,
percent-encoded once and twice, escaped for JSON, for JSON in JSON and for HTML, in base64 at any offset, in
hexadecimal digits and in any case.

A secret is allowed only in places that are listed with their reasons (tests/reliability/marked/places.py): a token
in the `Authorization` header of a request to a configured host, an endpoint's header in a request to that endpoint, a
new secret in the one answer that shows it, and so on. The proof fails if a secret is anywhere else, if a kind of
secret was never seen in its place (then the suite did not use it), and if an allowance is not needed. A second, short
run plants one secret of each kind in each kind of evidence, by the ways that the app itself uses. The search has to
find exactly these.

The proof sees what the suite does. It does not see processes that a test starts with an environment of its own,
errors of libraries that the app catches and does not show, nor a secret that was encrypted, compressed other than
with gzip, or cut into pieces shorter than its mark. Azure's own log is beyond it, and so are the tests in
the browser, the slow ones and those of the proofs.
"""

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from local.processes.child import REPOSITORY
from tests.reliability.marked import marks
from tests.reliability.marked.evidence import FOLDER_VARIABLE, records_in
from tests.reliability.marked.places import ALLOWED, KINDS
from tests.reliability.marked.verdict import SECRETS, Verdict, judge
from tests.reliability.report import Table, record

# Tests to run instead of the whole suite, for work on this proof; their figures are not recorded.
SELECTION_VARIABLE = "SECRETS_TESTS"
STARTUP = Path(__file__).parent / "marked" / "startup"
PLANTED = Path(__file__).parent / "marked" / "planted.py"
# The key that Microsoft publishes for Azurite, which the setting UseDevelopmentStorage=true means, is not a secret.
PUBLISHED_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# These two compare the sandbox's guide with the sandbox's own credentials, which have marks here.
_GUIDE = "tests/sandbox/test_guide.py"
WITHOUT = (
    *("--ignore", "tests/browser", "--ignore", "tests/reliability"),
    *("--deselect", f"{_GUIDE}::test_the_guide_has_the_real_values_of_the_accounts"),
    *("--deselect", f"{_GUIDE}::test_the_printed_line_makes_every_example_work"),
)
WHERE_PLANTED = {
    "log": "offer_monitor.planted > line",
    "error": "StorageUnreachable > text",
    "answer": "Planted 200 > body",
    "host's answer": "GET /rp 200 > body",
    "row": "jobs/pending > label",
    "storage request": "GET > target",
    "webhook": "POST > body",
    "upstream request": "API request > target",
    "output": "functions host > line",
    "setting": "JOBS_TABLE > value",
}


def run_with_marks(folder: Path, *arguments: str) -> tuple[Verdict, int]:
    """Run tests with marked secrets, with the evidence in `folder`, which is new. Also says how many processes
    kept evidence."""
    folder.mkdir()
    environment = {
        **os.environ,
        FOLDER_VARIABLE: str(folder),
        "PYTHONPATH": str(STARTUP),
        "AZURITE_ACCOUNTS": f"devstoreaccount1:{marks.account_key()}:{PUBLISHED_KEY}",
    }
    # Hypothesis's profile for CI takes the same examples each time, and is patient with a machine that is busy.
    options = ("-p", "no:cacheprovider", "--hypothesis-profile", "ci")
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-10_000:] + run.stderr[-2_000:]
    return judge(list(records_in(folder))), len(list(folder.iterdir()))


@pytest.mark.slow
def test_the_search_finds_each_secret_that_is_planted_and_nothing_else(tmp_path: Path) -> None:
    verdict, _ = run_with_marks(tmp_path / "planted", str(PLANTED))
    found = {(one.secret, one.kind, one.where) for one in verdict.findings}
    planted = {(secret, kind, WHERE_PLANTED[kind]) for secret, kind in product(SECRETS, KINDS)}
    of_errors = {(secret, "error", "StorageUnreachable > repr") for secret in SECRETS}
    assert found == planted | of_errors


@pytest.mark.slow
def test_no_secret_is_where_none_may_be_after_the_whole_suite(tmp_path: Path) -> None:
    selection = os.environ.get(SELECTION_VARIABLE, "").split()
    in_parallel = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
    suite = selection or [*WITHOUT, "tests"]
    verdict, processes = run_with_marks(tmp_path / "suite", "-m", "not slow", *in_parallel, *suite)

    found = verdict.faults(whole_suite=not selection)
    assert not found, "\n".join(found)
    shutil.rmtree(tmp_path / "suite")
    if selection:
        return
    record(
        "secrets",
        figures={
            "kinds of secrets": len(SECRETS),
            "noted values, beside the marks": verdict.known_values,
            "processes that kept evidence": processes,
            "secrets seen in their places": sum(verdict.allowed.values()),
            "million characters searched": round(verdict.characters / 1_000_000, 1),
            "secrets found outside their places": len(verdict.findings),
            "planted secrets, all found": len(SECRETS) * len(KINDS),
        },
        tables=[
            Table(
                "Different texts that were searched",
                ("kind", "texts"),
                [(what, verdict.searched[kind]) for kind, what in KINDS.items()],
            ),
            Table(
                "Where secrets were seen",
                ("secret", "reason", "seen"),
                [(", ".join(one.secrets), one.reason, verdict.allowed[one]) for one in ALLOWED],
            ),
        ],
    )
