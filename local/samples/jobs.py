"""The jobs of the last two weeks, and those that are pending now. Their times are relative to now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.samples import offers
from local.samples.offers import SampleOffer

type JsonObject = dict[str, Any]

_OFTEN_RUNNING = 8
_ENDLESS = None


@dataclass(frozen=True, kw_only=True)
class SampleJob:
    """A job that was registered `days_ago`. Upstream says `running` for `polls - 1` polls, then its `outcome`.

    `outcome` is None for a job that never ends upstream. `lost` and `unreachable` are faults of upstream's: it does
    not know the job, or fails whenever it is asked about it. `changed` are members of the offer that the job changes.
    """

    days_ago: float
    operation: str
    label: str
    outcome: str | None = "succeeded"
    polls: int = 2
    offer: SampleOffer | None = None
    changed: tuple[tuple[str, object], ...] = ()
    error: str = ""
    fault: str | None = None

    @property
    def job_id(self) -> str:
        """The same at each start."""
        return str(uuid5(NAMESPACE_URL, f"https://contoso.example/jobs/{self.label}"))

    @property
    def external_id(self) -> str:
        """The number of an order in a CRM."""
        return f"crm-{4800 - round(self.days_ago * 10)}"

    def registered_at(self, now: datetime) -> datetime:
        """When it was registered: at an odd second, as people do."""
        moment = now - timedelta(days=self.days_ago)
        return moment.replace(second=5 + len(self.label) * 7 % 50, microsecond=0)

    def at_sandbox(self, now: datetime) -> JsonObject:
        """The job as `POST /sandbox/jobs` takes it."""
        body: JsonObject = {
            "jobId": self.job_id,
            "operation": self.operation,
            "dialect": "plain",
            "script": self._script(self.registered_at(now)),
        }
        if self.error:
            body["errors"] = [_error(self.error)]
        if self.offer is None or self.outcome != "succeeded":
            return body | {"resources": []}
        resource = self.offer.resource(now.date(), self.registered_at(now).date())
        return body | {"privateOffer": resource | dict(self.changed)}

    def _script(self, registered_at: datetime) -> list[JsonObject]:
        if self.fault is not None:
            return [{"fault": self.fault}]
        began = registered_at - timedelta(seconds=6)
        times: JsonObject = {"jobStart": _written(began)}
        running: JsonObject = {"state": "running", "fields": times}
        if self.outcome is None:
            return [running]
        ended = {**times, "jobEnd": _written(registered_at + timedelta(seconds=60 * self.polls - 59))}
        return [running] * (self.polls - 1) + [{"state": self.outcome, "fields": ended}]


def _error(text: str) -> JsonObject:
    code, _, message = text.partition(": ")
    detail = {"code": code, "message": message, "details": []}
    return {"code": "conflict", "message": "The private offer cannot be published.", "details": [detail]}


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.5235218Z"


FINISHED_JOBS = (
    # It was pending for the 30 days after which the monitor gives up.
    SampleJob(days_ago=33.0, operation="update", label="New terms for Graphic Design Institute", outcome=_ENDLESS),
    SampleJob(days_ago=13.6, operation="create", label="Spring offer for Lucerne", offer=offers.LUCERNE),
    SampleJob(
        days_ago=13.1,
        operation="create",
        label="Spring offer for Margie's Travel",
        outcome="failed",
        error="businessValidationError: A beneficiary already has a private offer for this plan in the same period.",
    ),
    SampleJob(days_ago=12.5, operation="create", label="Margin for Tailspin", polls=4, offer=offers.TAILSPIN),
    SampleJob(days_ago=12.2, operation="create", label="Site licence for Bellows", offer=offers.BELLOWS),
    SampleJob(
        days_ago=11.8,
        operation="update",
        label="Correct the Bellows price",
        outcome="failed",
        polls=1,
        error="invalidState: A live private offer is locked for edits until it is withdrawn.",
    ),
    SampleJob(
        days_ago=10.7,
        operation="withdraw",
        label="Withdraw the Tailspin margin",
        offer=offers.TAILSPIN,
        changed=(("state", "withdrawn"),),
    ),
    SampleJob(days_ago=10.3, operation="create", label="Margin for Fabrikam", polls=3, offer=offers.FABRIKAM),
    SampleJob(days_ago=9.6, operation="create", label="Pilot for Proseware", offer=offers.PROSEWARE),
    SampleJob(
        days_ago=9.5, operation="create", label="Pilot for Proseware, a second time", outcome="cancelled", polls=1
    ),
    SampleJob(
        days_ago=8.9, operation="create", label="Bridge for Adventure Works", polls=3, offer=offers.ADVENTURE_WORKS
    ),
    SampleJob(days_ago=8.2, operation="delete", label="Delete the draft for Alpine Ski House", polls=1),
    SampleJob(days_ago=7.4, operation="create", label="Gateway bundle for Litware", polls=5, offer=offers.LITWARE),
    SampleJob(
        days_ago=7.3,
        operation="create",
        label="Gateway bundle for Trey Research",
        outcome="failed",
        error="resourceNotFound: The plan Reserved is not available in the customer's country.",
    ),
    SampleJob(days_ago=6.5, operation="create", label="Through Adatum", polls=3, offer=offers.WIDE_WORLD),
    SampleJob(
        days_ago=6.1, operation="unknown", label="From the old order tool", outcome=_ENDLESS, fault="not_found"
    ),
    SampleJob(days_ago=5.7, operation="create", label="Resale by Adatum", polls=4, offer=offers.RESALE),
    SampleJob(days_ago=5.2, operation="update", label="Harvest draft, new contact", offer=offers.COHO),
    SampleJob(days_ago=4.6, operation="create", label="Field Service for Woodgrove", offer=offers.WOODGROVE),
    SampleJob(
        days_ago=4.1,
        operation="withdraw",
        label="Withdraw the Bellows licence",
        outcome="failed",
        polls=1,
        error="invalidState: An accepted private offer cannot be withdrawn.",
    ),
    SampleJob(
        days_ago=3.9,
        operation="upgrade",
        label="Two years for Adventure Works",
        polls=3,
        offer=offers.ADVENTURE_WORKS_UPGRADE,
    ),
    SampleJob(days_ago=3.7, operation="create", label="Offer for Wingtip Toys", outcome="cancelled", polls=3),
    SampleJob(days_ago=2.6, operation="create", label="Renewal for Northwind", offer=offers.NORTHWIND),
    SampleJob(days_ago=2.1, operation="create", label="Fourth Coffee, renewal", polls=3, offer=offers.FOURTH_COFFEE),
    SampleJob(days_ago=1.4, operation="update", label="Harvest draft, new prices", offer=offers.COHO),
    SampleJob(days_ago=0.9, operation="delete", label="Delete the draft for Relecloud", polls=1),
    SampleJob(
        days_ago=0.3,
        operation="create",
        label="Offer for Trey Research",
        outcome="failed",
        error="businessValidationError: The accept-by date must not be after the end date.",
    ),
)

PENDING_JOBS = (
    SampleJob(days_ago=1.2, operation="create", label="Gateway for Humongous Insurance", outcome=_ENDLESS),
    SampleJob(
        days_ago=0.02,
        operation="create",
        label="Offer for Fine Art School",
        outcome=_ENDLESS,
        fault="server_error",
    ),
    SampleJob(
        days_ago=0.003,
        operation="update",
        label="New prices for VanArsdel",
        polls=_OFTEN_RUNNING,
        offer=SampleOffer(name="VanArsdel 2-year plan", customer="VanArsdel", accept_by=33, state="draft"),
    ),
)
