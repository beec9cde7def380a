"""Every function of the app: what triggers it and what it calls.

Only this module knows Azure Functions. Nothing happens at import: parts and handlers are imported when a function is
first called, so the instances of the timers never load the HTTP API.
"""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.http.operations import Handler
    from shared.process import Process

_building = Lock()
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


# Timers. Each can also be started by hand, with POST /admin/functions/{name}.


@app.function_name("poll_pending_jobs")
@app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
def poll_pending_jobs(timer: func.TimerRequest) -> None:  # noqa: ARG001 - storage says what is due
    """Poll every due job, and start the webhook deliveries of the events that result."""
    from shared import timers

    timers.poll_pending_jobs(_process())


@app.function_name("deliver_webhooks")
@app.timer_trigger(schedule="30 * * * * *", arg_name="timer")
def deliver_webhooks(timer: func.TimerRequest) -> None:  # noqa: ARG001 - storage says what is due
    """Retry the webhook deliveries that are due."""
    from shared import timers

    timers.deliver_webhooks(_process())


@app.function_name("watch_offers")
@app.timer_trigger(schedule="15 */15 * * * *", arg_name="timer")
def watch_offers(timer: func.TimerRequest) -> None:  # noqa: ARG001 - storage says when offers were last seen
    """Compare private offers and the status of CPP offers with what was last seen, and announce changes."""
    from shared import timers

    timers.watch_offers(_process())


@app.function_name("clean_up")
@app.timer_trigger(schedule="45 7 3 * * *", arg_name="timer")
def clean_up(timer: func.TimerRequest) -> None:  # noqa: ARG001 - storage says what is due
    """Remove finished jobs, deliveries and rows that were set aside, once their retention is over."""
    from shared import timers

    timers.clean_up(_process())


# Jobs


@app.function_name("register_job")
@app.route("jobs", methods=["POST"])
def register_job(req: func.HttpRequest) -> func.HttpResponse:
    """Start following a job."""
    return _answer(req, lambda: _process().api().jobs.register)


@app.function_name("list_jobs")
@app.route("jobs", methods=["GET"])
def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """List jobs; without a state, the pending ones."""
    return _answer(req, lambda: _process().api().jobs.list)


@app.function_name("get_job")
@app.route("jobs/{jobId}", methods=["GET"])
def get_job(req: func.HttpRequest) -> func.HttpResponse:
    """Read a job's record."""
    return _answer(req, lambda: _process().api().jobs.read)


@app.function_name("change_job")
@app.route("jobs/{jobId}", methods=["PATCH"])
def change_job(req: func.HttpRequest) -> func.HttpResponse:
    """Change a job's operation, label or external id."""
    return _answer(req, lambda: _process().api().jobs.change)


@app.function_name("remove_job")
@app.route("jobs/{jobId}", methods=["DELETE"])
def remove_job(req: func.HttpRequest) -> func.HttpResponse:
    """Stop following a pending job, or remove a finished one from the history."""
    return _answer(req, lambda: _process().api().jobs.remove)


@app.function_name("check_job")
@app.route("jobs/{jobId}/check", methods=["POST"])
def check_job(req: func.HttpRequest) -> func.HttpResponse:
    """Poll a job now, unless it was polled less than 60 seconds ago."""
    return _answer(req, lambda: _process().api().jobs.check)


@app.function_name("get_job_timeline")
@app.route("jobs/{jobId}/timeline", methods=["GET"])
def get_job_timeline(req: func.HttpRequest) -> func.HttpResponse:
    """Tell what happened to a job and when."""
    return _answer(req, lambda: _process().api().timelines.read)


@app.function_name("get_private_offer_of_job")
@app.route("jobs/{jobId}/private-offer", methods=["GET"])
def get_private_offer_of_job(req: func.HttpRequest) -> func.HttpResponse:
    """Read the private offer that a job created or changed."""
    return _answer(req, lambda: _process().api().jobs.private_offer)


@app.function_name("list_set_aside")
@app.route("set-aside", methods=["GET"])
def list_set_aside(req: func.HttpRequest) -> func.HttpResponse:
    """List rows of the jobs table that were set aside because they are not jobs."""
    return _answer(req, lambda: _process().storage_api().set_aside.list)


@app.function_name("remove_set_aside")
@app.route("set-aside/{rowKey}", methods=["DELETE"])
def remove_set_aside(req: func.HttpRequest) -> func.HttpResponse:
    """Remove a row that was set aside."""
    return _answer(req, lambda: _process().storage_api().set_aside.remove)


# Offers


@app.function_name("get_private_offer")
@app.route("private-offers/{privateOfferId}", methods=["GET"])
def get_private_offer(req: func.HttpRequest) -> func.HttpResponse:
    """Read a private offer from Product Ingestion."""
    return _answer(req, lambda: _process().api().private_offers.read)


