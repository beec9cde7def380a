"""What storage may hold once everything has settled: no row and no document that nothing refers to."""

from collections.abc import Collection, Iterable, Sequence

from shared.storage.table import Row

_REFERENCES = ("errorsDocument", "privateOfferDocument", "seenDocument")
_WAITING = ("pending", "asked", "setaside", "redelivery")


def leftovers_of_jobs(rows: Sequence[Row]) -> list[str]:
    """Promises 2, 14, 21 and 24 (docs/promises.md). `rows` are all rows of the jobs table."""
    faults = [f"promise 2: {_name(row)} is left" for row in rows if row["PartitionKey"] in _WAITING]
    faults += [
        f"promise 14: the event {_name(row)} is left in the outbox"
        for row in rows
        if row["RowKey"].startswith("~") and row["PartitionKey"] in {"offers", "monitor"}
    ]
    referred = {str(row[name]).partition("~")[0] for row in rows for name in _REFERENCES if row.get(name)}
    stored = {row["RowKey"].partition("~")[0]: row for row in rows if row["PartitionKey"].startswith("document~")}
    faults += [f"promise 21: nothing refers to {_name(stored[name])}" for name in stored.keys() - referred]
    faults += [f"promise 21: the document {name} is missing" for name in referred - stored.keys()]
    finished = [row for row in rows if row["PartitionKey"] == "finished"]
    records = {row["RowKey"] for row in finished if row["RowKey"].startswith("at~")}
    pointers = {row.get("recordKey") for row in finished if row["RowKey"].startswith("job~")}
    faults += [f"promise 21: record or pointer {key!r} is alone" for key in records ^ pointers]
    return faults


def leftovers_of_deliveries(
    rows: Iterable[Row], endpoint_ids: Collection[str], switched_off: Collection[str] = ()
) -> list[str]:
    """Promises 14, 19 and 21. `rows` are all rows of the table, `endpoint_ids` those that have not been removed.

    `switched_off` are the endpoints that a person has disabled: requests to redeliver wait until they are enabled.
    """
    faults = []
    kinds: dict[str, set[tuple[str, str]]] = {kind: set() for kind in ("log", "body", "due", "dead")}
    ended: set[tuple[str, str]] = set()
    pending: set[tuple[str, str]] = set()
    for row in rows:
        partition, (kind, _, rest) = row["PartitionKey"], row["RowKey"].partition("~")
        if partition == "redelivery":
            endpoint_id = row["RowKey"].rpartition("~")[0]
            if endpoint_id not in endpoint_ids:
                faults.append(f"promise 19: the request {_name(row)} of a removed endpoint is left")
            elif endpoint_id not in switched_off:
                faults.append(f"promise 14: the request {_name(row)} is neither done nor dropped")
            continue
        if partition not in endpoint_ids:
            faults.append(f"promise 19: {_name(row)} of a removed endpoint is left")
            continue
        delivery = (partition, rest.rpartition("~")[2])
        kinds[kind].add(delivery)
        if kind == "log" and row["status"] == "dead":
            ended.add(delivery)
        if kind == "log" and row["status"] == "pending":
            pending.add(delivery)
    for one, other, name in (
        (kinds["log"], kinds["body"], "log or body"),
        (kinds["due"], pending, "due"),
        (kinds["dead"], ended, "dead"),
    ):
        faults += [f"promise 14: the {name} row of delivery {delivery} is alone" for delivery in one ^ other]
    return faults


def leftovers_of_endpoints(rows: Iterable[Row], endpoint_ids: Collection[str]) -> list[str]:
    """Promise 19. `rows` are all rows of the table of endpoints."""
    return [f"promise 19: {_name(row)} is left" for row in rows if row["RowKey"] not in endpoint_ids]


def _name(row: Row) -> str:
    return f"{row['PartitionKey']}/{row['RowKey']}"
