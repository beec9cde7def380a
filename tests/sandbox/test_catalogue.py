"""Products, plans and prices; pages, versions, and what is not simulated."""

from urllib.parse import urlsplit

import pytest

from sandbox.sample_offers import GOLD_PLAN, SAAS_PRODUCT, VM_PRODUCT
from sandbox.server import Sandbox
from tests.sandbox.conftest import TIMEOUT_SECONDS, Caller

PRICE = "price-and-availability-private-offer-plan"


def plans(ingestion: Caller, **parameters: str) -> list[str]:
    rows = ingestion.get("plan", product=f"product/{SAAS_PRODUCT}", **parameters).json()["value"]
    return [row["identity"]["externalId"] for row in rows]


def all_pages(ingestion: Caller, path: str, key: str, **parameters: str) -> list[list[str]]:
    """The ids on each page; every next link is followed as it is."""
    page = ingestion.get(path, **parameters).json()
    pages = [[row["id"] for row in page[key]]]
    while "@nextLink" in page:
        assert urlsplit(page["@nextLink"]).path.startswith("/rp/product-ingestion/")
        page = ingestion.session.get(page["@nextLink"], timeout=TIMEOUT_SECONDS).json()
        pages.append([row["id"] for row in page[key]])
    return pages


@pytest.mark.parametrize("name", ["externalId", "externalID", "externalid"])
def test_plans_are_found_by_their_external_id(ingestion: Caller, name: str) -> None:
    assert plans(ingestion) == ["gold", "silver"]
    assert plans(ingestion, **{name: "silver"}) == ["silver"]
    assert plans(ingestion, **{name: "unknown"}) == []


@pytest.mark.parametrize("path", ["product", "product/"])
def test_products_are_listed_with_and_without_a_closing_slash(ingestion: Caller, path: str) -> None:
    assert len(ingestion.get(path).json()["value"]) == 2


@pytest.mark.parametrize("path", ["plan", "plan/"])
def test_plans_are_listed_with_and_without_a_closing_slash(ingestion: Caller, path: str) -> None:
    assert len(ingestion.get(path, product=f"product/{SAAS_PRODUCT}").json()["value"]) == 2


def test_a_product_and_a_plan_are_read_by_their_durable_ids(ingestion: Caller) -> None:
    product = ingestion.get(f"product/{SAAS_PRODUCT}").json()
    plan = ingestion.get(f"plan/{SAAS_PRODUCT}/{GOLD_PLAN}").json()
    assert (product["alias"], plan["alias"]) == ("Contoso Field Service", "Gold")
    assert ingestion.get("product/unknown").status_code == 404


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        ("product", "2022-07-01", "product/2022-07-01"),
        ("product", "2026-02-01", "product/2022-07-01"),
        ("product", "2022-03-01-preview5", "product/2022-03-01-preview3"),
        ("product", "2022-03-01-preview3", "product/2022-03-01-preview3"),
        ("product", "2022-03-01-preview2", "product/2022-03-01-preview2"),
        (f"plan?product=product/{SAAS_PRODUCT}", "2022-03-01-preview5", "plan/2022-03-01-preview2"),
    ],
)
def test_an_answer_is_never_newer_than_the_version_asked_for(
    ingestion: Caller, path: str, asked: str, answered: str
) -> None:
    name, _, product = path.partition("?product=")
    parameters = {"product": product} if product else {}
    row = ingestion.get(name, version=asked, **parameters).json()["value"][0]
    assert row["$schema"] == f"https://schema.mp.microsoft.com/schema/{answered}"


def test_a_job_status_and_an_offer_are_never_newer_than_the_version_asked_for(
    fresh_sandbox: Sandbox, ingestion: Caller
) -> None:
    job_id, offer_id = fresh_sandbox.state.add_job(), fresh_sandbox.state.add_private_offer()
    preview = "2022-03-01-preview2"
    status = ingestion.get(f"configure/{job_id}/status", version=preview).json()
    offer = ingestion.get(f"private-offer/{offer_id}", version=preview).json()
    assert status["$schema"].endswith(f"/configure-status/{preview}")
    assert offer["$schema"].endswith(f"/private-offer/{preview}")


