"""Scripts: a list of answers for a job's successive status requests, instead of its state."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from sandbox.answers import JsonObject, json_answer, snake_case
from sandbox.fault_kinds import FAULT_KINDS
from sandbox.faults import Fault, FaultyCall
from sandbox.request_log import JOB_STATUS_ROUTE


def check_script(script: object) -> None:
    """Raises TypeError or ValueError for an invalid script."""
    if not isinstance(script, Sequence) or isinstance(script, str):
        raise TypeError("script must be a list")
    for entry in script:
        if not isinstance(entry, str | dict):
            raise TypeError("an entry of a script must be a state or an object")
        if isinstance(entry, dict) and entry.get("fault", "reset") not in FAULT_KINDS:
            raise ValueError(f"unknown fault {entry['fault']!r} in the script")


async def scripted_answer(
    entry: Mapping[str, Any], usual: JsonObject, request: web.Request, now: datetime
) -> web.StreamResponse:
    """The answer that one entry of a script describes.

    `fields` replace those of the usual body, and null removes one. `fault` names a fault; the entry's other members
    are its parameters. `status`, `headers` and `body` replace the answer; a string is sent as it is, other values as
    JSON.
    """
    body = {**usual, **entry.get("fields", {})}
    body = {name: value for name, value in body.items() if value is not None}

    async def answer() -> web.Response:
        return json_answer(body)

    if "fault" in entry:
        fault = Fault(0, entry["fault"], parameters=snake_case(entry))
        return await FAULT_KINDS[fault.kind](FaultyCall(fault, request, JOB_STATUS_ROUTE, now, answer))
    status, headers = int(entry.get("status", 200)), dict(entry.get("headers", {}))
    given = entry.get("body", body)
    if isinstance(given, str):
        return web.Response(text=given, status=status, headers={"Content-Type": "application/json", **headers})
    return json_answer(given, status=status, headers=headers)
