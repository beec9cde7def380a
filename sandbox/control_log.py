"""The request log over the control endpoint."""

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.app_keys import STATE
from sandbox.control_bodies import faults_named
from sandbox.request_log import minimum_spacing_seconds

DEFAULT_LIMIT = 1000


def routes() -> list[web.RouteDef]:
    """The routes."""
    return [
        web.get("/sandbox/requests", get_requests, name="control.requests"),
        web.delete("/sandbox/requests", delete_requests, name="control.requests-clear"),
        web.get("/sandbox/status-requests", get_status_requests, name="control.status-requests"),
    ]


async def get_requests(request: web.Request) -> web.Response:
    """Requests by `route`, `jobId`, `method`, `after` a number, at most `limit` (default 1000), and their count."""
    query = request.query
    with faults_named():
        after, limit = int(query.get("after", 0)), int(query.get("limit", DEFAULT_LIMIT))
    found = request.app[STATE].requests(
        route=query.get("route"), job_id=query.get("jobId"), method=query.get("method"), after=after
    )
    return json_answer({"count": len(found), "requests": [entry.as_json() for entry in found[:limit]]})


async def delete_requests(request: web.Request) -> web.Response:
    """Forgets the requests logged so far."""
    request.app[STATE].clear_requests()
    return web.Response(status=204)


async def get_status_requests(request: web.Request) -> web.Response:
    """The status requests job by job with the shortest time between two of them; `jobId` asks for one job."""
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
