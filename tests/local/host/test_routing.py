"""Which function answers which path: ASP.NET's route templates."""

import pytest

from local.host.errors import HostError
from local.host.process import HostProcess
from local.host.routing import RouteTable, decode_path, parse_template
from tests.local.host.raw_http import send

GUID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
GET = frozenset({"GET"})


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("api/jobs", "/api/jobs", {}),
        ("api/jobs", "/API/Jobs", {}),
        ("api/jobs", "/api/jobs/", {}),
        ("api/jobs", "/api/jobs//", None),
        ("api/jobs", "/api/jobs/1", None),
        ("api/jobs", "/api//jobs", None),
        ("api/jobs", "//api/jobs", None),
        ("api/jobs", "api/jobs", None),
        ("api/jobs", "/", None),
        ("api/jobs/{jobId}", "/api/jobs/AbC", {"jobId": "AbC"}),
        ("api/jobs/{jobId}", "/api/jobs/AbC/", {"jobId": "AbC"}),
        ("api/jobs/{jobId}", "/api/jobs", None),
        ("api/jobs/{jobId}", "/api/jobs//", None),
        ("api/jobs/{jobId}", "/api/jobs/1/check", None),
        ("api/jobs/{jobId?}", "/api/jobs", {}),
        ("api/jobs/{jobId?}", "/api/jobs/", {}),
        ("api/jobs/{jobId?}", "/api/jobs/1", {"jobId": "1"}),
        ("api/{*rest}", "/api/a/b", {"rest": "a/b"}),
        ("api/{**rest}", "/api/a/b", {"rest": "a/b"}),
        ("api/{*rest}", "/api/a/", {"rest": "a/"}),
        ("api/{*rest}", "/api", {}),
        ("api/{*rest}", "/api/", {}),
        ("api/{*rest}", "/api//", None),
        ("api/{*rest}", "/api//a", None),
        ("api/{*rest}", "/api/a//b", {"rest": "a//b"}),
        ("api/jobs/{jobId:guid}", f"/api/jobs/{GUID}", {"jobId": GUID}),
        ("api/jobs/{jobId:guid}", "/api/jobs/no-guid", None),
        ("api/page/{number:int}", "/api/page/12", {"number": "12"}),
        ("api/page/{number:int}", "/api/page/12a", None),
    ],
)
def test_a_template_matches_as_on_azure(template: str, path: str, parameters: dict[str, str] | None) -> None:
    assert parse_template(template).match(path) == parameters


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        ("/a%20b/%C3%BC", "/a b/ü"),
        ("/a+b", "/a+b"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%5Cb\\c", "/a\\b\\c"),
        ("/%FF", "/%FF"),
        ("/%FF%20", "/%FF "),
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/%252e%252e/b", "/a/%2e%2e/b"),
        ("/../../a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a//b//", "/a//b//"),
        ("/", "/"),
        ("/a%00b", None),
        ("*", "*"),
    ],
)
def test_a_path_is_decoded_as_by_kestrel(raw_path: str, path: str | None) -> None:
    assert decode_path(raw_path) == path


def test_the_first_route_that_matches_wins_even_over_a_literal_one() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs/{jobId}"), GET, "parameter")
    table.add(parse_template("api/jobs/latest"), GET, "literal")
    assert table.find("GET", "/api/jobs/latest") == ("parameter", {"jobId": "latest"})


def test_another_method_of_a_known_route_is_not_found() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs"), GET, "list")
    assert table.find("PUT", "/api/jobs") is None


def test_one_route_may_have_a_function_for_each_method() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs/{id}"), GET, "get")
    table.add(parse_template("api/jobs/{jobId}"), frozenset({"DELETE"}), "delete")
    assert table.find("DELETE", "/api/jobs/1") == ("delete", {"jobId": "1"})


@pytest.mark.parametrize("template", ["api/{id:regex(a)}", "api/v{version}", "api/{a}.{b}", "api/{id", "api/{id=5}"])
def test_a_template_with_unknown_syntax_is_refused(template: str) -> None:
    with pytest.raises(HostError, match="does not support"):
        parse_template(template)


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/api/files", 200, b"{}"),
        ("/api/files/", 200, b"{}"),
        ("/api/files/a/", 200, b'{"path": "a/"}'),
        ("/api/files/a%2f..%5c", 200, b'{"path": "a%2f..\\\\"}'),
        ("/api/files//", 404, b""),
        ("/api//files/a", 404, b""),
        ("//api/files/a", 404, b""),
        ("/api/path//", 404, b""),
    ],
)
def test_slashes_count_as_on_azure(host: HostProcess, target: str, status: int, body: bytes) -> None:
    answer = send(host, f"GET {target}")
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE"])
def test_a_method_that_is_not_declared_is_404(host: HostProcess, method: str) -> None:
    answer = send(host, f"{method} /api/binary")
    assert answer.status == 404
    assert answer.header("allow") is None
