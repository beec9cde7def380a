"""`/set-aside`: rows that were put into the jobs table and are not jobs."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypedDict

from shared.clock import rfc3339
from shared.cursor import InvalidCursor, make_cursor, read_cursor
from shared.http.messages import NO_CONTENT, Request, Response, json_response
from shared.http.operations import operation
from shared.http.parameters import Cursor, Parameters, WholeNumber
from shared.http.problems import ProblemError
from shared.jobs.set_aside import SetAsideRows, addressable

# Storage's limit is 1 KiB in UTF-16; some of a key's characters may be percent-encoded here.
LONGEST_ROW_KEY_CHARACTERS = 1_536
_FILTERS = ["set-aside"]


class ListSetAside(Parameters):
    """Which rows to list."""

    limit: Annotated[int, WholeNumber(1, 500)] = 50
    cursor: Cursor | None = None


class SetAsidePath(Parameters):
    """One row, by its key as the list shows it. Any text may be a key; a longer one than storage takes is unknown."""

    row_key: str


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

    @operation(parameters=ListSetAside, answers={200: SetAsideList})
    def list(self, _: Request, query: ListSetAside) -> Response:
        """List the rows of the jobs table that are not jobs, in the order of their keys."""
        # One more than asked for tells whether there is a next page.
        found = self.rows.page(None if query.cursor is None else _row_key(query.cursor), query.limit + 1)
        shown = found[: query.limit]
        records = [
            SetAsideRecord(rowKey=addressable(row.row_key), setAsideAt=rfc3339(row.set_aside_at), reason=row.reason)
            for row in shown
        ]
        more = len(found) > len(shown)
        next_cursor = make_cursor([shown[-1].row_key], filters=_FILTERS) if more else None
        return json_response(SetAsideList(rows=records, nextCursor=next_cursor))

    @operation(parameters=SetAsidePath, answers={204: None}, problems=("row-unknown",))
    def remove(self, _: Request, path: SetAsidePath) -> Response:
        """Remove one of these rows."""
        if len(path.row_key) > LONGEST_ROW_KEY_CHARACTERS or not self.rows.remove(path.row_key):
            raise ProblemError(HTTPStatus.NOT_FOUND, "row-unknown", "No such row is set aside.")
        return NO_CONTENT


def _row_key(cursor: str) -> str:
    match read_cursor(cursor, filters=_FILTERS):
        case [str(row_key)]:
            return row_key
        case _:
            raise InvalidCursor
