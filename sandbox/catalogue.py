"""The rest of Product Ingestion: products, plans and prices (read only), and 501 for what is not simulated."""

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, ingestion_error, json_answer, not_simulated
from sandbox.private_offers import price_resource
from sandbox.product_ingestion import PREFIX, checked_state, page, version_for
from sandbox.sample_offers import GOLD_PLAN, RESERVED_PLAN, SAAS_PRODUCT, SILVER_PLAN, VM_PRODUCT
from sandbox.schemas import MULTIPARTY_RELEASE, NOT_SIMULATED, PRICE, SCHEMA_BASE, age


def routes() -> list[web.RouteDef]:
    """The routes. Faults and the request log use their names. The 2022 documentation prints a trailing slash."""
    name, other_types = "product-ingestion", "|".join(sorted(NOT_SIMULATED))
    price = f"{PREFIX}/{PRICE}"
    return [
        web.get(f"{PREFIX}/product{{slash:/?}}", get_products, name=f"{name}.products", allow_head=False),
        web.get(f"{PREFIX}/product/{{id}}", get_product, name=f"{name}.product", allow_head=False),
        web.get(f"{PREFIX}/plan{{slash:/?}}", get_plans, name=f"{name}.plans", allow_head=False),
        web.get(f"{PREFIX}/plan/{{product_id}}/{{id}}", get_plan, name=f"{name}.plan", allow_head=False),
        web.get(f"{price}/{{product_id}}/{{number:\\d+}}", get_price, name=f"{name}.price", allow_head=False),
        web.get(f"{price}/{{product:.+}}", get_plan_price, name=f"{name}.plan-price", allow_head=False),
        web.get(f"{PREFIX}/{{type:{other_types}}}{{rest:(?:/.*)?}}", get_other, name=f"{name}.unsimulated"),
    ]


async def get_products(request: web.Request) -> web.Response:
    """Products by `externalId` (the name in any case) and `type`. No match is an empty list."""
    checked_state(request)
    query = {name.lower(): value for name, value in request.query.items()}
    rows = [
        _in_version(product, "product", request)
        for product in PRODUCTS
        if query.get("externalid") in (None, product["identity"]["externalId"])
        and query.get("type") in (None, product["type"])
    ]
    return json_answer(page(request, rows, "value", "product", None))


async def get_plans(request: web.Request) -> web.Response:
    """The plans of `product`, a durable id, filtered by `externalId` if it is given."""
    checked_state(request)
    query = {name.lower(): value for name, value in request.query.items()}
    if "product" not in query:
        raise Refusal(400, ingestion_error("badRequest", "The query parameter 'product' is required."))
    rows = [
        _in_version(plan, "plan", request)
        for plan in PLANS
        if plan["product"] == query["product"] and query.get("externalid") in (None, plan["identity"]["externalId"])
    ]
    return json_answer(page(request, rows, "value", "plan", None))


async def get_product(request: web.Request) -> web.Response:
    """One product by its durable id."""
    checked_state(request)
    return _one_of(PRODUCTS, f"product/{request.match_info['id']}", request)


async def get_plan(request: web.Request) -> web.Response:
    """One plan by its durable id."""
    checked_state(request)
    return _one_of(PLANS, f"plan/{request.match_info['product_id']}/{request.match_info['id']}", request)


async def get_plan_price(request: web.Request) -> web.Response:
    """The prices of a public `plan`, which a client edits and posts with a private offer."""
    checked_state(request)
    product = f"product/{request.match_info['product'].removeprefix('product/')}"
    wanted = request.query.get("plan")
    if wanted is None:
        raise Refusal(400, ingestion_error("badRequest", "The query parameter 'plan' is required."))
    plans = [plan for plan in PLANS if plan["product"] == product and plan["id"].endswith(f"/{_last_part(wanted)}")]
    if not plans:
        raise _not_found(f"A price for the plan '{wanted}' of {product}")
    return _price_answer(price_resource(product, plans[0]["id"], "editExistingOfferPricingOnly"), request)


async def get_price(request: web.Request) -> web.Response:
    """The price resource to which a private offer's `priceDetails` refers."""
    state = checked_state(request)
    durable_id = f"{PRICE}/{request.match_info['product_id']}/{request.match_info['number']}"
    with state.lock:
        state.jobs.settle(state.clock())
        price = state.private_offers.find_price(durable_id)
    if price is None:
        raise _not_found(durable_id)
    return _price_answer(price, request)


async def get_other(request: web.Request) -> web.Response:
    """501: Microsoft documents this resource type, but the sandbox does not simulate it."""
    checked_state(request)
    raise not_simulated(f"resources of the type {request.match_info['type']}")


def _price_answer(price: JsonObject, request: web.Request) -> web.Response:
    version = version_for(request, PRICE)
    shown = {**price, "$schema": f"{SCHEMA_BASE}/{PRICE}/{version}"}
    if age(version) < age(MULTIPARTY_RELEASE):
        shown.pop("offerPricingType", None)
    return json_answer(shown)


def _one_of(resources: tuple[JsonObject, ...], durable_id: str, request: web.Request) -> web.Response:
    for resource in resources:
        if resource["id"] == durable_id:
            return json_answer(_in_version(resource, durable_id.partition("/")[0], request))
    raise _not_found(durable_id)


def _in_version(resource: JsonObject, resource_type: str, request: web.Request) -> JsonObject:
    return {"$schema": f"{SCHEMA_BASE}/{resource_type}/{version_for(request, resource_type)}", **resource}


def _not_found(what: str) -> Refusal:
    return Refusal(404, ingestion_error("notFound", f"{what} was not found."))


def _last_part(durable_id: str) -> str:
    return durable_id.rpartition("/")[2]


def _product(product_id: str, external_id: str, kind: str, alias: str) -> JsonObject:
    return {"id": f"product/{product_id}", "identity": {"externalId": external_id}, "type": kind, "alias": alias}


def _plan(product_id: str, plan_id: str, external_id: str, alias: str) -> JsonObject:
    return {
        "id": f"plan/{product_id}/{plan_id}",
        "product": f"product/{product_id}",
        "identity": {"externalId": external_id},
        "alias": alias,
        "azureRegions": ["azureGlobal"],
    }


PRODUCTS = (
    _product(SAAS_PRODUCT, "contoso-field-service", "softwareAsAService", "Contoso Field Service"),
    _product(VM_PRODUCT, "contoso-gateway", "azureVirtualMachine", "Contoso Gateway"),
)
PLANS = (
    _plan(SAAS_PRODUCT, GOLD_PLAN, "gold", "Gold"),
    _plan(SAAS_PRODUCT, SILVER_PLAN, "silver", "Silver"),
    _plan(VM_PRODUCT, RESERVED_PLAN, "reserved", "Reserved"),
)
