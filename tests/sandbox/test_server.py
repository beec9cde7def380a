"""The server as a whole: TLS, latency, starting and stopping."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from sandbox.server import Sandbox
from tests.sandbox.conftest import Caller

CALLERS = 32
LATENCY_SECONDS = 7.0


def test_its_certificate_is_not_trusted_elsewhere(fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{fresh_sandbox.url}/sandbox", timeout=5)


def test_an_unknown_path_is_404_in_json(ingestion: Caller) -> None:
    answer = ingestion.get("nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "notFound")


def test_the_wrong_method_is_405_in_json(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    answer = ingestion.post("private-offer/query")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "methodNotAllowed")
    assert fresh_sandbox.state.requests()[-1].status == 405


def test_the_latency_delays_all_requests_at_the_same_time(
    fresh_sandbox: Sandbox, ingestion: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = [fresh_sandbox.state.add_job() for _ in range(CALLERS)]
    sleep, all_wait = asyncio.sleep, asyncio.Event()
    waiting = 0

    async def wait_for_all(seconds: float) -> None:
        nonlocal waiting
        if seconds != LATENCY_SECONDS:
            return await sleep(seconds)
        waiting += 1
        if waiting == CALLERS:
            all_wait.set()
        await all_wait.wait()
        return None

    monkeypatch.setattr(asyncio, "sleep", wait_for_all)
    fresh_sandbox.state.set_latency(LATENCY_SECONDS * 1000)
    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = list(pool.map(lambda job_id: ingestion.status(job_id).status_code, job_ids))
    assert statuses == [200] * CALLERS


def test_it_stops_while_requests_hang_and_removes_its_files() -> None:
    with Sandbox.start() as sandbox:
        directory = Path(sandbox.ca_bundle).parent
        sandbox.state.fault("hang")
        with requests.Session() as session:
            session.trust_env = False
            session.verify = sandbox.ca_bundle
            caught: list[Exception] = []

            def call() -> None:
                try:
                    session.get(f"{sandbox.product_ingestion_url}/product", timeout=10)
                except requests.RequestException as error:
                    caught.append(error)

            caller = threading.Thread(target=call)
            caller.start()
            while not sandbox.state.requests():
                caller.join(0.01)
    caller.join()
    assert isinstance(caught[0], requests.ConnectionError)  # not the caller's own timeout
    assert not directory.exists()


def test_a_port_in_use_is_an_error(fresh_sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="Address already in use"), Sandbox.start(port=fresh_sandbox.port):
        pytest.fail("it must not start")
