"""What function_app.py declares, and what importing it does: nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import function_app

REPOSITORY = Path(function_app.__file__).parent
# Every function with what starts it, as contract sections 2, 5 and 6 name them.
FUNCTION, ANONYMOUS = "FUNCTION", "ANONYMOUS"
TIMERS = {"poll_pending_jobs": "0 * * * * *", "deliver_webhooks": "30 * * * * *", "clean_up": "45 7 3 * * *"}
HTTP_FUNCTIONS = {
    "register_job": ("POST", "jobs", FUNCTION),
    "list_jobs": ("GET", "jobs", FUNCTION),
    "get_job": ("GET", "jobs/{jobId}", FUNCTION),
    "remove_job": ("DELETE", "jobs/{jobId}", FUNCTION),
    "check_job": ("POST", "jobs/{jobId}/check", FUNCTION),
    "get_private_offer_of_job": ("GET", "jobs/{jobId}/private-offer", FUNCTION),
    "list_set_aside": ("GET", "set-aside", FUNCTION),
    "remove_set_aside": ("DELETE", "set-aside/{rowKey}", FUNCTION),
    "get_private_offer": ("GET", "private-offers/{privateOfferId}", FUNCTION),
    "list_private_offers": ("GET", "private-offers", FUNCTION),
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
    "redeliver": ("POST", "webhooks/{webhookId}/deliveries/{deliveryId}/redeliver", FUNCTION),
}
# What an import must not load: an idle tick does without all of it.
HEAVY = [
    "requests",
    "azure.identity",
    "azure.data.tables",
    "pydantic",
    "cryptography",
    "simplejson",
    "msgspec",
    "shared",
]


@pytest.fixture(scope="module")
def triggers() -> dict[str, dict[str, Any]]:
    """Each function's trigger by the function's name. The functions of an app can be listed once only."""
    bindings = {
        str(function.get_function_name()): json.loads(str(function))["bindings"]
        for function in function_app.app.get_functions()
    }
    return {
        name: next(binding for binding in found if binding["type"].endswith("Trigger"))
        for name, found in bindings.items()
    }


def test_the_timers_have_the_schedules_of_the_contract(triggers: dict[str, dict[str, Any]]) -> None:
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
