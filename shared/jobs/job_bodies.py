"""The two long parts of a job, its errors and its private offer: in columns while they fit, in documents when not."""

import logging
from dataclasses import replace

from shared.jobs.job import Job
from shared.json_codec import InvalidJson, JsonObject, dumps, loads, members
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.table import Row

_log = logging.getLogger("offer_monitor.jobs")
# A text column holds 32 K UTF-16 characters, and UTF-8 never needs fewer bytes than UTF-16 characters.
LONGEST_COLUMN_BYTES = 30_000


class JobBodies:
    """Puts a job's long parts away and brings them back."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def columns(self, job: Job) -> Row:
        """The columns for the job's errors and private offer; long ones are stored as documents first."""
        errors = dumps(job.errors).encode("ascii") if job.errors else b""
        return {
            **self._column(job.job_id, "errors", errors),
            **self._column(job.job_id, "privateOffer", job.private_offer or b""),
        }

    def load(self, job: Job, row: Row) -> Job:
        """The job with the errors and the private offer that its row holds or refers to. Raises RecordBroken."""
        errors = _errors(self._read(job.job_id, "errors", row), job.job_id)
        private_offer = self._read(job.job_id, "privateOffer", row)
        if private_offer:
            _check_is_object(private_offer, job.job_id)
        return replace(job, errors=errors, private_offer=private_offer or None)

    def load_if_whole(self, job: Job, row: Row) -> Job:
        """The same for showing: a job whose long parts are broken is shown without them."""
        try:
            return self.load(job, row)
        except RecordBroken as error:
            _log.error("a job is shown without its long parts: %s", error)
            return job

    def delete(self, job_id: str) -> None:
        """Remove the job's documents."""
        self._documents.delete_all(job_id)

    def _column(self, job_id: str, name: str, data: bytes) -> Row:
        if len(data) <= LONGEST_COLUMN_BYTES:
            return {name: data.decode("utf-8"), f"{name}Document": ""}
        return {name: "", f"{name}Document": self._documents.put(job_id, data)}

    def _read(self, job_id: str, name: str, row: Row) -> bytes:
        column, reference = row.get(name) or "", row.get(f"{name}Document") or ""
        if not isinstance(column, str) or not isinstance(reference, str):
            raise RecordBroken(f"the {name} of {job_id} are not a text")
        return self._documents.get(job_id, reference) if reference else column.encode("utf-8", "replace")


def _errors(data: bytes, job_id: str) -> list[JsonObject]:
    try:
        errors = loads(data) if data else []
    except InvalidJson as error:
        raise RecordBroken(f"the errors of {job_id} are not JSON") from error
    if not isinstance(errors, list):
        raise RecordBroken(f"the errors of {job_id} are of another shape")
    return errors


def _check_is_object(data: bytes, job_id: str) -> None:
    """It goes out as it is, inside of JSON of ours."""
    try:
        members(data)
    except InvalidJson as error:
        raise RecordBroken(f"the private offer of {job_id} is not a JSON object") from error
