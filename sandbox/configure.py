"""POST configure: checks the body, derives the operation from it, and starts the job that carries it out.

docs/upstream.md, quirks 18 and 23, has the rules and their evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from sandbox.answers import JsonObject, Refusal, ingestion_error, not_simulated
from sandbox.configure_schema import errors_of_body, is_price, is_private_offer, part_not_simulated
from sandbox.jobs import Job
from sandbox.offer_schema import CHANNEL_PARTNER
from sandbox.private_offers import bare_id, canonical_type, state_when_withdrawn
from sandbox.schemas import OFFER_TYPE_BY_SCHEMA, parse_schema
from sandbox.state import SandboxState

REFUSED_AFTER_SECONDS = 3.0  # a job that breaks a rule fails early

INHERITED_BY_UPGRADES = ("beneficiaries", "partners", "preparedBy", "notificationContacts")


@dataclass
class Submission:
    """The operation on one offer that a body requests, and the rules that it breaks."""

    operation: str
    offer_id: str
    resource: JsonObject
    prices: dict[str, JsonObject]
    errors: list[JsonObject] = field(default_factory=list)  # without their code, which the job's dialect adds


def submit(state: SandboxState, body: JsonObject) -> Job:
    """Starts the job. Raises Refusal: 400 if the body breaks the schema, 501 if it is not simulated."""
    unknown_part = part_not_simulated(body)
    if unknown_part:
        raise not_simulated(unknown_part)
    errors = errors_of_body(body)
    if errors:
        message = "Invalid configuration: schema validation failed"
        raise Refusal(400, ingestion_error("badRequest", message, errors))
    now = state.clock()
    state.jobs.settle(now)
    submission = _read(state, body["resources"])
    profile = state.profile_of_next_job()
    if submission.errors:
        seconds = min(profile.seconds or REFUSED_AFTER_SECONDS, REFUSED_AFTER_SECONDS)
        profile = replace(profile, seconds=seconds, outcome="failed", not_started_seconds=0.0)
    change, resources = _work_of(state, submission)
    return state.jobs.add(
        now,
        profile=profile,
        operation=submission.operation,
        offer_id=submission.offer_id,
        broken_rules=submission.errors,
        change=change,
        resources=resources,
    )


def _read(state: SandboxState, resources: list[JsonObject]) -> Submission:
    """Derives the operation from the request, and checks its rules."""
    posted = next(resource for resource in resources if is_private_offer(resource))
    prices = {str(each["resourceName"]): each for each in resources if is_price(each) and each.get("resourceName")}
    resource = {name: value for name, value in posted.items() if value is not None}
    if (kind := _type_of(resource)) is not None:
        resource["privateOfferType"] = kind
    if "id" not in resource:
        operation = "upgrade" if "upgradedFrom" in resource else "create"
        submission = Submission(operation, str(uuid4()), resource, prices)
        if operation == "upgrade":
            _check_upgrade(state, submission)
        elif resource["state"] == "live" and kind != CHANNEL_PARTNER:
            _check_start(resource, submission)
        return submission
    operation = {"deleted": "delete", "withdrawn": "withdraw"}.get(resource["state"], "update")
    submission = Submission(operation, bare_id(str(resource["id"])).lower(), resource, prices)
    offer = state.private_offers.find(submission.offer_id)
    if offer is None:
        _break_rule(submission, "resourceNotFound", "The private offer does not exist.")
    elif state.jobs.working_on(submission.offer_id):
        _break_rule(submission, "invalidState", "Another job is already changing this private offer.")
    else:
        _RULES[operation](offer, submission)
    return submission


def _type_of(resource: JsonObject) -> str | None:
    schema = parse_schema(resource["$schema"])
    return (OFFER_TYPE_BY_SCHEMA[schema.type] if schema else None) or canonical_type(resource.get("privateOfferType"))


def _check_delete(offer: JsonObject, submission: Submission) -> None:
    if str(offer["state"]).lower() != "draft":
        _break_rule(submission, "invalidState", "Only a draft private offer can be deleted.")


def _check_withdraw(offer: JsonObject, submission: Submission) -> None:
    if str(offer["state"]).lower() != "live":
        _break_rule(submission, "invalidState", "Only a live private offer can be withdrawn.")
    elif str(offer.get("subState", "")).lower() == "accepted":
        _break_rule(submission, "invalidState", "An accepted private offer cannot be withdrawn.")


def _check_update(offer: JsonObject, submission: Submission) -> None:
    completed_by_partner = (
        submission.resource.get("privateOfferType") == CHANNEL_PARTNER
        and canonical_type(offer["privateOfferType"]) == "multipartyPromotionOriginator"
    )
    if str(offer["state"]).lower() == "live" and not completed_by_partner:
        _break_rule(submission, "invalidState", "A live private offer is locked for edits until it is withdrawn.")
    elif submission.resource["state"] == "live":
        _check_start({**offer, **submission.resource}, submission)


def _check_upgrade(state: SandboxState, submission: Submission) -> None:
    base = state.private_offers.find(str(submission.resource["upgradedFrom"].get("id", "")))
    if base is None:
        _break_rule(submission, "resourceNotFound", "The private offer to upgrade from does not exist.")
    elif str(base.get("subState", "")).lower() != "accepted":
        _break_rule(submission, "invalidState", "Only an accepted private offer can be upgraded.")
    elif str(submission.resource.get("start", "9999-12-31")) <= str(base.get("end", "")):
        _break_rule(
            submission, "businessValidationError", "The new term must not overlap with that of the base offer."
        )


def _check_start(resource: JsonObject, submission: Submission) -> None:
    """The schema accepts an offer with neither `start` nor `variableStartDate`; the documented job then fails."""
    if not {"start", "variableStartDate"} & resource.keys():
        submission.errors.append({"message": "The start date should be defined", "details": []})


_RULES: dict[str, Callable[[JsonObject, Submission], None]] = {
    "delete": _check_delete,
    "withdraw": _check_withdraw,
    "update": _check_update,
}


def _break_rule(submission: Submission, code: str, message: str) -> None:
    submission.errors.append(
        {
            "resourceId": f"private-offer/{submission.offer_id}",
            "message": f"The {submission.operation} failed.",
            "details": [{"code": code, "message": message, "details": []}],
        }
    )


def _inherited(state: SandboxState, submission: Submission) -> JsonObject:
    """The members that a request may omit: the rest of the offer itself, or those that an upgrade carries over."""
    if submission.operation != "upgrade":
        offer = dict(state.private_offers.find(submission.offer_id) or {})
        if submission.resource.get("variableStartDate") is True:
            offer.pop("start", None)
        if submission.resource.get("privateOfferType") == CHANNEL_PARTNER and "pricing" in offer:
            offer["originatorPricing"] = offer.pop("pricing")  # as the selling partner sees it
        return offer
    base = state.private_offers.find(str(submission.resource["upgradedFrom"]["id"])) or {}
    return {name: base[name] for name in INHERITED_BY_UPGRADES if name in base}


def _pricing_of_upgrade(state: SandboxState, submission: Submission) -> list[JsonObject]:
    """The base offer's prices. A price in the request replaces the one for its plan, or for the whole product."""
    base = state.private_offers.find(str(submission.resource["upgradedFrom"]["id"])) or {}
    given: list[JsonObject] = submission.resource.get("pricing", [])
    replaced = {(item["product"], item.get("plan")) for item in given}
    carried_over = [
        item
        for item in base.get("pricing", [])
        if not {(item["product"], item.get("plan")), (item["product"], None)} & replaced
    ]
    return [*carried_over, *given]


def _work_of(
    state: SandboxState, submission: Submission
) -> tuple[Callable[[], None] | None, Callable[[], list[JsonObject]]]:
    """The job's change when it succeeds, and the resources that its detail shows after that."""
    if submission.errors:
        return None, list
    offer_id = submission.offer_id
    if submission.operation == "delete":
        return lambda: state.private_offers.delete(offer_id), list

    def change() -> None:
        resource = {**_inherited(state, submission), **submission.resource, "id": f"private-offer/{offer_id}"}
        if submission.operation == "upgrade":
            resource["pricing"] = _pricing_of_upgrade(state, submission)
        if submission.operation == "withdraw":  # changes only the state
            resource = dict(state.private_offers.find(offer_id) or {})
            resource["state"] = state_when_withdrawn(resource)
        state.private_offers.put(resource, state.clock(), prices=submission.prices)

    def resources() -> list[JsonObject]:
        offer = state.private_offers.find(offer_id)
        return [offer, *state.private_offers.prices_of(offer)] if offer else []

    return change, resources
