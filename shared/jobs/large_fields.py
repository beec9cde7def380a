"""The large fields of a job, its errors and its private offer: in columns if they fit, otherwise in documents."""

import logging
from collections.abc import Callable
from dataclasses import replace

from shared.jobs.job import Job
from shared.json_codec import InvalidJson, JsonObject, dumps, loads, members
from shared.storage import large_columns
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.large_columns import LONGEST_COLUMN_BYTES, LargeColumns
from shared.storage.table import Row

_LARGE_FIELDS = ("errors", "privateOffer")
_log = logging.getLogger("offer_monitor.jobs")


class LargeFields:
    """Stores the large fields of jobs, and loads them."""

    def __init__(self, documents: Documents) -> None:
        self._columns = LargeColumns(documents)

    def columns(self, job: Job, stored: Row | None = None) -> Row:
        """The columns for the job's errors and private offer. Large ones are first stored as documents.

        `stored` is the job's row as it was read; a document that it refers to is kept if its content is the same.
        Raises StorageError.
        """
        return {
            **self._columns.columns(job.job_id, "errors", _errors_of(job), stored),
            **self._columns.columns(job.job_id, "privateOffer", job.private_offer or b"", stored),
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
        self._columns.delete(job_id, row, *_LARGE_FIELDS)

    def _loaded[T](self, job_id: str, name: str, row: Row, parse: Callable[[bytes], T], otherwise: T) -> T:
        try:
            data = self._columns.read(job_id, name, row)
            return parse(data) if data else otherwise
        except (RecordBroken, InvalidJson) as error:
            _log.error("the field %s of job %s is left out, since it cannot be read: %s", name, job_id, error)
            return otherwise


def size_of_parts(row: Row) -> int:
    """About how many bytes the large fields of a row have, including those in documents."""
    return large_columns.size_of(row, *_LARGE_FIELDS)


def references_in(row: Row) -> list[str]:
    """The documents that a row of a job refers to."""
    return large_columns.references_in(row, *_LARGE_FIELDS)


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
