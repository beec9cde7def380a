"""The row of an offer: what is written is read back, and what others have written is named as bad."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.json_codec import dumps
from shared.storage.rows import BadRow, StoredRow
from shared.watch.rows import (
    HISTORY_MOST_CHANGES,
    LONGEST_HISTORY_CHARACTERS,
    REMEMBERED_ETAGS,
    REMEMBERED_JOBS,
    OfferChange,
    OfferRow,
    StoredSummary,
    extended_history,
    offer_change,
    offer_key,
    offer_row_in,
    summary_in,
)
from tests.watch.samples import OFFER_ID

MOMENTS = [datetime(2026, 11, day, 9, 30, tzinfo=UTC) for day in (1, 2, 3, 4)]
SUMMARY = StoredSummary(
    id=OFFER_ID,
    etag='W/"row"',
    offer_etag='"of the offer"',
    read_at=MOMENTS[0],
    name="Renewal 2027",
    state="live",
    sub_state="pendingacceptance",
    offer_type="customerpromotion",
    accept_by="2026-12-31",
    end="2027-01-31",
    first_seen_at=MOMENTS[1],
    gone_at=MOMENTS[2],
    last_change_at=MOMENTS[3],
    last_change_type="private_offer.changed",
    notices='{"acceptBy":{}}',
    calendar='{"entries":[]}',
)
ROW = OfferRow(
    summary=SUMMARY,
    history=[
        OfferChange(at="2026-11-04T09:30:00Z", type="private_offer.changed", changes=["/end", "/pricing/0"]),
        OfferChange(at="2026-11-03T09:30:00Z", type="private_offer.accepted"),
    ],
    jobs=["job-2", "job-1"],
    former_etags=['"2"', '"1"'],
    parts={"privateOffer": '{"id":"x"}'},
)


def stored(row: OfferRow = ROW, /, **columns: Any) -> StoredRow:  # noqa: ANN401 - a column of any type
    """The row as storage gives it back, with these columns of somebody else's."""
    key = {"PartitionKey": "offers", "RowKey": offer_key(row.summary.id)}
    return StoredRow({**key, **row.columns, **columns}, {"etag": row.summary.etag})


# A row as it was written


def test_a_row_is_read_back_as_it_was_written() -> None:
    assert offer_row_in(stored()) == ROW


def test_the_small_columns_are_read_back_alone() -> None:
    assert summary_in(stored()) == SUMMARY


def test_an_offer_with_a_document_is_read_back_with_its_reference() -> None:
    row = replace(ROW, parts={"privateOfferDocument": "a" * 64 + "~40000"})

    assert offer_row_in(stored(row)) == row


def test_a_row_of_an_offer_that_was_never_read_has_nothing_but_its_id() -> None:
    empty = OfferRow(summary=StoredSummary(id=OFFER_ID, etag='W/"row"'), history=[], jobs=[], former_etags=[])

    assert empty.columns == {}
    assert offer_row_in(stored(empty)) == empty


def test_a_part_without_content_is_not_written() -> None:
    row = replace(ROW, parts={"privateOffer": "{}", "privateOfferDocument": ""})

    assert "privateOfferDocument" not in row.columns


def test_an_empty_part_that_somebody_has_written_counts_as_none() -> None:
    assert offer_row_in(stored(privateOfferDocument="")).parts == ROW.parts


def test_the_key_of_an_offer_is_in_lower_case() -> None:
    assert offer_key(OFFER_ID.upper()) == f"offer~{OFFER_ID}"


def test_the_parts_of_others_are_left_out() -> None:
    assert offer_row_in(stored(privateOfferCopy="{}")).parts == ROW.parts


# A row of somebody else's


@pytest.mark.parametrize("key", ["offer~", "offer~A1", "offer~a/b", f"offer~private-offer/{OFFER_ID}", "offer~query"])
def test_a_key_that_is_not_an_id_in_lower_case_makes_a_bad_row(key: str) -> None:
    for read in (offer_row_in, summary_in):
        with pytest.raises(BadRow, match="not the id of a private offer"):
            read(stored(RowKey=key))


@pytest.mark.parametrize(
    "name",
    [
        *("eTag", "name", "state", "subState", "privateOfferType", "acceptBy", "end"),
        *("readAt", "firstSeenAt", "goneAt", "lastChangeAt", "lastChangeType", "notices", "calendar"),
    ],
)
def test_a_small_column_of_another_type_makes_a_bad_row(name: str) -> None:
    for read in (offer_row_in, summary_in):
        with pytest.raises(BadRow, match=f"its {name} is not"):
            read(stored(**{name: 7}))


@pytest.mark.parametrize("name", ["jobs", "formerETags"])
@pytest.mark.parametrize("value", ["{}", "7", "null", "[7]", '["a", null]'])
def test_a_column_that_is_not_a_list_of_texts_makes_a_bad_row(name: str, value: str) -> None:
    with pytest.raises(BadRow, match=f"its {name} are not a list of texts"):
        offer_row_in(stored(**{name: value}))


