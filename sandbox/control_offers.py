"""The part of the control endpoint that is about offers: /sandbox/private-offers and /sandbox/cpp-offers."""

from aiohttp import web

from sandbox.answers import Refusal, json_answer, snake_case
from sandbox.control_bodies import NO_CONTENT, json_body, refused_with_reason
from sandbox.sample_offers import private_offer_of
from sandbox.state import STATE


def routes() -> list[web.RouteDef]:
    """The routes."""
    private_offers, cpp_offers = "/sandbox/private-offers", "/sandbox/cpp-offers"
    private_offer, cpp_offer = f"{private_offers}/{{offer_id}}", f"{cpp_offers}/{{publisher_id}}/{{offer_id}}"
    return [
        web.post(private_offers, post_private_offers, name="control.private-offers-add"),
        web.patch(private_offer, patch_private_offer, name="control.private-offer-change"),
        web.delete(private_offer, delete_private_offer, name="control.private-offer-delete"),
        web.post(f"{private_offer}/accept", post_accept, name="control.private-offer-accept"),
        web.post(f"{private_offer}/lapse", post_lapse, name="control.private-offer-lapse"),
        web.post(f"{private_offer}/prolong", post_prolong, name="control.private-offer-prolong"),
        web.post(f"{private_offer}/withdraw", post_withdraw, name="control.private-offer-withdraw"),
        web.post(f"{private_offer}/leave-out", post_leave_out, name="control.private-offer-leave-out"),
        web.post(cpp_offers, post_cpp_offer, name="control.cpp-offers-add"),
        web.patch(cpp_offer, patch_cpp_offer, name="control.cpp-offer-change"),
        web.delete(cpp_offer, delete_cpp_offer, name="control.cpp-offer-remove"),
    ]


async def post_private_offers(request: web.Request) -> web.Response:
    """Adds a private offer, or `count` of the same kind: a sample of its type with the body's members changed."""
    fields = await json_body(request)
    state = request.app[STATE]
    with refused_with_reason():
        count = int(fields.pop("count", 0))
        offer = private_offer_of(str(fields.get("privateOfferType", "customerPromotion")), **fields)
        if not count:
            return json_answer({"privateOfferId": state.add_private_offer(offer)}, status=201)
        return json_answer({"privateOfferIds": [state.add_private_offer(offer) for _ in range(count)]}, status=201)


async def patch_private_offer(request: web.Request) -> web.Response:
    """Changes members as in Partner Center; null removes one."""
    members = await json_body(request)
    with refused_with_reason():
        return _answer(request.app[STATE].change_private_offer(_offer_id(request), **members))


async def delete_private_offer(request: web.Request) -> web.Response:
    """Deletes an offer, whatever its state."""
    return _answer(request.app[STATE].delete_private_offer(_offer_id(request)))


async def post_accept(request: web.Request) -> web.Response:
    """Accepts an offer as the customer, or `by` the partner."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        return _answer(request.app[STATE].accept_private_offer(_offer_id(request), **values))


async def post_lapse(request: web.Request) -> web.Response:
    """Lets an offer lapse."""
    return _answer(request.app[STATE].lapse_private_offer(_offer_id(request)))


async def post_prolong(request: web.Request) -> web.Response:
    """Prolongs an offer by `days`."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        return _answer(request.app[STATE].prolong_private_offer(_offer_id(request), **values))


async def post_withdraw(request: web.Request) -> web.Response:
    """Withdraws an offer."""
    return _answer(request.app[STATE].withdraw_private_offer(_offer_id(request)))


async def post_leave_out(request: web.Request) -> web.Response:
    """Leaves an offer out of the list for the next `lists` readings."""
    values = snake_case(await json_body(request))
    with refused_with_reason():
        return _answer(request.app[STATE].leave_out_private_offer(_offer_id(request), **values))


async def post_cpp_offer(request: web.Request) -> web.Response:
    """Adds a CPP offer: `publisherId`, `offerId`, `status`, `versions`, `slots`, and `fields` of all its answers."""
    values = snake_case(await json_body(request))
    fields = dict(values.pop("fields", {}))
    with refused_with_reason():
        request.app[STATE].add_cpp_offer(**values, **fields)
    return web.Response(status=201)


async def patch_cpp_offer(request: web.Request) -> web.Response:
    """Moves publishing on: `status`, `steps`, `slots`."""
    values = snake_case(await json_body(request))
    match = request.match_info
    with refused_with_reason():
        return _answer(request.app[STATE].change_cpp_offer(match["publisher_id"], match["offer_id"], **values))


async def delete_cpp_offer(request: web.Request) -> web.Response:
    """Removes a CPP offer."""
    match = request.match_info
    return _answer(request.app[STATE].remove_cpp_offer(match["publisher_id"], match["offer_id"]))


def _offer_id(request: web.Request) -> str:
    return request.match_info["offer_id"]


def _answer(done: bool) -> web.Response:
    if not done:
        raise Refusal(404, {"error": "there is no such offer, or it is not in a state for this"})
    return web.Response(status=NO_CONTENT)
