"""The schema of POST configure bodies: the envelope and the resources that it may contain."""

import re
from collections.abc import Iterator

from sandbox.answers import JsonObject
from sandbox.offer_schema import OfferRequest, faults_of_offer
from sandbox.private_offers import PRIVATE_OFFER_TYPES, canonical_type
from sandbox.schemas import (
    ACCEPTED_VERSIONS,
    NOT_SIMULATED,
    OFFER,
    OFFER_TYPE_BY_SCHEMA,
    PRICE,
    SchemaName,
    parse_schema,
)

RESOURCE_NAME_PATTERN = re.compile(r"[a-zA-Z0-9-_]{1,50}")


def is_private_offer(resource: object) -> bool:
    """Whether a resource is a private offer, by its schema."""
    schema = _schema_of(resource)
    return schema is not None and schema.type in OFFER_TYPE_BY_SCHEMA


def is_price(resource: object) -> bool:
    """Whether a resource is an absolute price of a private offer, by its schema."""
    schema = _schema_of(resource)
    return schema is not None and schema.type == PRICE


def part_not_simulated(body: object) -> str | None:
    """A description of the part of a body that the real service accepts but the sandbox does not simulate."""
    resources = body.get("resources") if isinstance(body, dict) else None
    if not isinstance(resources, list):
        return None
    schemas = [schema for schema in map(_schema_of, resources) if schema is not None]
    foreign = sorted({schema.type for schema in schemas if schema.type in NOT_SIMULATED})
    if foreign:
        return f"resources of the type {', '.join(foreign)}"
    if schemas and sum(map(is_private_offer, resources)) != 1:
        return "requests with more or fewer than one private offer" if _all_known(resources) else None
    return None


def errors_of_body(body: object) -> list[JsonObject]:
    """Everything that is wrong with a configure body, as the `details` of a 400."""
    if not isinstance(body, dict) or not isinstance(body.get("resources"), list) or not body["resources"]:
        return [_error(None, "'resources' must be a non-empty list.")]
    errors = [_error(None, f"'{name}' is not allowed.") for name in body if name not in ("$schema", "resources")]
    envelope = parse_schema(body.get("$schema"))
    known = envelope is not None and envelope.type == "configure"
    if "$schema" in body and not (known and envelope and envelope.version in ACCEPTED_VERSIONS["configure"]):
        errors.append(_error(None, "'$schema' must name a version of the configure schema."))
    price_names = frozenset(str(resource.get("resourceName")) for resource in body["resources"] if is_price(resource))
    for resource in body["resources"]:
        errors += [
            _error(_name_of(resource), fault, code) for code, fault in _faults_of_resource(resource, price_names)
        ]
    return errors


def _schema_of(resource: object) -> SchemaName | None:
    return parse_schema(resource.get("$schema")) if isinstance(resource, dict) else None


def _all_known(resources: list[object]) -> bool:
    return all(is_private_offer(resource) or is_price(resource) for resource in resources)


def _faults_of_resource(resource: object, price_names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Pairs of an error code and a message."""
    schema = _schema_of(resource)
    known_as = OFFER if is_private_offer(resource) else schema.type if schema else ""
    if not isinstance(resource, dict) or schema is None or schema.version not in ACCEPTED_VERSIONS.get(known_as, ()):
        uri = resource.get("$schema") if isinstance(resource, dict) else None
        yield "invalidResource", f"Invalid resource: the schema {uri} could not be found."
        return
    name = resource.get("resourceName")
    if name is not None and not (isinstance(name, str) and RESOURCE_NAME_PATTERN.fullmatch(name)):
        yield "schemaValidationError", "'resourceName' must be 1 to 50 letters, digits, - or _."
    offer = {name: value for name, value in resource.items() if value is not None}
    if known_as == PRICE:
        faults = _faults_of_price(offer)
    else:
        kind = OFFER_TYPE_BY_SCHEMA[schema.type] or canonical_type(offer.get("privateOfferType"))
        request = OfferRequest(offer, schema.version, kind or PRIVATE_OFFER_TYPES[0], price_names)
        faults = faults_of_offer(request, OFFER_TYPE_BY_SCHEMA[schema.type])
    for fault in faults:
        yield "schemaValidationError", fault


def _faults_of_price(price: JsonObject) -> Iterator[str]:
    for name in ("product", "plan"):
        reference = price.get(name)
        if not isinstance(reference, dict) and not str(reference or "").startswith(f"{name}/"):
            yield f"'{name}' must be a durable id ({name}/...) or a reference."


def _name_of(resource: object) -> object:
    """The service's reference to a resource in errors: its id, or the request's `resourceName`."""
    if not isinstance(resource, dict):
        return None
    if "id" in resource:
        return resource["id"]
    return {"resourceName": resource["resourceName"]} if "resourceName" in resource else None


def _error(resource_id: object, message: str, code: str = "schemaValidationError") -> JsonObject:
    error: JsonObject = {"code": code, "message": message, "details": []}
    return {"resourceId": resource_id, **error} if resource_id else error
