"""Where a function app finds its modules."""

import json
from pathlib import Path

from local.host.process import HostProcess
from local.processes.child import REPOSITORY
from tests.local.host.conftest import SAMPLE_APP
from tests.local.host.raw_http import send

APP_THAT_IMPORTS = """
import azure.functions as func
import shared
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("origin")
def origin(req: func.HttpRequest) -> str: return shared.ORIGIN
"""


def test_modules_come_from_the_apps_folder_last_and_never_from_this_project(host: HostProcess) -> None:
    places = json.loads(send(host, "GET /api/path").body)
    assert places[-1] == str(SAMPLE_APP)
    assert places.count(str(SAMPLE_APP)) == 1
    assert str(REPOSITORY) not in places


def test_a_dependency_wins_over_a_module_of_the_app_with_the_same_name(tmp_path: Path) -> None:
    app, dependencies = tmp_path / "app", tmp_path / "dependencies"
    for place in (app, dependencies):
        place.mkdir()
        (place / "shared.py").write_text(f"ORIGIN = {place.name!r}\n")
    (app / "function_app.py").write_text(APP_THAT_IMPORTS)
    (app / "host.json").write_text(json.dumps({"version": "2.0"}))
    with HostProcess({"PYTHONPATH": str(dependencies)}, app_directory=app) as host:
        assert send(host, "GET /api/origin").body == b"dependencies"
