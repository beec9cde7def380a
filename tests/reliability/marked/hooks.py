"""Marks the secrets and keeps the evidence, in every Python process that the tests start.

Each hook changes one module as soon as it is imported: where a secret is made, it gets a mark or is noted; where a
text leaves the app, the text is kept. Nothing here imports the app, so a process that does without it still does.
"""

import copy
import gzip
import importlib.abc
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, wraps
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.reliability.marked import marks
from tests.reliability.marked.evidence import EvidenceFile, open_evidence
from tests.reliability.marked.wire import watch_requests

type Hook = Callable[[EvidenceFile, Any], None]
HOOKS: dict[str, Hook] = {}
_MONITORING_TOOL = 4
_NOTED_MIN_CHARACTERS = 8  # a shorter value occurs by chance
_ID = re.compile(r"/[^/]*\d[^/]*")


def start() -> None:
    """Begin, if the search for secrets has started this process."""
    evidence = open_evidence()
    if evidence is None:
        return
    watch_requests(evidence)
    _watch_log(evidence)
    _watch_errors(evidence)
    for name in HOOKS.keys() & sys.modules.keys():
        HOOKS[name](evidence, sys.modules[name])
    sys.meta_path.insert(0, _Finder(evidence))


def of(module: str) -> Callable[[Hook], Hook]:
    """Register a hook that changes a module when it is imported."""

    def register(hook: Hook) -> Hook:
        HOOKS[module] = hook
        return hook

    return register


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as the others do, and has the hook of each called after it has run."""

    def __init__(self, evidence: EvidenceFile) -> None:
        self._evidence = evidence

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ANN401 - importlib's
        hook = HOOKS.get(name)
        if hook is None:
            return None
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((one for one in specs if one is not None), None)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        run = loader.exec_module

        def run_and_change(module: ModuleType) -> None:
            run(module)
            hook(self._evidence, module)

        loader.exec_module = run_and_change
        return spec


def _watch_log(evidence: EvidenceFile) -> None:
    """Keep every line of the app, also those below the level of the log, and those that other code logs."""
    logger: Any = logging.Logger
    enabled, handle, formatter = logger.isEnabledFor, logger.handle, logging.Formatter()

    def is_enabled(self: logging.Logger, level: int) -> bool:
        return self.name.startswith("offer_monitor") or enabled(self, level)

    def seen(self: logging.Logger, record: logging.LogRecord) -> None:
        with suppress(TypeError, ValueError):  # a message that does not fit its arguments
            evidence.add("log", self.name, {"line": formatter.format(copy.copy(record))})
        if enabled(self, record.levelno):
            handle(self, record)

    logger.isEnabledFor, logger.handle = is_enabled, seen


def _watch_errors(evidence: EvidenceFile) -> None:
    """Keep the text of every error of the app's own classes, wherever it is raised."""

    def raised(_code: CodeType, _offset: int, error: BaseException) -> None:
        if type(error).__module__.startswith("shared."):
            evidence.add("error", type(error).__name__, {"text": str(error), "repr": repr(error)})

    monitoring = sys.monitoring
    monitoring.use_tool_id(_MONITORING_TOOL, "search for secrets")
    monitoring.register_callback(_MONITORING_TOOL, monitoring.events.RAISE, raised)
    monitoring.set_events(_MONITORING_TOOL, monitoring.events.RAISE)


@of("shared.http.operations")
def _keep_answers(evidence: EvidenceFile, operations: Any) -> None:  # noqa: ANN401 - a module
    """Keep each answer of the API, and of the pages, with the handler that gave it."""
    answer = operations.answer

    def seen(find_handler: Callable[[], Any], request: Any) -> Any:  # noqa: ANN401 - as in shared/http
        name = "no handler"

        def find() -> Any:  # noqa: ANN401 - a handler
            nonlocal name
            handler = find_handler()
            name = getattr(handler, "__qualname__", type(handler).__name__)
            return handler

        response = answer(find, request)
        kind = "problem" if "problem" in (response.content_type or "") else response.status
        headers = response.all_headers
        parts = parts_of_answer(response.body, headers.get("Content-Encoding"))
        evidence.add("answer", f"{name} {kind}", {"headers": json.dumps(headers)} | parts)
        return response

    operations.answer = seen


def parts_of_answer(body: bytes, encoding: str | None) -> dict[str, str | bytes | None]:
    """The body of an answer, and apart from it the member that shows a new secret."""
    if encoding == "gzip":
        body = gzip.decompress(body)
    with suppress(ValueError):
        content = json.loads(body)
        if isinstance(content, dict) and "secret" in content:
            secret = content.pop("secret")
            return {"body": json.dumps(content), "member secret": str(secret)}
    return {"body": body}


