"""The models of the parameters of calls about offers."""

import re
from collections.abc import Iterator, Set
from typing import Annotated

from pydantic import AfterValidator, Field

from shared import identifiers
from shared.http.models import Filter, JobId
from shared.http.parameters import Choice, Cursor, Parameters, WholeNumber
from shared.upstream.cloud_partner_portal import SLOTS

HIGHEST_VERSION = 2**63 - 1

type PrivateOfferId = Annotated[
    str,
    AfterValidator(identifiers.private_offer_id),
    Field(
        description="The id, bare or as upstream gives it: private-offer/<id>.",
        json_schema_extra={"pattern": "^(private-offer/)?[A-Za-z0-9-]{1,100}$"},
    ),
]
# In the API's description only, as `identifiers` checks it: at least one character is not a dot.
_CPP_ID = Field(json_schema_extra={"pattern": "^[A-Za-z0-9._-]*[A-Za-z0-9_-][.]*$", "maxLength": 100})
type PublisherId = Annotated[str, AfterValidator(identifiers.publisher_id), _CPP_ID]
type OfferId = Annotated[str, AfterValidator(identifiers.offer_id), _CPP_ID]
type Slot = Annotated[str, Choice(SLOTS)]
type Version = Annotated[int, WholeNumber(0, HIGHEST_VERSION)]


class PrivateOfferPath(Parameters):
    """One private offer."""

    private_offer_id: PrivateOfferId


class ListPrivateOffers(Parameters):
    """Which private offers to list; the filters are compared without case."""

    state: Filter | None = None
    sub_state: Filter | None = None
    private_offer_type: Filter | None = None
    limit: Annotated[int, WholeNumber(1, 1000)] = 100
    cursor: Cursor | None = None


class PublisherPath(Parameters):
    """One publisher."""

    publisher_id: PublisherId


class CppOfferPath(Parameters):
    """One CPP offer."""

    publisher_id: PublisherId
    offer_id: OfferId


class GetCppOffer(CppOfferPath):
    """One CPP offer: its draft, unless a slot or a version is asked for."""

    slot: Slot | None = None
    version: Version | None = None

    @classmethod
    def conflicts(cls, given: Set[str]) -> Iterator[str]:
        """See the base class."""
        if {"slot", "version"} <= given:
            yield "slot and version exclude each other"


_VERSION = re.compile(r"version:([0-9]{1,19})", re.ASCII | re.IGNORECASE)


def _checked_state(text: str) -> str:
    """A slot in lower case, or `version:N` without leading zeros. Raises ValueError."""
    if text.casefold() in SLOTS:
        return text.casefold()
    version = _VERSION.fullmatch(text)
    if version is None or int(version[1]) > HIGHEST_VERSION:
        raise ValueError("should be draft, preview, production or version:N")
    return f"version:{int(version[1])}"


type OfferState = Annotated[
    str,
    AfterValidator(_checked_state),
    Field(
        description="draft, preview or production, or version:N.",
        json_schema_extra={"pattern": "^(draft|preview|production|version:[0-9]{1,18})$"},
    ),
]


class CompareCppOffer(CppOfferPath):
    """Which two states of a CPP offer to compare."""

    from_: OfferState = Field("production", alias="from")
    to: OfferState = "draft"


class GetOfferDetails(Parameters):
    """A private offer, by its own id or that of its job, and a CPP offer; at least one of the two."""

    private_offer_id: PrivateOfferId | None = None
    job_id: JobId | None = None
    publisher_id: PublisherId | None = None
    offer_id: OfferId | None = None
    slot: Slot | None = None
    version: Version | None = None

    @classmethod
    def conflicts(cls, given: Set[str]) -> Iterator[str]:
        """See the base class."""
        if {"slot", "version"} <= given:
            yield "slot and version exclude each other"
        if {"privateOfferId", "jobId"} <= given:
            yield "privateOfferId and jobId exclude each other"
        if ("publisherId" in given) != ("offerId" in given):
            yield "publisherId and offerId belong together"
        if given & {"slot", "version"} and "offerId" not in given:
            yield "slot and version belong to publisherId and offerId"
        if not given & {"privateOfferId", "jobId", "publisherId", "offerId"}:
            yield "privateOfferId or jobId, or publisherId and offerId, should be given"
