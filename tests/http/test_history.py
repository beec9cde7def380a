"""`GET /stats` and `GET /jobs/{jobId}/timeline`."""

import uuid
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.storage.table import Table, Tables, etag_of
from tests.clock import FakeClock
from tests.http.api import Api
from tests.webhooks.conftest import receiver, second_receiver
from tests.webhooks.receiver import Receiver, Reply

__all__ = ["receiver", "second_receiver"]  # fixtures of the webhooks' own tests


def test_stats_have_the_last_thirty_days_unless_told_otherwise(api: Api) -> None:
    assert len(api.stats().json["days"]) == 30
    assert [len(api.stats(days=str(days)).json["days"]) for days in (1, 90)] == [1, 90]


def test_a_day_of_stats(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job()})
    clock.advance(120)
    api.process.poll_pending_jobs()
    assert api.stats(days="1").json == {
        "days": [
            {
                "date": "2026-11-20",
                "succeeded": 1,
                "failed": 0,
                "cancelled": 0,
                "lost": 0,
                "expired": 0,
                "medianSeconds": 120,
                "p95Seconds": 120,
                "polls": 1,
                "failedPolls": 0,
            }
        ]
    }


@pytest.mark.parametrize("days", ["0", "91", "-1", "1.5", "", "x", "٣"])
def test_a_number_of_days_that_cannot_be_is_400(api: Api, days: str) -> None:
    answer = api.stats(days=days)
    assert answer.status == 400
    assert answer.faults == ["days should be a whole number from 1 to 90"]


def test_an_unknown_parameter_is_400(api: Api, fresh_sandbox: Sandbox) -> None:
    assert api.stats(limit="5").status == 400
    assert api.timeline(fresh_sandbox.state.add_job()).status == 404


def test_stats_work_while_the_settings_of_partner_center_are_absent(
    api: Api, settings_in_environment: pytest.MonkeyPatch
) -> None:
    settings_in_environment.delenv("PARTNER_CENTER_CLIENT_ID")
    assert api.stats().status == 200


def test_the_timeline_of_a_job_that_is_not_known_is_404(api: Api) -> None:
    job_id = str(uuid.uuid4())
    answer = api.timeline(job_id)
    assert (answer.status, answer.json["type"]) == (404, api.job(job_id).json["type"])
    assert api.timeline("x").status == 400


# Deliveries


@pytest.fixture
def listening(api: Api, settings_in_environment: pytest.MonkeyPatch, receiver: Receiver) -> Api:
    """The API with an endpoint that wants every event."""
    settings_in_environment.setenv("WEBHOOK_ALLOW_PRIVATE_NETWORKS", "true")
    register(api, receiver.url)
    return api


def register(api: Api, url: str, **fields: object) -> str:
    answer = api.call(lambda process: process.api().webhooks.register, body={"url": url, **fields})
    webhook_id: str = answer.json["id"]
    return webhook_id


def deliveries(api: Api, job_id: str) -> list[dict[str, Any]]:
    """The last events of the job's timeline that are deliveries."""
    events = api.timeline(job_id).json["events"]
    return [event for event in events if event["type"] == "delivery"]


def listed(api: Api, webhook_id: str) -> list[dict[str, Any]]:
    answer = api.call(lambda process: process.api().deliveries.list, route={"webhookId": webhook_id})
    found: list[dict[str, Any]] = answer.json["deliveries"]
    return found


def test_deliveries_are_part_of_the_timeline(
    listening: Api, fresh_sandbox: Sandbox, clock: FakeClock, second_receiver: Receiver
) -> None:
    second = register(listening, second_receiver.url, events=["job.failed"])
    job_id = fresh_sandbox.state.add_job(outcome="failed", dialect="plain")
    listening.register({"jobId": job_id})
    clock.advance(60)
    listening.process.poll_pending_jobs()
    events = listening.timeline(job_id).json["events"]
    assert [event["type"] for event in events] == [
        *("registered", "statusChanged", "finished", "delivery", "delivery"),
    ]
    [of_second] = [event for event in events[3:] if event["webhookId"] == second]
    assert of_second == {
        "at": "2026-11-20T09:01:00Z",
        "type": "delivery",
        "webhookId": second,
        "deliveryId": listed(listening, second)[0]["id"],
        "status": "delivered",
    }


def test_a_delivery_is_shown_as_it_is_now_at_its_last_attempt(
    listening: Api, fresh_sandbox: Sandbox, clock: FakeClock, receiver: Receiver
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    job_id = fresh_sandbox.state.add_job()
    listening.register({"jobId": job_id})
    listening.process.poll_pending_jobs()
    [delivery] = deliveries(listening, job_id)
    assert (delivery["status"], delivery["at"]) == ("pending", "2026-11-20T09:00:00Z")
    receiver.behaviour = lambda _: Reply(204)
    clock.advance(600)
    listening.process.deliver_webhooks()
    [delivery] = deliveries(listening, job_id)
    assert (delivery["status"], delivery["at"]) == ("delivered", "2026-11-20T09:10:00Z")


def test_the_deliveries_of_a_stalled_job_are_shown_while_it_is_pending_and_when_it_has_ended(
    listening: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None, dialect="plain")
    listening.register({"jobId": job_id})
    clock.advance(86_400)
    listening.process.poll_pending_jobs()
    assert len(deliveries(listening, job_id)) == 1
    clock.advance(30 * 86_400)
    listening.process.poll_pending_jobs()
    types = [event["type"] for event in listening.timeline(job_id).json["events"]]
    assert types == ["registered", "statusChanged", "stalled", "delivery", "finished", "delivery"]


def test_a_delivery_that_is_gone_is_not_shown(listening: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    job_id = fresh_sandbox.state.add_job()
    listening.register({"jobId": job_id})
    listening.process.poll_pending_jobs()
    assert len(deliveries(listening, job_id)) == 1
    clock.advance(31 * 86_400)
    listening.process.clean_up()
    assert deliveries(listening, job_id) == []


def test_a_delivery_that_someone_has_made_something_else_of_hides_no_other(
    listening: Api, fresh_sandbox: Sandbox, receiver: Receiver, jobs_table: str, azurite_tables: Tables
) -> None:
    others = [register(listening, receiver.url) for _ in range(2)]
    job_id = fresh_sandbox.state.add_job()
    listening.register({"jobId": job_id})
    listening.process.poll_pending_jobs()
    table = azurite_tables.table(f"{jobs_table}deliveries")
    absurd_columns: list[dict[str, Any]] = [{"status": 5}, {"lastAttemptAt": "never"}]
    for webhook_id, absurd in zip(others, absurd_columns, strict=True):
        [log] = table.rows(
            "PartitionKey eq @partition and RowKey lt 'log~~' and RowKey gt 'log~'", {"partition": webhook_id}
        )
        table.merge({"PartitionKey": webhook_id, "RowKey": log["RowKey"], **absurd}, etag_of(log))
    assert len(deliveries(listening, job_id)) == 1


def test_deliveries_are_looked_up_by_their_ids(
    listening: Api, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    listening.register({"jobId": job_id})
    listening.process.poll_pending_jobs()
    [expected] = deliveries(listening, job_id)
    queries: list[str] = []
    pages = Table.pages

    def recorded(table: Table, query: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as `pages`
        queries.append(query)
        return pages(table, query, *arguments, **options)

    monkeypatch.setattr(Table, "pages", recorded)
    assert deliveries(listening, job_id) == [expected]
    point = "PartitionKey eq @partition and RowKey eq @key"
    assert queries == ["PartitionKey eq @partition", point, point]
