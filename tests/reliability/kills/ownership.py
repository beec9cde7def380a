"""Every row of every table in the end, and why it may be there: a row that nothing will ever touch has no reason."""

import re
from collections.abc import Iterator, Mapping

from tests.reliability.kills.evidence import Evidence, Row
from tests.reliability.kills.plan import CPP_PUBLISHER

TABLES = ("", "deliveries", "webhooks")
_DAY = re.compile(r"day~[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONITOR = {"state", "timer~clean_up", "timer~deliver_webhooks", "timer~watch_offers"}
_DOCUMENT_COLUMNS = ("privateOfferDocument", "errorsDocument", "seenDocument")


def unowned_rows(evidence: Evidence) -> Iterator[str]:
    """The rows without an owner, and what is claimed or unfinished although nobody works on it."""
    yield from (f"there is a table {name!r}" for name in evidence.rows if name not in TABLES)
    references = _references(evidence)
    records = {row["RowKey"] for row in evidence.partition("finished") if row["RowKey"].startswith("at~")}
    for row in evidence.rows.get("", ()):
        if not _is_owned(row, evidence, references, records):
            yield f"nothing owns the row {row['PartitionKey']} {row['RowKey']}"
    stored = {(row["PartitionKey"], _document(row["RowKey"])) for row in evidence.rows.get("", ())}
    for owner, names in references.items():
        yield from (
            f"a document of {owner} is missing" for name in names if (f"document~{owner}", name) not in stored
        )
    yield from _unowned_deliveries(evidence)
    for row in evidence.rows.get("webhooks", ()):
        if row["PartitionKey"] != "endpoint" or row["RowKey"] not in evidence.endpoints or row.get("removedAt"):
            yield f"nothing owns the endpoint {row['PartitionKey']} {row['RowKey']}"


def _is_owned(row: Row, evidence: Evidence, references: Mapping[str, set[str]], records: set[str]) -> bool:
    partition, key = row["PartitionKey"], row["RowKey"]
    match partition:
        case "finished":
            job_id = key.rpartition("~")[2]
            followed = job_id in evidence.seeds.young_jobs or any(job_id == job.job_id for job in evidence.jobs)
            pointed = key.startswith("job~") and row.get("recordKey") in records
            return _DAY.fullmatch(key) is not None or (followed and (key in records or pointed))
        case "monitor":
            return key in _MONITOR or _DAY.fullmatch(key) is not None
        case "setaside":
            return key in evidence.seeds.young_set_aside
        case "offers":
            return _is_offer_owned(row, evidence)
        case _ if partition.startswith("document~"):
            return _document(key) in references.get(partition.removeprefix("document~"), set())
    return False  # `pending` and `asked` must be empty


def _is_offer_owned(row: Row, evidence: Evidence) -> bool:
    kind, _, name = row["RowKey"].partition("~")
    match kind:
        case "run":
            return not row.get("claimedUntil") and not row.get("place") and bool(row.get("baselineAt"))
        case "offer":
            return bool(row.get("goneAt")) != (name in evidence.offers)
        case "cpp":
            return name in {f"{CPP_PUBLISHER}~{each}" for each in evidence.cpp_offers}
    return False


def _references(evidence: Evidence) -> dict[str, set[str]]:
    """By owner: the documents to which its row refers."""
    found: dict[str, set[str]] = {}
    for row in evidence.rows.get("", ()):
        names = {_document(str(row[name])) for name in _DOCUMENT_COLUMNS if row.get(name)}
        if row["PartitionKey"] == "finished":
            found.setdefault(row["RowKey"].rpartition("~")[2], set()).update(names)
        elif row["PartitionKey"] == "offers":
            found.setdefault(row["RowKey"], set()).update(names)
    return found


def _document(reference: str) -> str:
    return reference.partition("~")[0]


def _unowned_deliveries(evidence: Evidence) -> Iterator[str]:
    rows = evidence.rows.get("deliveries", ())
    logged = {
        (row["PartitionKey"], row["RowKey"].rpartition("~")[2]) for row in rows if row["RowKey"].startswith("log~")
    }
    for row in rows:
        kind, _, delivery = row["RowKey"].partition("~")
        owned = kind == "log" or (kind == "body" and (row["PartitionKey"], delivery) in logged)
        if row["PartitionKey"] not in evidence.endpoints or not owned:
            yield f"nothing owns the delivery row {row['PartitionKey']} {row['RowKey']}"
