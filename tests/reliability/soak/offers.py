"""The offers of the soak: some stay for weeks, others come and go; and the troubles of upstream itself."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.answers import JsonObject
from sandbox.private_offers import bare_id
from sandbox.sample_offers import private_offer_of
from sandbox.server import Sandbox
from tests.reliability.soak.agenda import DAY, HOUR, Agenda

STANDING_OFFERS = 30
CPP_PUBLISHER = "contoso"
CPP_OFFERS = ("contoso-succeeded", "contoso-running", "contoso-waitingforpublisherreview")
CPP_STATUSES = ("running", "waitingForPublisherReview", "succeeded", "failed")
OFFER_OF_A_JOB_STAYS_FOR = 60 * HOUR
# None of them costs real time, as a request that hangs would.
FAULTS = ("server_error", "too_many_requests", "reset", "cut_body", "html_body", "empty_body", "expired_token")
REQUESTS_HIT = 3


def sample_offer(**fields: object) -> JsonObject:
    """A live customer offer without an absolute price, whose price would be a resource of its own."""
    offer = private_offer_of("customerPromotion", **fields)
    return {**offer, "pricing": offer["pricing"][:1]}


@dataclass
class Offers:
    """Changes offers as people do in Partner Center, and has upstream fail now and then."""

    agenda: Agenda
    sandbox: Sandbox
    standing: list[str] = field(default_factory=list)

    def start(self) -> None:
        """The offers that are there before the app first looks."""
        self.standing += [self._new() for _ in range(STANDING_OFFERS)]

    def end(self) -> None:
        """Delete them all."""
        for offer in self.sandbox.state.private_offers.all():
            self.sandbox.state.delete_private_offer(str(offer["id"]))

    def plan_day(self, day: datetime) -> None:
        """What happens to offers on a day, and what fails."""
        state = self.sandbox.state
        self.agenda.some_time(day, 8, self._change)
        self.agenda.some_time(day, 3, lambda: state.accept_private_offer(self.any_standing()))
        self.agenda.some_time(day, 1, lambda: state.lapse_private_offer(self.any_standing()))
        self.agenda.some_time(day, 1, lambda: state.withdraw_private_offer(self.any_standing()))
        self.agenda.some_time(day, 3, self._make_and_delete)
        self.agenda.some_time(day, 2, self._replace)
        self.agenda.some_time(day, 3, self._publish)
        self.agenda.some_time(day, 6, self._fail)
        self.agenda.some_time(day, 4, state.revoke_tokens)

    def of_job(self, notes: str) -> JsonObject:
        """An offer for a job to create; it is deleted some days later."""
        offer = sample_offer(id=f"private-offer/{self.agenda.guid()}", notes=notes, end=self.date_within(60))
        delete = self.sandbox.state.delete_private_offer
        self.agenda.later(OFFER_OF_A_JOB_STAYS_FOR, lambda: delete(str(offer["id"])))
        return offer

    def any_standing(self) -> str:
        """The bare id of an offer that stays for weeks."""
        return self.agenda.choices.choice(self.standing)

    def date_within(self, days: int) -> str:
        """A date in the days to come."""
        moment = self.agenda.clock.now() + timedelta(days=self.agenda.choices.randrange(2, days))
        return moment.date().isoformat()

    def _new(self) -> str:
        offer = sample_offer(end=self.date_within(60), acceptBy=self.date_within(20))
        return bare_id(self.sandbox.state.add_private_offer(offer))

    def _change(self) -> None:
        end = self.date_within(60)
        self.sandbox.state.change_private_offer(self.any_standing(), end=end, name=f"Until {end}")

    def _make_and_delete(self) -> None:
        offer_id = self._new()
        self.agenda.later(DAY, lambda: self.sandbox.state.delete_private_offer(offer_id))

    def _replace(self) -> None:
        self.sandbox.state.delete_private_offer(self.standing.pop(0))
        self.standing.append(self._new())

    def _publish(self) -> None:
        offer_id, status = (self.agenda.choices.choice(each) for each in (CPP_OFFERS, CPP_STATUSES))
        self.sandbox.state.change_cpp_offer(CPP_PUBLISHER, offer_id, status=status)

    def _fail(self) -> None:
        kind = self.agenda.choices.choice(FAULTS)
        self.sandbox.state.fault(kind, route="product-ingestion", count=REQUESTS_HIT)
