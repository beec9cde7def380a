"""The private offer in the detail of a finished job: found without parsing it, and kept as the bytes that came."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.json_codec import InvalidJson, elements, members, text_of
from shared.upstream.answer import Answer

if TYPE_CHECKING:
    from msgspec import Raw

PRIVATE_OFFER_PREFIX = "private-offer/"
# `private-offer`, `private-offer-mpo-originator` and the like, not `price-and-availability-private-offer-plan`.
_PRIVATE_OFFER_SCHEMA = re.compile(r"/schema/private-offer(?:-[a-z-]+)?/")


def private_offer_in(answer: Answer, job_id: str) -> bytes | None:
    """The private offer among the resources of the job, recognised by its id or else its schema; None without one.

    A detail wraps its resources in an array, or is the one bare object that the documentation shows. Resources of
    other kinds may come first. Raises UpstreamUnreadable, also for the detail of another job.
    """
    detail = answer.members("jobId", "jobID", "resources", "id", "$schema")
    for name in ("jobId", "jobID"):
        answer.check_about(name, job_id)
    if "resources" not in detail:
        offer = _has_offer_id(detail) or _has_offer_schema(detail)
        return answer.body.strip() if offer else None
    try:
        return _offer_among(_objects_in(detail["resources"]))
    except InvalidJson as error:
        raise answer.unreadable("its resources cannot be read") from error


def _objects_in(resources: "Raw") -> "list[Raw]":
    """The resources that are objects; one object alone counts as a list of it."""
    found = elements(resources) if _starts_with(resources, b"[") else [resources]
    return [resource for resource in found if _starts_with(resource, b"{")]


def _offer_among(resources: "Iterable[Raw]") -> bytes | None:
    by_schema: Raw | None = None
    for resource in resources:
        told_by = members(resource, "id", "$schema")
        if _has_offer_id(told_by):
            return bytes(resource)
        if by_schema is None and _has_offer_schema(told_by):
            by_schema = resource
    return None if by_schema is None else bytes(by_schema)


def _has_offer_id(found: "dict[str, Raw]") -> bool:
    return (text_of(found.get("id")) or "").strip().casefold().startswith(PRIVATE_OFFER_PREFIX)


def _has_offer_schema(found: "dict[str, Raw]") -> bool:
    # Samples have spaces before the URL and inside it.
    return bool(_PRIVATE_OFFER_SCHEMA.search("".join((text_of(found.get("$schema")) or "").split()).casefold()))


def _starts_with(data: "Raw", start: bytes) -> bool:
    return bytes(memoryview(data)[:1]) == start
