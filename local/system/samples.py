"""Sample jobs: submits and registers them, and checks that each ended as expected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from azure.data.tables import TableServiceClient

from local.samples.sandbox_control import SandboxControl
from local.system.monitor_api import ArrivedEvent, JobRow, MonitorApi


@dataclass(frozen=True)
class SampleJob:
    """A job that the sandbox runs, and how it must end."""

    job_id: str
    operation: str
    label: str
    external_id: str
    expected_state: str
    expects_private_offer: bool


@dataclass(frozen=True)
class Verdict:
    """What became of one sample: `result` is what was expected, and `faults` is empty when it came true."""

    what: str
    result: str
    faults: tuple[str, ...]


def submit_samples(sandbox: SandboxControl) -> list[SampleJob]:
    """Have the sandbox start its sample jobs."""
    return [_sample(row) for row in sandbox.post("samples")]


def register_samples(samples: Sequence[SampleJob], api: MonitorApi, *, storage: str, jobs_table: str) -> None:
    """Register all over HTTP except the last, which is inserted into the table, as other systems may do."""
    *by_http, by_table = samples
    for sample in by_http:
        api.register(
            {
                "jobId": sample.job_id,
                "operation": sample.operation,
                "label": sample.label,
                "externalId": sample.external_id,
            }
        )
    with TableServiceClient.from_connection_string(storage) as service:
        service.create_table_if_not_exists(jobs_table).create_entity(
            {
                "PartitionKey": "pending",
                "RowKey": by_table.job_id,
                "operation": by_table.operation,
                "label": by_table.label,
                "externalId": by_table.external_id,
            }
        )


def still_running(samples: Sequence[SampleJob], jobs: Sequence[JobRow]) -> list[SampleJob]:
    """The samples that have not ended."""
    ended = {job.job_id for job in jobs if not job.is_pending}
    return [sample for sample in samples if sample.job_id not in ended]


def events_missing(samples: Sequence[SampleJob], events: Sequence[ArrivedEvent]) -> bool:
    """Whether a finishing event has not arrived yet."""
    announced = {event.job_id for event in events if _is_finishing(event)}
    return any(sample.job_id not in announced for sample in samples)


def judge(
    samples: Sequence[SampleJob], jobs: Sequence[JobRow], events: Sequence[ArrivedEvent], api: MonitorApi
) -> list[Verdict]:
    """Check each sample's state, its private offer over HTTP, and that it has one verified event."""
    states = {job.job_id: job.state for job in jobs}
    verdicts = []
    for sample in samples:
        faults = [
            *_state_faults(sample, states.get(sample.job_id)),
            *_private_offer_faults(sample, api),
            *_event_faults(sample, events),
        ]
        result = f"{sample.expected_state}, event received and verified"
        verdicts.append(Verdict(f"{sample.label} ({sample.operation})", result, tuple(faults)))
    return verdicts


def _state_faults(sample: SampleJob, state: str | None) -> list[str]:
    if state == sample.expected_state:
        return []
    return [f"is {state or 'not listed'}, not {sample.expected_state}"]


def _private_offer_faults(sample: SampleJob, api: MonitorApi) -> list[str]:
    if not sample.expects_private_offer:
        return []
    status, offer = api.private_offer(sample.job_id)
    if status != 200:
        return [f"its private offer answers {status}"]
    return [] if str(offer.get("id", "")).startswith("private-offer/") else ["its private offer has no id"]


def _event_faults(sample: SampleJob, events: Sequence[ArrivedEvent]) -> list[str]:
    own = [event for event in events if event.job_id == sample.job_id and _is_finishing(event)]
    return faults_of_event(own, f"job.{sample.expected_state}")


def faults_of_event(events: Sequence[ArrivedEvent], expected_type: str) -> list[str]:
    """Why `events` are not one verified event of the expected type."""
    if not events:
        return [f"its event {expected_type} did not arrive"]
    faults = []
    if len(events) > 1:
        counts = Counter(event.webhook_id for event in events)
        faults.append(f"its event arrived {len(events)} times under {len(counts)} id(s)")
    if {event.type for event in events} != {expected_type}:
        faults.append(f"its event is {events[0].type}, not {expected_type}")
    if not all(event.verified for event in events):
        faults.append("its event's signature is not valid")
    return faults


def _is_finishing(event: ArrivedEvent) -> bool:
    return (event.type or "").startswith("job.") and event.type != "job.stalled"


def _sample(row: dict[str, Any]) -> SampleJob:
    return SampleJob(
        job_id=row["jobId"],
        operation=row["operation"],
        label=row["label"],
        external_id=row["externalId"],
        expected_state=row["expectedState"],
        expects_private_offer=row["expectsPrivateOffer"],
    )
