"""Requests as a function sees them and answers as its caller gets them, converted as by Azure's host."""

import gzip
import json
import re
from typing import Any

import pytest

from local.host.http_messages import query_parameters
from local.host.process import HostProcess
from tests.local.host.raw_http import Answer, send

KEY = "x-functions-key: local"


def _post_echo(host: HostProcess, *lines: str, body: bytes) -> dict[str, Any]:
    answer = send(host, "POST /api/echo/x", KEY, *lines, body=body)
    assert answer.status == 201
    seen: dict[str, Any] = json.loads(answer.body)
    return seen


def _respond(host: HostProcess, **wanted: object) -> Answer:
    body = json.dumps(wanted).encode()
    return send(host, "POST /api/respond", f"Content-Length: {len(body)}", body=body)


# Requests


def test_a_body_with_a_length_reaches_the_function(host: HostProcess) -> None:
    assert _post_echo(host, "Content-Length: 2", body=b"\x00\xff")["body"] == "00ff"


def test_a_chunked_body_arrives_empty_with_its_header(host: HostProcess) -> None:
    seen = _post_echo(host, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
    assert seen["body"] == ""
    assert seen["headers"]["transfer-encoding"] == "chunked"
    assert "content-length" not in seen["headers"]


def test_a_compressed_body_stays_compressed(host: HostProcess) -> None:
    body = gzip.compress(b"{}")
    seen = _post_echo(host, "Content-Encoding: gzip", f"Content-Length: {len(body)}", body=body)
    assert seen["body"] == body.hex()
    assert seen["headers"]["content-encoding"] == "gzip"


def test_a_compressed_body_that_cannot_be_unpacked_is_passed_on(host: HostProcess) -> None:
    seen = _post_echo(host, "Content-Encoding: gzip", "Content-Length: 4", body=b"oops")
    assert seen["body"] == b"oops".hex()


def test_a_body_over_the_limit_is_500_before_it_is_read(host: HostProcess) -> None:
    answer = send(host, "POST /api/echo/x", KEY, f"Content-Length: {100 * 1024 * 1024 + 1}")
    assert answer.status == 500


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("a%5Cb", "a\\b"),
        ("a%5cb", "a\\b"),
        ("a\\b", "a\\b"),
        ("..\\..", "..\\.."),
        ("a%2fb", "a%2fb"),
        ("a%2Fb", "a%2Fb"),
        ("a%252fb", "a%2fb"),
        ("%252e%252e", "%2e%2e"),
        ("%FF%20%C3%BC", "%FF ü"),
        ("%c3", "%c3"),
    ],
)
def test_a_path_is_decoded_once_and_an_encoded_slash_stays(host: HostProcess, target: str, name: str) -> None:
    answer = send(host, f"GET /api/echo/{target}", KEY)
    assert answer.status == 201
    assert json.loads(answer.body)["route"] == {"name": name}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&A=2", {"a": "1,2"}),
        ("a=x+y%2B", {"a": "x y+"}),
        ("a=&b", {}),
        ("g=%FF", {"g": "%FF"}),
        ("g=%ff%C3%BC%20%C3", {"g": "%ffü %C3"}),
        ("a=%2F%zz%", {"a": "/%zz%"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=b=c&&", {"a": "b=c"}),
    ],
)
def test_query_parameters_as_azure_passes_them(query: str, parameters: dict[str, str]) -> None:
    assert query_parameters(query) == parameters


def test_a_query_that_is_not_utf8_reaches_the_function_encoded(host: HostProcess) -> None:
    assert json.loads(send(host, "GET /api/echo/x?g=%FF", KEY).body)["query"] == {"g": "%FF"}


# Answers


@pytest.mark.parametrize("value", ["\x80", "ÿ", "€", "a\x01b", "a\tb", "a\x7f"])
def test_a_header_with_a_control_or_non_ascii_character_is_500(host: HostProcess, value: str) -> None:
    answer = _respond(host, headers={"ETag": value}, body="00")
    assert (answer.status, answer.body) == (500, b"")


def test_a_header_name_that_is_not_a_token_is_500(host: HostProcess) -> None:
    assert _respond(host, headers={"X Y": "1"}).status == 500


def test_the_log_says_why_an_answer_cannot_be_sent(host: HostProcess) -> None:
    _respond(host, headers={"X-Reason": "\x80"})
    host.wait_for_line("ERROR .*The answer of respond cannot be sent: its header 'X-Reason'", timeout_seconds=5)


@pytest.mark.parametrize("length", ["1", "3", "-1", "two"])
def test_a_wrong_content_length_is_500(host: HostProcess, length: str) -> None:
    assert _respond(host, headers={"Content-Length": length}, body="0001").status == 500


def test_a_right_content_length_is_sent_once(host: HostProcess) -> None:
    answer = _respond(host, headers={"Content-Length": "2"}, body="0001")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "2", b"\x00\x01")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_is_500_with_one(host: HostProcess, status: int) -> None:
    assert _respond(host, status=status, body="00").status == 500


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_passes_without_one(host: HostProcess, status: int) -> None:
    answer = _respond(host, status=status, headers={"ETag": '"1"'})
    assert (answer.status, answer.header("etag"), answer.body) == (status, '"1"', b"")


@pytest.mark.parametrize(
    ("mimetype", "content_type"),
    [
        ("text/html", "text/html; charset=utf-8"),
        ("text/calendar", "text/calendar; charset=utf-8"),
        ("application/json", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_a_text_type_gets_its_charset_and_others_go_out_as_given(
    host: HostProcess, mimetype: str, content_type: str
) -> None:
    assert _respond(host, mimetype=mimetype, body="41").header("content-type") == content_type


def test_bytes_with_an_encoding_of_their_own_go_out_unchanged(host: HostProcess) -> None:
    body = gzip.compress(b"page")
    answer = _respond(host, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}, body=body.hex())
    assert answer.body == body
    assert answer.header("content-encoding") == "gzip"


def test_nothing_is_compressed_by_the_host(host: HostProcess) -> None:
    answer = send(host, "GET /api/files/a", "Accept-Encoding: gzip, br")
    assert answer.header("content-encoding") is None


def test_a_header_has_one_value_whatever_the_case_of_its_name(host: HostProcess) -> None:
    answer = _respond(host, headers={"X-Twice": "first", "x-twice": "second"})
    assert answer.header("x-twice") in ("first", "second")


def test_head_is_answered_without_body_where_it_is_declared(host: HostProcess) -> None:
    answer = send(host, "HEAD /api/files/a")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "13", b"")


def test_a_name_is_never_logged_with_its_query(host: HostProcess) -> None:
    send(host, "GET /api/files/in-the-log?code=not-to-be-seen")
    host.wait_for_line(re.escape("GET /api/files/in-the-log 200"), timeout_seconds=5)
    assert not any("not-to-be-seen" in line for line in host.lines)