@pytest.mark.parametrize(
    "history",
    [
        {"at": "2026-11-04", "type": "private_offer.changed"},
        ["private_offer.changed"],
        [{"at": "2026-11-04"}],
        [{"type": "private_offer.changed"}],
        [{"at": "2026-11-04", "type": "private_offer.changed", "by": "customer"}],
        [{"at": 4, "type": "private_offer.changed"}],
        [{"at": "2026-11-04", "type": None}],
        [{"at": "2026-11-04", "type": "private_offer.changed", "changes": "/end"}],
        [{"at": "2026-11-04", "type": "private_offer.changed", "changes": ["/end", 7]}],
        [ROW.history[0], None],
    ],
)
def test_a_history_that_is_not_one_makes_a_bad_row(history: object) -> None:
    with pytest.raises(BadRow, match="its history is not a list of changes"):
        offer_row_in(stored(history=dumps(history)))


@pytest.mark.parametrize("name", ["jobs", "formerETags", "history"])
def test_a_column_that_is_not_json_makes_a_bad_row(name: str) -> None:
    with pytest.raises(BadRow):
        offer_row_in(stored(**{name: "[1,"}))


def test_lists_that_somebody_has_made_longer_are_cut() -> None:
    many = [f"{number}" for number in range(HISTORY_MOST_CHANGES + 5)]
    history = [OfferChange(at=each, type="private_offer.changed") for each in many]

    found = offer_row_in(stored(jobs=dumps(many), formerETags=dumps(many), history=dumps(history)))

    assert found.jobs == many[:REMEMBERED_JOBS]
    assert found.former_etags == many[:REMEMBERED_ETAGS]
    assert found.history == history[:HISTORY_MOST_CHANGES]


# The history


def change(number: int, *changes: str) -> OfferChange:
    return offer_change(datetime(2026, 11, 1, 0, 0, number, tzinfo=UTC), "private_offer.changed", changes)


def of_size(characters: int, number: int = 0) -> OfferChange:
    """An entry that takes so many characters of the history, its comma included."""
    entry = change(number, "")
    entry["changes"] = ["x" * (characters - len(dumps(entry)) - 1)]
    return entry


def test_an_entry_has_the_moment_the_type_and_the_changes() -> None:
    at = datetime(2026, 11, 4, 9, 30, 1, 5000, tzinfo=UTC)

    assert offer_change(at, "private_offer.changed", ("/end",)) == {
        "at": "2026-11-04T09:30:01Z",
        "type": "private_offer.changed",
        "changes": ["/end"],
    }
    assert offer_change(at, "private_offer.accepted", []) == {
        "at": "2026-11-04T09:30:01Z",
        "type": "private_offer.accepted",
    }


def test_new_entries_come_before_older_ones_newest_first() -> None:
    assert extended_history([change(2), change(1)], [change(3), change(4)]) == [
        change(4),
        change(3),
        change(2),
        change(1),
    ]


def test_a_history_has_so_many_entries_at_most() -> None:
    old = [change(number % 60) for number in range(HISTORY_MOST_CHANGES)]

    assert extended_history(old, [change(7)]) == [change(7), *old[:-1]]


def test_a_history_is_filled_to_its_length() -> None:
    half = LONGEST_HISTORY_CHARACTERS // 2
    fitting = [of_size(half, 2), of_size(half - 200, 1), of_size(200)]

    assert extended_history(fitting, []) == fitting
    assert extended_history([of_size(LONGEST_HISTORY_CHARACTERS)], []) == [of_size(LONGEST_HISTORY_CHARACTERS)]


def test_an_entry_whose_changes_do_not_fit_is_kept_without_them() -> None:
    half = LONGEST_HISTORY_CHARACTERS // 2

    assert extended_history([of_size(half, 3), of_size(half - 200, 2), of_size(201, 1)], []) == [
        of_size(half, 3),
        of_size(half - 200, 2),
        change(1),
    ]


def test_an_entry_after_one_that_was_kept_without_its_changes_keeps_its_own() -> None:
    too_long = of_size(LONGEST_HISTORY_CHARACTERS + 1, 2)

    assert extended_history([too_long, change(1, "/end")], []) == [change(2), change(1, "/end")]


def test_what_an_entry_takes_without_its_changes_counts() -> None:
    short = len(dumps(change(1))) + 1
    first, last = of_size(LONGEST_HISTORY_CHARACTERS - 2 * short, 4), of_size(short + 100, 3)

    assert extended_history([first, last, change(2), change(1)], []) == [first, change(3), change(2)]
    longer = of_size(LONGEST_HISTORY_CHARACTERS - 2 * short + 1, 4)
    assert extended_history([longer, last, change(2), change(1)], []) == [longer, change(3)]


def test_an_entry_that_does_not_fit_at_all_ends_the_history() -> None:
    short = len(dumps(change(1))) + 1
    filled = of_size(LONGEST_HISTORY_CHARACTERS - short + 1, 3)

    assert extended_history([filled, change(2), change(1)], []) == [filled]
    assert extended_history([of_size(LONGEST_HISTORY_CHARACTERS - short, 3), change(2), change(1)], []) == [
        of_size(LONGEST_HISTORY_CHARACTERS - short, 3),
        change(2),
    ]