@app.function_name("get_private_offer_by_durable_id")
@app.route("private-offers/private-offer/{privateOfferId}", methods=["GET"])
def get_private_offer_by_durable_id(req: func.HttpRequest) -> func.HttpResponse:
    """Read a private offer by the id that upstream gives it, with its slash."""
    return _answer(req, lambda: _process().api().private_offers.read)


@app.function_name("list_private_offers")
@app.route("private-offers", methods=["GET"])
def list_private_offers(req: func.HttpRequest) -> func.HttpResponse:
    """List the account's private offers."""
    return _answer(req, lambda: _process().api().private_offers.list)


@app.function_name("get_private_offer_history")
@app.route("private-offers/{privateOfferId}/history", methods=["GET"])
def get_private_offer_history(req: func.HttpRequest) -> func.HttpResponse:
    """Tell what happened to a private offer and when."""
    return _answer(req, lambda: _process().api().watch.history)


@app.function_name("get_private_offer_history_by_durable_id")
@app.route("private-offers/private-offer/{privateOfferId}/history", methods=["GET"])
def get_private_offer_history_by_durable_id(req: func.HttpRequest) -> func.HttpResponse:
    """Tell what happened to a private offer, by the id that upstream gives it, with its slash."""
    return _answer(req, lambda: _process().api().watch.history)


@app.function_name("list_watched_offers")
@app.route("watch/private-offers", methods=["GET"])
def list_watched_offers(req: func.HttpRequest) -> func.HttpResponse:
    """List the private offers that are being followed."""
    return _answer(req, lambda: _process().api().watch.list)


@app.function_name("get_calendar")
@app.route("calendar.ics", methods=["GET"])
def get_calendar(req: func.HttpRequest) -> func.HttpResponse:
    """Read the calendar of the offers' dates, to subscribe to."""
    return _answer(req, lambda: _process().api().watch.calendar)


@app.function_name("get_cpp_offer")
@app.route("cpp/publishers/{publisherId}/offers/{offerId}", methods=["GET"])
def get_cpp_offer(req: func.HttpRequest) -> func.HttpResponse:
    """Read an offer from the Cloud Partner Portal: its draft, another slot, or a version."""
    return _answer(req, lambda: _process().api().cpp_offers.read)


@app.function_name("compare_cpp_offer")
@app.route("cpp/publishers/{publisherId}/offers/{offerId}/diff", methods=["GET"])
def compare_cpp_offer(req: func.HttpRequest) -> func.HttpResponse:
    """Compare two slots or versions of an offer: what would change if it were published."""
    return _answer(req, lambda: _process().api().cpp_offers.diff)


@app.function_name("list_cpp_offers")
@app.route("cpp/publishers/{publisherId}/offers", methods=["GET"])
def list_cpp_offers(req: func.HttpRequest) -> func.HttpResponse:
    """List a publisher's offers in the Cloud Partner Portal."""
    return _answer(req, lambda: _process().api().cpp_offers.list)


@app.function_name("get_cpp_offer_status")
@app.route("cpp/publishers/{publisherId}/offers/{offerId}/status", methods=["GET"])
def get_cpp_offer_status(req: func.HttpRequest) -> func.HttpResponse:
    """Read the publishing status of an offer, step by step."""
    return _answer(req, lambda: _process().api().cpp_offers.status)


@app.function_name("get_offer_details")
@app.route("offer-details", methods=["GET"])
def get_offer_details(req: func.HttpRequest) -> func.HttpResponse:
    """Read a private offer and a Cloud Partner Portal offer in one call."""
    return _answer(req, lambda: _process().api().offer_details.read)


# Webhooks


@app.function_name("register_webhook")
@app.route("webhooks", methods=["POST"])
def register_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Register an endpoint. No other answer shows its secret."""
    return _answer(req, lambda: _process().api().webhooks.register)


@app.function_name("list_webhooks")
@app.route("webhooks", methods=["GET"])
def list_webhooks(req: func.HttpRequest) -> func.HttpResponse:
    """List the endpoints."""
    return _answer(req, lambda: _process().api().webhooks.list)


@app.function_name("get_webhook")
@app.route("webhooks/{webhookId}", methods=["GET"])
def get_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Read an endpoint."""
    return _answer(req, lambda: _process().api().webhooks.read)


@app.function_name("change_webhook")
@app.route("webhooks/{webhookId}", methods=["PATCH"])
def change_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Change an endpoint's URL, events, description, format, or whether it is enabled."""
    return _answer(req, lambda: _process().api().webhooks.change)


