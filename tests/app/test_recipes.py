"""The recipes of docs/api.md, run as they are printed there, by the app in Microsoft's runtime."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.server import Sandbox
from shared.settings import StorageByConnectionString
from shared.storage.table import Tables
from tests.app.app import KEY, App, JobsTable, environment_of
from tests.watch.snapshots import Snapshot, offer_bytes
from tests.webhooks.receiver import Receiver, Reply

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"```sh\n# (\w+)\.sh: [^\n]*\n(.*?)```", PAGE, re.DOTALL))
JOBS_TABLE = "recipes"
SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    missing = [tool for tool in ("curl", "jq") if shutil.which(tool) is None]
    if missing:
        # CI installs them.
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop(f"the recipes need {' and '.join(missing)}; install them with your system's package manager")


@pytest.fixture(scope="module")
def host(azurite: str, sandbox: Sandbox) -> Iterator[App]:
    JobsTable(azurite, JOBS_TABLE).create()
    with App(environment_of(sandbox, azurite, JOBS_TABLE, WEBHOOK_ALLOW_PRIVATE_NETWORKS="true")) as app:
        yield app


@pytest.fixture
def app(host: App, fresh_sandbox: Sandbox) -> App:  # noqa: ARG001 - made new first
    return host


def started(name: str, app: App, folder: Path, **variables: str) -> subprocess.Popen[str]:
    """The recipe, running."""
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "no_proxy": "*", "APP": app.host.url} | variables
    return subprocess.Popen(
        ["sh", "-e", "-c", RECIPES[name]],
        cwd=folder,
        env=environment | {"KEY": f"x-functions-key: {KEY}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(name: str, app: App, folder: Path, **variables: str) -> str:
    """What the recipe prints; it must succeed."""
    process = started(name, app, folder, **variables)
    printed, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    return printed


def test_every_recipe_of_the_page_is_run_here() -> None:
    assert set(RECIPES) == {"pipeline", "reconcile", "batch", "replay", "expiring", "diff"}


@pytest.mark.parametrize(("outcome", "code", "printed"), [("succeeded", 0, "succeeded \n"), ("failed", 1, "failed ")])
def test_a_pipeline_waits_for_its_job_and_fails_with_it(
    app: App, fresh_sandbox: Sandbox, tmp_path: Path, outcome: str, code: int, printed: str
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome=outcome)
    process = started("pipeline", app, tmp_path, JOB_ID=job_id, WAIT_SECONDS="0.2")
    while process.poll() is None:
        app.tick()
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (code, "")
    assert output.startswith(printed)


def test_a_nightly_run_lists_what_has_changed_since_the_last(
    app: App, fresh_sandbox: Sandbox, tmp_path: Path
) -> None:
    old = fresh_sandbox.state.add_job()
    app.register(old, externalId="crm-1")
    app.tick()
    run("reconcile", app, tmp_path)
    assert old in (tmp_path / "changed.jsonl").read_text()

    (tmp_path / "since.txt").write_text(datetime.now(UTC).isoformat(timespec="seconds"))
    assert app.ask("PATCH", f"api/jobs/{old}", json={"label": "changed"}).status_code == 200
    new = fresh_sandbox.state.add_job()
    app.register(new, externalId="crm-2")
    app.tick()
    run("reconcile", app, tmp_path)
    changed = {job["jobId"]: job for job in map(json.loads, (tmp_path / "changed.jsonl").read_text().splitlines())}
    assert {new, old} <= changed.keys()
    assert (changed[new]["externalId"], changed[new]["state"]) == ("crm-2", "succeeded")
    assert changed[new]["offer"].startswith("private-offer/")


def test_a_batch_of_configure_answers_is_registered_and_again_without_effect(
    app: App, fresh_sandbox: Sandbox, tmp_path: Path
) -> None:
    answers = tmp_path / "answers"
    answers.mkdir()
    job_ids = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    for job_id in job_ids:
        (answers / f"{job_id}.json").write_text(json.dumps({"jobId": job_id, "jobStatus": "notStarted"}))
    (answers / "zzz.json").write_text(json.dumps({"error": {"code": "badRequest", "message": "No price."}}))
    first = run("batch", app, tmp_path).splitlines()
    assert sorted(first[:3]) == sorted(f"202 {job_id}" for job_id in job_ids)
    assert first[3].startswith("422 ")
    assert "No price." in first[3]
    assert sorted(run("batch", app, tmp_path).splitlines()[:3]) == sorted(f"200 {job_id}" for job_id in job_ids)


def test_after_an_outage_dead_deliveries_are_sent_again(
    app: App, fresh_sandbox: Sandbox, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.behaviour = lambda _: Reply(410)
    webhook = app.post("webhooks", {"url": receiver.url, "events": ["job.*"]}).json()
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id)
    app.tick()
    [gone] = receiver.wait_for(1)
    receiver.behaviour = lambda _: Reply()
    printed = run("replay", app, tmp_path, WEBHOOK_ID=webhook["id"], SINCE="2026-01-01T00:00:00Z")
    assert printed.splitlines() == ["true", "scheduled: 1"]
    app.fire("deliver_webhooks")
    again = receiver.wait_for(3)[2]
    assert (again.webhook_id, again.json["type"]) == (gone.webhook_id, "job.succeeded")
    app.delete(f"webhooks/{webhook['id']}")


def test_offers_that_expire_soon_are_listed_by_their_date(app: App, azurite: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    snapshot = Snapshot(Tables(StorageByConnectionString(azurite)).table(JOBS_TABLE))
    days = {"late": 20, "second": 9, "first": 3}
    dates = {name: (now + timedelta(days=ahead)).date().isoformat() for name, ahead in days.items()}
    for name, date in dates.items():
        snapshot.put(offer_bytes(name=name, acceptBy=date), now)
    expected = [f"{dates[name]} {name}" for name in ("first", "second")]
    assert run("expiring", app, tmp_path, DAYS="10").splitlines() == expected


def test_the_diff_of_an_offer_lists_what_publishing_would_change(app: App, tmp_path: Path) -> None:
    printed = run("diff", app, tmp_path, PUBLISHER="contoso", OFFER="contoso-succeeded")
    assert all(re.fullmatch(r"(add|remove|replace) /definition\S*", line) for line in printed.splitlines())
    assert printed
