"""What function_app.py declares, and what importing it does: nothing."""

import itertools
import json
import subprocess
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

import function_app
from local.host.host_json import read_host_json
from local.host.routing import RouteTemplate, Segment, parse_template
from local.host.runtime import IndexedFunction
from local.host.triggers import sort_triggers
from tests.declared_functions import declared_functions

REPOSITORY = Path(function_app.__file__).parent
# Every function with what starts it, as docs/architecture.md and README.md name them.
FUNCTION, ANONYMOUS = "FUNCTION", "ANONYMOUS"
TIMERS = {
    "poll_pending_jobs": "0 * * * * *",
    "deliver_webhooks": "30 * * * * *",
    "watch_offers": "15 */15 * * * *",
    "clean_up": "45 7 3 * * *",
}
HTTP_FUNCTIONS = {
    "register_job": ("POST", "jobs", FUNCTION),
    "list_jobs": ("GET", "jobs", FUNCTION),
    "get_job": ("GET", "jobs/{jobId}", FUNCTION),
    "change_job": ("PATCH", "jobs/{jobId}", FUNCTION),
    "remove_job": ("DELETE", "jobs/{jobId}", FUNCTION),
    "check_job": ("POST", "jobs/{jobId}/check", FUNCTION),
    "get_job_timeline": ("GET", "jobs/{jobId}/timeline", FUNCTION),
    "get_stats": ("GET", "stats", FUNCTION),
    "get_private_offer_of_job": ("GET", "jobs/{jobId}/private-offer", FUNCTION),
    "list_set_aside": ("GET", "set-aside", FUNCTION),
    "remove_set_aside": ("DELETE", "set-aside/{rowKey}", FUNCTION),
    "get_private_offer": ("GET", "private-offers/{privateOfferId}", FUNCTION),
    "get_private_offer_by_durable_id": ("GET", "private-offers/private-offer/{privateOfferId}", FUNCTION),
    "list_private_offers": ("GET", "private-offers", FUNCTION),
    "get_private_offer_history": ("GET", "private-offers/{privateOfferId}/history", FUNCTION),
    "get_private_offer_history_by_durable_id": (
        *("GET", "private-offers/private-offer/{privateOfferId}/history", FUNCTION),
    ),
    "list_watched_offers": ("GET", "watch/private-offers", FUNCTION),
    "get_calendar": ("GET", "calendar.ics", FUNCTION),
    "compare_cpp_offer": ("GET", "cpp/publishers/{publisherId}/offers/{offerId}/diff", FUNCTION),
    "list_cpp_offers": ("GET", "cpp/publishers/{publisherId}/offers", FUNCTION),
    "get_cpp_offer": ("GET", "cpp/publishers/{publisherId}/offers/{offerId}", FUNCTION),
    "get_cpp_offer_status": ("GET", "cpp/publishers/{publisherId}/offers/{offerId}/status", FUNCTION),
    "get_offer_details": ("GET", "offer-details", FUNCTION),
    "get_health": ("GET", "health", ANONYMOUS),
    "get_health_details": ("GET", "health/details", FUNCTION),
    "register_webhook": ("POST", "webhooks", FUNCTION),
    "list_webhooks": ("GET", "webhooks", FUNCTION),
    "get_webhook": ("GET", "webhooks/{webhookId}", FUNCTION),
    "change_webhook": ("PATCH", "webhooks/{webhookId}", FUNCTION),
    "remove_webhook": ("DELETE", "webhooks/{webhookId}", FUNCTION),
    "test_webhook": ("POST", "webhooks/{webhookId}/test", FUNCTION),
    "rotate_webhook_secret": ("POST", "webhooks/{webhookId}/rotate-secret", FUNCTION),
    "list_deliveries": ("GET", "webhooks/{webhookId}/deliveries", FUNCTION),
    "get_delivery": ("GET", "webhooks/{webhookId}/deliveries/{deliveryId}", FUNCTION),
    "redeliver_dead": ("POST", "webhooks/{webhookId}/redeliver", FUNCTION),
    "redeliver": ("POST", "webhooks/{webhookId}/deliveries/{deliveryId}/redeliver", FUNCTION),
    "get_openapi": ("GET", "openapi.json", ANONYMOUS),
    "read_docs": ("GET", "docs/{*path}", ANONYMOUS),
    "show_dashboard": ("GET", "dashboard/{*path}", ANONYMOUS),
}
# Both match one path, /private-offers/private-offer/history. Whichever is asked answers 404: no offer has such an id.
WITHOUT_SUCH_AN_OFFER = {"GET_PRIVATE_OFFER_BY_DURABLE_ID", "GET_PRIVATE_OFFER_HISTORY"}
# What an import must not load: an idle tick does without all of it.
HEAVY = [
    "requests",
    "azure.identity",
    "azure.data.tables",
    "pydantic",
    "cryptography",
    "simplejson",
    "msgspec",
    "icalendar",
    "shared",
]


@pytest.fixture(scope="module")
def functions() -> list[IndexedFunction]:
    """Every function."""
    return [
        IndexedFunction(name, name, tuple(json.loads(str(function))["bindings"]))
        for function in declared_functions()
        for name in [str(function.get_function_name())]
    ]


@pytest.fixture(scope="module")
def triggers(functions: list[IndexedFunction]) -> dict[str, dict[str, Any]]:
    """Each function's trigger by the function's name."""
    return {function.name: function.trigger for function in functions}


