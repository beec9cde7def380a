"""The requests that an HTTP function gets, the keys that calls need, and admin calls."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
import requests

from local.host.process import HostProcess
from tests.local.host.raw_http import send

KEY = {"x-functions-key": "local"}
MASTER_KEY = "x-functions-key: master"
JSON = "Content-Type: application/json"


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
def test_a_request_that_is_not_http_is_400_and_leaves_no_traceback(host: HostProcess, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall(line + b"Host: localhost\r\n\r\n")
        assert connection.recv(1024).split(b"\r\n")[0].endswith(b"400 Bad Request")
    assert not any("InvalidURLError" in line for line in host.lines)


def test_binary_answers_arrive_whole(host: HostProcess) -> None:
    response = requests.get(f"{host.url}/api/binary", timeout=10)
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


@pytest.mark.parametrize(
    ("path", "query", "headers", "status"),
    [
        ("/api/echo/x", "", {}, 401),
        ("/api/echo/x", "", {"x-functions-key": "wrong"}, 401),
        ("/api/echo/x", "?code=wrong", {}, 401),
        ("/api/echo/x", "?code=", {}, 401),
        ("/api/echo/x", "", KEY, 201),
        ("/api/echo/x", "?code=local", {}, 201),
        ("/api/echo/x", "?CODE=local&code=wrong", {}, 201),
        ("/api/echo/x", "?code=wrong&code=local", {}, 401),
        ("/api/echo/x", "?code=local", {"x-functions-key": ""}, 401),
        ("/api/echo/x", "?code=local", {"x-functions-key": "wrong"}, 401),
        ("/api/echo/x", "?code=master", {}, 201),
        ("/api/master", "", {}, 401),
        ("/api/master", "?code=local", {}, 401),
        ("/api/master", "?code=master", {}, 200),
        ("/api/files/a", "?code=wrong", {}, 200),
    ],
)
def test_each_level_opens_with_its_key(
    host: HostProcess, path: str, query: str, headers: dict[str, str], status: int
) -> None:
    assert requests.get(host.url + path + query, headers=headers, timeout=10).status_code == status


def test_a_timer_fired_by_hand_is_202_and_runs(host: HostProcess) -> None:
    headers = {"x-functions-key": host.master_key}
    response = requests.post(f"{host.url}/admin/functions/tick", json={"input": ""}, headers=headers, timeout=10)
    assert response.status_code == 202
    host.wait_for_line("tick sample: ticked, past due: False", timeout_seconds=5)


@pytest.mark.parametrize(
    ("target", "lines", "body", "status"),
    [
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b"{}", 202),
        ("POST /admin/functions/TICK", (MASTER_KEY, JSON), b'{"input": "x"}', 202),
        ("POST /admin/functions/tick", (MASTER_KEY, "Content-Type: application/json; charset=utf-8"), b"{}", 202),
        ("POST /admin/functions/tick?code=master", (JSON,), b"{}", 202),
        ("POST /admin/functions/tick", (JSON,), b"{}", 401),
        ("POST /admin/functions/tick", ("x-functions-key: wrong", JSON), b"{}", 401),
        ("POST /admin/functions/tick", ("x-functions-key: local", JSON), b"{}", 403),
        ("POST /admin/functions/tick?code=local", (JSON,), b"{}", 403),
        ("POST /admin/functions/tick", (MASTER_KEY,), b"{}", 415),
        ("POST /admin/functions/tick", (MASTER_KEY,), b"", 415),
        ("POST /admin/functions/tick", (MASTER_KEY, "Content-Type: text/plain"), b"{}", 415),
        ("POST /admin/functions/tick", (MASTER_KEY, "Content-Type: application/x-www-form-urlencoded"), b"{}", 415),
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b"", 400),
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b"null", 400),
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b"[1]", 400),
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b"{", 400),
        ("POST /admin/functions/tick", (MASTER_KEY, JSON), b'{"input": {}}', 400),
        ("POST /admin/functions/unknown", (MASTER_KEY, JSON), b"{}", 404),
        ("POST /admin/functions/echo", (MASTER_KEY, JSON), b"{}", 400),
        ("GET /admin/functions/tick", (MASTER_KEY, JSON), b"", 404),
        ("GET /admin/host/status", (), b"", 401),
    ],
)
def test_an_admin_call_needs_the_master_key_and_a_json_body(
    host: HostProcess, target: str, lines: tuple[str, ...], body: bytes, status: int
) -> None:
    assert send(host, target, *lines, f"Content-Length: {len(body)}", body=body).status == status


def test_keys_in_the_query_are_not_logged(host: HostProcess) -> None:
    requests.get(f"{host.url}/api/echo/logged?code=not-to-be-seen", timeout=10)
    host.wait_for_line("GET /api/echo/logged 401", timeout_seconds=5)
    assert not any("not-to-be-seen" in line for line in host.lines)
