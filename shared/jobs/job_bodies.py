"""The two long parts of a job, its errors and its private offer: in columns while they fit, in documents when not."""

import logging
from dataclasses import replace

from shared.jobs.job import Job
from shared.json_codec import InvalidJson, JsonObject, dumps, loads
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.table import Row

_log = logging.getLogger("offer_monitor.jobs")
# A text column holds 32 K UTF-16 characters; the text is ASCII, so characters are what counts.
LONGEST_COLUMN_CHARACTERS = 30_000


class JobBodies:
    """Puts a job's long parts away and brings them back."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def columns(self, job: Job) -> Row:
        """The columns for the job's errors and private offer; long ones are stored as documents first."""
        return {
            **self._column(job.job_id, "errors", job.errors or None),
            **self._column(job.job_id, "privateOffer", job.private_offer),
        }

    def load(self, job: Job, row: Row) -> Job:
        """The job with the errors and the private offer that its row holds or refers to. Raises RecordBroken."""
        errors: list[JsonObject] | None = self._read(job.job_id, "errors", row, list)
        private_offer: JsonObject | None = self._read(job.job_id, "privateOffer", row, dict)
        return replace(job, errors=errors or [], private_offer=private_offer)

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

    def _column(self, job_id: str, name: str, value: list[JsonObject] | JsonObject | None) -> Row:
        text = "" if value is None else dumps(value)
        if len(text) <= LONGEST_COLUMN_CHARACTERS:
            return {name: text, f"{name}Document": ""}
        return {name: "", f"{name}Document": self._documents.put(job_id, text)}

    def _read[T](self, job_id: str, name: str, row: Row, shape: type[T]) -> T | None:
        column, reference = row.get(name) or "", row.get(f"{name}Document") or ""
        if not isinstance(column, str) or not isinstance(reference, str):
            raise RecordBroken(f"the {name} of {job_id} are not a text")
        text = self._documents.get(job_id, reference) if reference else column
        try:
            value = loads(text) if text else None
        except InvalidJson as error:
            raise RecordBroken(f"the {name} of {job_id} are not JSON") from error
        if value is not None and not isinstance(value, shape):
            raise RecordBroken(f"the {name} of {job_id} are of another shape")
        return value
