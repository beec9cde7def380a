"""The large fields of a job, its errors and its private offer: in columns if they fit, otherwise in documents."""

import logging
from collections.abc import Callable
from dataclasses import replace

from shared.jobs.job import Job
from shared.jobs.job_rows import PART_COLUMNS
from shared.json_codec import InvalidJson, JsonObject, dumps, loads, members
from shared.storage.documents import Documents, holds, length_of
from shared.storage.errors import RecordBroken
from shared.storage.table import Row

_log = logging.getLogger("offer_monitor.jobs")
# A text column holds 32 K UTF-16 characters, and UTF-8 never needs fewer bytes than UTF-16 characters.
LONGEST_COLUMN_BYTES = 30_000
DOCUMENT_COLUMNS = ("errorsDocument", "privateOfferDocument")


class LargeFields:
    """Stores the large fields of jobs, and loads them."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def columns(self, job: Job, stored: Row | None = None) -> Row:
        """The columns for the job's errors and private offer. Large ones are first stored as documents.

        `stored` is the job's row as it was read; a document that it refers to is kept if its content is the same.
        Raises StorageError.
        """
        return {
            **self._column(job.job_id, "errors", _errors_of(job), stored),
            **self._column(job.job_id, "privateOffer", job.private_offer or b"", stored),
        }

    def need_documents(self, job: Job) -> bool:
        """Whether a large field of the job does not fit into a column."""
        return max(len(job.private_offer or b""), len(_errors_of(job))) > LONGEST_COLUMN_BYTES

    def load(self, job: Job, row: Row) -> Job:
        """The job with the errors and the private offer that its row holds or refers to.

        A field that is missing or broken is logged and left out: it must not hold back the job or its event. Raises
        StorageError.
        """
        return replace(
            job,
            errors=self._loaded(job.job_id, "errors", row, _errors, []),
            private_offer=self._loaded(job.job_id, "privateOffer", row, _offer, None),
        )

    def delete(self, job_id: str, row: Row) -> None:
        """Delete the documents that this row of the job refers to. Raises StorageError."""
        for reference in references_in(row):
            self._documents.delete(job_id, reference)

    def _loaded[T](self, job_id: str, name: str, row: Row, parse: Callable[[bytes], T], otherwise: T) -> T:
        try:
            data = self._read(job_id, name, row)
            return parse(data) if data else otherwise
        except (RecordBroken, InvalidJson) as error:
            _log.error("the field %s of job %s is left out, since it cannot be read: %s", name, job_id, error)
            return otherwise

    def _column(self, job_id: str, name: str, data: bytes, stored: Row | None) -> Row:
        column = f"{name}Document"
        if len(data) <= LONGEST_COLUMN_BYTES:
            return {name: data.decode("utf-8"), column: ""}
        reference = (stored or {}).get(column)
        if not isinstance(reference, str) or not holds(reference, data):
            reference = self._documents.put(job_id, data)
        return {name: "", column: reference}

    def _read(self, job_id: str, name: str, row: Row) -> bytes:
        column, reference = row.get(name) or "", row.get(f"{name}Document") or ""
        if not isinstance(column, str) or not isinstance(reference, str):
            raise RecordBroken("it is not a text")
        return self._documents.get(job_id, reference) if reference else column.encode("utf-8", "replace")


def size_of_parts(row: Row) -> int:
    """About how many bytes the large fields of a row have, including those in documents."""
    in_columns = sum(len(row[column]) for column in PART_COLUMNS if isinstance(row.get(column), str))
    return in_columns + sum(length_of(reference) for reference in references_in(row))


def references_in(row: Row) -> list[str]:
    """The documents that a row of a job refers to."""
    found = (row.get(column) for column in DOCUMENT_COLUMNS)
    return [reference for reference in found if isinstance(reference, str) and reference]


def _errors_of(job: Job) -> bytes:
    return dumps(job.errors).encode("ascii") if job.errors else b""


def _errors(data: bytes) -> list[JsonObject]:
    errors = loads(data)
    if not isinstance(errors, list):
        raise RecordBroken("it is not a list")
    return errors


def _offer(data: bytes) -> bytes | None:
    # It is passed on as it is, inside the JSON of an answer, so it must be a whole JSON object.
    members(data)
    return data