@of("requests.sessions")
def _keep_hosts_answers(evidence: EvidenceFile, sessions: Any) -> None:  # noqa: ANN401 - a module
    """Keep each answer that a test gets from a host, whatever made it."""
    send = sessions.Session.send

    @wraps(send)
    def seen(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401 - as in requests
        response = send(self, request, **options)
        parts = urlsplit(request.url)
        if parts.port in _HOST_PORTS and not options.get("stream"):
            about = f"{request.method} {_ID.sub('/{id}', parts.path)} {response.status_code}"
            sent = {"caller's key": request.headers.get("x-functions-key"), "caller's query": parts.query}
            headers = json.dumps(dict(response.headers))
            texts = parts_of_answer(response.content, None)  # requests has decoded it
            evidence.add("host's answer", about, {"headers": headers} | texts | sent)
        return response

    sessions.Session.send = seen


_HOST_PORTS: set[int] = set()


@of("shared.setting_reader")
def _keep_settings(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    text = module.SettingReader.text

    def seen(self: Any, setting: str) -> str | None:  # noqa: ANN401 - a reader
        value: str | None = text(self, setting)
        evidence.add("setting", setting, {"value": value})
        return value

    module.SettingReader.text = seen


@of("shared.settings")
def _keep_certificates(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    def seen(certificate: Any) -> None:  # noqa: ANN401 - a ClientCertificate
        evidence.add("setting", "the client certificate", {"value": certificate.data})

    _after_init(module.ClientCertificate, seen)


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

    _after_init(module.Endpoint, seen)


def _note(evidence: EvidenceFile, kind: str, value: object, to: str) -> None:
    if isinstance(value, str) and len(value) >= _NOTED_MIN_CHARACTERS and marks.mark_in(value) is None:
        evidence.add("known", kind, {"value": value, "to": to})


@of("shared.webhooks.signing")
@of("local.system.configuration")
def _mark_webhook_secrets(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
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
        for line in pem.splitlines()[1:-2]:
            _note(evidence, "certificate key", line, "")

    _after_init(module.CertificateAuthority, certificates)
    _after_init(module.Sandbox, lambda sandbox: evidence.add("role", "sandbox", {"port": str(sandbox.port)}))


@of("tests.upstream.recording_server")
def _note_recording_server(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    def seen(server: Any) -> None:  # noqa: ANN401 - a RecordingServer
        evidence.add("role", "sandbox", {"port": str(urlsplit(server.url).port)})

    _after_init(module.RecordingServer, seen)


# These compare what is shown of an endpoint with its URL, or with all of its headers.
_ENDPOINTS_AS_THEY_ARE = (
    "test_a_change_changes_only_the_members_it_names",
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


@of("local.processes.child")
def _keep_output(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    make = module.Child.__init__

    @wraps(make)
    def seen(self: Any, name: str, *rest: Any, on_line: Any = None, **options: Any) -> None:  # noqa: ANN401 - as in Child
        def line_came(line: str) -> None:
            evidence.add("output", name, {"line": line})
            if on_line is not None:
                on_line(line)

        make(self, name, *rest, on_line=line_came, **options)

    module.Child.__init__ = seen


@of("subprocess")
def _keep_outputs(evidence: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """The output of processes that are run to their end."""
    communicate = module.Popen.communicate

    def seen(self: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as in Popen
        outputs = communicate(self, *arguments, **options)
        evidence.add("output", "a process that ended", dict(zip(("output", "errors"), outputs, strict=True)))
        return outputs

    module.Popen.communicate = seen


@of("local.host.process")
def _mark_keys(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    """Hosts that run the app get keys with marks, unless a test chooses its own."""
    make = module.HostProcess.__init__

    @wraps(make)
    def seen(self: Any, environment: Any = None, **options: Any) -> None:  # noqa: ANN401 - as in HostProcess
        if "app_directory" not in options:
            keys = {"FUNCTIONS_KEY": "function key", "FUNCTIONS_MASTER_KEY": "master key"}
            environment = {name: marks.fixed_mark(kind) for name, kind in keys.items()} | dict(environment or {})
        make(self, environment, **options)
        _HOST_PORTS.add(self.port)

    module.HostProcess.__init__ = seen


@of("tests.app.app")
def _use_keys(_: EvidenceFile, module: Any) -> None:  # noqa: ANN401 - a module
    module.KEY = module.App.ask.__kwdefaults__["key"] = marks.fixed_mark("function key")


def _after_init(kind: Any, do: Callable[[Any], None]) -> None:  # noqa: ANN401 - a class
    make = kind.__init__

    @wraps(make)
    def made(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as in the class
        make(self, *arguments, **named)
        do(self)

    kind.__init__ = made
