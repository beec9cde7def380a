"""smoke.sh against small servers that answer as a healthy or a broken app does."""

import os

import pytest

from tests.infra.scripts.http_server import Answer, served
from tests.infra.scripts.script import run

NO_WAITING = {**os.environ, "WAIT_SECONDS": "0"}


def healthy_app(method: str, path: str) -> tuple[int, str]:
    if (method, path) == ("GET", "/api/health"):
        return 200, '{"status": "ok"}'
    return (200, "{}") if path == "/api/openapi.json" else (401, "")


def degraded_app(method: str, path: str) -> tuple[int, str]:
    return (503, '{"status": "degraded"}') if path == "/api/health" else healthy_app(method, path)


def app_that_lists_jobs_without_a_key(method: str, path: str) -> tuple[int, str]:
    return (200, "[]") if path == "/api/jobs" else healthy_app(method, path)


def app_whose_health_tells_too_much(method: str, path: str) -> tuple[int, str]:
    return (200, '{"status": "ok", "jobs": 7}') if path == "/api/health" else healthy_app(method, path)


@pytest.mark.parametrize(
    ("app", "code", "said"),
    [
        (healthy_app, 0, "smoke: passed"),
        (degraded_app, 2, "degraded"),
        (app_that_lists_jobs_without_a_key, 1, "GET /api/jobs without a key is 401 (it is 200)"),
        (app_whose_health_tells_too_much, 1, "an answer other than"),
    ],
)
def test_the_exit_code_tells_whether_the_app_is_healthy_broken_or_degraded(app: Answer, code: int, said: str) -> None:
    with served(app) as address:
        result = run("smoke.sh", address, environment=NO_WAITING)
    assert result.returncode == code, result.stdout + result.stderr
    assert said in result.stdout + result.stderr


def test_it_fails_when_nothing_answers() -> None:
    assert run("smoke.sh", "http://127.0.0.1:9", environment=NO_WAITING).returncode == 1
