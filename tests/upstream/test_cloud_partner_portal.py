"""The client of the Cloud Partner Portal against the sandbox. docs/upstream.md has the quirks."""

import pytest

from sandbox.server import Sandbox
from shared.upstream.clients import Upstream
from shared.upstream.cloud_partner_portal import CloudPartnerPortal
from shared.upstream.errors import AccessDenied, UpstreamNotFound, UpstreamRejectedRequest, UpstreamUnreadable
from tests.upstream.conftest import OpenUpstream


@pytest.fixture
def api(upstream: Upstream, fresh_sandbox: Sandbox) -> CloudPartnerPortal:
    fresh_sandbox.state.add_cpp_offer("contoso", "live-offer", status="succeeded")
    fresh_sandbox.state.add_cpp_offer("contoso", "draft-offer", status="neverPublished")
    return upstream.cloud_partner_portal


def test_an_offer_is_requested_with_the_api_version(api: CloudPartnerPortal, fresh_sandbox: Sandbox) -> None:
    api.offer("contoso", "live-offer")

    [request] = fresh_sandbox.state.requests(route="cloud-partner-portal")
    assert (request.path, request.query) == ("/api/publishers/contoso/offers/live-offer", "api-version=2017-10-31")
    assert request.token_audience == "https://cloudpartner.azure.com"


@pytest.mark.parametrize(
    ("slot", "segment"), [("draft", "Draft"), ("PREVIEW", "Preview"), ("production", "Production")]
)
def test_a_slot_is_requested_in_the_documented_spelling(
    api: CloudPartnerPortal, fresh_sandbox: Sandbox, slot: str, segment: str
) -> None:
    api.offer("contoso", "live-offer", slot=slot)

    [request] = fresh_sandbox.state.requests(route="cloud-partner-portal")
    assert request.path == f"/api/publishers/contoso/offers/live-offer/slot/{segment}"


def test_a_version_is_requested_by_its_number(api: CloudPartnerPortal, fresh_sandbox: Sandbox) -> None:
    api.offer("contoso", "live-offer", version=2)

    [request] = fresh_sandbox.state.requests(route="cloud-partner-portal")
    assert request.path == "/api/publishers/contoso/offers/live-offer/versions/2"


def test_slot_and_version_together_or_an_unknown_slot_are_refused(api: CloudPartnerPortal) -> None:
    with pytest.raises(ValueError, match="not both"):
        api.offer("contoso", "live-offer", slot="draft", version=1)
    with pytest.raises(ValueError, match="slot should be"):
        api.offer("contoso", "live-offer", slot="staging")


def test_the_production_slot_of_a_draft_is_not_found(api: CloudPartnerPortal) -> None:
    """Quirk 16: the 404's body is a JSON string instead of an object."""
    with pytest.raises(UpstreamNotFound) as caught:
        api.offer("contoso", "draft-offer", slot="production")

    assert caught.value.code is None
    assert "Http404Exception" in caught.value.message


def test_another_publishers_offer_is_access_denied(api: CloudPartnerPortal) -> None:
    """Quirk 15: wrong publisher is 403."""
    with pytest.raises(AccessDenied) as caught:
        api.offer("fabrikam", "anything")

    assert (caught.value.api, caught.value.code) == ("Cloud Partner Portal", "Forbidden")


def test_a_truncated_api_version_is_a_rejected_request(open_upstream: OpenUpstream) -> None:
    """Quirk 15: malformed api-version is 400; the documentation's own sample is truncated."""
    api = open_upstream(cloud_partner_portal_version="2017-10-3").cloud_partner_portal

    with pytest.raises(UpstreamRejectedRequest) as caught:
        api.offers("contoso")

    assert caught.value.code == "InvalidAPIVersion"


def test_a_64_bit_version_and_a_time_without_zone_pass_unchanged(
    api: CloudPartnerPortal, fresh_sandbox: Sandbox
) -> None:
    """Quirk 16."""
    fresh_sandbox.state.add_cpp_offer(
        "contoso", "big", version=636576975611768314, changedTime="2024-06-02T12:25:56.651"
    )

    body = api.offer("contoso", "big").body

    assert b"636576975611768314" in body
    assert b'"2024-06-02T12:25:56.651"' in body


def test_the_list_of_a_publisher_is_a_bare_array(api: CloudPartnerPortal) -> None:
    """Quirk 16."""
    assert {"live-offer", "draft-offer"} <= {offer["id"] for offer in api.offers("contoso").json()}


def test_the_publishing_status_has_its_steps(api: CloudPartnerPortal) -> None:
    status = api.offer_status("contoso", "live-offer")

    assert [step["id"] for step in status.json()["steps"]][:2] == ["displaydummycertify", "displaycertify"]


def test_ids_are_quoted_into_the_path(api: CloudPartnerPortal, fresh_sandbox: Sandbox) -> None:
    with pytest.raises(UpstreamNotFound):
        api.offer("contoso", "a/slot/Production?x=1")

    [request] = fresh_sandbox.state.requests(route="cloud-partner-portal")
    assert request.route == "cloud-partner-portal.offer"
    assert request.query == "api-version=2017-10-31"


def test_the_request_id_in_cpps_answer_is_kept(api: CloudPartnerPortal) -> None:
    answer = api.offer("contoso", "live-offer")

    assert answer.request_id == answer.headers["x-ms-correlation-request-id"]


def test_an_entity_tag_is_optional(api: CloudPartnerPortal, fresh_sandbox: Sandbox) -> None:
    assert api.offer("contoso", "live-offer").etag is None

    fresh_sandbox.state.change_settings(cpp_etag=True)

    assert (api.offer("contoso", "live-offer").etag or "").startswith('W/"datetime')


@pytest.mark.parametrize(
    "body", ['{"publisherId": "contoso", "id": "other"}', '{"publisherId": "fabrikam", "id": "contoso-draft"}']
)
def test_an_answer_with_another_offer_is_unreadable(
    api: CloudPartnerPortal, fresh_sandbox: Sandbox, body: str
) -> None:
    fresh_sandbox.state.fault("any_answer", route="cloud-partner-portal.offer", status=200, body=body)

    with pytest.raises(UpstreamUnreadable, match="asked for"):
        api.offer("contoso", "contoso-draft")
