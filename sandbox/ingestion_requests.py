"""What every request to Product Ingestion is checked for: its token, its $version, the ids in its path."""

import re

from aiohttp import web

from sandbox.answers import Refusal, graph_error, ingestion_error
from sandbox.app_keys import STATE
from sandbox.jobs import Job
from sandbox.state import SandboxState
from sandbox.tokens import GRAPH_AUDIENCE

PREFIX = "/rp/product-ingestion"
DEFAULT_VERSION = "2023-07-15"
VERSION_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")
ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,100}")
GUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def checked_state(request: web.Request) -> SandboxState:
    """The state, once the token and $version have been found good. Raises Refusal."""
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


def version_of(request: web.Request) -> str:
    """The ceiling that the caller asked for."""
    return request.query.get("$version", DEFAULT_VERSION)


def job_of(state: SandboxState, request: web.Request) -> Job:
    """The job that the path names. Raises Refusal."""
    job_id = request.match_info["job_id"]
    if not GUID_PATTERN.fullmatch(job_id):
        raise Refusal(400, ingestion_error("badRequest", f"'{job_id}' is not a valid job id."))
    job = state.find_job(job_id)
    if job is None:
        raise Refusal(404, ingestion_error("notFound", f"The job {job_id} was not found."))
    return job


def offer_id_of(request: web.Request) -> str:
    """The bare private-offer id in the path. Raises Refusal."""
    offer_id = request.match_info["offer_id"]
    if not ID_PATTERN.fullmatch(offer_id):
        detail = {"resourceId": f"private-offer/{offer_id}", "code": "invalidId", "message": "Invalid id."}
        raise Refusal(400, ingestion_error("badRequest", "The id is malformed.", [detail]))
    return offer_id
