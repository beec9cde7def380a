"""Makes the calls whose answers are the examples in the API's description: a short story, told by the running app."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openapi.calls import PROBLEM
from sandbox.sample_offers import private_offer_of
from sandbox.server import Sandbox
from shared.events.event import Event
from shared.http import operations
from shared.http.messages import PROBLEM_TYPE, Request, Response
from shared.watch.rows import OfferChange
from shared.webhooks.formats import Formats
from tests.clock import FakeClock
from tests.http.api import FindHandler
from tests.instance import Instance, TestProcess
from tests.watch.snapshots import Snapshot
from tests.webhooks.receiver import Receiver

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
    (re.compile(r'("latencyMs": )\d+'), r"\g<1>87"),
    (re.compile(r"\bwh_[0-9a-f]{24}"), "wh_5b0c7f3e91d24a68b7c0d1e2"),
    (re.compile(r"\bdlv_[0-9a-f]{32}"), "dlv_0f6c2d8b4a1e4c9f9d3b7a5e61820c47"),
    (re.compile(r"\b((?:evt|msg)_)[0-9a-f]{32}"), r"\g<1>c2a94e0d6b7f4f13a8d50b9e7c3164f2"),
    (re.compile(r"whsec_[0-9A-Za-z+/=]+"), "whsec_QW4gZXhhbXBsZSBvZiBhIHNlY3JldC4uLg=="),
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
    ) -> Any:  # noqa: ANN401 - any JSON
        """Make a call, keep and return its answer; the first body of a request that is answered 2xx is kept, too."""
        request = Request(
            url=f"https://offer-monitor.example/api/{name}",
            route=route or {},
            query=query or {},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        answer = operations.answer(lambda: handler(self.process), request)
        kept = self.examples.setdefault(name, {})
        status = f"{answer.status} {PROBLEM}" if answer.content_type == PROBLEM_TYPE else str(answer.status)
        content = _content(answer)
        if content is not None:
            kept.setdefault(status, content)
        if body is not None and answer.status < 300:
            kept.setdefault("request", body)
        return content


def _content(answer: Response) -> Any:  # noqa: ANN401 - any JSON
    """What an answer says, a calendar as text; None if it has no body."""
    if not answer.body:
        return None
    is_text = str(answer.content_type).startswith("text/")
    return answer.body.decode() if is_text else json.loads(answer.body)


def record_examples(
    process: TestProcess, instance: Instance, sandbox: Sandbox, receiver: Receiver, clock: FakeClock
) -> dict[str, Any]:
    """The examples. `process` and `instance` have tables of their own, the sandbox has the same time as both."""
    recorder = Recorder(process)
    webhook = _first_webhook(recorder, receiver)
    _jobs(recorder, sandbox, clock)
    _webhooks(recorder, webhook)
    _offers(recorder)
    _watch(recorder, clock)
    _health_and_rows(recorder, clock)
    test_event = next(request.json for request in receiver.requests if request.json["type"] == "webhook.test")
    events = {**_events(instance, sandbox, clock), "webhook.test": test_event}
    text = json.dumps({**recorder.examples, "events": events}, indent=1, ensure_ascii=False)
    text = text.replace(receiver.url, "https://crm.example.com/hooks/offers")
    for pattern, replacement in _OF_THIS_RUN:
        text = pattern.sub(replacement, text)
    without_ids_of_this_run: dict[str, Any] = json.loads(text)
    return without_ids_of_this_run


def _offer() -> dict[str, Any]:
    offer = private_offer_of("customerPromotion", id=f"private-offer/{OFFER}")
    return {name: value for name, value in offer.items() if name != "termsAndConditionsDocSasUrl"}


def _first_webhook(recorder: Recorder, receiver: Receiver) -> str:
    """The id of an endpoint for the events of jobs."""
    registration = {"url": receiver.url, "events": ["job.*"], "description": "Offers in the CRM"}
    wrong = {"url": "ftp://crm.example.com", "events": ["job.suceeded"]}
    registered, _ = (
        recorder.call("register_webhook", lambda process: process.api().webhooks.register, body=body)
        for body in (registration, wrong)
    )
    webhook: str = registered["id"]
    return webhook


def _webhooks(recorder: Recorder, webhook: str) -> None:
    recorder.process.services().webhooks.deliverer.finish(5)
    for each in (webhook, "wh_unknown"):
        route = {"webhookId": each}
        recorder.call("get_webhook", lambda process: process.api().webhooks.read, route=route)
        change = {"events": ["job.failed", "job.lost"], "description": None}
        recorder.call("change_webhook", lambda process: process.api().webhooks.change, route=route, body=change)
        recorder.call("test_webhook", lambda process: process.api().webhooks.test, route=route)
        recorder.call("rotate_webhook_secret", lambda process: process.api().webhooks.rotate_secret, route=route)
        recorder.call(
            "redeliver_dead",
            lambda process: process.api().deliveries.redeliver_dead,
            route=route,
            body={"status": "dead", "type": "job.succeeded", "since": "2026-11-20T08:00:00Z"},
        )
    recorder.call("list_webhooks", lambda process: process.api().webhooks.list)
    listed = recorder.call(
        "list_deliveries",
        lambda process: process.api().deliveries.list,
        route={"webhookId": webhook},
        query={"jobId": FAILED_JOB},
    )
    for delivery in (listed["deliveries"][0]["id"], f"dlv_{0:032x}"):
        route = {"webhookId": webhook, "deliveryId": delivery}
        recorder.call("get_delivery", lambda process: process.api().deliveries.read, route=route)
        recorder.call("redeliver", lambda process: process.api().deliveries.redeliver, route=route)
    recorder.call("remove_webhook", lambda process: process.api().webhooks.remove, route={"webhookId": "wh_unknown"})


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
        recorder.call("get_job_timeline", lambda process: process.api().timelines.read, route=route)
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


def _watch(recorder: Recorder, clock: FakeClock) -> None:
    history = [
        OfferChange(at="2026-11-20T08:45:15Z", type="private_offer.changed", changes=["/acceptBy", "/end"]),
        OfferChange(at="2026-11-12T14:30:15Z", type="private_offer.created"),
    ]
    body = json.dumps({**_offer(), "subState": "pendingAcceptance", "eTag": "..."}).encode()
    Snapshot(recorder.process.stores().jobs_table).put(body, clock.now(), history=history)
    recorder.call(
        "list_watched_offers",
        lambda process: process.api().watch.list,
        query={"expiringWithin": "90d", "limit": "10"},
    )
    recorder.call("list_watched_offers", lambda process: process.api().watch.list, query={"endingWithin": "90"})
    for name in ("get_private_offer_history", "get_private_offer_history_by_durable_id"):
        for offer in (OFFER, NEW_JOB):
            route = {"privateOfferId": offer}
            recorder.call(name, lambda process: process.api().watch.history, route=route)
    recorder.call("get_calendar", lambda process: process.api().watch.calendar)


def _health_and_rows(recorder: Recorder, clock: FakeClock) -> None:
    for days in ("2", "0"):
        recorder.call("get_stats", lambda process: process.storage_api().stats.read, query={"days": days})
    recorder.process.stores().jobs_table.upsert({"PartitionKey": "pending", "RowKey": "draft of a job"})
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

    def tick() -> None:
        states = instance.stores.states
        states.record(instance.tick(), instance.stores.set_aside.count)
        states.send_events(instance.timers.outbox)

    jobs = {outcome: f"{JOB[:-1]}{number}" for number, outcome in enumerate(("succeeded", "failed", "cancelled"))}
    for outcome, job_id in jobs.items():
        sandbox.state.add_job(job_id=job_id, outcome=outcome, private_offer=_offer(), errors=[_ERROR])
    sandbox.state.add_job(job_id=PENDING_JOB, seconds=None)
    for job_id in (*jobs.values(), NEW_JOB, PENDING_JOB):
        instance.register(job_id)
    # Upstream does not know the new job: it is lost. The pending one stalls, then expires.
    for wait_seconds in (*(60,) * 10, 24 * 3600, 30 * 24 * 3600):
        tick()
        clock.advance(wait_seconds)
    tick()
    instance.register(sandbox.state.add_job(seconds=None))
    sandbox.state.fault("expired_token", route="product-ingestion.job-status")
    # Ticks that have nothing to ask count neither as failures nor as recovery.
    for _ in range(8):
        tick()
        clock.advance(60)
    sandbox.state.clear_faults()
    for _ in range(8):
        tick()
        clock.advance(60)
    events = [*instance.announcer.events, *_watch_events(clock)]
    bodies = {event.type: json.loads(Formats().payload(event, "standard").body) for event in events}
    return {event: bodies[event] for event in sorted(bodies)}


def _watch_events(clock: FakeClock) -> list[Event]:
    """Events of the offers that the monitor follows."""
    offer = {name: value for name, value in _offer().items() if name != "acceptanceLinks"}
    waiting = _publishing("waitingForPublisherReview")
    cpp_offer = {"cppOffer": CPP_OFFER, "from": _publishing("notStarted"), "to": waiting}
    accepted = offer | {"subState": "accepted"}
    data: dict[str, dict[str, Any]] = {
        "private_offer.created": {"privateOffer": offer},
        "private_offer.changed": {"privateOffer": offer, "changes": ["/acceptBy", "/pricing/0/discountPercentage"]},
        "private_offer.accepted": {"privateOffer": accepted, "by": "customer"},
        "private_offer.expiring": {"privateOffer": offer, "daysLeft": 7},
        "private_offer.expired": {"privateOffer": offer, "daysLeft": 0},
        "private_offer.ending": {"privateOffer": accepted, "daysLeft": 30},
        "private_offer.ended": {"privateOffer": accepted, "daysLeft": 0},
        "private_offer.deleted": {"privateOffer": offer},
        "cpp_offer.status_changed": cpp_offer,
    }
    return [Event(id="evt_1", type=name, created_at=clock.now(), data=each) for name, each in data.items()]


def _publishing(sign_off: str) -> dict[str, Any]:
    return {"status": "running", "steps": {"displaydummycertify": "complete", "publisher-signoff": sign_off}}
