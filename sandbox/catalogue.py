"""Products and plans, read only: as much of A2 #7 and #8 as it takes to look up durable ids."""

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, ingestion_error, json_answer
from sandbox.ingestion_requests import PREFIX, checked_state
from sandbox.sample_offers import GOLD_PLAN, RESERVED_PLAN, SAAS_PRODUCT, VM_PRODUCT

SCHEMA_HOST = "https://schema.mp.microsoft.com/schema"


def routes() -> list[web.RouteDef]:
    """The routes; their names are those that faults and the request log use."""
    return [
        web.get(f"{PREFIX}/product", get_products, name="product-ingestion.products", allow_head=False),
        web.get(f"{PREFIX}/plan", get_plans, name="product-ingestion.plans", allow_head=False),
    ]


async def get_products(request: web.Request) -> web.Response:
    """Products by `externalId` (in any casing of the name) and `type`; no match is an empty list."""
    checked_state(request)
    query = {name.lower(): value for name, value in request.query.items()}
    wanted_id, wanted_type = query.get("externalid"), query.get("type")
    rows = [
        product
        for product in PRODUCTS
        if wanted_id in (None, product["identity"]["externalId"]) and wanted_type in (None, product["type"])
    ]
    return json_answer({"value": rows})


async def get_plans(request: web.Request) -> web.Response:
    """The plans of `product`, a durable id."""
    checked_state(request)
    product = request.query.get("product")
    if product is None:
        raise Refusal(400, ingestion_error("badRequest", "The query parameter 'product' is required."))
    return json_answer({"value": [plan for plan in PLANS if plan["product"] == product]})


def _product(product_id: str, external_id: str, kind: str, alias: str) -> JsonObject:
    return {
        "$schema": f"{SCHEMA_HOST}/product/2022-07-01",
        "id": f"product/{product_id}",
        "identity": {"externalId": external_id},
        "type": kind,
        "alias": alias,
    }


def _plan(product_id: str, plan_id: str, external_id: str, alias: str) -> JsonObject:
    return {
        "$schema": f"{SCHEMA_HOST}/plan/2022-07-01",
        "id": f"plan/{product_id}/{plan_id}",
        "product": f"product/{product_id}",
        "identity": {"externalId": external_id},
        "alias": alias,
    }


PRODUCTS = (
    _product(SAAS_PRODUCT, "contoso-field-service", "softwareAsAService", "Contoso Field Service"),
    _product(VM_PRODUCT, "contoso-gateway", "azureVirtualMachine", "Contoso Gateway"),
)
PLANS = (
    _plan(SAAS_PRODUCT, GOLD_PLAN, "gold", "Gold"),
    _plan(VM_PRODUCT, RESERVED_PLAN, "reserved", "Reserved"),
)
