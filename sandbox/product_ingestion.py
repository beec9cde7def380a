"""Product Ingestion over HTTP: the endpoints of upstream-api A2, under /rp/product-ingestion."""

from urllib.parse import quote

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, ingestion_error, json_answer
from sandbox.configure import submit
from sandbox.ingestion_requests import DEFAULT_VERSION, PREFIX, checked_state, job_of, offer_id_of, version_of
from sandbox.jobs import OUTCOMES, Job
from sandbox.private_offers import summaries, with_misprints, written_for
from sandbox.scripted_answers import scripted_answer

DETAIL_SCHEMA = "https://schema.mp.microsoft.com/schema/configure-detail"
REQUEST_SCHEMA = "https://schema.mp.microsoft.com/schema/configure"


def routes() -> list[web.RouteDef]:
    """The routes; their names are those that faults and the request log use."""
    name = "product-ingestion"
    return [
        web.post(f"{PREFIX}/configure", post_configure, name=f"{name}.configure"),
        web.get(f"{PREFIX}/configure/{{job_id}}/status", get_status, name=f"{name}.job-status", allow_head=False),
        web.get(f"{PREFIX}/configure/{{job_id}}", get_detail, name=f"{name}.job-detail", allow_head=False),
        web.post(f"{PREFIX}/configure/{{job_id}}/cancel", post_cancel, name=f"{name}.job-cancel"),
        web.get(f"{PREFIX}/private-offer/query", get_list, name=f"{name}.private-offers", allow_head=False),
        web.get(f"{PREFIX}/private-offer", get_list, name=f"{name}.private-offers.page", allow_head=False),
        web.get(f"{PREFIX}/private-offer/{{offer_id}}", get_offer, name=f"{name}.private-offer", allow_head=False),
    ]


async def post_configure(request: web.Request) -> web.Response:
    """A2 #1."""
    state = checked_state(request)
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(400, ingestion_error("badRequest", "The request body is not valid JSON.")) from error
    with state.lock:
        job = submit(state, body)
        return json_answer(job.status(job.started_at), status=state.settings.configure_status)


async def get_status(request: web.Request) -> web.StreamResponse:
    """A2 #2."""
    state = checked_state(request)
    with state.lock:
        job = job_of(state, request)
        entry = job.next_script_entry()
        now = state.clock()
        usual = job.status(now)
        state.jobs.settle(now)
    if isinstance(entry, dict):
        return await scripted_answer(entry, usual, request, now)
    return json_answer(usual, surplus_whitespace=job.dialect.surplus_whitespace)


async def get_detail(request: web.Request) -> web.Response:
    """A2 #3; 404 or 400 before completion, 404 for a job that failed (A6)."""
    state = checked_state(request)
    with state.lock:
        job = job_of(state, request)
        outcome = job.state(state.clock())
        if outcome not in OUTCOMES:
            status = state.settings.detail_before_completion
            code = "badRequest" if status == 400 else "notFound"
            raise Refusal(status, ingestion_error(code, "The job has not completed yet."))
        if outcome == "failed":
            raise Refusal(404, ingestion_error("notFound", "The requested resource was not found."))
        resources = job.resources() if outcome == "succeeded" else []
        return json_answer(
            _detail_body(job, resources, version_of(request)), surplus_whitespace=job.dialect.surplus_whitespace
        )


async def post_cancel(request: web.Request) -> web.Response:
    """A2 #4."""
    state = checked_state(request)
    with state.lock:
        job = job_of(state, request)
        if job.state(state.clock()) in OUTCOMES:
            message = "Cannot cancel job, job has already completed."
            raise Refusal(400, ingestion_error("badRequest", message))
        job.cancelled_at = state.clock()
        return json_answer(job.status(job.cancelled_at))


async def get_offer(request: web.Request) -> web.Response:
    """A2 #5: the bare object."""
    state = checked_state(request)
    offer_id = offer_id_of(request)
    with state.lock:
        state.jobs.settle(state.clock())
        offer = state.private_offers.find(offer_id)
        if offer is None:
            raise Refusal(404, ingestion_error("notFound", f"private-offer/{offer_id} was not found."))
        return json_answer(written_for(offer, version_of(request)))


async def get_list(request: web.Request) -> web.Response:
    """A2 #6: the next link leads to another path than the first page, with %24version in it."""
    state = checked_state(request)
    token = request.query.get("continuationToken", "")
    if token and not token.removeprefix("page-").isdecimal():
        raise Refusal(400, ingestion_error("badRequest", "The continuation token is not valid."))
    start = int(token.removeprefix("page-")) if token else 0
    with state.lock:
        state.jobs.settle(state.clock())
        offers = state.private_offers.all()
        end = start + state.settings.page_size
        body: JsonObject = {"privateOffers": summaries(offers[start:end], version_of(request))}
    if end < len(offers):
        version = quote(version_of(request))
        body["@nextLink"] = (
            f"https://{request.host}{PREFIX}/private-offer?%24version={version}&continuationToken=page-{end}"
        )
    return json_answer(body)


def _detail_body(job: Job, resources: list[JsonObject], version: str) -> JsonObject:
    """Wrapped; or bare for a dialect that has it so. Only offers change their form with the version."""
    offers = [written_for(resource, version) for resource in resources if _is_offer(resource)]
    if job.dialect.misprints:
        offers = [with_misprints(offer) for offer in offers]
    if job.dialect.detail == "bare" and len(offers) == 1:
        return offers[0]
    others = [resource for resource in resources if not _is_offer(resource)]
    if job.dialect.detail != "several" and offers:
        others = []
    # the documented sample of the old form is wrapped in the schema of the request (A6)
    schema = f"{DETAIL_SCHEMA}/{version}" if version >= DEFAULT_VERSION else f"{REQUEST_SCHEMA}/{version}"
    return {"$schema": schema, "resources": [*others, *offers]}


def _is_offer(resource: JsonObject) -> bool:
    return str(resource.get("id", "")).startswith("private-offer/")