def test_a_version_older_than_all_is_400(ingestion: Caller) -> None:
    assert ingestion.get("product", version="2020-01-01").status_code == 400


@pytest.mark.parametrize(
    ("path", "key", "parameters"),
    [
        ("product", "value", {}),
        ("plan", "value", {"product": f"product/{SAAS_PRODUCT}"}),
        ("private-offer/query", "privateOffers", {}),
    ],
)
def test_a_page_is_as_long_as_the_caller_wants(
    fresh_sandbox: Sandbox, ingestion: Caller, path: str, key: str, parameters: dict[str, str]
) -> None:
    for _ in range(2):
        fresh_sandbox.state.add_private_offer()
    pages = all_pages(ingestion, path, key, **parameters, **{"$maxpagesize": "1"})
    assert [len(page) for page in pages] == [1, 1]
    assert all_pages(ingestion, path, key, **parameters, **{"$maxpagesize": "9"}) == [[*pages[0], *pages[1]]]


@pytest.mark.parametrize("size", ["0", "-1", "many", ""])
def test_a_page_size_that_is_not_a_positive_number_is_400(ingestion: Caller, size: str) -> None:
    assert ingestion.get("product", **{"$maxpagesize": size}).status_code == 400


def test_an_invented_continuation_token_is_400(ingestion: Caller) -> None:
    assert ingestion.get("private-offer", continuationToken="mine").status_code == 400


@pytest.mark.parametrize("product", [SAAS_PRODUCT, f"product/{SAAS_PRODUCT}"])
@pytest.mark.parametrize("plan", [GOLD_PLAN, f"plan/{SAAS_PRODUCT}/{GOLD_PLAN}"])
def test_the_prices_of_a_public_plan_can_be_read(ingestion: Caller, product: str, plan: str) -> None:
    price = ingestion.get(f"{PRICE}/{product}", plan=plan).json()
    assert price["$schema"].endswith(f"/{PRICE}/2023-07-15")
    assert (price["product"], price["plan"]) == (f"product/{SAAS_PRODUCT}", f"plan/{SAAS_PRODUCT}/{GOLD_PLAN}")
    assert price["pricing"]["recurrentPrice"]["priceInputOption"] == "usd"


def test_the_prices_of_2022_have_no_pricing_type(ingestion: Caller) -> None:
    price = ingestion.get(f"{PRICE}/{SAAS_PRODUCT}", version="2022-07-01", plan=GOLD_PLAN).json()
    assert price["$schema"].endswith(f"/{PRICE}/2022-07-01")
    assert "offerPricingType" not in price


def test_prices_need_a_plan_that_exists(ingestion: Caller) -> None:
    assert ingestion.get(f"{PRICE}/{SAAS_PRODUCT}").status_code == 400
    assert ingestion.get(f"{PRICE}/{VM_PRODUCT}", plan=GOLD_PLAN).status_code == 404


def test_the_price_that_an_offer_names_can_be_read(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    offer = ingestion.get(f"private-offer/{fresh_sandbox.state.add_private_offer()}").json()
    durable_id = next(item["priceDetails"] for item in offer["pricing"] if "priceDetails" in item)
    assert ingestion.get(durable_id).json()["id"] == durable_id
    assert ingestion.get(f"{durable_id}0").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"resource-tree/product/{SAAS_PRODUCT}",
        f"submission/{SAAS_PRODUCT}",
        "listing/1/2",
        "virtual-machine-plan-technical-configuration/1/2",
    ],
)
def test_an_endpoint_that_is_not_simulated_is_501_with_the_reason(ingestion: Caller, path: str) -> None:
    answer = ingestion.get(path, targetType="live")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "notImplemented")
    assert error["message"] == f"The sandbox does not simulate resources of the type {path.partition('/')[0]}."


def test_an_endpoint_that_is_not_simulated_still_needs_a_token(ingestion: Caller) -> None:
    ingestion.session.headers["Authorization"] = "Bearer none"
    assert ingestion.get("submission/1").status_code == 401


def test_an_undocumented_path_is_404(ingestion: Caller) -> None:
    assert ingestion.get("unicorn/1").status_code == 404
