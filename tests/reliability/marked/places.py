"""Where each secret may be, and why. An allowance that nothing needs makes the proof fail."""

from dataclasses import dataclass
from typing import Literal

# The kinds of evidence, with what each one is.
KINDS = {
    "log": "log lines, also those below the log's level",
    "error": "texts of the app's own errors",
    "answer": "answers of the API and of the pages, as the handlers give them",
    "host's answer": "answers that tests got from a host",
    "row": "rows that were written to storage",
    "storage request": "requests to storage, without their rows",
    "webhook": "webhooks, as they were sent",
    "upstream request": "requests to Entra and to upstream",
    "output": "lines that hosts and other processes printed",
    "setting": "settings that were read",
}


@dataclass(frozen=True)
class Allowed:
    """Where some kinds of secrets may be.

    `where` is a pattern for "what it is about > place in it". `only_to` allows it only in a request to upstream, or
    to the endpoint to which the secret belongs. `test` limits it to tests that feed secrets into odd places.
    """

    secrets: tuple[str, ...]
    kinds: tuple[str, ...]
    where: str
    reason: str
    only_to: Literal["upstream", "endpoint"] | None = None
    test: str = ""


_CREDENTIALS = ("client secret", "federated assertion", "client assertion")
_OF_ENDPOINTS = ("own header", "endpoint URL")
ALLOWED = (
    # Settings, and what the app signs in with.
    Allowed(("client secret",), ("setting",), "PARTNER_CENTER_CLIENT_SECRET > value", "the setting for it"),
    Allowed(("storage key",), ("setting",), "AzureWebJobsStorage > value", "the setting for the connection string"),
    Allowed(
        ("certificate key",),
        ("setting",),
        "(the client certificate|PARTNER_CENTER_CERTIFICATE) > value",
        "the setting for the certificate with its key",
    ),
    Allowed(("webhook secret",), ("setting",), "WEBHOOK_SECRET > value", "the setting for the secret"),
    Allowed(("endpoint URL",), ("setting",), "WEBHOOK_URL > value", "the setting for the URL"),
    Allowed(
        _CREDENTIALS, ("upstream request",), "token request > body", "Entra is asked with it", only_to="upstream"
    ),
    Allowed(
        ("identity header",),
        ("upstream request",),
        "identity request > header x-identity-header",
        "the managed identity's endpoint is asked with it",
        only_to="upstream",
    ),
    Allowed(
        ("access token",),
        ("upstream request",),
        "API request > header authorization",
        "upstream is asked with it",
        only_to="upstream",
    ),
    Allowed(
        ("access token",),
        ("output",),
        "(sandbox|system) > line",
        "the sandbox prints tokens of its own, to try it with curl, and `make run` shows its lines; both are tools"
        " for development",
    ),
    Allowed(
        ("access token",),
        ("output",),
        "a process that ended > output",
        "the same, where a test starts the sandbox by its command",
        test=r"tests/sandbox/test_command_line\.py",
    ),
    # Callers' keys.
    Allowed(("function key",), ("host's answer",), ".* > caller's key", "the caller sends it in its header"),
    Allowed(
        ("function key",),
        ("host's answer",),
        r"GET /api/calendar\.ics (200|304) > caller's query",
        "a calendar can only send it in the address",
    ),
    Allowed(
        ("function key",),
        ("host's answer",),
        "POST /api/jobs 202 > caller's query",
        "Azure Functions takes it there from any caller, and the test checks that it goes no further",
        test=r"tests/app/test_bad_requests\.py",
    ),
    Allowed(
        ("master key",), ("host's answer",), "POST /admin/.* > caller's key", "the host's admin call asks for it"
    ),
    # Webhooks.
    Allowed(
        ("webhook secret",),
        ("row",),
        "endpoints/endpoint > (secret|oldSecret)",
        "the app signs with it, so its row holds it",
    ),
    Allowed(
        ("webhook secret",),
        ("answer", "host's answer"),
        r"(WebhookHandlers\.(register 201|rotate_secret 200)"
        r"|POST /api/webhooks 201|POST /api/webhooks/\{id\}/rotate-secret 200) > member secret",
        "the one answer that shows a new secret",
    ),
    Allowed(("own header",), ("row",), "endpoints/endpoint > headers", "requests carry it, so its row holds it"),
    Allowed(("endpoint URL",), ("row",), "endpoints/endpoint > url", "requests go there, so its row holds it"),
    Allowed(
        ("own header",),
        ("webhook",),
        "POST > header (?!webhook-|content-|host).*",
        "it is for the endpoint",
        only_to="endpoint",
    ),
    Allowed(
        ("own header",),
        ("webhook",),
        "POST > header x-own",
        "tests change the URL in the row, below the call that drops the headers of another origin",
        test=r"tests/webhooks/test_changed_endpoints\.py",
    ),
    Allowed(
        ("signed link",),
        ("upstream request",),
        "API request > target",
        "a test of the log posts to a signed URL itself, without a webhook's headers",
        test=r"tests/test_log\.py",
    ),
    Allowed(("endpoint URL",), ("webhook",), "POST > target", "it is the endpoint's URL", only_to="endpoint"),
    Allowed(
        _OF_ENDPOINTS,
        ("error",),
        "AttemptFailed > (text|repr)",
        "it repeats what the endpoint said; the sender, which alone reads it, removes the endpoint's secrets",
    ),
    # Links in offers, which whoever may ask for the offer may follow.
    Allowed(
        ("signed link",),
        ("row",),
        "jobs/(finished|pending|offers) > privateOffer",
        "the offer is kept unchanged, with its job or in the snapshot",
    ),
    Allowed(
        ("signed link",),
        ("row",),
        r"jobs/document~(offer~[a-z]?)? > part\d+",
        "a large offer is kept in documents, in base64",
    ),
    Allowed(
        ("signed link",),
        ("answer",),
        r"(JobHandlers\.(change|check|list|read|register|private_offer)|PrivateOfferHandlers\.(read|list)"
        r"|CppOfferHandlers\.read|OfferDetailHandlers\.read|WatchHandlers\.list) 200 > body",
        "the offer is answered unchanged",
    ),
    Allowed(
        ("signed link",),
        ("answer", "host's answer"),
        r"(OpenApiHandlers\.read|GET /api/openapi\.json) 200 > body",
        "the examples in the API's description are answers about the sandbox's offers",
    ),
    Allowed(
        ("signed link",),
        ("host's answer",),
        r"(GET|PATCH|POST) /api/(jobs|private-offers|cpp/publishers|offer-details|watch/private-offers)(/\S*)? 200"
        r" > body",
        "the host answers the offer unchanged",
    ),
)
