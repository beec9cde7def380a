"""What happens to offers outside the API: in Partner Center, in the Azure portal, or because a test wants it."""

import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from sandbox.answers import JsonObject, date_only
from sandbox.cpp_offers import CppOfferStore
from sandbox.jobs import JobStore
from sandbox.private_offers import PrivateOfferStore, bare_id, state_when_withdrawn
from sandbox.sample_offers import private_offer_of

ACCEPTED_BY = ("customer", "partner")


class OfferActions:
    """The methods of SandboxState that are about offers. Thread-safe."""

    lock: threading.RLock
    clock: Callable[[], datetime]
    jobs: JobStore
    private_offers: PrivateOfferStore
    cpp_offers: CppOfferStore

    def add_private_offer(self, private_offer: JsonObject | None = None, **fields: object) -> str:
        """Adds an offer, by default a live customer offer, with `fields` changed. Returns its bare id."""
        with self.lock:
            stored = self._put({**(private_offer or private_offer_of("customerPromotion")), **fields})
            return bare_id(str(stored["id"]))

    def change_private_offer(self, offer_id: str, **members: object) -> bool:
        """Changes members as in Partner Center; None removes one. False if there is no such offer.

        Without members only `eTag` and `lastModified` change, as with every change.
        """
        return self._change(offer_id, lambda _offer: members)

    def accept_private_offer(self, offer_id: str, *, by: str = "customer") -> bool:
        """Accepts an offer as the customer or the partner does; the API cannot. False if it does not wait for that.

        Raises ValueError for anyone else.
        """
        if by not in ACCEPTED_BY:
            raise ValueError(f"by must be one of {', '.join(ACCEPTED_BY)}, not {by!r}")

        def accepted(offer: JsonObject) -> JsonObject | None:
            waits_for_partner = str(offer.get("subState")).lower() == "pendingpartneraction"
            if not _is_live(offer) or _is_accepted(offer) or waits_for_partner != (by == "partner"):
                return None
            return {"subState": "pendingAcceptance" if waits_for_partner else "accepted"}

        return self._change(offer_id, accepted)

    def lapse_private_offer(self, offer_id: str) -> bool:
        """Lets an offer lapse: its `acceptBy` becomes yesterday. False if it is not a live one to be accepted."""
        yesterday = date_only(self.clock() - timedelta(days=1))

        def lapsed(offer: JsonObject) -> JsonObject | None:
            waits = _is_live(offer) and not _is_accepted(offer) and offer.get("acceptBy") is not None
            return {"acceptBy": yesterday} if waits else None

        return self._change(offer_id, lapsed)

    def prolong_private_offer(self, offer_id: str, *, days: int = 30) -> bool:
        """Moves `acceptBy` and `end` that many days later. False if there is no such offer, or no such date."""

        def prolonged(offer: JsonObject) -> JsonObject | None:
            dates = {name: _later(offer.get(name), days) for name in ("acceptBy", "end")}
            return {name: later for name, later in dates.items() if later is not None} or None

        return self._change(offer_id, prolonged)

    def withdraw_private_offer(self, offer_id: str) -> bool:
        """Withdraws an offer, with the result of a withdraw job. False if it is not live, or accepted."""

        def withdrawn(offer: JsonObject) -> JsonObject | None:
            if not _is_live(offer) or _is_accepted(offer):
                return None
            return {"state": state_when_withdrawn(offer), "subState": None, "acceptanceLinks": None}

        return self._change(offer_id, withdrawn)

    def delete_private_offer(self, offer_id: str) -> bool:
        """Deletes an offer, whatever its state: it is 404 and not listed. False if there is no such offer."""
        with self.lock:
            self.jobs.settle(self.clock())
            found = self.private_offers.find(offer_id) is not None
            self.private_offers.delete(offer_id)
            return found

    def leave_out_private_offer(self, offer_id: str, *, lists: int = 1) -> bool:
        """Leaves an offer out of the list for the next `lists` times that someone reads it from its first page.

        It stays where it is: a request for it is answered. False if there is no such offer.
        """
        with self.lock:
            self.jobs.settle(self.clock())
            return self.private_offers.leave_out(offer_id, int(lists))

    def _put(self, resource: JsonObject) -> JsonObject:
        """Stores an offer. Unlike a request of the API's, it may say when it was last modified."""
        stored = self.private_offers.put(resource, self.clock())
        stored["lastModified"] = resource.get("lastModified", stored["lastModified"])
        return stored

    def _change(self, offer_id: str, members_of: Callable[[JsonObject], Mapping[str, object] | None]) -> bool:
        with self.lock:
            now = self.clock()
            self.jobs.settle(now)
            offer = self.private_offers.find(offer_id)
            members = None if offer is None else members_of(offer)
            if offer is None or members is None:
                return False
            self.private_offers.change(offer, members, now)
            return True

    def add_cpp_offer(
        self,
        publisher_id: str,
        offer_id: str,
        *,
        status: str = "succeeded",
        versions: int = 3,
        slots: Mapping[str, JsonObject] | None = None,
        **fields: object,
    ) -> None:
        """Adds a CPP offer, and access to its publisher.

        `fields` replace those of every slot and version, `slots` those of single slots. Raises ValueError.
        """
        with self.lock:
            self.cpp_offers.add(publisher_id, offer_id, status=status, versions=versions, slots=slots or {}, **fields)

    def change_cpp_offer(
        self,
        publisher_id: str,
        offer_id: str,
        *,
        status: str | None = None,
        steps: Mapping[str, str] | None = None,
        slots: Mapping[str, JsonObject] | None = None,
    ) -> bool:
        """Moves the publishing of a CPP offer on. False if there is no such offer.

        `status` sets its steps too, and fills the slots that an offer in that status has; `steps` then sets some of
        them by id. `slots` replaces fields of the slots that it names. Raises ValueError.
        """
        with self.lock:
            return self.cpp_offers.change(
                publisher_id, offer_id, self.clock(), status=status, steps=steps or {}, slots=slots or {}
            )

    def remove_cpp_offer(self, publisher_id: str, offer_id: str) -> bool:
        """Removes a CPP offer: it is 404. False if there is no such offer."""
        with self.lock:
            return self.cpp_offers.remove(publisher_id, offer_id)


def _is_live(offer: JsonObject) -> bool:
    return str(offer.get("state")).lower() == "live"


def _is_accepted(offer: JsonObject) -> bool:
    return str(offer.get("subState")).lower() == "accepted"


def _later(text: object, days: int) -> str | None:
    """A date that many days later; None for what is not a date."""
    try:
        return (date.fromisoformat(str(text)) + timedelta(days=days)).isoformat()
    except ValueError:
        return None
