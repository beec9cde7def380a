"""Storage's error answers, each as the error that says what a caller can do."""

import json

import pytest

from shared.storage.errors import (
    ChangeRefused,
    RowChanged,
    RowExists,
    RowMissing,
    StorageRefused,
    StorageUnreachable,
    TableMissing,
    error_of,
)


def body(code: str) -> bytes:
    return json.dumps({"odata.error": {"code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "PropertyValueTooLarge", ChangeRefused),
        (401, "InvalidAuthenticationInfo", StorageRefused),
        (403, "AuthorizationPermissionMismatch", StorageRefused),
        (404, "ResourceNotFound", RowMissing),
        (404, "TableNotFound", TableMissing),
        (408, "OperationTimedOut", StorageUnreachable),
        (409, "EntityAlreadyExists", RowExists),
        (409, "TableAlreadyExists", RowExists),
        (409, "TableBeingDeleted", StorageUnreachable),
        (412, "UpdateConditionNotSatisfied", RowChanged),
        (413, "RequestBodyTooLarge", ChangeRefused),
        (429, "TooManyRequests", StorageUnreachable),
        (500, "InternalError", StorageUnreachable),
        (503, "ServerBusy", StorageUnreachable),
    ],
)
def test_every_answer_has_its_error(status: int, code: str, kind: type[Exception]) -> None:
    assert type(error_of(status, body(code), None)) is kind


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("soon", None), ("-1", None), ("1" * 9, None)]
)
def test_a_pause_that_storage_asks_for_is_kept(header: str | None, seconds: float | None) -> None:
    error = error_of(503, body("ServerBusy"), header)

    assert isinstance(error, StorageUnreachable)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"odata.error":7}', b"[" * 100_000])
def test_an_error_without_storages_code_is_read_by_its_status(content: bytes) -> None:
    assert type(error_of(404, content, None)) is RowMissing
    assert type(error_of(503, content, None)) is StorageUnreachable
