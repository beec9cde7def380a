"""Transactions on the wire; that storage takes them is shown in `test_table.py`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.transactions import Change, Write, entity_url, transaction_body, transaction_outcome

URL = "https://account.table.core.windows.net/jobs"


def part(status: int, headers: str = "", body: str = "") -> str:
    return f"--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} Word\r\n{headers}\r\n{body}\r\n"


def answer(*parts: str) -> bytes:
    return (
        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + "".join(parts) + "--c--\r\n--b--\r\n"
    ).encode()


def test_the_etags_of_a_transaction_are_in_the_order_of_its_changes() -> None:
    outcome = transaction_outcome(answer(part(204, 'ETag: W/"1"\r\n'), part(204), part(204, 'etag:  W/"3"\r\n')))
    assert outcome.etags == ['W/"1"', "", 'W/"3"']
    assert outcome.failed_status is None


def test_a_failed_transaction_has_the_status_and_body_of_the_failed_change() -> None:
    outcome = transaction_outcome(answer(part(412, "Content-Type: application/json\r\n", '{"odata.error":{}}')))
    assert outcome.failed_status == 412
    assert outcome.failed_body.strip() == b'{"odata.error":{}}'


def test_a_body_that_looks_like_headers_adds_no_etag() -> None:
    outcome = transaction_outcome(answer(part(201, 'ETag: W/"1"\r\n', "etag: forged"), part(204)))
    assert outcome.etags == ['W/"1"', ""]


@given(st.binary())
def test_any_answer_is_read(content: bytes) -> None:
    transaction_outcome(content)


@pytest.mark.parametrize("key", ["a'b", "a b", "é", "%27", "a/b", "x)y", "\u2028", "'); DELETE"])
def test_a_key_is_quoted_so_that_it_cannot_leave_its_place(key: str) -> None:
    url = entity_url(URL, "p", key)
    assert url.startswith(f"{URL}(PartitionKey='p',RowKey='")
    assert url.isascii()
    inner = url.removeprefix(f"{URL}(PartitionKey='p',RowKey='").removesuffix("')")
    assert not set(inner) & set("' )(/\r\n")


def test_a_column_cannot_end_its_part_of_the_body() -> None:
    body, content_type = transaction_body(
        URL, [Change(Write.INSERT, {"PartitionKey": "p", "RowKey": "k", "label": "\r\n--batch_\r\n\r\nHTTP/1.1"})]
    )
    assert body.count(b"--" + content_type.rpartition("=")[2].encode()) == 2
