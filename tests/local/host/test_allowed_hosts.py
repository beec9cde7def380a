"""Pages and names from elsewhere are refused: a browser on this machine would send their requests."""

import pytest

from local.host.allowed_hosts import parse_names
from local.host.errors import HostError
from local.host.process import HostProcess
from tests.local.host.raw_http import send

KEY = "x-functions-key: local"


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "LOCALHOST:80",
        "localhost:7071",
        "127.0.0.1",
        "127.0.0.1:7071",
        "[::1]",
        "[::1]:7071",
        "tunnel.example",
        "Tunnel.Example:443",
        "[fd00::1]:7071",
    ],
)
def test_this_machine_and_the_names_of_the_setting_are_answered(host: HostProcess, name: str) -> None:
    assert send(host, "GET /api/files/a", host_header=name).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:7071",
        "localhost:",
        "localhost:7071:1",
        "localhost@evil.example",
        "127.0.0.2",
        "169.254.169.254",
        "[::2]",
        "::1",
        "xtunnel.example",
        "tunnelxexample",
        "0",
    ],
)
@pytest.mark.parametrize("target", ["GET /api/files/a", "POST /admin/functions/tick", "GET /", "GET /nowhere"])
def test_a_foreign_host_is_refused_with_a_reason(host: HostProcess, name: str, target: str) -> None:
    answer = send(host, target, KEY, host_header=name)
    assert answer.status == 403
    assert b"Host header" in answer.body
    assert b"FUNCTIONS_ALLOWED_HOSTS" in answer.body


def test_a_request_without_host_is_400(host: HostProcess) -> None:
    assert send(host, "GET /api/files/a", host_header=None).status == 400


def test_a_request_with_two_hosts_is_400(host: HostProcess) -> None:
    assert send(host, "GET /api/files/a", "Host: evil.example").status == 400


@pytest.mark.parametrize("origin", ["http://localhost:7071", "http://127.0.0.1:3000", "https://tunnel.example"])
def test_a_page_of_this_machine_is_answered(host: HostProcess, origin: str) -> None:
    assert send(host, "GET /api/files/a", f"Origin: {origin}").status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://localhost.evil.example",
        "http://localhost:7071.evil.example",
        "file://",
    ],
)
@pytest.mark.parametrize("target", ["GET /api/files/a", "POST /api/echo/x?code=local"])
def test_a_foreign_page_is_refused_with_a_reason(host: HostProcess, origin: str, target: str) -> None:
    answer = send(host, target, f"Origin: {origin}", "Content-Type: text/plain", "Content-Length: 2", body=b"{}")
    assert answer.status == 403
    assert b"Origin header" in answer.body


def test_a_second_origin_does_not_hide_a_foreign_one(host: HostProcess) -> None:
    answer = send(host, "GET /api/files/a", "Origin: http://localhost", "Origin: https://evil.example")
    assert answer.status in (400, 403)


@pytest.mark.parametrize("text", ["", " ", "a.example", "a.example,b.example", "[::1],my_container"])
def test_the_setting_is_a_list_of_names(text: str) -> None:
    assert parse_names(text) == [name for name in text.strip().split(",") if name]


@pytest.mark.parametrize("text", ["https://a.example", "a.example:443", "*", "a b", "a.example/x", "::1"])
def test_an_invalid_host_name_is_named(text: str) -> None:
    with pytest.raises(HostError, match="FUNCTIONS_ALLOWED_HOSTS should be host names"):
        parse_names(text)
