"""Microsoft's `azure-functions-runtime`: load an app, list its functions, run one.

Azure drives the same library through gRPC. Its indexing reads a request's attributes and answers with message classes
that the caller supplies. Here these are plain namespaces, not the generated classes.
"""

import json
import logging
import sys
import uuid
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as microsoft
from azure_functions_runtime import handle_event
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native

from local.host.errors import HostError

REPOSITORY = Path(__file__).resolve().parents[2]


class _BindingInfo(SimpleNamespace):
    # The directions as azure-functions numbers them.
    in_, out, inout = 0, 1, 2


class _StatusResult(SimpleNamespace):
    Failure, Success = 0, 1


_MESSAGES = SimpleNamespace(
    BindingInfo=_BindingInfo,
    StatusResult=_StatusResult,
    RpcFunctionMetadata=SimpleNamespace,
    RpcRetryOptions=SimpleNamespace,
    RpcException=SimpleNamespace,
    WorkerMetadata=SimpleNamespace,
    WorkerInitResponse=SimpleNamespace,
    FunctionMetadataResponse=SimpleNamespace,
)


@dataclass(frozen=True)
class IndexedFunction:
    """A function as the runtime found it. `bindings` are the parsed `function.json` bindings, with the trigger."""

    name: str
    function_id: str
    bindings: tuple[dict[str, Any], ...]

    @property
    def trigger(self) -> dict[str, Any]:
        """The binding that starts the function."""
        return next(binding for binding in self.bindings if binding["type"].endswith("Trigger"))


@dataclass(frozen=True)
class Outcome:
    """The result of one invocation: `returned` is the runtime's Datum or None; `error` is None on success."""

    returned: Datum | None
    error: str | None


async def index(app_directory: Path) -> list[IndexedFunction]:
    """Load `function_app.py` and list its functions. Raises HostError with the reason if that fails."""
    if not (app_directory / "function_app.py").exists():
        raise HostError(f"There is no function_app.py in {app_directory}.")
    _put_last_on_path(app_directory)
    request = SimpleNamespace(
        request=SimpleNamespace(
            worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(app_directory))
        ),
        properties={"host": "127.0.0.1", "protos": _MESSAGES},
    )
    runtime_logger = logging.getLogger("azure.functions")
    runtime_logger.disabled = True  # it logs a failed import at length; HostError says the same in a few lines
    try:
        response = await microsoft.worker_init_request(request)
    finally:
        runtime_logger.disabled = False
    if response.result.status != _StatusResult.Success:
        raise HostError(_reason(response.result.exception, app_directory))
    microsoft.start_threadpool_executor()
    # The runtime keeps the functions in this variable and otherwise offers them only inside a gRPC answer.
    found = handle_event._metadata_result or []
    return [
        IndexedFunction(
            name=function.name,
            function_id=function.function_id,
            bindings=tuple(json.loads(binding) for binding in function.raw_bindings),
        )
        for function in found
    ]


def _put_last_on_path(app_directory: Path) -> None:
    """Put the app last on Python's path: as on Azure, a dependency's module wins over the app's own of the same name.

    This project's directory is removed, so that another app cannot import its modules.
    """
    own_places = {"", str(Path.cwd()), str(REPOSITORY), str(app_directory)}
    sys.path[:] = [place for place in sys.path if place not in own_places] + [str(app_directory)]


async def invoke(function: IndexedFunction, invocation_id: str, trigger: Datum) -> Outcome:
    """Run one function: an ordinary one in the runtime's thread pool, an async one on this event loop."""
    ok, returned, _outputs, error, _traceback = await invocation_request_native(
        invocation_id, function.function_id, [(function.trigger["name"], trigger)], {}
    )
    return Outcome(returned, None if ok else (error or "unknown error"))


def new_invocation_id() -> str:
    """A new id, in the real host's format."""
    return str(uuid.uuid4())


def _reason(failure: SimpleNamespace, app_directory: Path) -> str:
    """The exception, with the app's own frames from its traceback."""
    # The runtime appends every entry of sys.path to a failed import.
    message = failure.message.partition(" Cannot find module.")[0].partition(" Current sys.path")[0].strip()
    trace = failure.stack_trace.splitlines()
    own = [
        f"  {line.strip()}\n    {code.strip()}"
        for line, code in pairwise(trace)
        if f'File "{app_directory}' in line and "site-packages" not in line
    ]
    # Chained exceptions repeat the frames that they share.
    return "\n".join(["The functions of this app could not be loaded.", *dict.fromkeys(own), message.rstrip(".")])
