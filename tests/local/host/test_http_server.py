"""What an HTTP function is given, what its caller gets, and which key opens what."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
import requests

from local.host.http_server import query_parameters
from local.host.process import HostProcess

KEY = {"x-functions-key": "local"}


def test_a_function_sees_the_request_as_azure_passes_it(host: HostProcess) -> None:
    response = requests.post(
        f"{host.url}/api/echo/a%20b%2Fc?x=1&x=%C3%BC&empty=",
        data=b"\xff\x00",
        headers={**KEY, "X-Custom": "Value"},
        timeout=10,
    )
    assert response.status_code == 201
    assert response.headers["X-Sample"] == "yes"
    seen = response.json()
    assert seen["method"] == "POST"
    assert seen["url"] == f"{host.url}/api/echo/a%20b%2Fc?x=1&x=%C3%BC&empty="
    assert seen["route"] == {"name": "a b%2Fc"}
    assert seen["query"] == {"x": "1,ü"}
    assert seen["headers"]["x-custom"] == "Value"
    assert seen["body"] == "ff00"


@pytest.mark.parametrize("encoded", ["a%0D%0Ab", "%", "%zz", "..%5C..", "%3Cscript%3E", "%E2%80%AE"])
def test_hostile_route_parameters_reach_the_function(host: HostProcess, encoded: str) -> None:
    url = f"{host.url}/api/echo/{encoded}"
    request = requests.Request("GET", url, headers=KEY).prepare()
    request.url = url  # as it stands, which requests would mend
    with requests.Session() as session:
        response = session.send(request, timeout=10)
    assert response.status_code == 201
    assert response.json()["route"] == {"name": unquote(encoded)}


@pytest.mark.parametrize("line", [b"GET /\xff HTTP/1.1\r\n", b"GET /api HTTP/1.1\r\nX-Custom: \xff\r\n"])
def test_a_request_that_is_no_http_is_400_and_leaves_no_traceback(host: HostProcess, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall(line + b"Host: x\r\n\r\n")
        assert connection.recv(1024).split(b"\r\n")[0].endswith(b"400 Bad Request")
    assert not any("InvalidURLError" in line for line in host.lines)


def test_binary_answers_arrive_whole(host: HostProcess) -> None:
    response = requests.get(f"{host.url}/api/echo/literal", timeout=10)
    assert response.content == b"\x00\xff"
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_no_content_is_204_without_body(host: HostProcess) -> None:
    response = requests.delete(f"{host.url}/api/nothing", timeout=10)
    assert (response.status_code, response.content) == (204, b"")


def test_an_exception_in_a_function_is_an_empty_500_and_its_traceback_is_in_the_log(host: HostProcess) -> None:
    response = requests.get(f"{host.url}/api/fails", timeout=10)
    assert (response.status_code, response.content) == (500, b"")
    host.wait_for_line("RuntimeError: on GET", timeout_seconds=5)


def test_functions_run_side_by_side(host: HostProcess) -> None:
    with ThreadPoolExecutor(4) as callers:
        statuses = callers.map(lambda _: requests.get(f"{host.url}/api/together", timeout=20).status_code, range(4))
        assert list(statuses) == [200] * 4


@pytest.mark.parametrize("path", ["/api/unknown", "/elsewhere", "/api", "/api/echo/x/y"])
def test_an_unknown_path_is_404(host: HostProcess, path: str) -> None:
    assert requests.get(host.url + path, headers=KEY, timeout=10).status_code == 404


def test_a_known_path_with_another_method_is_404_as_on_azure(host: HostProcess) -> None:
    assert requests.put(f"{host.url}/api/echo/x", headers=KEY, timeout=10).status_code == 404


def test_the_root_says_that_the_host_is_up(host: HostProcess) -> None:
    assert requests.get(host.url, timeout=10).status_code == 200


@pytest.mark.parametrize("path", ["/api/echo/x", "/api/master"])
@pytest.mark.parametrize(
    ("query", "headers", "opens"),
    [
        ("", {}, False),
        ("", {"x-functions-key": "wrong"}, False),
        ("?code=wrong", {}, False),
        ("?code=", {}, False),
        ("", KEY, True),
        ("?code=local", {}, True),
    ],
)
def test_a_function_with_a_key_answers_401_without_it(
    host: HostProcess, path: str, query: str, headers: dict[str, str], opens: bool
) -> None:
    status = requests.get(host.url + path + query, headers=headers, timeout=10).status_code
    assert status in ((200, 201) if opens else (401,))


def test_a_timer_fired_by_hand_is_202_and_runs(host: HostProcess) -> None:
    response = requests.post(f"{host.url}/admin/functions/tick", json={"input": ""}, headers=KEY, timeout=10)
    assert response.status_code == 202
    host.wait_for_line("tick sample: ticked, past due: False", timeout_seconds=5)


@pytest.mark.parametrize(
    ("name", "headers", "body", "status"),
    [
        ("tick", {}, b"{}", 401),
        ("unknown", KEY, b"{}", 404),
        ("tick", KEY, b"", 202),
        ("tick", KEY, b"[1]", 400),
        ("tick", KEY, b"{", 400),
        ("echo", KEY, b"{}", 400),
    ],
)
def test_the_admin_route_refuses(
    host: HostProcess, name: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = requests.post(f"{host.url}/admin/functions/{name}", data=body, headers=headers, timeout=10)
    assert response.status_code == status


def test_keys_in_the_query_are_not_logged(host: HostProcess) -> None:
    requests.get(f"{host.url}/api/echo/logged?code=not-to-be-seen", timeout=10)
    host.wait_for_line("GET /api/echo/logged 401", timeout_seconds=5)
    assert not any("not-to-be-seen" in line for line in host.lines)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&A=2", {"a": "1,2"}),
        ("a=x+y%2B", {"a": "x y+"}),
        ("a=&b", {}),
        ("a=%FF", {"a": "\ufffd"}),
    ],
)
def test_query_parameters_as_azure_passes_them(query: str, parameters: dict[str, str]) -> None:
    assert query_parameters(query) == parameters
