"""The jobs of the soak: every day the same number of each kind, at random moments."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from azure.data.tables import TableClient

from sandbox.server import Sandbox
from tests.reliability.soak.agenda import DAY, HOUR, Agenda
from tests.reliability.soak.offers import Offers, sample_offer
from tests.reliability.soak.process import SoakedApp

DURATIONS_SECONDS = (0, 90, 600, 2400, 9000)
# Longer than a column of the table holds, so that they become documents.
LARGE_CHARACTERS = 40_000
# Of the jobs on a day; the rest change a standing offer and succeed.
SHARES = {
    "creates": 0.2,
    "creates a large offer": 0.04,
    "fails": 0.12,
    "fails with many errors": 0.02,
    "is cancelled": 0.06,
    "deletes": 0.04,
    "takes thirty hours": 0.02,
    "never ends": 0.01,
    "is unknown upstream": 0.02,
    "is removed while pending": 0.02,
}
OUTCOMES = {
    "fails": "failed",
    "fails with many errors": "failed",
    "is cancelled": "cancelled",
    "never ends": "expired",
    "is unknown upstream": "lost",
}
_LONG = ("takes thirty hours", "never ends")
# Every so many jobs are put into the table by another system.
PUT_INTO_THE_TABLE = 20


@dataclass
class Jobs:
    """Starts jobs upstream and has them followed. `expected` has the outcome of each that has to finish."""

    agenda: Agenda
    app: SoakedApp
    sandbox: Sandbox
    offers: Offers
    table: TableClient
    expected: dict[str, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    finished: list[str] = field(default_factory=list)

    def plan_day(self, day: datetime, jobs: int) -> None:
        """The day's jobs, and what people and other systems do with jobs besides."""
        kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * jobs)))]
        kinds += ["changes an offer"] * (jobs - len(kinds))
        self.agenda.choices.shuffle(kinds)
        for number, kind in enumerate(kinds):
            by_table = number % PUT_INTO_THE_TABLE == 0
            self.agenda.some_time(day, 1, partial(self._begin, kind, by_table=by_table))
        self.agenda.some_time(day, 3, self._put_a_bad_row)
        self.agenda.some_time(day, 5, self._change_a_finished_job)
        self.agenda.some_time(day, 2, self._remove_a_finished_job)
        self.agenda.some_time(day, 4, self._check_a_pending_job)
        self.agenda.some_time(day, 3, self._look_up_an_unregistered_job)

    def _begin(self, kind: str, *, by_table: bool) -> None:
        """Upstream starts a job, and someone registers it or puts it into the table."""
        self.kinds[kind] += 1
        job_id = self._start_upstream(kind)
        if by_table:
            # Without `registeredAt` the time of storage would count, which is the real one.
            at = self.agenda.clock.now()
            row = {"PartitionKey": "pending", "RowKey": job_id, "label": kind, "registeredAt": at}
            self.table.upsert_entity(row)
        else:
            operation = "delete" if kind == "deletes" else "unknown"
            self.app.call("jobs.register", body={"jobId": job_id, "operation": operation, "label": kind})
        if kind == "is removed while pending":
            self.agenda.later(HOUR, lambda: self.app.call("jobs.remove", route={"jobId": job_id}))
            return
        self.expected[job_id] = OUTCOMES.get(kind, "succeeded")
        if kind not in _LONG:
            self.agenda.later(DAY, lambda: self.finished.append(job_id))

    def _start_upstream(self, kind: str) -> str:
        add_job = self.sandbox.state.add_job
        seconds = self.agenda.choices.choice(DURATIONS_SECONDS)
        match kind:
            case "is unknown upstream":
                return self.agenda.guid()
            case "creates" | "creates a large offer":
                notes = "x" * LARGE_CHARACTERS if kind == "creates a large offer" else "small"
                offer = self.offers.of_job(notes)
                return add_job(seconds=seconds, private_offer=offer)
            case "fails" | "is cancelled":
                return add_job(seconds=seconds, outcome=OUTCOMES[kind], resources=[])
            case "fails with many errors":
                errors = [{"code": "conflict", "message": "x" * 100} for _ in range(LARGE_CHARACTERS // 100)]
                return add_job(seconds=seconds, outcome="failed", errors=errors, resources=[])
            case "deletes":
                return add_job(seconds=seconds, operation="delete")
            case "takes thirty hours":
                return add_job(seconds=30 * 3600, resources=[])
            case "never ends" | "is removed while pending":
                return add_job(seconds=None, resources=[])
            case _:
                offer = sample_offer(
                    id=f"private-offer/{self.offers.any_standing()}", end=self.offers.date_within(60)
                )
                return add_job(seconds=seconds, operation="update", private_offer=offer)

    def _put_a_bad_row(self) -> None:
        key = f"not a job {self.agenda.guid()}"
        self.table.upsert_entity({"PartitionKey": "pending", "RowKey": key, "label": "x" * 200})
        self.kinds["row that is not a job"] += 1

    def _change_a_finished_job(self) -> None:
        if self.finished:
            route = {"jobId": self.agenda.choices.choice(self.finished[-50:])}
            label = f"changed at {self.agenda.clock.now()}"
            self.app.call("jobs.change", route=route, body={"label": label}, also=(404,))

    def _remove_a_finished_job(self) -> None:
        if self.finished:
            # A short retention may have removed it already.
            self.app.call("jobs.remove", route={"jobId": self.finished.pop()}, also=(404,))

    def _check_a_pending_job(self) -> None:
        pending = self.app.call("jobs.list").json["jobs"]
        if pending:
            route = {"jobId": self.agenda.choices.choice(pending)["jobId"]}
            self.app.call("jobs.check", route=route, also=(404, 429, 502, 503))

    def _look_up_an_unregistered_job(self) -> None:
        route = {"jobId": self.sandbox.state.add_job(resources=[])}
        self.app.call("jobs.private_offer", route=route, also=(404, 410, 502, 503))
