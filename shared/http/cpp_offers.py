"""`/cpp`: offers of the Cloud Partner Portal, unchanged."""

from dataclasses import dataclass

from shared import identifiers
from shared.http.exchange import Request, Response, unchanged_json
from shared.http.parameters import Parameters, takes_parameters
from shared.upstream.cloud_partner_portal import SLOTS, CloudPartnerPortal

HIGHEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class CppOfferHandlers:
    """The handlers of `/cpp`."""

    upstream: CloudPartnerPortal

    @takes_parameters
    def read(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers/{offerId}: the draft unless a slot or a version is asked for."""
        parameters = Parameters(request.query, known={"slot", "version"})
        publisher_id, offer_id = _ids(request, parameters)
        slot, version = slot_or_version(parameters)
        parameters.check()
        return unchanged_json(self.upstream.offer(publisher_id, offer_id, slot=slot, version=version).body)

    def list(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers."""
        return unchanged_json(self.upstream.offers(identifiers.publisher_id(request.route["publisherId"])).body)

    def status(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers/{offerId}/status."""
        parameters = Parameters({}, known=())
        publisher_id, offer_id = _ids(request, parameters)
        parameters.check()
        return unchanged_json(self.upstream.offer_status(publisher_id, offer_id).body)


def _ids(request: Request, parameters: Parameters) -> tuple[str, str]:
    """Publisher and offer; what is wrong with either is among the parameters' faults."""
    publisher_id = parameters.checked_id(request.route["publisherId"], identifiers.publisher_id)
    return publisher_id, parameters.checked_id(request.route["offerId"], identifiers.offer_id)


def slot_or_version(parameters: Parameters) -> tuple[str | None, int | None]:
    """Which state of an offer is asked for; both at once is a fault."""
    slot = parameters.choice("slot", SLOTS)
    version = parameters.whole_number("version", None, lowest=0, highest=HIGHEST_VERSION)
    if slot is not None and version is not None:
        parameters.fault("slot and version exclude each other")
    return slot, version
