"""Puts offers into the snapshot of a table, in the columns that a run of the watch writes."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sandbox.sample_offers import private_offer_of
from shared.storage.documents import Documents
from shared.storage.large_columns import LargeColumns
from shared.storage.partition import Partition
from shared.storage.table import Table
from shared.watch.calendar_entries import column_after
from shared.watch.offer import WatchedOffer, watched_offer
from shared.watch.rows import (
    OFFER_COLUMN,
    OFFERS_PARTITION,
    OfferChange,
    OfferRow,
    StoredSummary,
    offer_key,
)


def offer_bytes(**fields: object) -> bytes:
    """A private offer as upstream would send it: a live one to a customer, who has not accepted it, unless `fields`
    say otherwise. A field that is None is left out."""
    offer = {
        **private_offer_of("customerPromotion", id=f"private-offer/{uuid.uuid4()}", subState="pendingAcceptance"),
        "eTag": '"1"',
        **fields,
    }
    return json.dumps({name: value for name, value in offer.items() if value is not None}).encode()


def offer_of(**fields: object) -> WatchedOffer:
    """The same, as the watch reads it."""
    return watched_offer(offer_bytes(**fields))


class Snapshot:
    """The snapshot in a table."""

    def __init__(self, table: Table) -> None:
        self.partition = Partition(table, OFFERS_PARTITION)
        self.large_columns = LargeColumns(Documents(table))

    def put(
        self,
        body: bytes,
        now: datetime,
        *,
        calendar: str | None = None,
        gone_at: datetime | None = None,
        history: Sequence[OfferChange] = (),
    ) -> WatchedOffer:
        """Store an offer as it was read at `now`; its last change is the newest of its history."""
        offer = watched_offer(body)
        content: dict[str, Any] = offer.content
        summary = StoredSummary(
            id=offer.id,
            offer_etag=offer.etag,
            read_at=now,
            name=offer.name,
            state=content.get("state"),
            sub_state=content.get("subState"),
            offer_type=content.get("privateOfferType"),
            accept_by=content.get("acceptBy"),
            end=content.get("end"),
            first_seen_at=now,
            gone_at=gone_at,
            last_change_at=datetime.fromisoformat(history[0]["at"]) if history else None,
            last_change_type=history[0]["type"] if history else None,
            calendar=column_after(calendar, None if gone_at else offer, now=now),
        )
        parts = self.large_columns.columns(summary.owner, OFFER_COLUMN, body)
        row = OfferRow(summary=summary, history=history, parts=parts)
        self.partition.upsert(offer_key(offer.id), row.columns)
        return offer

    def calendar_of(self, offer_id: str) -> str:
        """The calendar column of an offer."""
        row = self.partition.get(offer_key(offer_id))
        assert row is not None
        column: str = row["calendar"]
        return column
