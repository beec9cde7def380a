"""Which function answers which path: the rules of ASP.NET's route templates."""

import pytest

from local.host.errors import HostError
from local.host.routing import RouteTable, decode_path, parse_template

GUID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
ANY = frozenset[str]()
GET = frozenset({"GET"})


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("api/jobs", "/api/jobs", {}),
        ("api/jobs", "/API/Jobs", {}),
        ("api/jobs", "/api/jobs/", {}),
        ("api/jobs", "/api/jobs/1", None),
        ("api/jobs", "/api//jobs", None),
        ("api/jobs/{jobId}", "/api/jobs/AbC", {"jobId": "AbC"}),
        ("api/jobs/{jobId}", "/api/jobs", None),
        ("api/jobs/{jobId}", "/api/jobs/1/check", None),
        ("api/jobs/{jobId?}", "/api/jobs", {}),
        ("api/jobs/{jobId?}", "/api/jobs/1", {"jobId": "1"}),
        ("api/{*rest}", "/api/a/b", {"rest": "a/b"}),
        ("api/{*rest}", "/api", {}),
        ("api/jobs/{jobId:guid}", f"/api/jobs/{GUID}", {"jobId": GUID}),
        ("api/jobs/{jobId:guid}", "/api/jobs/no-guid", None),
        ("api/page/{number:int}", "/api/page/12", {"number": "12"}),
        ("api/page/{number:int}", "/api/page/12a", None),
    ],
)
def test_a_template_matches_as_on_azure(template: str, path: str, parameters: dict[str, str] | None) -> None:
    parts = decode_path(path)
    assert parts is not None
    assert parse_template(template).match(parts) == parameters


@pytest.mark.parametrize(
    ("raw_path", "parts"),
    [
        ("/a%20b/%C3%BC", ["a b", "ü"]),
        ("/a+b", ["a+b"]),
        ("/a%2Fb", ["a%2Fb"]),
        ("/a%252Fb", ["a%2Fb"]),
        ("/%FF", ["%FF"]),
        ("/a/../b", ["b"]),
        ("/a/%2e%2E/b", ["b"]),
        ("/../../a/.", ["a"]),
        ("/", []),
        ("/a%00b", None),
    ],
)
def test_a_path_is_decoded_as_by_kestrel(raw_path: str, parts: list[str] | None) -> None:
    assert decode_path(raw_path) == parts


def test_a_literal_route_goes_before_one_with_a_parameter_whatever_the_order() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs/{jobId}"), GET, "one_job", "parameter")
    table.add(parse_template("api/jobs/latest"), GET, "latest_job", "literal")
    assert table.find("GET", ["api", "jobs", "latest"]) == ("literal", {})
    assert table.find("GET", ["api", "jobs", "1"]) == ("parameter", {"jobId": "1"})


def test_another_method_of_a_known_route_is_not_found() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs"), GET, "list_jobs", "list")
    assert table.find("PUT", ["api", "jobs"]) is None


def test_one_route_may_have_a_function_for_each_method() -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs/{id}"), GET, "get_job", "get")
    table.add(parse_template("api/jobs/{jobId}"), frozenset({"DELETE"}), "delete_job", "delete")
    assert table.find("DELETE", ["api", "jobs", "1"]) == ("delete", {"jobId": "1"})


@pytest.mark.parametrize("methods", [GET, ANY])
def test_two_functions_with_the_same_route_and_method_are_refused(methods: frozenset[str]) -> None:
    table = RouteTable[str]()
    table.add(parse_template("api/jobs/{id}"), GET, "get_job", "")
    with pytest.raises(HostError, match="get_job and read_job have the same route"):
        table.add(parse_template("API/jobs/{jobId}"), methods, "read_job", "")


def test_the_hosts_own_admin_routes_are_reserved() -> None:
    with pytest.raises(HostError, match="begins with 'admin'"):
        RouteTable[str]().add(parse_template("admin/x"), GET, "x", "")


@pytest.mark.parametrize("template", ["api/{id:regex(a)}", "api/v{version}", "api/{id", "api/{id=5}"])
def test_what_the_host_does_not_know_it_refuses(template: str) -> None:
    with pytest.raises(HostError, match="does not know"):
        parse_template(template)
