"""Which documents belong to the watch, and which of them are still referred to."""

from datetime import UTC, datetime, timedelta

from shared.events.outbox import Outbox
from shared.storage.documents import Documents
from shared.storage.table import Table
from shared.watch.decision import Told
from shared.watch.documents import references
from shared.watch.events import OfferOutbox
from shared.watch.rows import OfferRow, StoredSummary
from shared.watch.run_state import RunRow, RunState
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.watch.samples import OFFER_ID, watched

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LARGE = watched(notes="x" * 40_000).body


def test_the_documents_of_the_watch_are_those_of_its_offers_their_events_and_its_run(table: Table) -> None:
    documents = Documents(table)
    snapshots, run_row = Snapshots(table, documents), RunRow(table, documents)
    outbox = OfferOutbox(table, documents, Outbox(table, lambda _: None))
    of_owner = references(snapshots, outbox, run_row)
    assert of_owner("run") == []
    assert of_owner(f"offer~{OFFER_ID}") == []

    parts = snapshots.parts(OFFER_ID, LARGE, None)
    event = outbox.event(Told("private_offer.created"), OFFER_ID, LARGE, NOW)
    row = OfferRow(summary=StoredSummary(id=OFFER_ID), parts=parts)
    table.commit([snapshots.write(row, None), event.insertion])
    claimed = run_row.claim(FakeClock(NOW), timedelta(seconds=55), lambda thresholds: thresholds)
    claimed.release(RunState(started_at=NOW), [OFFER_ID])

    assert of_owner("run") == [claimed.state.seen_document]
    assert of_owner(f"offer~{OFFER_ID}") == [parts["privateOfferDocument"], event.parts["privateOfferDocument"]]
    assert of_owner("offer~other") == []
    assert of_owner("00000000-0000-0000-0000-000000000001") is None
    assert of_owner("webhook") is None
