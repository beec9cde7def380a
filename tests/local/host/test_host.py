"""A host from start to stop."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from local.host.process import HostProcess
from local.processes.child import ChildFailedError
from tests.local.host.conftest import SAMPLE_APP, SAMPLE_ENVIRONMENT

APP_THAT_FAILS = """
import azure.functions as func
import {module}
app = func.FunctionApp()
"""
APP_WITH_A_NAME_TWICE = """
import azure.functions as func
app = func.FunctionApp()
@app.function_name("same")
@app.route("one")
def one(req: func.HttpRequest) -> str: return ""
@app.function_name("same")
@app.route("two")
def two(req: func.HttpRequest) -> str: return ""
"""
APP_WITH_A_QUEUE = """
import azure.functions as func
app = func.FunctionApp()
@app.queue_trigger(arg_name="msg", queue_name="q", connection="AzureWebJobsStorage")
def read(msg: func.QueueMessage) -> None: ...
"""


def _app(directory: Path, code: str, host_json: object = None) -> Path:
    (directory / "function_app.py").write_text(code)
    (directory / "host.json").write_text(json.dumps(host_json or {"version": "2.0"}))
    return directory


def test_timers_fire_by_their_schedule_with_its_setting_resolved() -> None:
    environment = {**SAMPLE_ENVIRONMENT, "SAMPLE_SCHEDULE": "* * * * * *"}
    with HostProcess(environment, app_directory=SAMPLE_APP, timers=True) as host:
        line = host.wait_for_line("tick started", timeout_seconds=30)
        host.wait_for_line("ticked, past due: False", timeout_seconds=30)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    host: tick started \(timer\)$", line)


@pytest.mark.parametrize("stop", ["terminate", "interrupt"])
def test_a_running_function_ends_before_the_host_does(stop: str) -> None:
    with HostProcess(SAMPLE_ENVIRONMENT, app_directory=SAMPLE_APP) as host, ThreadPoolExecutor(1) as caller:
        answer = caller.submit(requests.get, f"{host.url}/api/slow", timeout=10)
        host.wait_for_line("slow has begun", timeout_seconds=30)
        assert getattr(host, stop)() == 0
        assert answer.result().status_code == 200
    assert host.lines[-1].endswith("Stopped")


def test_the_real_environment_wins_over_local_settings(tmp_path: Path) -> None:
    app = _app(tmp_path, (SAMPLE_APP / "function_app.py").read_text())
    settings = {
        "SAMPLE_SETTING": "file",
        "FUNCTIONS_MASTER_KEY": "master-from-file",
        "SAMPLE_SCHEDULE": "0 0 0 1 1 *",
    }
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": settings}))
    with HostProcess({"SAMPLE_SETTING": "real"}, app_directory=app, settings_file=True) as host:
        response = requests.get(f"{host.url}/api/master?code=master-from-file", timeout=10)
    assert (response.status_code, response.text) == (200, "real")


def test_the_route_prefix_of_host_json_holds(tmp_path: Path) -> None:
    host_json = {"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}
    app = _app(tmp_path, (SAMPLE_APP / "function_app.py").read_text(), host_json)
    with HostProcess(SAMPLE_ENVIRONMENT, app_directory=app) as host:
        assert requests.get(f"{host.url}/binary", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (APP_THAT_FAILS.format(module="no_such_module_at_all"), r"No module named 'no_such_module_at_all'$"),
        (APP_WITH_A_NAME_TWICE, "same"),
        (APP_WITH_A_QUEUE, "runs only HTTP and timer functions"),
        ("x = 1", "Could not find top level function app instances"),
    ],
)
def test_an_app_that_cannot_be_loaded_stops_the_host_with_the_reason(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(ChildFailedError, match=reason) as failure:
        HostProcess(app_directory=_app(tmp_path, code))
    assert "ended with status 1" in str(failure.value)
    assert len(str(failure.value).splitlines()) < 12


def test_a_setting_that_is_not_a_list_of_hosts_stops_the_host() -> None:
    with pytest.raises(ChildFailedError, match="FUNCTIONS_ALLOWED_HOSTS should be host names"):
        HostProcess({"FUNCTIONS_ALLOWED_HOSTS": "http://tunnel.example"}, app_directory=SAMPLE_APP)


def test_a_function_that_outlasts_function_timeout_ends_the_process(tmp_path: Path) -> None:
    host_json = {"version": "2.0", "functionTimeout": "00:00:00.2"}
    app = _app(tmp_path, (SAMPLE_APP / "function_app.py").read_text(), host_json)
    with HostProcess(SAMPLE_ENVIRONMENT, app_directory=app) as host:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{host.url}/api/slow", timeout=10)
        assert host.child.wait_until_ended(timeout_seconds=10) == 1
    assert any("CRITICAL host: slow has run for 0.2 seconds" in line for line in host.lines)


def test_a_port_in_use_stops_the_host_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ChildFailedError, match=f"Port {port} is in use"):
            HostProcess(SAMPLE_ENVIRONMENT, app_directory=SAMPLE_APP, port=port)


def test_a_killed_host_no_longer_answers() -> None:
    with HostProcess(SAMPLE_ENVIRONMENT, app_directory=SAMPLE_APP) as host:
        assert host.kill() == -9
        with pytest.raises(requests.ConnectionError):
            requests.get(host.url, timeout=5)
