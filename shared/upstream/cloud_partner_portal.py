"""Cloud Partner Portal (CPP), the legacy API: offers that are not private offers, and their publishing status."""

from shared.upstream.answers import Answer
from shared.upstream.transport import Transport, relative_url

CLOUD_PARTNER_PORTAL = "Cloud Partner Portal"
# As the documentation spells them; callers may use any case.
SLOTS = {"draft": "Draft", "preview": "Preview", "production": "Production"}


class CloudPartnerPortal:
    """Reads offers and passes on upstream's bytes unchanged. Every method raises UpstreamError.

    The bytes stay unchanged because numbers in them exceed 53 bits and times may lack a zone.
    """

    def __init__(self, transport: Transport, *, version: str) -> None:
        self._transport = transport
        self._query = {"api-version": version}

    def offer(
        self, publisher_id: str, offer_id: str, *, slot: str | None = None, version: int | None = None
    ) -> Answer:
        """One offer: the draft, or the one in `slot`, or a `version`. An offer that was never published is not in
        `production`. Raises ValueError for an unknown slot, or for slot and version together."""
        if slot is not None and version is not None:
            raise ValueError("an offer can be requested by slot or by version, not both")
        segments = ["publishers", publisher_id, "offers", offer_id]
        if slot is not None:
            if slot.casefold() not in SLOTS:
                raise ValueError("slot should be draft, preview or production")
            segments += ["slot", SLOTS[slot.casefold()]]
        if version is not None:
            segments += ["versions", str(version)]
        answer = self._object(segments)
        if "publisherId" in answer.members("publisherId"):  # the offer names its publisher
            answer.check_about("publisherId", publisher_id)
            answer.check_about("id", offer_id)
        return answer

    def offers(self, publisher_id: str) -> Answer:
        """Summaries of all offers of a publisher, as a bare array."""
        answer = self._transport.get(relative_url("publishers", publisher_id, "offers", query=self._query))
        answer.elements()
        return answer

    def offer_status(self, publisher_id: str, offer_id: str, *, timeout_seconds: float | None = None) -> Answer:
        """The publishing status of an offer, with its steps."""
        return self._object(["publishers", publisher_id, "offers", offer_id, "status"], timeout_seconds)

    def close(self) -> None:
        """Close idle connections. Another request opens new ones."""
        self._transport.close()

    def _object(self, segments: list[str], timeout_seconds: float | None = None) -> Answer:
        answer = self._transport.get(relative_url(*segments, query=self._query), timeout_seconds=timeout_seconds)
        answer.members()
        return answer
