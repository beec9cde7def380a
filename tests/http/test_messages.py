"""What goes out: only headers that the Functions host can send."""

import pytest

from shared.http.messages import COMMON_HEADERS, Response


@pytest.mark.parametrize("value", ["\x80", "a\xe9", "a\r\nX-Injected: 1", "tab\there", "\x00", "\u2028", "\x7f"])
def test_a_header_that_is_not_printable_ascii_is_left_out(value: str) -> None:
    """The Functions host turns an answer that has one into a 500."""
    assert Response(200, headers={"ETag": value}).all_headers == COMMON_HEADERS


def test_other_headers_go_out_beside_the_common_ones() -> None:
    assert Response(200, headers={"ETag": 'W/"a b"'}).all_headers == COMMON_HEADERS | {"ETag": 'W/"a b"'}
