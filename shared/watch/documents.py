"""Which documents the rows of the watch refer to: others are left over from a killed process or a lost race."""

from collections.abc import Callable

from shared.watch.events import OfferOutbox
from shared.watch.rows import OFFER_PREFIX
from shared.watch.run_state import DOCUMENT_OWNER, RunRow
from shared.watch.snapshots import Snapshots


def references(snapshots: Snapshots, outbox: OfferOutbox, run_row: RunRow) -> Callable[[str], list[str] | None]:
    """A function that gives the references to an owner's documents; None if the owner is not one of the watch.

    It raises StorageError.
    """

    def of_owner(owner: str) -> list[str] | None:
        if owner == DOCUMENT_OWNER:
            found = run_row.read()
            return [] if found is None else [found[0].seen_document]
        if not owner.startswith(OFFER_PREFIX):
            return None
        offer_id = owner.removeprefix(OFFER_PREFIX)
        return [*snapshots.references_of(offer_id), *outbox.references_of(offer_id)]

    return of_owner
