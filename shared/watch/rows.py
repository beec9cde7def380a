"""The row of one private offer in the partition `offers`: the snapshot, and what has happened to the offer.

The small columns say enough about an offer to compare, list and filter it, so thousands of offers can be read without
their contents. The offer itself is upstream's JSON, in a column or in a document (`storage/large_columns.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NotRequired, TypedDict, cast

from shared.clock import rfc3339
from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.json_codec import dumps, loads
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Row, etag_of
from shared.watch.changes import enum_value
from shared.watch.offer import OfferSummary, deadline

OFFERS_PARTITION = "offers"
OFFER_PREFIX = "offer~"
# The columns `privateOffer` and `privateOfferDocument`.
OFFER_COLUMN = "privateOffer"
HISTORY_MOST_CHANGES = 200
LONGEST_HISTORY_CHARACTERS = 30_000
# How many jobs whose change the snapshot has are remembered.
REMEMBERED_JOBS = 10
# A list that lags behind shows one of these.
REMEMBERED_ETAGS = 3
_TEXT_COLUMNS = ("eTag", "name", "state", "subState", "privateOfferType", "acceptBy", "end")
_MOMENT_COLUMNS = ("readAt", "firstSeenAt", "goneAt", "lastChangeAt")
#: The columns of an `StoredSummary`.
SUMMARY_COLUMNS: Final[tuple[str, ...]] = (
    "PartitionKey",
    "RowKey",
    *_TEXT_COLUMNS,
    *_MOMENT_COLUMNS,
    *("lastChangeType", "notices", "calendar"),
)


class OfferChange(TypedDict):
    """One entry of an offer's history: an event that was announced. `changes` are JSON Pointers into the offer."""

    at: str
    type: str
    changes: NotRequired[list[str]]


@dataclass(frozen=True, kw_only=True)
class StoredSummary:
    """What the small columns say of an offer.

    `read_at` is None if no content has been read yet: upstream has listed the offer and could not give it. `state`,
    `sub_state` and `offer_type` are in lower case, other texts as upstream sent them. `etag` is that of the row in
    storage, empty if there is none yet.
    """

    id: str
    etag: str = ""
    offer_etag: str | None = None
    read_at: datetime | None = None
    name: str | None = None
    state: str | None = None
    sub_state: str | None = None
    offer_type: str | None = None
    accept_by: str | None = None
    end: str | None = None
    first_seen_at: datetime | None = None
    gone_at: datetime | None = None
    last_change_at: datetime | None = None
    last_change_type: str | None = None
    # The column as it is stored: read and extended by `notices.py` only.
    notices: str = ""
    # Likewise, by `calendar_entries.py` only.
    calendar: str = ""

    @property
    def owner(self) -> str:
        """The owner of the offer's documents."""
        return OFFER_PREFIX + self.id

    @property
    def offer(self) -> OfferSummary:
        """The same as the rules of the watch read it."""
        return OfferSummary(
            name=self.name,
            state=enum_value(self.state),
            sub_state=enum_value(self.sub_state),
            offer_type=enum_value(self.offer_type),
            accept_by=deadline(self.accept_by),
            end=deadline(self.end),
        )


@dataclass(frozen=True, kw_only=True)
class OfferRow:
    """A whole row. `parts` are the columns that hold the offer, or refer to its document."""

    summary: StoredSummary
    history: Sequence[OfferChange] = ()
    # The jobs whose change is in this snapshot, newest first.
    jobs: Sequence[str] = ()
    # The `eTag`s that the offer had before, newest first.
    former_etags: Sequence[str] = ()
    parts: Row = field(default_factory=dict)

    @property
    def columns(self) -> Row:
        """All columns of the row."""
        about = self.summary
        columns: Row = {
            "eTag": about.offer_etag,
            "readAt": about.read_at,
            "name": about.name,
            "state": about.state,
            "subState": about.sub_state,
            "privateOfferType": about.offer_type,
            "acceptBy": about.accept_by,
            "end": about.end,
            "firstSeenAt": about.first_seen_at,
            "goneAt": about.gone_at,
            "lastChangeAt": about.last_change_at,
            "lastChangeType": about.last_change_type,
            "notices": about.notices or None,
            "calendar": about.calendar or None,
            "history": dumps(list(self.history)) if self.history else None,
            "jobs": dumps(list(self.jobs)) if self.jobs else None,
            "formerETags": dumps(list(self.former_etags)) if self.former_etags else None,
            **{name: value or None for name, value in self.parts.items()},
        }
        return {name: value for name, value in columns.items() if value is not None}


