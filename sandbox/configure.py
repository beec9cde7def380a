"""POST configure: checks the body, finds out what it asks for, and starts the job that does it (upstream-api A10)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from sandbox.answers import JsonObject, Refusal, ingestion_error
from sandbox.configure_schema import errors_of_body, is_private_offer
from sandbox.jobs import Job, Profile
from sandbox.private_offers import bare_id, price_resources
from sandbox.state import SandboxState

REFUSED_AFTER_SECONDS = 3.0  # a job that breaks a rule fails early

INHERITED_BY_UPGRADES = ("beneficiaries", "partners", "preparedBy", "notificationContacts")


@dataclass
class Submission:
    """What a body asks for: the operation on one offer, and the rules that it breaks."""

    operation: str
    offer_id: str
    resource: JsonObject
    errors: list[JsonObject] = field(default_factory=list)


def submit(state: SandboxState, body: JsonObject) -> Job:
    """Starts the job. Raises Refusal (400) for a body that the schema does not allow."""
    errors = errors_of_body(body)
    if errors:
        message = "Invalid configuration: schema validation failed"
        raise Refusal(400, ingestion_error("badRequest", message, errors))
    now = state.clock()
    state.jobs.settle(now)
    resource = next(resource for resource in body["resources"] if is_private_offer(resource))
    submission = _read(state, resource)
    profile = state.profile_of_next_job()
    if submission.errors:
        profile = Profile(min(profile.seconds or REFUSED_AFTER_SECONDS, REFUSED_AFTER_SECONDS), "failed", 0.0)
    change, resources = _work_of(state, submission)
    return state.jobs.add(
        now,
        profile=profile,
        operation=submission.operation,
        offer_id=submission.offer_id,
        errors=submission.errors,
        change=change,
        resources=resources,
    )


def _read(state: SandboxState, resource: JsonObject) -> Submission:
    """Tells the operation by the request markers of A10 and checks its rules."""
    wanted = str(resource["state"]).lower()
    if "id" not in resource:
        offer_id = str(uuid4())
        submission = Submission("upgrade" if "upgradedFrom" in resource else "create", offer_id, resource)
        if submission.operation == "upgrade":
            _check_upgrade(state, submission)
        return submission
    operation = {"deleted": "delete", "withdrawn": "withdraw"}.get(wanted, "update")
    submission = Submission(operation, bare_id(str(resource["id"])).lower(), resource)
    offer = state.private_offers.find(submission.offer_id)
    if offer is None:
        _break_rule(submission, "resourceNotFound", "The private offer does not exist.")
    elif state.jobs.working_on(submission.offer_id):
        _break_rule(submission, "invalidState", "Another job is already changing this private offer.")
    else:
        _RULES[operation](offer, submission)
    return submission


def _check_delete(offer: JsonObject, submission: Submission) -> None:
    if str(offer["state"]).lower() != "draft":
        _break_rule(submission, "invalidState", "Only a draft private offer can be deleted.")


def _check_withdraw(offer: JsonObject, submission: Submission) -> None:
    if str(offer["state"]).lower() != "live":
        _break_rule(submission, "invalidState", "Only a live private offer can be withdrawn.")
    elif str(offer.get("subState", "")).lower() == "accepted":
        _break_rule(submission, "invalidState", "An accepted private offer cannot be withdrawn.")


def _check_update(offer: JsonObject, submission: Submission) -> None:
    if str(offer["state"]).lower() == "live":
        _break_rule(submission, "invalidState", "A live private offer is locked for edits until it is withdrawn.")


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


_RULES: dict[str, Callable[[JsonObject, Submission], None]] = {
    "delete": _check_delete,
    "withdraw": _check_withdraw,
    "update": _check_update,
}


def _break_rule(submission: Submission, code: str, message: str) -> None:
    """Nested as the failed sample of SEED-1 is; "Conflict" is the one code that it writes in PascalCase."""
    submission.errors.append(
        {
            "resourceId": f"private-offer/{submission.offer_id}",
            "code": "Conflict",
            "message": f"The {submission.operation} failed.",
            "details": [{"code": code, "message": message, "details": []}],
        }
    )


def _inherited(state: SandboxState, submission: Submission) -> JsonObject:
    """The fields that a request may leave out: those of the offer itself, or the people of the upgrade's base."""
    if submission.operation != "upgrade":
        return state.private_offers.find(submission.offer_id) or {}
    base = state.private_offers.find(str(submission.resource["upgradedFrom"]["id"])) or {}
    return {name: base[name] for name in INHERITED_BY_UPGRADES if name in base}


def _work_of(
    state: SandboxState, submission: Submission
) -> tuple[Callable[[], None] | None, Callable[[], list[JsonObject]]]:
    """What the job does when it succeeds, and the resources that its detail then shows."""
    if submission.errors:
        return None, list
    offer_id = submission.offer_id
    if submission.operation == "delete":
        return lambda: state.private_offers.delete(offer_id), list

    def change() -> None:
        resource = {**_inherited(state, submission), **submission.resource, "id": f"private-offer/{offer_id}"}
        resource["state"] = str(resource["state"]).lower()
        if submission.operation == "withdraw" and resource["privateOfferType"].lower() != "csppromotion":
            resource["state"] = "draft"  # A7: customer and multiparty offers show as draft after a withdraw
        state.private_offers.put(resource, state.clock())

    def resources() -> list[JsonObject]:
        offer = state.private_offers.find(offer_id)
        return [*price_resources(offer), offer] if offer else []

    return change, resources
