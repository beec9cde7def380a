"""The client of Product Ingestion against the sandbox. docs/upstream.md has the quirks."""

import pytest

from sandbox.server import Sandbox
from shared.json_codec import loads
from shared.upstream.clients import Upstream
from shared.upstream.errors import (
    AccessDenied,
    TokenRejected,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamServerError,
    UpstreamUnreadable,
)
from shared.upstream.product_ingestion import STATUS_MAX_BYTES, ProductIngestion
from tests.upstream.conftest import OpenUpstream

JOB_ID = "11111111-2222-4333-8444-555555555555"
UNKNOWN_JOB_ID = "99999999-2222-4333-8444-555555555555"
STATUS, DETAIL = "product-ingestion.job-status", "product-ingestion.job-detail"


@pytest.fixture
def api(upstream: Upstream) -> ProductIngestion:
    return upstream.product_ingestion


def test_a_status_is_requested_with_the_status_version(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 2: the documentation's request line has a space in `$ version`; a client must send `$version`."""
    job_id = fresh_sandbox.state.add_job(job_id=JOB_ID)

    api.job_status(job_id)

    [request] = fresh_sandbox.state.requests(route=STATUS)
    assert request.path.endswith(f"/configure/{JOB_ID}/status")
    assert request.query == "$version=2022-07-01"


@pytest.mark.parametrize("dialect", ["private-offer", "core", "trimmed", "pascal", "spaced"])
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_every_outcome_is_read_however_upstream_writes_it(
    api: ProductIngestion, fresh_sandbox: Sandbox, dialect: str, outcome: str
) -> None:
    """Quirks 1, 4, 6, 8 and 9, as the sandbox combines them."""
    job = api.job_status(fresh_sandbox.state.add_job(outcome=outcome, dialect=dialect))

    assert (job.finished, job.outcome) == (True, outcome)


@pytest.mark.parametrize("dialect", ["private-offer", "core", "trimmed", "pascal", "spaced"])
def test_a_running_job_is_pending_however_upstream_writes_it(
    api: ProductIngestion, fresh_sandbox: Sandbox, dialect: str
) -> None:
    """Quirk 4: "trimmed" has a plausible jobEnd while the job still runs."""
    job = api.job_status(fresh_sandbox.state.add_job(seconds=None, dialect=dialect))

    assert (job.finished, job.outcome, job.status) == (False, None, "running")


def test_the_errors_of_a_failed_job_are_upstreams_own(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    errors = [{"code": "conflict", "message": "No.", "details": [{"code": "invalidState"}], "new": {"field": 1}}]
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=errors, dialect="core")

    [error] = api.job_status(job_id).errors

    assert (error["code"], error["details"][0]["code"], error["new"]) == ("conflict", "invalidState", {"field": 1})


def test_an_answer_about_another_job_is_unreadable(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(script=[{"fields": {"jobId": UNKNOWN_JOB_ID}}], dialect="private-offer")

    with pytest.raises(UpstreamUnreadable) as caught:
        api.job_status(job_id)

    assert caught.value.status == 200
    assert caught.value.request_id


def test_an_unknown_job_is_not_found(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    with pytest.raises(UpstreamNotFound) as caught:
        api.job_status(UNKNOWN_JOB_ID)

    assert (caught.value.status, caught.value.code, caught.value.api) == (404, "notFound", "Product Ingestion")
    assert len(fresh_sandbox.state.requests(route=STATUS)) == 1


def test_a_failing_upstream_gets_one_request_and_does_not_fail_the_job(
    api: ProductIngestion, fresh_sandbox: Sandbox
) -> None:
    """Quirk 13: 5xx on status polling is routine; the next tick retries, not this client."""
    job_id = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("server_error", route=STATUS, status=500)

    with pytest.raises(UpstreamServerError):
        api.job_status(job_id)

    assert len(fresh_sandbox.state.requests(route=STATUS)) == 1


@pytest.mark.parametrize("dialect", ["private-offer", "trimmed", "pascal"])
def test_the_detail_holds_the_private_offer_wrapped_bare_or_among_others(
    api: ProductIngestion, fresh_sandbox: Sandbox, dialect: str
) -> None:
    offer_id = "private-offer/aaaaaaaa-0000-4000-8000-000000000001"
    offer = {"id": offer_id, "name": "o", "privateOfferType": "customerPromotion", "state": "draft"}
    job_id = fresh_sandbox.state.add_job(dialect=dialect, private_offer=offer)

    found = api.job_offer(job_id)

    assert found is not None
    assert loads(found)["id"] == offer_id


def test_the_detail_is_requested_at_the_configured_base_url(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 5: resourceUri names another host, which must never see the token, and lacks `$version`."""
    job_id = fresh_sandbox.state.add_job()
    assert "localhost" not in (api.job_status(job_id).resource_uri or "")

    api.job_offer(job_id)

    [request] = fresh_sandbox.state.requests(route=DETAIL)
    assert (request.path, request.query) == (f"/rp/product-ingestion/configure/{job_id}", "$version=2023-07-15")


def test_the_detail_of_a_failed_job_is_not_found(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 12: only the status has the reasons."""
    job_id = fresh_sandbox.state.add_job(outcome="failed")

    assert api.job_status(job_id).errors
    with pytest.raises(UpstreamNotFound):
        api.job_offer(job_id)


def test_a_private_offer_is_passed_on_byte_for_byte(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(None, unknownField={"kept": [2.0]})

    answer = api.private_offer(offer_id)

    assert b'"discountPercentage": 2.0' in answer.body.replace(b":2.0", b": 2.0")
    assert answer.json()["unknownField"] == {"kept": [2]}


def test_a_private_offers_entity_tag_is_its_etag_field(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 10."""
    answer = api.private_offer(f"private-offer/{fresh_sandbox.state.add_private_offer()}")

    assert answer.etag == answer.json()["eTag"]


def test_an_older_version_of_a_private_offer_is_passed_on_too(
    open_upstream: OpenUpstream, fresh_sandbox: Sandbox
) -> None:
    """Quirk 14: `$version` is configurable; older ones write PascalCase values, nulls and _etag."""
    api = open_upstream(product_ingestion_offer_version="2022-07-01").product_ingestion
    answer = api.private_offer(fresh_sandbox.state.add_private_offer())

    assert answer.json()["state"] == "Live"
    assert answer.etag == answer.json()["_etag"]


def test_a_malformed_version_is_a_rejected_request(open_upstream: OpenUpstream, fresh_sandbox: Sandbox) -> None:
    """Quirk 15: malformed `$version` is 400."""
    api = open_upstream(product_ingestion_offer_version="2023-7-15").product_ingestion

    with pytest.raises(UpstreamRejectedRequest) as caught:
        api.private_offer(fresh_sandbox.state.add_private_offer())

    assert caught.value.status == 400


def test_a_missing_partner_center_role_is_access_denied(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 15: 403 is the right token without a Partner Center role."""
    fresh_sandbox.state.fault("role_missing", route="product-ingestion")

    with pytest.raises(AccessDenied) as caught:
        api.job_status(fresh_sandbox.state.add_job())

    assert (caught.value.status, caught.value.code) == (403, "forbidden")


def test_a_token_for_the_other_api_is_rejected(open_upstream: OpenUpstream, fresh_sandbox: Sandbox) -> None:
    """Quirk 15: the two audiences are separate."""
    api = open_upstream(product_ingestion_scope="https://cloudpartner.azure.com/.default").product_ingestion

    with pytest.raises(TokenRejected) as caught:
        api.job_status(fresh_sandbox.state.add_job())

    assert (caught.value.code, caught.value.after_renewal) == ("InvalidAuthenticationToken", False)


def test_the_list_follows_next_links_to_the_end(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 11: the envelope is privateOffers and @nextLink, which leads to another path than the first page."""
    expected = {f"private-offer/{fresh_sandbox.state.add_private_offer()}" for _ in range(5)}

    page = api.private_offers(100)

    assert {loads(offer)["id"] for offer in page.offers} == expected
    assert page.next_cursor is None
    first, *others = fresh_sandbox.state.requests(route="product-ingestion")
    assert (first.path, first.query) == ("/rp/product-ingestion/private-offer/query", "$version=2023-07-15")
    assert {request.path for request in others} == {"/rp/product-ingestion/private-offer"}


def test_a_cursor_continues_in_the_middle_of_a_page(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    for number in range(5):
        fresh_sandbox.state.add_private_offer(None, name=f"offer {number}")

    names, cursor = [], None
    for _ in range(2):
        page = api.private_offers(3, cursor=cursor)
        names += [loads(offer)["name"] for offer in page.offers]
        cursor = page.next_cursor

    assert names == [f"offer {number}" for number in range(5)]
    assert cursor is None


def test_filters_are_compared_without_case(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 9: multipartyPromotion... and multiPartyPromotion..."""
    wanted = "multiPartyPromotionChannelPartner"
    expected = fresh_sandbox.state.add_private_offer(None, privateOfferType=wanted)
    fresh_sandbox.state.add_private_offer()

    page = api.private_offers(10, private_offer_type=wanted.lower(), state="LIVE", sub_state="pendingacceptance")

    assert [loads(offer)["id"] for offer in page.offers] == [f"private-offer/{expected}"]


def test_the_client_only_reads(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    """Quirk 18: what may be withdrawn or edited is for those who submit jobs; the monitor changes nothing."""
    job_id = fresh_sandbox.state.add_job()
    api.job_status(job_id)
    api.job_offer(job_id)
    api.private_offer(fresh_sandbox.state.add_private_offer())
    api.private_offers(1)

    assert {request.method for request in fresh_sandbox.state.requests(route="product-ingestion")} == {"GET"}


@pytest.mark.parametrize("told", ["private-offer/2", "2", "private-offer/private-offer/1"])
def test_an_answer_with_another_private_offer_is_unreadable(
    api: ProductIngestion, fresh_sandbox: Sandbox, told: str
) -> None:
    """An intermediary that mixes up two answers must not mix up two offers."""
    fresh_sandbox.state.fault(
        "any_answer", route="product-ingestion.private-offer", status=200, body=f'{{"id": "{told}"}}'
    )

    with pytest.raises(UpstreamUnreadable, match="asked for"):
        api.private_offer("1")


@pytest.mark.parametrize("told", ["private-offer/ab-1", "AB-1", " Private-Offer/AB-1 "])
def test_the_requested_private_offer_is_recognised_in_any_spelling(
    api: ProductIngestion, fresh_sandbox: Sandbox, told: str
) -> None:
    fresh_sandbox.state.fault(
        "any_answer", route="product-ingestion.private-offer", status=200, body=f'{{"id": "{told}"}}'
    )

    assert api.private_offer("private-offer/ab-1").status == 200


def test_a_status_too_large_to_be_parsed_is_unreadable(api: ProductIngestion, fresh_sandbox: Sandbox) -> None:
    body = '{"jobStatus": "completed"}'.ljust(STATUS_MAX_BYTES + 1)
    fresh_sandbox.state.fault("any_answer", route=STATUS, status=200, body=body)

    with pytest.raises(UpstreamUnreadable, match="more than"):
        api.job_status(UNKNOWN_JOB_ID)
