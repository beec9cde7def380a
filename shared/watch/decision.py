"""Which events the difference between the last snapshot of an offer and the offer itself makes."""

from dataclasses import dataclass, field
from typing import Literal

from shared.watch.changes import changed_paths
from shared.watch.notices import Notice
from shared.watch.offer import WatchedOffer

CREATED = "private_offer.created"
CHANGED = "private_offer.changed"
ACCEPTED = "private_offer.accepted"
DELETED = "private_offer.deleted"
_CHANNEL_PARTNER = "multipartypromotionchannelpartner"

type AcceptedBy = Literal["partner", "customer"]


@dataclass(frozen=True)
class Told:
    """One event about a private offer: its type, and what its data has beside the offer.

    `changes` are JSON Pointers into the offer. `by` is who accepted. `days_left` are calendar days.
    """

    type: str
    changes: list[str] = field(default_factory=list)
    by: AcceptedBy | None = None
    days_left: int | None = None

    @classmethod
    def of_notice(cls, notice: Notice) -> "Told":
        return cls(notice.type, days_left=notice.days_left)


def decide(
    before: WatchedOffer | None,
    after: WatchedOffer,
    *,
    gone: bool = False,
    baseline: bool = False,
    told_by_job: bool = False,
) -> list[Told]:
    """The events that an offer makes which was read, in the order in which they are told; notices are apart.

    - `before` is the last snapshot, None if there is none. `gone` says that the offer had gone since.
    - In a `baseline` everything is silent.
    - An offer that is new, or back, is that one change, even if somebody has accepted it already.
    - `told_by_job`: the offer was read from the detail of a job. `job.succeeded` tells what the job did. An
      acceptance is news all the same, except a selling partner's own, which is what its job did.
    """
    if baseline:
        return []
    is_new = before is None or gone
    was_deleted = before is not None and before.deleted
    if after.deleted:
        return [] if is_new or was_deleted or told_by_job else [Told(DELETED)]
    if (is_new or was_deleted) and not told_by_job:
        return [Told(CREATED)]
    told: list[Told] = []
    by = _accepted_by(before, after)
    if by is not None and not (told_by_job and by == "partner" and after.offer_type == _CHANNEL_PARTNER):
        told.append(Told(ACCEPTED, by=by))
    if before is not None and not told_by_job:
        changes = changed_paths(before.content, after.content)
        if by is not None:
            changes = [path for path in changes if path not in _moved_by_acceptance(by, before)]
        if changes:
            told.append(Told(CHANGED, changes=changes))
    return told


def _accepted_by(before: WatchedOffer | None, after: WatchedOffer) -> AcceptedBy | None:
    """Who has accepted the offer since; the customer, if both have."""
    if after.to_resellers:
        return None
    sub_state_before = "" if before is None else before.sub_state
    if after.sub_state == "accepted" and sub_state_before != "accepted":
        return "customer"
    if after.sub_state == "pendingacceptance" and sub_state_before == "pendingpartneraction":
        return "partner"
    return None


def _moved_by_acceptance(by: AcceptedBy, before: WatchedOffer) -> set[str]:
    """The changes that the acceptance itself makes. A variable start is the day on which the customer accepts."""
    starts = by == "customer" and before.content.get("variableStartDate") is True
    return {"/subState", "/start"} if starts else {"/subState"}
