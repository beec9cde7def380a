"""Log lines for a person at a terminal: time, level, function or logger, message."""

import logging
import sys
import time
from collections.abc import Callable

from aiohttp.http_exceptions import HttpProcessingError
from azure_functions_runtime import invocation_id_cv

# Libraries that tell more than one wants to read at Information; on Azure the app itself quiets those that matter.
_QUIET_LOGGERS = ("azure", "msal", "urllib3", "aiohttp", "asyncio")


class LineFormatter(logging.Formatter):
    """`2026-11-20T09:00:01.123Z INFO  poll_pending_jobs offer_monitor.poller: message`.

    `function_of` gives the function of an invocation id; lines from elsewhere show only their logger.
    """

    def __init__(self, function_of: Callable[[str | None], str | None]) -> None:
        super().__init__()
        self._function_of = function_of

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The record's time in UTC with milliseconds."""
        seconds = time.strftime(datefmt or "%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{seconds}.{int(record.msecs):03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without a traceback, which `format` appends."""
        function = self._function_of(invocation_id_cv.get())
        source = f"{function} {record.name}" if function and record.name != "host" else record.name
        return f"{self.formatTime(record)} {record.levelname:<7} {source}: {record.message}"


def configure_logging(level: int, function_of: Callable[[str | None], str | None]) -> None:
    """Send every record of `level` and above to standard output, and quieten libraries."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter(function_of))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_is_own_fault)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """False for a request that was no HTTP: its sender got 400, and the log needs no traceback."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
