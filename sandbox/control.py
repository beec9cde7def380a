"""The control endpoint /sandbox: what tests and people script the sandbox with. JSON in camelCase, no authentication.

Its requests are neither logged nor hit by faults.
"""

from dataclasses import asdict

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, json_answer
from sandbox.app_keys import STATE
from sandbox.control_bodies import faults_named, json_body
from sandbox.cpp_offers import PUBLISHER_WITHOUT_ACCESS, SAMPLE_PUBLISHER
from sandbox.dialects import DIALECTS
from sandbox.fault_kinds import FAULT_NAMES
from sandbox.faults import Fault
from sandbox.member_names import camel_case, snake_case
from sandbox.sample_offers import private_offer_of
from sandbox.samples import submit_samples

NO_CONTENT = 204


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
        web.post("/sandbox/private-offers", post_private_offer, name="control.private-offers-add"),
        web.post("/sandbox/private-offers/{offer_id}/accept", post_accept, name="control.private-offer-accept"),
        web.post("/sandbox/cpp-offers", post_cpp_offer, name="control.cpp-offers-add"),
        web.get("/sandbox/faults", get_faults, name="control.faults"),
        web.post("/sandbox/faults", post_fault, name="control.faults-set"),
        web.delete("/sandbox/faults", delete_faults, name="control.faults-clear"),
        web.delete("/sandbox/faults/{fault_id}", delete_faults, name="control.fault-clear"),
    ]


async def get_description(request: web.Request) -> web.Response:
    """Who may sign in, what is where, and which words the control endpoint knows."""
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
    """Back to the start; tokens stay good."""
    request.app[STATE].reset()
    return web.Response(status=NO_CONTENT)


async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return json_answer(camel_case(asdict(request.app[STATE].settings)))


async def patch_settings(request: web.Request) -> web.Response:
    """Changes some settings and answers all of them."""
    values = snake_case(await json_body(request))
    with faults_named():
        request.app[STATE].change_settings(**values)
    return await get_settings(request)


async def post_revoke_tokens(request: web.Request) -> web.Response:
    """Revokes the tokens for `audience`, or all."""
    body = await json_body(request)
    return json_answer({"revoked": request.app[STATE].revoke_tokens(body.get("audience"))})


async def post_samples(request: web.Request) -> web.Response:
    """Submits the sample jobs and lists what is expected of each."""
    return json_answer(submit_samples(request.app[STATE]), status=201)


async def get_jobs(request: web.Request) -> web.Response:
    """Every job and its state of this moment; asking here counts as no status request."""
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
    with faults_named():
        count = int(values.pop("count", 0))
        if not count:
            return json_answer({"jobId": state.add_job(**values)}, status=201)
        return json_answer({"jobIds": [state.add_job(**values) for _ in range(count)]}, status=201)


async def post_next_job(request: web.Request) -> web.Response:
    """Decides about the job that the next POST configure makes."""
    values = snake_case(await json_body(request))
    with faults_named():
        request.app[STATE].prepare_next_job(**values)
    return web.Response(status=NO_CONTENT)


async def post_private_offer(request: web.Request) -> web.Response:
    """Adds a private offer: a sample of its `privateOfferType` with the body's fields over it."""
    fields = await json_body(request)
    with faults_named():
        offer = private_offer_of(str(fields.get("privateOfferType", "customerPromotion")), **fields)
        return json_answer({"privateOfferId": request.app[STATE].add_private_offer(offer)}, status=201)


async def post_accept(request: web.Request) -> web.Response:
    """Accepts a private offer as the customer would in the Azure portal."""
    if not request.app[STATE].accept_private_offer(request.match_info["offer_id"]):
        raise Refusal(404, {"error": "there is no such live private offer"})
    return web.Response(status=NO_CONTENT)


async def post_cpp_offer(request: web.Request) -> web.Response:
    """Adds a CPP offer: `publisherId`, `offerId`, `status`, `versions`; `fields` go over each of its forms."""
    values = snake_case(await json_body(request))
    fields = dict(values.pop("fields", {}))
    with faults_named():
        request.app[STATE].add_cpp_offer(**values, **fields)
    return web.Response(status=201)


async def get_faults(request: web.Request) -> web.Response:
    """The faults that are switched on."""
    state = request.app[STATE]
    with state.lock:
        return json_answer({"faults": [_fault_row(fault) for fault in state.faults.all()]})


async def post_fault(request: web.Request) -> web.Response:
    """Switches a fault on: its `kind`, where it hits, how often (`count`), its own parameters."""
    values = snake_case(await json_body(request))
    with faults_named():
        fault_id = request.app[STATE].fault(values.pop("kind", ""), **values)
    return json_answer({"faultId": fault_id}, status=201)


async def delete_faults(request: web.Request) -> web.Response:
    """Switches one fault off, or all."""
    fault_id = request.match_info.get("fault_id")
    with faults_named():
        request.app[STATE].clear_faults(int(fault_id) if fault_id else None)
    return web.Response(status=NO_CONTENT)


def _fault_row(fault: Fault) -> JsonObject:
    return {
        **camel_case({k: v for k, v in asdict(fault).items() if k != "parameters"}),
        **camel_case(fault.parameters),
    }
