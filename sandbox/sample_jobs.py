"""The sample jobs that `make run` registers: every operation and outcome, each started by a POST configure body."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.answers import JsonObject
from sandbox.configure import submit
from sandbox.dialects import IN_TURN
from sandbox.jobs import Profile
from sandbox.sample_offers import configure_resources
from sandbox.state import SandboxState

CONFIGURE_SCHEMA = "https://schema.mp.microsoft.com/schema/configure/2022-07-01"


@dataclass(frozen=True)
class Sample:
    """One sample job. `resources` makes the resources of its request."""

    label: str
    operation: str
    seconds: float
    resources: Callable[[SandboxState], list[JsonObject]]
    outcome: str = "succeeded"

    @property
    def expects_offer(self) -> bool:
        """Whether its detail contains an offer: only if it succeeds and is not a delete."""
        return self.outcome == "succeeded" and self.operation != "delete"


def submit_samples(state: SandboxState) -> list[JsonObject]:
    """Submits every sample job, with the dialects in turn, and returns a description and the expected end of each."""
    rows: list[JsonObject] = []
    with state.lock:
        for number, sample in enumerate(SAMPLES, start=1):
            resources = sample.resources(state)
            state.next_profiles.insert(
                0, Profile(sample.seconds, sample.outcome, min(2.0, sample.seconds / 2), IN_TURN)
            )
            job = submit(state, {"$schema": CONFIGURE_SCHEMA, "resources": resources})
            rows.append(
                {
                    "jobId": job.job_id,
                    "operation": sample.operation,
                    "label": sample.label,
                    "externalId": f"crm-{4710 + number}",
                    "expectedState": sample.outcome,
                    "expectsPrivateOffer": sample.expects_offer,
                }
            )
    return rows


def _create(private_offer_type: str) -> Callable[[SandboxState], list[JsonObject]]:
    return lambda _state: configure_resources(private_offer_type)


def _change(
    wanted_state: str, *, found_state: str, found_sub_state: str | None = None
) -> Callable[[SandboxState], list[JsonObject]]:
    """A request that moves an offer from one state to another. The offer is added first."""

    def resources(state: SandboxState) -> list[JsonObject]:
        name = f"Contoso offer to be {wanted_state}"
        extra: JsonObject = {"subState": found_sub_state} if found_sub_state else {}
        offer_id = state.add_private_offer(state=found_state, name=name, **extra)
        request = {
            "$schema": "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
            "id": f"private-offer/{offer_id}",
            "name": name,
            "privateOfferType": "customerPromotion",
            "offerPricingType": "editExistingOfferPricingOnly",
            "state": wanted_state,
        }
        return [request]

    return resources


def _upgrade(state: SandboxState) -> list[JsonObject]:
    base_name = "Contoso offer that was accepted"
    offer_id = state.add_private_offer(name=base_name, subState="accepted", end="2027-06-30")
    return configure_resources(
        "customerPromotion",
        name="Contoso upgrade from July 2027",
        upgradedFrom={"name": base_name, "id": f"private-offer/{offer_id}"},
        variableStartDate=False,
        start="2027-07-01",
        end="2028-06-30",
        acceptBy="2027-06-15",
    )


SAMPLES = (
    Sample("Customer renewal for Northwind", "create", 5, _create("customerPromotion")),
    Sample("Reseller margin for Fabrikam", "create", 20, _create("cspPromotion")),
    Sample("Multiparty offer through Adatum", "create", 35, _create("multipartyPromotionOriginator")),
    Sample("Resale by Adatum", "create", 65, _create("multipartyPromotionChannelPartner")),
    Sample("Publish a draft", "update", 10, _change("live", found_state="draft")),
    Sample("Upgrade an accepted offer", "upgrade", 25, _upgrade),
    Sample("Withdraw an offer", "withdraw", 15, _change("withdrawn", found_state="live")),
    Sample("Delete a draft", "delete", 8, _change("deleted", found_state="draft")),
    Sample("Offer that clashes with another", "create", 30, _create("customerPromotion"), "failed"),
    Sample(
        "Withdraw an accepted offer",
        "withdraw",
        3,
        _change("withdrawn", found_state="live", found_sub_state="accepted"),
        "failed",
    ),
    Sample("Offer cancelled on the way", "create", 40, _create("customerPromotion"), "cancelled"),
)
