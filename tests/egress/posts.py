"""What the tests of the guard post, and where a name leads in them."""

from shared.egress.deadline import Resolver

HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


def resolving(*addresses: str) -> Resolver:
    return lambda _: addresses
