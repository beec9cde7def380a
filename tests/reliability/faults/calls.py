"""Every call that goes upstream, ready to be made: the HTTP functions that do, the poller, and the watch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.jobs.job import DETAIL_ATTEMPTS
from tests.http.api import Answer, FindHandler
from tests.reliability.faults.stage import CPP_OFFER, WATCHED_CPP_OFFER, Seen, Stage, seen_in

# Longer than the minute between two polls and the quarter of an hour between two runs of the watch; upstream's
# Retry-After in the table is 300 s.
NEXT_POLL_SECONDS = 305.0
NEXT_RUN_SECONDS = 901.0
# A run that stopped at a page goes on there, and starts over if that page fails again.
RUNS_TO_RECOVER = 4

type Do = Callable[[], Seen]


@dataclass(frozen=True)
class Call:
    """A call. `prepare` sets its stage up and returns what makes the call; `seconds_between` is how much later the
    same call is made again once the fault has ended, `repeats` how many times."""

    name: str
    # As function_app.py names it.
    function: str
    prepare: Callable[[Stage], Do]
    seconds_between: float = 6.0
    repeats: int = 1
    is_timer: bool = False


def _http(find_handler: FindHandler, stage: Stage, **parts: Any) -> Do:  # noqa: ANN401 - as Api.call takes them
    def do() -> Seen:
        answers: list[Answer] = []
        try:
            answers.append(stage.api.call(find_handler, **parts))
        except AssertionError as undocumented:
            return Seen(status="undocumented", undocumented=str(undocumented)[:500] or "not declared")
        return seen_in(answers[0])

    return do


def _private_offer(stage: Stage) -> Do:
    offer_id = stage.state.add_private_offer()
    return _http(lambda app: app.api().private_offers.read, stage, route={"privateOfferId": offer_id})


def _private_offer_by_durable_id(stage: Stage) -> Do:
    route = {"privateOfferId": f"private-offer/{stage.state.add_private_offer()}"}
    return _http(lambda app: app.api().private_offers.read, stage, route=route)


def _private_offers(stage: Stage) -> Do:
    for _ in range(3):
        stage.state.add_private_offer()
    return _http(lambda app: app.api().private_offers.list, stage)


def _second_page(stage: Stage) -> Do:
    """The second page of the app's, which begins on the second page of upstream's."""
    for _ in range(5):
        stage.state.add_private_offer()
    with stage.earlier() as earlier:
        first = earlier.api.private_offers(limit="2").json
    query = {"limit": "2", "cursor": first["nextCursor"]}
    return _http(lambda app: app.api().private_offers.list, stage, query=query)


def _check(stage: Stage) -> Do:
    job_id = _registered(stage)
    return _http(lambda app: app.api().jobs.check, stage, route={"jobId": job_id})


def _offer_of_unregistered(stage: Stage) -> Do:
    job_id = stage.state.add_job()
    return _http(lambda app: app.api().jobs.private_offer, stage, route={"jobId": job_id})


def _offer_of_unregistered_running(stage: Stage) -> Do:
    job_id = stage.state.add_job(seconds=None)
    return _http(lambda app: app.api().jobs.private_offer, stage, route={"jobId": job_id})


def _offer_of_registered(stage: Stage) -> Do:
    """A job that finished without its offer, because its detail was unavailable."""
    job_id = _registered(stage)
    fault = stage.state.fault("server_error", route="product-ingestion.job-detail")
    with stage.earlier() as earlier:
        for _ in range(DETAIL_ATTEMPTS):
            earlier.instance.tick()
            stage.clock.advance(NEXT_POLL_SECONDS)
    stage.state.clear_faults(fault)
    assert stage.instance.job(job_id).private_offer is None
    return _http(lambda app: app.api().jobs.private_offer, stage, route={"jobId": job_id})


def _cpp_offer(**query: str) -> Callable[[Stage], Do]:
    return lambda stage: _http(lambda app: app.api().cpp_offers.read, stage, route=_CPP_ROUTE, query=query)


def _cpp_offers(stage: Stage) -> Do:
    return _http(lambda app: app.api().cpp_offers.list, stage, route={"publisherId": CPP_OFFER[0]})


def _cpp_status(stage: Stage) -> Do:
    return _http(lambda app: app.api().cpp_offers.status, stage, route=_CPP_ROUTE)


def _cpp_diff(stage: Stage) -> Do:
    return _http(lambda app: app.api().cpp_offers.diff, stage, route=_CPP_ROUTE)


def _details(stage: Stage) -> Do:
    query = {"privateOfferId": stage.state.add_private_offer(), **_CPP_ROUTE}
    return _http(lambda app: app.api().offer_details.read, stage, query=query)


def _details_of_job(stage: Stage) -> Do:
    query = {"jobId": stage.state.add_job()}
    return _http(lambda app: app.api().offer_details.read, stage, query=query)


def _poll(stage: Stage) -> Do:
    _registered(stage)

    def do() -> Seen:
        stage.process.poll_pending_jobs()
        tick = stage.api.health_details().json["lastTick"]
        return Seen(status=tick["outcome"], title=tick["reason"] or "", body=str(tick))

    return do


def _watch(stage: Stage) -> Do:
    """A run that has everything to read: news of a listed offer, of a CPP offer, and a job that has just ended.

    The list has no eTags, so that each run reads every offer by its id.
    """
    stage.state.change_settings(list_etags=False)
    stage.state.add_cpp_offer(*WATCHED_CPP_OFFER, status="running")
    offer_ids = [stage.state.add_private_offer() for _ in range(3)]
    with stage.earlier() as earlier:
        earlier.process.watch_offers()
    stage.clock.advance(NEXT_RUN_SECONDS)
    assert stage.instance.announcer.events == []
    _registered(stage)
    stage.state.accept_private_offer(offer_ids[2])
    stage.state.change_cpp_offer(*WATCHED_CPP_OFFER, status="waitingForPublisherReview")

    def do() -> Seen:
        stage.process.watch_offers()
        health = stage.api.health_details().json
        run = health["timers"]["watch_offers"]
        reasons = [run.get("reason", ""), *(offer["reason"] for offer in health["cppOffers"])]
        return Seen(status="ok" if run["ok"] else "failed", title="; ".join(filter(None, reasons)), body=str(health))

    return do


def _registered(stage: Stage) -> str:
    job_id = stage.state.add_job()
    stage.instance.register(job_id)
    stage.notes["job"] = job_id
    return job_id


_CPP_ROUTE = {"publisherId": CPP_OFFER[0], "offerId": CPP_OFFER[1]}
CALLS: tuple[Call, ...] = (
    Call("GET /private-offers/{id}", "get_private_offer", _private_offer),
    Call("GET /private-offers/private-offer/{id}", "get_private_offer_by_durable_id", _private_offer_by_durable_id),
    Call("GET /private-offers", "list_private_offers", _private_offers),
    Call("GET /private-offers, second page", "list_private_offers", _second_page),
    Call("GET /cpp/.../offers/{id}", "get_cpp_offer", _cpp_offer()),
    Call("GET /cpp/.../offers/{id}?slot=preview", "get_cpp_offer", _cpp_offer(slot="preview")),
    Call("GET /cpp/.../offers/{id}?version=1", "get_cpp_offer", _cpp_offer(version="1")),
    Call("GET /cpp/.../offers/{id}/diff", "compare_cpp_offer", _cpp_diff),
    Call("GET /cpp/.../offers", "list_cpp_offers", _cpp_offers),
    Call("GET /cpp/.../offers/{id}/status", "get_cpp_offer_status", _cpp_status),
    Call("GET /offer-details, both offers", "get_offer_details", _details),
    Call("GET /offer-details?jobId=, unregistered", "get_offer_details", _details_of_job, NEXT_POLL_SECONDS),
    Call("POST /jobs/{id}/check", "check_job", _check, NEXT_POLL_SECONDS),
    Call(
        "GET /jobs/{id}/private-offer, unregistered",
        "get_private_offer_of_job",
        _offer_of_unregistered,
        NEXT_POLL_SECONDS,
    ),
    Call(
        "GET /jobs/{id}/private-offer, unregistered, running",
        "get_private_offer_of_job",
        _offer_of_unregistered_running,
        NEXT_POLL_SECONDS,
    ),
    Call(
        "GET /jobs/{id}/private-offer, finished without it",
        "get_private_offer_of_job",
        _offer_of_registered,
        NEXT_POLL_SECONDS,
    ),
    Call("the poller", "poll_pending_jobs", _poll, NEXT_POLL_SECONDS, is_timer=True),
    Call("the watch", "watch_offers", _watch, NEXT_RUN_SECONDS, RUNS_TO_RECOVER, is_timer=True),
)
