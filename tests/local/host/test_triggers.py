"""Which functions Azure would run and in which order it tries their routes."""

import json
from collections.abc import Iterator

import pytest

from local.host.process import HostProcess
from local.host.runtime import IndexedFunction
from local.host.triggers import Triggers, sort_triggers
from local.processes.child import ChildFailedError
from tests.local.host.raw_http import send

APP_WITH_FAULTS = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("good")
def good(req: func.HttpRequest) -> str: return "good"

@app.route("administration")
def reserved_admin(req: func.HttpRequest) -> str: return ""

@app.route("Runtimes/list")
def reserved_runtime(req: func.HttpRequest) -> str: return ""

@app.route("adm/in")
def not_reserved(req: func.HttpRequest) -> str: return "not reserved"

@app.route("underscore", trigger_arg_name="the_request")
def binding_name(the_request: func.HttpRequest) -> str: return ""

@app.function_name("host")
@app.route("named-host")
def named_host(req: func.HttpRequest) -> str: return ""

@app.route("same", methods=["GET", "POST"])
def same_b(req: func.HttpRequest) -> str: return "b"

@app.route("/Same/", methods=["GET"])
def same_a(req: func.HttpRequest) -> str: return "a"

@app.timer_trigger(schedule="0 0 0 * * 7", arg_name="timer")
def sundays(timer: func.TimerRequest) -> None: ...

@app.timer_trigger(schedule="%NO_SUCH_SETTING%", arg_name="timer")
def unset(timer: func.TimerRequest) -> None: ...
"""
DROPPED = {
    "binding_name": "the binding name 'the_request' should be",
    "host": "its name should be",
    "reserved_admin": "the route 'administration' begins with",
    "reserved_runtime": "the route 'Runtimes/list' begins with",
    "same_b": "same_a has the same route 'same'",
    "sundays": "7 is not a day of week",
    "unset": "needs the setting 'NO_SUCH_SETTING'",
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host with an app of which Azure would run only a part."""
    directory = tmp_path_factory.mktemp("faulty")
    (directory / "function_app.py").write_text(APP_WITH_FAULTS)
    (directory / "host.json").write_text(json.dumps({"version": "2.0"}))
    with HostProcess(app_directory=directory) as process:
        yield process


def _http(name: str, route: str, *methods: str) -> IndexedFunction:
    trigger = {"type": "httpTrigger", "name": "req", "route": route, "methods": methods, "authLevel": "ANONYMOUS"}
    return IndexedFunction(name, name, (trigger, {"type": "http", "name": "$return"}))


def _sorted(*functions: IndexedFunction) -> Triggers:
    return sort_triggers(list(functions), prefix="api", environment={})


def _answering(triggers: Triggers, method: str, path: str) -> str | None:
    found = triggers.routes.find(method, path)
    return found[0].function.name if found else None


@pytest.mark.parametrize(
    ("path", "body"), [("/api/good", b"good"), ("/api/adm/in", b"not reserved"), ("/api/same", b"a")]
)
def test_a_broken_function_does_not_stop_the_others(faulty: HostProcess, path: str, body: bytes) -> None:
    answer = send(faulty, f"GET {path}")
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "path", ["/api/administration", "/api/Runtimes/list", "/api/underscore", "/api/named-host", "/administration"]
)
def test_a_function_that_azure_drops_is_404(faulty: HostProcess, path: str) -> None:
    assert send(faulty, f"GET {path}").status == 404


def test_the_other_methods_of_a_dropped_function_are_404_too(faulty: HostProcess) -> None:
    assert send(faulty, "POST /api/same", "Content-Length: 0").status == 404


def test_a_dropped_timer_cannot_be_fired(faulty: HostProcess) -> None:
    lines = ("x-functions-key: master", "Content-Type: application/json", "Content-Length: 2")
    assert send(faulty, "POST /admin/functions/sundays", *lines, body=b"{}").status == 404


@pytest.mark.parametrize(("name", "reason"), DROPPED.items())
def test_the_log_names_each_dropped_function_and_the_reason(faulty: HostProcess, name: str, reason: str) -> None:
    (line,) = [line for line in faulty.dropped_functions if f" {name}, " in line]
    assert " ERROR " in line
    assert "its callers get 404" in line
    assert reason in line


def test_nothing_else_is_dropped(faulty: HostProcess) -> None:
    assert len(faulty.dropped_functions) == len(DROPPED)


def test_a_caller_can_require_every_function(host: HostProcess, faulty: HostProcess) -> None:
    host.require_every_function()
    with pytest.raises(ChildFailedError, match="Azure would not run the whole app"):
        faulty.require_every_function()


@pytest.mark.parametrize("name", ["1st", "_one", "with space", "with.dot", "ünder", "a" * 129, "HOST", ""])
def test_a_function_name_has_letters_digits_hyphens_and_underscores(name: str) -> None:
    assert list(_sorted(_http(name, "x", "GET")).dropped) == [name]


@pytest.mark.parametrize("name", ["a", "A-b_c9", "hosts", "a" * 128])
def test_a_usual_function_name_is_taken(name: str) -> None:
    assert _sorted(_http(name, "x", "GET")).dropped == {}


@pytest.mark.parametrize("second", [{"type": "timerTrigger", "name": "t"}, {"type": "http", "name": "REQ"}])
def test_a_second_trigger_or_binding_of_one_name_drops_the_function(second: dict[str, str]) -> None:
    first = _http("one", "x", "GET")
    assert "one" in _sorted(IndexedFunction("one", "one", (*first.bindings[:1], second))).dropped


def test_a_function_without_route_has_its_name_as_route() -> None:
    triggers = _sorted(_http("one", "", "GET"), _http("admin_one", "", "GET"))
    assert _answering(triggers, "GET", "/api/one") == "one"
    assert list(triggers.dropped) == ["admin_one"]


def test_the_function_whose_name_sorts_first_answers() -> None:
    triggers = _sorted(_http("the_latest", "jobs/latest", "GET"), _http("Get_job", "jobs/{jobId}", "GET"))
    assert _answering(triggers, "GET", "/api/jobs/latest") == "Get_job"


def test_an_underscore_sorts_behind_the_letters() -> None:
    triggers = _sorted(_http("get_job", "jobs/{jobId}", "GET"), _http("getter", "jobs/latest", "GET"))
    assert _answering(triggers, "GET", "/api/jobs/latest") == "getter"


def test_routes_of_one_shape_are_both_taken_and_the_second_is_never_reached() -> None:
    triggers = _sorted(_http("b", "jobs/{id}", "GET"), _http("a", "jobs/{jobId}", "GET"))
    assert triggers.dropped == {}
    assert _answering(triggers, "GET", "/api/jobs/1") == "a"


def test_one_route_for_different_methods_is_not_the_same_route() -> None:
    assert _sorted(_http("a", "jobs", "GET"), _http("b", "jobs", "POST")).dropped == {}


def test_no_methods_are_all_methods() -> None:
    assert list(_sorted(_http("a", "jobs", "GET"), _http("b", "jobs")).dropped) == ["b"]


def test_a_running_host_lets_the_first_name_win(host: HostProcess) -> None:
    """`echo` has a parameter and needs a key, `literal` is for anyone: the literal route is never reached."""
    assert send(host, "GET /api/echo/literal").status == 401
    assert send(host, "GET /api/overlap/literal").body == b"literal"
    assert send(host, "GET /api/overlap/other").body == b"parameter"
