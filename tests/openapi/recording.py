"""Makes the calls whose answers are the examples in the API's description: a short story, told by the running app."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openapi.calls import PROBLEM
from sandbox.sample_offers import private_offer_of
from sandbox.server import Sandbox
from shared.http import dispatch
from shared.http.messages import PROBLEM_TYPE, Request
from shared.storage.table import Table
from shared.webhooks.formats import body_of
from tests.clock import FakeClock
from tests.http.api import FindHandler
from tests.instance import Instance, TestProcess

JOB = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
PENDING_JOB = "0c8d2a6e-5f13-4b7a-9e42-6d1f8a35c790"
FAILED_JOB = "7e1b5c94-2d60-4f8b-a3d7-90c4e6b218fa"
NEW_JOB = "41f7e0a9-8c25-4d3b-b6e1-5a92d08c7f14"
OFFER = "5d9f0b1e-7a34-4c62-8e0d-2f6b91c7a483"
CPP_OFFER = {"publisherId": "contoso", "offerId": "contoso-succeeded"}
_ERROR = {"code": "conflict", "message": "An offer with this name already exists.", "details": []}
# What differs from run to run, and what is written for it: ids that upstream makes, and durations.
_OF_THIS_RUN = (
    (re.compile(r'(eTag": ")[^}]*?(\\"")'), r'\g<1>\\"3a7d9c52-6e10-4b8f-9d24-c1f05e8a7b36\2'),
    (re.compile(r"sig=sandbox-[0-9a-f]{32}"), "sig=..."),
    (re.compile(r'("upstreamRequestId": ")[^"]*'), r"\g<1>e90b6d14-27c3-4f5a-8b71-0d3c9a52f8e6"),
    (re.compile(r'("durationMs": )\d+'), r"\g<1>184"),
)


@dataclass
class Recorder:
    """Keeps the answers to calls, by the call's name and the answer's status."""

    process: TestProcess
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)

    def call(
        self,
        name: str,
        handler: FindHandler,
        *,
        route: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> None:
        """Make a call and keep its answer; the first request with a body that is answered 2xx is kept, too."""
        request = Request(
            url=f"https://offer-monitor.example/api/{name}",
            route=route or {},
            query=query or {},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        answer = dispatch.answer(lambda: handler(self.process), request)
        kept = self.examples.setdefault(name, {})
        status = f"{answer.status} {PROBLEM}" if answer.content_type == PROBLEM_TYPE else str(answer.status)
        if answer.body:
            kept.setdefault(status, json.loads(answer.body))
        if body is not None and answer.status < 300:
            kept.setdefault("request", body)


def record_examples(
    process: TestProcess, instance: Instance, sandbox: Sandbox, table: Table, clock: FakeClock
) -> dict[str, Any]:
    """The examples. `process` and `instance` have tables of their own, the sandbox has the same time as both."""
    recorder = Recorder(process)
    _jobs(recorder, sandbox, clock)
    _offers(recorder)
    _health_and_rows(recorder, table, clock)
    examples: dict[str, Any] = {**recorder.examples, "events": _events(instance, sandbox, clock)}
    text = json.dumps(examples, indent=1, ensure_ascii=False)
    for pattern, replacement in _OF_THIS_RUN:
        text = pattern.sub(replacement, text)
    without_ids_of_this_run: dict[str, Any] = json.loads(text)
    return without_ids_of_this_run


def _offer() -> dict[str, Any]:
    offer = private_offer_of("customerPromotion", id=f"private-offer/{OFFER}")
    return {name: value for name, value in offer.items() if name != "termsAndConditionsDocSasUrl"}


def _jobs(recorder: Recorder, sandbox: Sandbox, clock: FakeClock) -> None:
    sandbox.state.add_job(job_id=JOB, seconds=45, private_offer=_offer())
    # To the sandbox these are deletes, which have no offer.
    sandbox.state.add_job(job_id=PENDING_JOB, seconds=None, operation="delete")
    sandbox.state.add_job(job_id=FAILED_JOB, outcome="failed", errors=[_ERROR], operation="delete")
    registration = {"jobId": JOB, "operation": "create", "label": "Contoso renewal", "externalId": "crm-4711"}
    for body in (
        *(registration, registration, {"jobId": PENDING_JOB, "operation": "update"}, {"jobId": FAILED_JOB}),
        *({"jobId": "4711"}, {"jobId": NEW_JOB, "operation": "rename", "lable": "Contoso renewal"}),
    ):
        recorder.call("register_job", lambda process: process.api().jobs.register, body=body)
    for job in (PENDING_JOB, JOB):
        recorder.process.poll_pending_jobs()
        recorder.call("check_job", lambda process: process.api().jobs.check, route={"jobId": PENDING_JOB})
        clock.advance(60)
        recorder.call("check_job", lambda process: process.api().jobs.check, route={"jobId": PENDING_JOB})
        route = {"jobId": job}
        recorder.call("get_private_offer_of_job", lambda process: process.api().jobs.private_offer, route=route)
    for job in (JOB, NEW_JOB):
        route = {"jobId": job}
        recorder.call("get_job", lambda process: process.api().jobs.read, route=route)
        recorder.call(
            "change_job",
            lambda process: process.api().jobs.change,
            route=route,
            body={"label": "Contoso renewal 2027", "externalId": None},
        )
    recorder.call("list_jobs", lambda process: process.api().jobs.list, query={"state": "failed,cancelled"})
    recorder.call("list_jobs", lambda process: process.api().jobs.list, query={"limit": "none"})
    recorder.call("remove_job", lambda process: process.api().jobs.remove, route={"jobId": NEW_JOB})


def _offers(recorder: Recorder) -> None:
    unknown = {"publisherId": "contoso", "offerId": "contoso-unknown"}
    foreign = {"publisherId": "fabrikam", "offerId": "fabrikam-vm"}
    for name in ("get_private_offer", "get_private_offer_by_durable_id"):
        for offer in (OFFER, NEW_JOB):
            route = {"privateOfferId": offer}
            recorder.call(name, lambda process: process.api().private_offers.read, route=route)
    recorder.call(
        "list_private_offers",
        lambda process: process.api().private_offers.list,
        query={"subState": "pendingAcceptance"},
    )
    for route in (CPP_OFFER, unknown, foreign):
        recorder.call("get_cpp_offer", lambda process: process.api().cpp_offers.read, route=route)
        recorder.call("compare_cpp_offer", lambda process: process.api().cpp_offers.diff, route=route)
        recorder.call("get_cpp_offer_status", lambda process: process.api().cpp_offers.status, route=route)
        publisher = {"publisherId": route["publisherId"]}
        recorder.call("list_cpp_offers", lambda process: process.api().cpp_offers.list, route=publisher)
    for query in ({"privateOfferId": OFFER, **unknown}, unknown, {"privateOfferId": OFFER, "jobId": JOB}):
        recorder.call("get_offer_details", lambda process: process.api().offer_details.read, query=query)


def _health_and_rows(recorder: Recorder, table: Table, clock: FakeClock) -> None:
    table.upsert({"PartitionKey": "pending", "RowKey": "draft of a job"})
    recorder.process.poll_pending_jobs()
    recorder.process.deliver_webhooks()
    clock.advance(20)
    recorder.call("list_set_aside", lambda process: process.storage_api().set_aside.list)
    recorder.call(
        "remove_set_aside", lambda process: process.storage_api().set_aside.remove, route={"rowKey": "none"}
    )
    recorder.call("get_health", lambda process: process.storage_api().health.read)
    recorder.call("get_health_details", lambda process: process.storage_api().health.details)


def _events(instance: Instance, sandbox: Sandbox, clock: FakeClock) -> dict[str, Any]:
    """The bodies of the events, as an endpoint of the format `standard` is sent them."""
    jobs = {outcome: f"{JOB[:-1]}{number}" for number, outcome in enumerate(("succeeded", "failed", "cancelled"))}
    for outcome, job_id in jobs.items():
        sandbox.state.add_job(job_id=job_id, outcome=outcome, private_offer=_offer(), errors=[_ERROR])
    sandbox.state.add_job(job_id=PENDING_JOB, seconds=None)
    for job_id in (*jobs.values(), NEW_JOB, PENDING_JOB):
        instance.register(job_id)
    # Upstream does not know the new job: it is lost. The pending one stalls, then expires.
    for wait_seconds in (*(60,) * 10, 24 * 3600, 30 * 24 * 3600):
        instance.tick()
        clock.advance(wait_seconds)
    instance.tick()
    instance.register(sandbox.state.add_job(seconds=None))
    sandbox.state.fault("expired_token", route="product-ingestion.job-status")
    for _ in range(3):
        instance.tick()
        clock.advance(60)
    sandbox.state.clear_faults()
    for _ in range(3):
        instance.tick()
        clock.advance(60)
    bodies = {event.type: json.loads(body_of(event, "standard")) for event in instance.announcer.events}
    return {event: bodies[event] for event in sorted(bodies)}
