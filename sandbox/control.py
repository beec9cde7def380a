"""The control endpoint, /sandbox, with which tests and people control the sandbox.

It uses JSON in camelCase and needs no authentication. Its requests are not logged, and faults do not apply to them.
"""

from dataclasses import asdict

from aiohttp import web

from sandbox.answers import JsonObject, camel_case, json_answer, snake_case
from sandbox.control_bodies import NO_CONTENT, json_body, refused_with_reason
from sandbox.cpp_offers import PUBLISHER_WITHOUT_ACCESS, SAMPLE_PUBLISHER
from sandbox.dialects import DIALECTS
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.faults import Fault
from sandbox.request_log import minimum_spacing_seconds
from sandbox.sample_jobs import submit_samples
from sandbox.state import STATE

DEFAULT_LOG_LIMIT = 1000


def routes() -> list[web.RouteDef]:
    """The routes."""
    return [
        web.get("/sandbox", get_description, name="control.description"),
        web.post("/sandbox/reset", post_reset, name="control.reset"),
        web.get("/sandbox/settings", get_settings, name="control.settings"),
        web.patch("/sandbox/settings", patch_settings, name="control.settings-change"),
        web.post("/sandbox/revoke-tokens", post_revoke_tokens, name="control.revoke-tokens"),
        web.post("/sandbox/samples", post_samples, name="control.samples"),
        web.get("/sandbox/jobs", get_jobs, name="control.jobs"),
        web.post("/sandbox/jobs", post_jobs, name="control.jobs-add"),
        web.post("/sandbox/next-job", post_next_job, name="control.next-job"),
        web.get("/sandbox/faults", get_faults, name="control.faults"),
        web.post("/sandbox/faults", post_fault, name="control.faults-set"),
        web.delete("/sandbox/faults", delete_faults, name="control.faults-clear"),
        web.delete("/sandbox/faults/{fault_id}", delete_faults, name="control.fault-clear"),
        web.get("/sandbox/requests", get_requests, name="control.requests"),
        web.delete("/sandbox/requests", delete_requests, name="control.requests-clear"),
        web.get("/sandbox/status-requests", get_status_requests, name="control.status-requests"),
    ]


async def get_description(request: web.Request) -> web.Response:
    """The account, the base URLs, and the names of faults, routes and dialects."""
    state = request.app[STATE]
    base = f"https://{request.host}"
    return json_answer(
        {
            "authorityHost": base,
            "productIngestionUrl": f"{base}/rp/product-ingestion",
            "cloudPartnerPortalUrl": f"{base}/api",
            "managedIdentityEndpoint": f"{base}/msi/token",
            **camel_case(asdict(state.account)),
            "publisher": SAMPLE_PUBLISHER,
            "publisherWithoutAccess": PUBLISHER_WITHOUT_ACCESS,
            "faults": sorted(FAULT_NAMES),
            "routes": sorted(state.route_names),
            "dialects": list(DIALECTS),
        }
    )


async def post_reset(request: web.Request) -> web.Response:
    """Resets the sandbox to its initial state; tokens stay valid."""
    request.app[STATE].reset()
    return web.Response(status=NO_CONTENT)


async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return json_answer(camel_case(asdict(request.app[STATE].settings)))


async def patch_settings(request: web.Request) -> web.Response:
    """Changes some settings and returns all of them."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        request.app[STATE].change_settings(**values)
    return await get_settings(request)


async def post_revoke_tokens(request: web.Request) -> web.Response:
    """Revokes the tokens for `audience`, or all tokens."""
    body = await json_body(request)
    return json_answer({"revoked": request.app[STATE].revoke_tokens(body.get("audience"))})


async def post_samples(request: web.Request) -> web.Response:
    """Submits the sample jobs and lists the expected result of each."""
    return json_answer(submit_samples(request.app[STATE]), status=201)


async def get_jobs(request: web.Request) -> web.Response:
    """Every job with its current state. This does not count as a status request."""
    state = request.app[STATE]
    with state.lock:
        now = state.clock()
        rows = [
            {"jobId": job.job_id, "operation": job.operation, "state": job.state(now)} for job in state.jobs.all()
        ]
    return json_answer({"jobs": rows})


async def post_jobs(request: web.Request) -> web.Response:
    """Adds a job, or `count` of the same kind."""
    state = request.app[STATE]
    values = snake_case(await json_body(request))
    with refused_with_reason():
        count = int(values.pop("count", 0))
        if not count:
            return json_answer({"jobId": state.add_job(**values)}, status=201)
        return json_answer({"jobIds": [state.add_job(**values) for _ in range(count)]}, status=201)


async def post_next_job(request: web.Request) -> web.Response:
    """Sets the course of the job that the next POST configure starts."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        request.app[STATE].prepare_next_job(**values)
    return web.Response(status=NO_CONTENT)


async def get_faults(request: web.Request) -> web.Response:
    """The faults that are on."""
    state = request.app[STATE]
    with state.lock:
        return json_answer({"faults": [_fault_row(fault) for fault in state.faults.all()]})


async def post_fault(request: web.Request) -> web.Response:
    """Switches a fault on: its `kind`, the requests that it hits, its `count`, and its own parameters."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        fault_id = request.app[STATE].fault(values.pop("kind", ""), **values)
    return json_answer({"faultId": fault_id}, status=201)


async def delete_faults(request: web.Request) -> web.Response:
    """Switches one fault off, or all."""
    fault_id = request.match_info.get("fault_id")
    with refused_with_reason():
        request.app[STATE].clear_faults(int(fault_id) if fault_id else None)
    return web.Response(status=NO_CONTENT)


async def get_requests(request: web.Request) -> web.Response:
    """The logged requests by `route`, `jobId`, `method` and `after` (a number): at most `limit`, and their count."""
    query = request.query
    with refused_with_reason():
        after, limit = int(query.get("after", 0)), int(query.get("limit", DEFAULT_LOG_LIMIT))
    found = request.app[STATE].requests(
        route=query.get("route"), job_id=query.get("jobId"), method=query.get("method"), after=after
    )
    return json_answer({"count": len(found), "requests": [entry.as_json() for entry in found[:limit]]})


async def delete_requests(request: web.Request) -> web.Response:
    """Forgets the requests logged so far."""
    request.app[STATE].clear_requests()
    return web.Response(status=NO_CONTENT)


async def get_status_requests(request: web.Request) -> web.Response:
    """The status requests of each job (or of `jobId`), and the shortest time between two of one job."""
    state = request.app[STATE]
    wanted = request.query.get("jobId")
    with state.lock:
        by_job = state.log.status_requests()
    jobs = {
        job_id: {
            "count": len(entries),
            "minimumSpacingSeconds": minimum_spacing_seconds(entries),
            "arrivedMonotonic": [entry.arrived_monotonic for entry in entries],
        }
        for job_id, entries in by_job.items()
        if wanted is None or job_id == wanted.lower()
    }
    return json_answer({"minimumSpacingSeconds": state.minimum_spacing_seconds(wanted), "jobs": jobs})


def _fault_row(fault: Fault) -> JsonObject:
    return {
        **camel_case({k: v for k, v in asdict(fault).items() if k != "parameters"}),
        **camel_case(fault.parameters),
    }