@app.function_name("remove_webhook")
@app.route("webhooks/{webhookId}", methods=["DELETE"])
def remove_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Remove an endpoint and its deliveries."""
    return _answer(req, lambda: _process().api().webhooks.remove)


@app.function_name("test_webhook")
@app.route("webhooks/{webhookId}/test", methods=["POST"])
def test_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Send an endpoint a test event now, and answer with its response."""
    return _answer(req, lambda: _process().api().webhooks.test)


@app.function_name("rotate_webhook_secret")
@app.route("webhooks/{webhookId}/rotate-secret", methods=["POST"])
def rotate_webhook_secret(req: func.HttpRequest) -> func.HttpResponse:
    """Give an endpoint a new secret. For 24 hours the old one also signs."""
    return _answer(req, lambda: _process().api().webhooks.rotate_secret)


@app.function_name("list_deliveries")
@app.route("webhooks/{webhookId}/deliveries", methods=["GET"])
def list_deliveries(req: func.HttpRequest) -> func.HttpResponse:
    """List an endpoint's deliveries with their attempts, newest first."""
    return _answer(req, lambda: _process().api().deliveries.list)


@app.function_name("get_delivery")
@app.route("webhooks/{webhookId}/deliveries/{deliveryId}", methods=["GET"])
def get_delivery(req: func.HttpRequest) -> func.HttpResponse:
    """Read one delivery with its body."""
    return _answer(req, lambda: _process().api().deliveries.read)


@app.function_name("redeliver_dead")
@app.route("webhooks/{webhookId}/redeliver", methods=["POST"])
def redeliver_dead(req: func.HttpRequest) -> func.HttpResponse:
    """Make all dead deliveries of an endpoint due again."""
    return _answer(req, lambda: _process().api().deliveries.redeliver_dead)


@app.function_name("redeliver")
@app.route("webhooks/{webhookId}/deliveries/{deliveryId}/redeliver", methods=["POST"])
def redeliver(req: func.HttpRequest) -> func.HttpResponse:
    """Send a delivery again now, with the same webhook-id."""
    return _answer(req, lambda: _process().api().deliveries.redeliver)


# Statistics and health


@app.function_name("get_stats")
@app.route("stats", methods=["GET"])
def get_stats(req: func.HttpRequest) -> func.HttpResponse:
    """Count finished jobs and polls by day."""
    return _answer(req, lambda: _process().storage_api().stats.read)


@app.function_name("get_health")
@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Tell anyone, without a key, whether the monitor can do its work."""
    return _answer(req, lambda: _process().storage_api().health.read, keyless=True)


@app.function_name("get_health_details")
@app.route("health/details", methods=["GET"])
def get_health_details(req: func.HttpRequest) -> func.HttpResponse:
    """Read the parts of the monitor's health."""
    return _answer(req, lambda: _process().storage_api().health.details)


# The API's description, and the pages


@app.function_name("get_openapi")
@app.route("openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Read the description of this API, an OpenAPI document."""
    return _answer(req, _openapi)


@app.function_name("read_docs")
@app.route("docs/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def read_docs(req: func.HttpRequest) -> func.HttpResponse:
    """Show the API's description, to read and to try; also the files that the page loads."""
    return _answer(req, _docs_page)


@app.function_name("show_dashboard")
@app.route("dashboard/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def show_dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """Show the dashboard, which asks for a key and uses this API; also the files that the page loads."""
    return _answer(req, _dashboard_page)


def _openapi() -> "Handler":
    """It is a file, so it works without any settings and tells no one which are missing."""
    from shared.http.pages import OpenApiHandlers

    return OpenApiHandlers().read


def _docs_page() -> "Handler":
    """As the description, the page works without any settings."""
    from shared.http.pages import Page

    return Page("docs").read


def _dashboard_page() -> "Handler":
    """The page holds no data, so it works without any settings, too."""
    from shared.http.pages import Page

    return Page("dashboard").read


def _process() -> "Process":
    """The parts of this process."""
    with _building:
        return _new_process()


@cache
def _new_process() -> "Process":
    from shared.process import Process

    return Process()


def _answer(
    req: func.HttpRequest, find_handler: "Callable[[], Handler]", *, keyless: bool = False
) -> func.HttpResponse:
    """Translate between Azure Functions and the handlers."""
    from shared.http import operations
    from shared.http.messages import Request, all_parameters

    request = Request(
        url=req.url,
        route=req.route_params,
        query=all_parameters(req.url, req.params),
        headers={name.lower(): value for name, value in req.headers.items()},
        body=req.get_body(),
    )
    response = (operations.answer_anyone if keyless else operations.answer)(find_handler, request)
    return func.HttpResponse(
        response.body,
        status_code=response.status,
        headers=response.all_headers,
        mimetype=response.content_type,
    )
