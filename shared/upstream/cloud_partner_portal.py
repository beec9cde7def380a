"""Cloud Partner Portal (CPP), the legacy API: offers of the other kinds, and how their publishing stands."""

from shared.upstream.answers import Answer
from shared.upstream.transport import Transport
from shared.upstream.urls import relative_url

CLOUD_PARTNER_PORTAL = "Cloud Partner Portal"
# As the documentation spells them; callers may use any case.
SLOTS = {"draft": "Draft", "preview": "Preview", "production": "Production"}


class CloudPartnerPortal:
    """Reads offers as upstream sends them. Every method raises UpstreamError.

    Numbers in these answers exceed 53 bits and times may lack their zone, so the bytes are passed on as they are.
    """

    def __init__(self, transport: Transport, *, version: str) -> None:
        self._transport = transport
        self._query = {"api-version": version}

    def offer(
        self, publisher_id: str, offer_id: str, *, slot: str | None = None, version: int | None = None
    ) -> Answer:
        """One offer: the draft, or what stands in `slot`, or one `version`. An offer not published yet is not found
        in `production`. Raises ValueError for an unknown slot, or for slot and version together."""
        if slot is not None and version is not None:
            raise ValueError("an offer is asked for by slot or by version, not both")
        segments = ["publishers", publisher_id, "offers", offer_id]
        if slot is not None:
            if slot.casefold() not in SLOTS:
                raise ValueError("slot should be draft, preview or production")
            segments += ["slot", SLOTS[slot.casefold()]]
        if version is not None:
            segments += ["versions", str(version)]
        answer = self._object(segments)
        if "publisherId" in answer.members("publisherId"):  # an offer whole enough to say whose it is
            answer.check_about("publisherId", publisher_id)
            answer.check_about("id", offer_id)
        return answer

    def offers(self, publisher_id: str) -> Answer:
        """All offers of a publisher, summarised: a bare array."""
        answer = self._transport.get(relative_url("publishers", publisher_id, "offers", query=self._query))
        answer.elements()
        return answer

    def offer_status(self, publisher_id: str, offer_id: str) -> Answer:
        """How an offer's publishing stands, step by step."""
        return self._object(["publishers", publisher_id, "offers", offer_id, "status"])

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _object(self, segments: list[str]) -> Answer:
        answer = self._transport.get(relative_url(*segments, query=self._query))
        answer.members()
        return answer