def offer_key(offer_id: str) -> str:
    """The row key of an offer, by its bare id in any case."""
    return OFFER_PREFIX + offer_id.lower()


def summary_in(row: Row) -> StoredSummary:
    """Read the small columns of an offer's row. Raises BadRow, nothing else."""
    return read_row(lambda: _summary_in(row))


def offer_row_in(row: Row) -> OfferRow:
    """Read a whole row, without the document that it may refer to. Raises BadRow, nothing else."""

    def read() -> OfferRow:
        parts = {name: row[name] for name in (OFFER_COLUMN, f"{OFFER_COLUMN}Document") if row.get(name)}
        return OfferRow(
            summary=_summary_in(row),
            history=_history_in(row),
            jobs=_texts_in(row, "jobs")[:REMEMBERED_JOBS],
            former_etags=_texts_in(row, "formerETags")[:REMEMBERED_ETAGS],
            parts=parts,
        )

    return read_row(read)


def extended_history(history: Sequence[OfferChange], new: Sequence[OfferChange]) -> list[OfferChange]:
    """The history with new entries, which come in the order in which they happened: newest first, cut to its limits.

    An entry whose changes do not fit is kept without them.
    """
    kept: list[OfferChange] = []
    left = LONGEST_HISTORY_CHARACTERS
    for entry in [*reversed(new), *history][:HISTORY_MOST_CHANGES]:
        size = len(dumps(entry)) + 1
        if size > left and "changes" in entry:
            entry = OfferChange(at=entry["at"], type=entry["type"])  # noqa: PLW2901 - the shorter one
            size = len(dumps(entry)) + 1
        if size > left:
            break
        kept.append(entry)
        left -= size
    return kept


def offer_change(at: datetime, type_: str, changes: Sequence[str]) -> OfferChange:
    """An entry of the history."""
    entry = OfferChange(at=rfc3339(at), type=type_)
    if changes:
        entry["changes"] = list(changes)
    return entry


def _summary_in(row: Row) -> StoredSummary:
    found: dict[str, Any] = {column: text(row, column) for column in _TEXT_COLUMNS}
    found |= {column: moment(row, column) for column in _MOMENT_COLUMNS}
    return StoredSummary(
        id=_id_in(row),
        etag=etag_of(row),
        offer_etag=found["eTag"],
        read_at=found["readAt"],
        name=found["name"],
        state=found["state"],
        sub_state=found["subState"],
        offer_type=found["privateOfferType"],
        accept_by=found["acceptBy"],
        end=found["end"],
        first_seen_at=found["firstSeenAt"],
        gone_at=found["goneAt"],
        last_change_at=found["lastChangeAt"],
        last_change_type=text(row, "lastChangeType"),
        notices=text(row, "notices") or "",
        calendar=text(row, "calendar") or "",
    )


def _id_in(row: Row) -> str:
    offer_id = str(row["RowKey"]).removeprefix(OFFER_PREFIX)
    try:
        known = private_offer_id(offer_id) == offer_id == offer_id.lower()
    except InvalidIdentifier:
        known = False
    if not known:
        raise BadRow("its key is not the id of a private offer in lower case")
    return offer_id


def _texts_in(row: Row, column: str) -> list[str]:
    texts = loads(text(row, column) or "[]")
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise BadRow(f"its {column} are not a list of texts")
    return texts


def _history_in(row: Row) -> list[OfferChange]:
    history = loads(text(row, "history") or "[]")
    if not isinstance(history, list) or not all(_is_change(entry) for entry in history):
        raise BadRow("its history is not a list of changes")
    return cast("list[OfferChange]", history[:HISTORY_MOST_CHANGES])


def _is_change(entry: object) -> bool:
    if not isinstance(entry, dict) or not {"at", "type"} <= entry.keys() <= {"at", "type", "changes"}:
        return False
    changes = entry.get("changes", [])
    texts = [entry["at"], entry["type"], *(changes if isinstance(changes, list) else [None])]
    return all(isinstance(each, str) for each in texts)
