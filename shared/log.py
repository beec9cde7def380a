"""The app's own log lines: `<event> <one-line JSON object>`.

Azure's host overwrites custom dimensions of Python log records, so the facts are in the message, where a query can
parse them. `docs/operations.md` lists every event with its fields. Alerts and the workbook read only these lines.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from shared.json_codec import dumps

# These libraries log secrets. urllib3 logs a webhook's whole URL when an answer has a malformed header line,
# azure-core every request, msal and azure-identity Entra's answers word for word. The app's own lines report errors.
QUIET_LIBRARIES = ("azure", "chardet", "charset_normalizer", "msal", "requests", "urllib3")


def quiet_libraries() -> None:
    """Silence the libraries that speak HTTP. To be called before the first request."""
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_event(logger: logging.Logger, event: str, /, *, level: int = logging.INFO, **facts: object) -> None:
    """Write one event. `facts` must hold no secret, token or signed link."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s %s", event, dumps(facts))


class InvocationThreadPool(ThreadPoolExecutor):
    """A thread pool that runs each call in the context of the thread that submitted it."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))
