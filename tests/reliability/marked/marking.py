"""Marks the secrets where they are made, and notes those that cannot carry a mark where they are used."""

import os
import sys
from dataclasses import replace
from functools import cache, wraps
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.reliability.marked import marks
from tests.reliability.marked.evidence import EvidenceFile
from tests.reliability.marked.registry import after_init, of

_NOTED_MIN_CHARACTERS = 8  # a shorter value occurs by chance
# Where hosts that this process has started listen.
HOST_PORTS: set[int] = set()


@of("shared.log")
def _quiet_libraries(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """Before anything else, as when the app starts: tests of its parts do not start it."""
    if "pytest" in sys.modules:
        module.quiet_libraries()


@of("shared.webhooks.endpoint")
def _note_endpoints(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """Note the secrets of each endpoint that someone has chosen, and where they may be sent."""

    def seen(endpoint: Any) -> None:  # noqa: ANN401 - an Endpoint
        try:
            url = urlsplit(endpoint.url)
            to = str(url.port or {"http": 80}.get(url.scheme, 443))
        except (ValueError, AttributeError, TypeError):
            return
        for secret in (endpoint.secret, endpoint.old_secret):
            _note(evidence, "webhook secret", secret, "")
        for _, value in endpoint.headers:
            for part in {value, value.partition(" ")[2]}:
                _note(evidence, "own header", part, to)
        for _, value in parse_qsl(url.query, keep_blank_values=True):
            _note(evidence, "endpoint URL", value, to)

    after_init(module.Endpoint, seen)
    faults = module.header_faults

    def judged(headers: Any) -> list[str]:  # noqa: ANN401 - pairs of texts
        for _, value in headers:
            _note(evidence, "own header", value, "")  # also one that is refused
        found: list[str] = faults(headers)
        return found

    module.header_faults = judged


def _note(evidence: EvidenceFile, kind: str, value: object, to: str) -> None:
    if isinstance(value, str) and len(value) >= _NOTED_MIN_CHARACTERS and marks.mark_in(value) is None:
        evidence.add("known", kind, {"value": value, "to": to})


@of("shared.webhooks.signing")
def _mark_webhook_secrets(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    _mark_secrets_of_make_run(evidence, module)
    faults = module.secret_faults

    def judged(secret: str) -> list[str]:
        _note(evidence, "webhook secret", secret, "")  # also one that is refused
        found: list[str] = faults(secret)
        return found

    module.secret_faults = judged


@of("local.system.configuration")
def _mark_secrets_of_make_run(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    module.secrets = SimpleNamespace(token_bytes=marks.webhook_secret_bytes)


@of("sandbox.tokens")
def _mark_credentials(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    tenant, client, _secret, _assertion, identity, _header = module.Account.__init__.__defaults__
    module.Account.__init__.__defaults__ = (
        *(tenant, client, f"sandbox~secret.{marks.fixed_mark('client secret')}~x"),
        *(f"sandbox-{marks.fixed_mark('federated assertion')}", identity),
        f"sandbox-{marks.fixed_mark('identity header')}",
    )
    service = module.TokenService
    new_value, check = service._new_value, service._check_assertion

    def check_assertion(self: Any, form: Any) -> None:  # noqa: ANN401 - as in the sandbox
        check(self, form)
        _note(evidence, "client assertion", form["client_assertion"], "")

    service._new_value = lambda self, *about: marks.marked_token(new_value(self, *about))
    service._check_assertion = check_assertion


@of("sandbox.server")
def _note_sandbox(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    def certificates(authority: Any) -> None:  # noqa: ANN401 - a CertificateAuthority
        pem = authority.client_pem.decode().partition("-----BEGIN CERTIFICATE")[0]
        for line in pem.splitlines()[1:-2:8]:  # some of its lines: whatever shows the key shows them
            _note(evidence, "certificate key", line, "")

    after_init(module.CertificateAuthority, certificates)
    after_init(module.Sandbox, lambda sandbox: evidence.add("role", "sandbox", {"port": str(sandbox.port)}))


@of("tests.upstream.recording_server")
def _note_recording_server(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    def seen(server: Any) -> None:  # noqa: ANN401 - a RecordingServer
        evidence.add("role", "sandbox", {"port": str(urlsplit(server.url).port)})

    after_init(module.RecordingServer, seen)


# These compare what is shown of an endpoint with its URL or with all of its headers, or add a query to its URL.
_ENDPOINTS_AS_THEY_ARE = (
    "test_an_endpoints_own_key_that_it_repeats_is_not_recorded",
    "test_a_change_changes_only_the_members_it_names",
    "test_the_examples_are_what_the_app_answers",
    "test_the_webhook_of_the_settings_is_listed_and_not_editable",
)


def _as_it_is() -> bool:
    """Whether the current test is one for which endpoints get no secrets beyond those of the test."""
    return any(name in os.environ.get("PYTEST_CURRENT_TEST", "") for name in _ENDPOINTS_AS_THEY_ARE)


@of("tests.webhooks.receiver")
def _mark_endpoints(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """The tests' receivers are at URLs whose query is a secret."""
    url = module.Receiver.url.fget
    made = cache(lambda port: f"?code={marks.new_mark('endpoint URL', port=port)}")
    module.Receiver.url = property(lambda self: url(self) + ("" if _as_it_is() else made(self.port)))


@of("shared.webhooks.endpoints")
def _add_own_headers(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """Every endpoint that is stored without headers of its own gets one."""
    add = module.EndpointStore.add

    def seen(self: Any, endpoint: Any) -> None:  # noqa: ANN401 - an Endpoint
        if not endpoint.headers and not _as_it_is():
            mark = marks.new_mark("own header", port=urlsplit(endpoint.url).port or 0)
            endpoint = replace(endpoint, headers=(("x-own", mark),))
        add(self, endpoint)

    module.EndpointStore.add = seen


@of("local.azurite.process")
def _mark_storage(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    module._ACCOUNT_KEY = marks.account_key()


@of("local.host.process")
def _mark_keys(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """Hosts that run the app get keys with marks, unless a test chooses its own, or runs the whole local system."""
    make = module.HostProcess.__init__

    @wraps(make)
    def seen(self: Any, environment: Any = None, **options: Any) -> None:  # noqa: ANN401 - as in HostProcess
        if not options.keys() & {"app_directory", "settings_file"}:
            keys = {"FUNCTIONS_KEY": "function key", "FUNCTIONS_MASTER_KEY": "master key"}
            environment = {name: marks.fixed_mark(kind) for name, kind in keys.items()} | dict(environment or {})
        make(self, environment, **options)
        HOST_PORTS.add(self.port)

    module.HostProcess.__init__ = seen


@of("tests.app.app")
def _use_keys(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    module.KEY = module.App.ask.__kwdefaults__["key"] = marks.fixed_mark("function key")
