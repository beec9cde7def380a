"""What goes out: only headers that the Functions host can send."""

import pytest

from shared.http.messages import COMMON_HEADERS, Response, all_parameters


@pytest.mark.parametrize("value", ["\x80", "a\xe9", "a\r\nX-Injected: 1", "tab\there", "\x00", "\u2028", "\x7f"])
def test_a_header_that_is_not_printable_ascii_is_left_out(value: str) -> None:
    """The Functions host turns an answer that has one into a 500."""
    assert Response(200, headers={"ETag": value}).all_headers == COMMON_HEADERS


def test_other_headers_go_out_beside_the_common_ones() -> None:
    assert Response(200, headers={"ETag": 'W/"a b"'}).all_headers == COMMON_HEADERS | {"ETag": 'W/"a b"'}


@pytest.mark.parametrize(
    ("query", "from_host", "known"),
    [
        ("label=a&state=", {"label": "a"}, {"label": "a", "state": ""}),
        ("label", {}, {"label": ""}),
        ("label=&label=a", {"label": ",a"}, {"label": ",a"}),
        ("Label=&label=a", {"Label": ",a"}, {"Label": ",a"}),
        ("label=%20", {"label": " "}, {"label": " "}),
        ("", {}, {}),
    ],
)
def test_a_parameter_without_a_value_is_known_too(
    query: str, from_host: dict[str, str], known: dict[str, str]
) -> None:
    """The Functions host leaves it out: `?label=` would list every job instead of none."""
    assert all_parameters(f"https://monitor.example/api/jobs?{query}", from_host) == known


def test_a_url_without_a_query_has_no_parameters() -> None:
    assert all_parameters("https://monitor.example/api/jobs", {}) == {}
