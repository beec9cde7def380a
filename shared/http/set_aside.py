"""`/set-aside`: rows that were put into the jobs table and are no jobs."""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict

from shared.clock import rfc3339
from shared.http.messages import NO_CONTENT, Request, Response, json_response
from shared.http.problems import ProblemError
from shared.http.reading import Parameters, takes_parameters
from shared.jobs.set_aside import SetAsideRows, addressable

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 500
# Storage's limit is 1 KiB in UTF-16; some of a key's characters may be percent-encoded here.
LONGEST_ROW_KEY_CHARACTERS = 1_536
LONGEST_CURSOR_CHARACTERS = 5_000
# A key may be empty, a cursor may not.
_CURSOR_PREFIX = "~"


class SetAsideRecord(TypedDict):
    """A row that was set aside."""

    rowKey: str
    setAsideAt: str
    reason: str


class SetAsideList(TypedDict):
    """A page of rows that were set aside."""

    rows: list[SetAsideRecord]
    nextCursor: str | None


@dataclass(frozen=True)
class SetAsideHandlers:
    """The handlers of `/set-aside`."""

    rows: SetAsideRows

    @takes_parameters
    def list(self, request: Request) -> Response:
        """GET /set-aside: in the order of their row keys."""
        parameters = Parameters(request.query, known={"limit", "cursor"})
        limit = parameters.limit(DEFAULT_LIMIT, HIGHEST_LIMIT)
        cursor = parameters.text("cursor", longest=LONGEST_CURSOR_CHARACTERS)
        after_key = None if cursor is None else _decoded(cursor)
        if cursor is not None and after_key is None:
            parameters.fault("cursor should be the nextCursor of an earlier answer")
        parameters.check()
        # One more than asked for tells whether there is a next page.
        found = self.rows.page(after_key, limit + 1)
        records = [
            SetAsideRecord(rowKey=addressable(row.row_key), setAsideAt=rfc3339(row.set_aside_at), reason=row.reason)
            for row in found[:limit]
        ]
        next_cursor = _encoded(found[limit - 1].row_key) if len(found) > limit else None
        return json_response(SetAsideList(rows=records, nextCursor=next_cursor))

    def remove(self, request: Request) -> Response:
        """DELETE /set-aside/{rowKey}."""
        row_key = request.route["rowKey"]
        if len(row_key) > LONGEST_ROW_KEY_CHARACTERS or not self.rows.remove(row_key):
            raise ProblemError(HTTPStatus.NOT_FOUND, "row-unknown", "No such row is set aside.")
        return NO_CONTENT


def _encoded(row_key: str) -> str:
    return base64.urlsafe_b64encode((_CURSOR_PREFIX + row_key).encode()).decode("ascii").rstrip("=")


def _decoded(cursor: str) -> str | None:
    """The row key in a cursor; None if there is none in it."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8").removeprefix(_CURSOR_PREFIX)
    except (binascii.Error, ValueError):
        return None
    return None if any(character < " " for character in key) else key
