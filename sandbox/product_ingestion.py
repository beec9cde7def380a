"""Product Ingestion over HTTP, under /rp/product-ingestion: jobs and private offers. `catalogue` has the rest."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, graph_error, ingestion_error, json_answer
from sandbox.configure import submit
from sandbox.jobs import OUTCOMES, Job
from sandbox.private_offers import ETAG_NAMES, in_pascal_case, summary, with_misprints, written_for
from sandbox.schemas import MULTIPARTY_RELEASE, OFFER, SCHEMA_BASE, age, newest_version
from sandbox.scripted_answers import scripted_answer
from sandbox.state import STATE, SandboxState
from sandbox.tokens import GRAPH_AUDIENCE

PREFIX = "/rp/product-ingestion"
VERSION_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")
ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,100}")
GUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PAGE_TOKEN_PATTERN = re.compile(r"page-(\d{1,9})")
PAGE_SIZE_PATTERN = re.compile(r"0*[1-9]\d{0,8}")


def routes() -> list[web.RouteDef]:
    """The routes. Faults and the request log use their names."""
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
    """Starts a job."""
    state = checked_state(request)
    version = version_for(request, "configure-status")
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(400, ingestion_error("badRequest", "The request body is not valid JSON.")) from error
    with state.lock:
        job = submit(state, body)
        answer = job.status(job.started_at, version)
        return json_answer(answer, status=state.settings.configure_status)


async def get_status(request: web.Request) -> web.StreamResponse:
    """The status of a job."""
    state = checked_state(request)
    version = version_for(request, "configure-status")
    with state.lock:
        job = _job_of(state, request)
        entry = job.next_script_entry()
        now = state.clock()
        usual = job.status(now, version)
        state.jobs.settle(now)
    if isinstance(entry, dict):
        return await scripted_answer(entry, usual, request, now)
    return json_answer(usual, surplus_whitespace=job.dialect.surplus_whitespace)


async def get_detail(request: web.Request) -> web.Response:
    """The detail of a job: 404 or 400 before it completes, 404 if it failed (docs/upstream.md, quirk 12)."""
    state = checked_state(request)
    with state.lock:
        job = _job_of(state, request)
        outcome = job.state(state.clock())
        if outcome not in OUTCOMES:
            status = state.settings.detail_before_completion
            code = "badRequest" if status == 400 else "notFound"
            raise Refusal(status, ingestion_error(code, "The job has not completed yet."))
        if outcome == "failed":
            raise Refusal(404, ingestion_error("notFound", "The requested resource was not found."))
        resources = job.resources() if outcome == "succeeded" else []
        return json_answer(_detail_body(job, resources, request), surplus_whitespace=job.dialect.surplus_whitespace)


async def post_cancel(request: web.Request) -> web.Response:
    """Cancels a job that has not completed."""
    state = checked_state(request)
    version = version_for(request, "configure-status")
    with state.lock:
        job = _job_of(state, request)
        if job.state(state.clock()) in OUTCOMES:
            message = "Cannot cancel job, job has already completed."
            raise Refusal(400, ingestion_error("badRequest", message))
        job.cancelled_at = state.clock()
        return json_answer(job.status(job.cancelled_at, version))


async def get_offer(request: web.Request) -> web.Response:
    """One private offer, as a bare object."""
    state = checked_state(request)
    offer_id = request.match_info["offer_id"]
    if not ID_PATTERN.fullmatch(offer_id):
        detail = {"resourceId": f"private-offer/{offer_id}", "code": "invalidId", "message": "Invalid id."}
        raise Refusal(400, ingestion_error("badRequest", "The id is malformed.", [detail]))
    with state.lock:
        state.jobs.settle(state.clock())
        offer = state.private_offers.find(offer_id)
        if offer is None:
            raise Refusal(404, ingestion_error("notFound", f"private-offer/{offer_id} was not found."))
        return json_answer(_written(offer, request))


async def get_list(request: web.Request) -> web.Response:
    """All private offers. The next link has a different path from the first page (quirk 11)."""
    state = checked_state(request)
    with state.lock:
        state.jobs.settle(state.clock())
        settings = state.settings
        offers = state.private_offers.listed(from_start="continuationToken" not in request.query)
        body = page(request, offers, "privateOffers", OFFER, settings.page_size)
        items = [_written(offer, request) for offer in body["privateOffers"]]
    if not settings.list_whole_offers:
        items = [summary(item) for item in items]
    if not settings.list_etags:
        items = [{name: value for name, value in item.items() if name not in ETAG_NAMES} for item in items]
    return json_answer({**body, "privateOffers": items})


def checked_state(request: web.Request) -> SandboxState:
    """The state, after a check of the token and $version. Raises Refusal."""
    state = request.app[STATE]
    with state.lock:
        fault = state.tokens.fault_of(request.headers.get("Authorization"), GRAPH_AUDIENCE)
    if fault is not None:
        raise Refusal(401, graph_error("InvalidAuthenticationToken", fault, state.clock()))
    version = request.query.get("$version")
    if version is None and state.settings.require_version:
        raise Refusal(400, ingestion_error("badRequest", "The query parameter '$version' is required."))
    if version is not None and not VERSION_PATTERN.fullmatch(version):
        raise Refusal(400, ingestion_error("badRequest", f"'{version}' is not a valid $version."))
    return state


def version_for(request: web.Request, resource_type: str) -> str:
    """The newest version of a type that $version allows; without $version, the newest. Raises Refusal."""
    ceiling = request.query.get("$version")
    version = newest_version(resource_type, ceiling)
    if version is None:
        message = f"There is no version of {resource_type} that is as old as '{ceiling}'."
        raise Refusal(400, ingestion_error("badRequest", message))
    return version


def page(
    request: web.Request, rows: Sequence[JsonObject], key: str, path: str, default_size: int | None
) -> JsonObject:
    """One page of a list with an `@nextLink`, unless it is the last page. Raises Refusal.

    `$maxpagesize` and `continuationToken` select the page. Without a default size a page contains everything.
    """
    size_text, token = request.query.get("$maxpagesize"), request.query.get("continuationToken")
    if size_text is not None and not PAGE_SIZE_PATTERN.fullmatch(size_text):
        raise Refusal(400, ingestion_error("badRequest", "'$maxpagesize' must be a positive whole number."))
    match = PAGE_TOKEN_PATTERN.fullmatch(token) if token else None
    if token and match is None:
        raise Refusal(400, ingestion_error("badRequest", "The continuation token is not valid."))
    start = int(match[1]) if match else 0
    end = start + (int(size_text) if size_text else default_size or len(rows) or 1)
    body: JsonObject = {key: list(rows[start:end])}
    if end < len(rows):
        query = {name: value for name, value in request.query.items() if name != "continuationToken"}
        query["continuationToken"] = f"page-{end}"
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
        body["@nextLink"] = f"https://{request.host}{PREFIX}/{path}?{text}"
    return body


def _job_of(state: SandboxState, request: web.Request) -> Job:
    job_id = request.match_info["job_id"]
    if not GUID_PATTERN.fullmatch(job_id):
        raise Refusal(400, ingestion_error("badRequest", f"'{job_id}' is not a valid job id."))
    job = state.find_job(job_id)
    if job is None:
        raise Refusal(404, ingestion_error("notFound", f"The job {job_id} was not found."))
    return job


def _written(offer: JsonObject, request: web.Request) -> JsonObject:
    version_for(request, OFFER)
    written = written_for(offer, request.query.get("$version")) or {}
    return in_pascal_case(written) if request.app[STATE].settings.pascal_case_offers else written


def _detail_body(job: Job, resources: list[JsonObject], request: web.Request) -> JsonObject:
    """The resources of a job in its dialect. Only offers have several forms."""
    offers = [_written(resource, request) for resource in resources if _is_offer(resource)]
    others = [resource for resource in resources if not _is_offer(resource)]
    if job.dialect.misprints:
        offers = [with_misprints(offer) for offer in offers]
    if job.dialect.detail == "bare" and len(offers) == 1:
        return offers[0]
    match job.dialect.detail:
        case "prices-first":
            shown = [*others, *offers]
        case "all":
            shown = [*offers, *others]
        case _:
            shown = offers or others
    version = request.query.get("$version") or MULTIPARTY_RELEASE
    # In the documented sample of the old form, the envelope has the request's schema.
    schema = "configure-detail" if age(version) >= age(MULTIPARTY_RELEASE) else "configure"
    return {"$schema": f"{SCHEMA_BASE}/{schema}/{version}", "resources": shown}


def _is_offer(resource: JsonObject) -> bool:
    return str(resource.get("id", "")).startswith(f"{OFFER}/")
