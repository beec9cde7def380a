"""Log lines for a terminal: time, level, function or logger, message."""

import logging
import sys
import time
from collections.abc import Callable

from aiohttp.http_exceptions import HttpProcessingError
from azure_functions_runtime import invocation_id_cv

from local.host.marks import DROPPED_LINE

# Libraries that log too much at Information. On Azure the app itself quiets those that matter.
_QUIET_LOGGERS = ("azure", "msal", "urllib3", "aiohttp", "asyncio")
# Loggers of this host and its libraries, and those that Azure treats as the platform's own.
_NOT_THE_APPS = ("host", "http", "aiohttp", "asyncio", "azure.functions", "azure_functions_runtime", "proxy_worker")


class LineFormatter(logging.Formatter):
    """`2026-11-20T09:00:01.123Z INFO    poll_pending_jobs offer_monitor.poller: message`.

    `function_of` returns the function of a running invocation. Azure keeps an app's line only while its invocation is
    running; other lines are marked.
    """

    def __init__(self, function_of: Callable[[str | None], str | None]) -> None:
        super().__init__()
        self._function_of = function_of

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The record's time in UTC, with milliseconds."""
        seconds = time.strftime(datefmt or "%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{seconds}.{int(record.msecs):03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without a traceback, which `format` appends."""
        return f"{self.formatTime(record)} {record.levelname:<7} {self._source(record)}: {record.message}"

    def _source(self, record: logging.LogRecord) -> str:
        if any(record.name == name or record.name.startswith(f"{name}.") for name in _NOT_THE_APPS):
            return record.name
        invocation_id = invocation_id_cv.get()
        function = self._function_of(invocation_id)
        if function is not None:
            return f"{function} {record.name}"
        when = "after the invocation" if invocation_id else "in no invocation"
        return f"[{when}; {DROPPED_LINE}] {record.name}"


def configure_logging(level: int, function_of: Callable[[str | None], str | None]) -> None:
    """Send records of `level` and above to standard output, and quiet noisy libraries."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter(function_of))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_is_own_fault)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """False for a request that was not HTTP: the sender got 400, and the log needs no traceback."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