def test_the_timers_have_the_documented_schedules(triggers: dict[str, dict[str, Any]]) -> None:
    timers = {name: trigger for name, trigger in triggers.items() if trigger["type"] == "timerTrigger"}
    assert {name: trigger["schedule"] for name, trigger in timers.items()} == TIMERS
    assert not any(trigger.get("runOnStartup") for trigger in timers.values())


def test_every_other_function_has_its_route_its_one_method_and_its_level(triggers: dict[str, dict[str, Any]]) -> None:
    functions = {
        name: (",".join(trigger["methods"]), trigger["route"], str(trigger["authLevel"]).rpartition(".")[2].upper())
        for name, trigger in triggers.items()
        if trigger["type"] == "httpTrigger"
    }
    assert functions == HTTP_FUNCTIONS
    assert len(triggers) == len(TIMERS) + len(HTTP_FUNCTIONS)


def test_azure_drops_none_of_the_functions(functions: list[IndexedFunction]) -> None:
    prefix = read_host_json(REPOSITORY).route_prefix
    assert sort_triggers(functions, prefix=prefix, environment={}).dropped == {}


def test_no_two_functions_match_one_path_and_method(triggers: dict[str, dict[str, Any]]) -> None:
    """Azure asks the function whose name sorts first: only there may a literal stand beside a parameter."""
    routes = [
        (name.upper(), frozenset(trigger["methods"]), parse_template(trigger["route"]))
        for name, trigger in triggers.items()
        if trigger["type"] == "httpTrigger"
    ]
    for (name, methods, route), (other_name, other_methods, other) in itertools.combinations(sorted(routes), 2):
        is_harmless = {name, other_name} == WITHOUT_SUCH_AN_OFFER
        if methods & other_methods and _overlap(route.segments, other.segments) and not is_harmless:
            assert _is_more_literal(route, other), f"{other_name} is never asked where {name} matches"


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("jobs", "Jobs", True),
        ("jobs", "webhooks", False),
        ("jobs", "jobs/{id}", False),
        ("jobs", "jobs/{id?}", True),
        ("jobs/{id}", "jobs/summary", True),
        ("jobs/{id}", "jobs/{jobId}", True),
        ("jobs/{id}/check", "jobs/bulk/{what}", True),
        ("jobs/{id}/check", "jobs/{id}/timeline", False),
        ("docs", "docs/{*path}", True),
        ("docs/{*path}", "docs/a/b/c", True),
        ("docs/{*path}", "jobs/{id}", False),
        ("{*path}", "jobs/{id}", True),
    ],
)
def test_the_overlap_of_two_routes_is_found(first: str, second: str, overlap: bool) -> None:
    one, other = parse_template(first).segments, parse_template(second).segments
    assert _overlap(one, other) is overlap
    assert _overlap(other, one) is overlap


@pytest.mark.parametrize(
    ("first", "second", "is_more_literal"),
    [
        ("jobs/summary", "jobs/{id}", True),
        ("jobs/{id}", "jobs/summary", False),
        ("jobs/{id}", "jobs/{jobId}", False),
        ("docs", "docs/{*path}", True),
        ("jobs/bulk/{what}", "jobs/{id}/check", False),
    ],
)
def test_only_a_route_with_literals_in_place_of_parameters_may_come_first(
    first: str, second: str, is_more_literal: bool
) -> None:
    assert _is_more_literal(parse_template(first), parse_template(second)) is is_more_literal


@pytest.mark.parametrize("name", ["function_app", "shared"])
def test_no_dependency_has_a_module_of_the_apps_names(name: str) -> None:
    """On Azure the app's folder comes last on Python's path: such a dependency would be imported in its place."""
    places = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    assert PathFinder.find_spec(name, places) is None


def test_importing_reads_no_setting_opens_no_connection_and_loads_nothing_heavy() -> None:
    code = f"""
import os, socket, sys
import azure.functions
before = set(sys.modules)

class NotToBeRead(dict):
    def __getitem__(self, name): raise AssertionError(f"{{name}} was read")
    def get(self, name, default=None): raise AssertionError(f"{{name}} was read")

def refuse(*arguments, **options): raise AssertionError("a connection was opened")
os.environ, environ = NotToBeRead(), os.environ
os.getenv = refuse
socket.socket.connect = socket.getaddrinfo = refuse
import function_app
os.environ = environ
loaded = set(sys.modules) - before
heavy = [name for name in {HEAVY!r} if any(module == name or module.startswith(name + ".") for module in loaded)]
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def _overlap(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> bool:
    """Whether some path matches both."""
    if not first or not second:
        return all(segment.is_optional or segment.takes_rest for segment in first + second)
    if first[0].takes_rest or second[0].takes_rest:
        return True
    literals = {segment.literal.lower() for segment in (first[0], second[0]) if segment.literal is not None}
    return len(literals) < 2 and _overlap(first[1:], second[1:])


def _is_more_literal(route: RouteTemplate, other: RouteTemplate) -> bool:
    """Whether `route` has literals where `other` has parameters, and never the reverse."""
    pairs = list(itertools.zip_longest(route.segments, other.segments, fillvalue=Segment(literal="")))
    gains = any(one.literal is not None and two.literal is None for one, two in pairs)
    return gains and not any(one.literal is None and two.literal is not None for one, two in pairs)
