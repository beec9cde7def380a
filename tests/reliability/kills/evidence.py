"""What was planned, what was done, and what was found in the end: everything that the verdict is a function of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.reliability.kills.hosts import HostKill
from tests.reliability.kills.plan import PlannedJob
from tests.reliability.kills.receiver import Answer
from tests.reliability.kills.seeds import Seeds
from tests.reliability.kills.storage import StorageKill

type Row = Mapping[str, Any]


@dataclass(frozen=True)
class ReceivedEvent:
    """One request to the receiver. `subject` is the id of the job or offer, empty for an event of the monitor.

    `signed` says that the Standard Webhooks library accepts the signature. `detail` tells two changes of the status
    of one CPP offer apart.
    """

    path: str
    webhook_id: str
    type: str
    subject: str
    signed: bool
    answer: Answer
    detail: str = ""


@dataclass(frozen=True)
class OfferChange:
    """A change upstream that was made once, and the event that must tell of it once."""

    offer_id: str
    type: str
    detail: str = ""


@dataclass(frozen=True)
class HitKill:
    """A kill of a host, and how many of its requests of each kind it cut off; `offers` are those of the watch."""

    kill: HostKill
    polls: int = 0
    writes: int = 0
    deliveries: int = 0
    offers: int = 0


@dataclass(frozen=True)
class Evidence:
    """`rows` are all rows of each table, by what its name has after the name of the jobs table.

    `endpoints` gives the path of each endpoint. `offers` are the offers that upstream has in the end. `late_offers`
    are offers of jobs that began during the run: true if no job tells of them.
    """

    jobs: Sequence[PlannedJob]
    seeds: Seeds
    offer_changes: Sequence[OfferChange]
    late_offers: Mapping[str, bool]
    offers: Sequence[str]
    cpp_offers: Sequence[str]
    endpoints: Mapping[str, str]
    events: Sequence[ReceivedEvent]
    rows: Mapping[str, Sequence[Row]]
    shortest_spacing_seconds: float | None
    host_kills: Sequence[HitKill]
    storage_kills: Sequence[StorageKill]

    def partition(self, name: str) -> list[Row]:
        """The rows of a partition of the jobs table."""
        return [row for row in self.rows[""] if row["PartitionKey"] == name]
