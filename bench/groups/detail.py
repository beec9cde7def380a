"""The detail endpoint through the local host, which runs the app in Microsoft's own Functions runtime."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from bench.figures import milliseconds, percentile
from bench.process import MeasuredProcess
from bench.results import BenchError, Result, Scale
from bench.surroundings import Surroundings
from local.host.process import HostProcess

GROUP = "detail"
LATENCY_SECONDS = 0.05
CALLERS = 16
VERSION = "$version=2023-07-15"
TIMEOUT_SECONDS = 30


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """One caller asks all three in turn; then many callers ask the app and the baseline, one after the other."""
    sandbox = surroundings.sandbox
    sandbox.reset(LATENCY_SECONDS)
    offer_id, token = sandbox.add_private_offer(), sandbox.token()
    upstream_path = f"/private-offer/{offer_id}?{VERSION}"
    argument = {"url": sandbox.product_ingestion_url, "token": token}
    with (
        surroundings.jobs_table() as jobs_table,
        MeasuredProcess("passthrough", argument, {"REQUESTS_CA_BUNDLE": sandbox.ca_bundle}) as passthrough,
        HostProcess(surroundings.environment(jobs_table) | {"PYTHON_THREADPOOL_THREAD_COUNT": "32"}) as host,
    ):
        bare = _Caller(f"{sandbox.product_ingestion_url}{upstream_path}", token=token, ca_bundle=sandbox.ca_bundle)
        app = _Caller(f"{host.url}/api/private-offers/{offer_id}", key=host.key)
        simple = _Caller(f"http://127.0.0.1:{passthrough.result()['port']}{upstream_path}")
        yield from _added_latency(bare, app, simple, scale)
        yield _throughput(app, simple, f"{LATENCY_SECONDS * 1000:g} ms", scale)
        sandbox.set_latency(0)
        yield _throughput(app, simple, "no", scale)


class _Caller:
    """Asks one URL repeatedly over one connection. Not for use by several threads at once."""

    def __init__(
        self, url: str, *, token: str | None = None, key: str | None = None, ca_bundle: str | None = None
    ) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_bundle or True
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        if key:
            self._session.headers["x-functions-key"] = key

    def ask(self) -> float:
        """Return how many seconds one answer took. Raises BenchError for any status except 200."""
        began = time.perf_counter()
        answer = self._session.get(self._url, timeout=TIMEOUT_SECONDS)
        if answer.status_code != 200:
            raise BenchError(f"{self._url} answered {answer.status_code}: {answer.text[:500]}")
        return time.perf_counter() - began

    def another(self) -> "_Caller":
        """The same caller with a separate connection."""
        other = _Caller(self._url)
        other._session.headers = self._session.headers
        return other


def _added_latency(bare: _Caller, app: _Caller, simple: _Caller, scale: Scale) -> Iterator[Result]:
    for caller in (bare, app, simple):
        caller.ask()  # opens connections; the app gets its token
    # In turn, so that other load on the machine affects all alike.
    rounds = [(bare.ask(), app.ask(), simple.ask()) for _ in range(scale.detail_requests)]
    bare_seconds, app_seconds, simple_seconds = (list(column) for column in zip(*rounds, strict=True))
    for percent in (50, 99):
        added = percentile(app_seconds, percent) - percentile(bare_seconds, percent)
        added_by_simple = percentile(simple_seconds, percent) - percentile(bare_seconds, percent)
        yield Result(
            GROUP,
            f"added latency, p{percent} (one caller, in turn)",
            f"{milliseconds(added)}, bare {milliseconds(percentile(bare_seconds, percent))}",
            f"{milliseconds(added_by_simple)}: a `requests` pass-through server",
            added / added_by_simple if added_by_simple > 0 else None,
        )


def _throughput(app: _Caller, simple: _Caller, latency: str, scale: Scale) -> Result:
    # Each twice, again in turn; the better result counts.
    rounds = [(_per_second(app, scale), _per_second(simple, scale)) for _ in range(2)]
    of_app, of_simple = (max(column) for column in zip(*rounds, strict=True))
    return Result(
        GROUP,
        f"requests per second, {CALLERS} callers, {latency} upstream latency",
        f"{of_app:.0f}",
        f"{of_simple:.0f}: a `requests` pass-through server",
        of_app / of_simple,
    )


def _per_second(caller: _Caller, scale: Scale) -> float:
    callers = [caller.another() for _ in range(CALLERS)]
    each = max(1, scale.detail_requests * 4 // CALLERS)

    def ask_all(one: _Caller) -> Sequence[float]:
        return [one.ask() for _ in range(each)]

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(_Caller.ask, callers))
        began = time.perf_counter()
        list(threads.map(ask_all, callers))
        return CALLERS * each / (time.perf_counter() - began)
