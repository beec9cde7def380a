"""Keeps the evidence, in every Python process that the tests start: each text, where it leaves the app.

Nothing here imports the app, so a process that does without it still does.
"""

import copy
import gzip
import importlib.abc
import json
import logging
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from tests.reliability.marked.evidence import EvidenceFile, open_evidence
from tests.reliability.marked.marking import HOST_PORTS
from tests.reliability.marked.registry import HOOKS, after_init, of
from tests.reliability.marked.wire import watch_requests

_MONITORING_TOOL = 4
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
        if parts.port in HOST_PORTS and not options.get("stream"):
            about = f"{request.method} {_ID.sub('/{id}', parts.path)} {response.status_code}"
            sent = {"caller's key": request.headers.get("x-functions-key"), "caller's query": parts.query}
            headers = json.dumps(dict(response.headers))
            texts = parts_of_answer(response.content, None)  # requests has decoded it
            evidence.add("host's answer", about, {"headers": headers} | texts | sent)
        return response

    sessions.Session.send = seen


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

    after_init(module.ClientCertificate, seen)


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
