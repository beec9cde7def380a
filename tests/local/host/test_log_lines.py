"""Log lines, and which of them Azure drops."""

import logging

import pytest
from azure_functions_runtime import invocation_id_cv

from local.host.log_lines import LineFormatter
from local.host.process import HostProcess
from tests.local.host.raw_http import send


def _line(logger: str, invocation_id: str | None) -> str:
    token = invocation_id_cv.set(invocation_id)
    try:
        record = logging.LogRecord(logger, logging.INFO, "", 0, "said", (), None)
        return LineFormatter({"running": "poll"}.get).format(record).partition(" INFO    ")[2]  # type: ignore[arg-type] # get() takes None too
    finally:
        invocation_id_cv.reset(token)


@pytest.mark.parametrize(
    ("logger", "invocation_id", "line"),
    [
        ("app.part", "running", "poll app.part: said"),
        ("app.part", "over", "[after the invocation; Azure drops this line] app.part: said"),
        ("app.part", None, "[in no invocation; Azure drops this line] app.part: said"),
        ("root", None, "[in no invocation; Azure drops this line] root: said"),
        ("hosting", None, "[in no invocation; Azure drops this line] hosting: said"),
        ("host", None, "host: said"),
        ("http", "running", "http: said"),
        ("aiohttp.server", None, "aiohttp.server: said"),
        ("azure.functions", None, "azure.functions: said"),
    ],
)
def test_a_line_that_azure_drops_is_marked(logger: str, invocation_id: str | None, line: str) -> None:
    assert _line(logger, invocation_id) == line


def test_lines_of_threads_that_outlive_their_invocation_are_marked(host: HostProcess) -> None:
    assert send(host, "POST /api/late-lines", "Content-Length: 0").status == 200
    assert send(host, "DELETE /api/late-lines").status == 200
    host.wait_for_line("from a thread of no invocation", timeout_seconds=5)
    host.wait_for_line("from a thread of the invocation", timeout_seconds=5)
    assert sorted(line.partition(" INFO    ")[2] for line in host.dropped_lines) == [
        "[after the invocation; Azure drops this line] sample: from a thread of the invocation",
        "[in no invocation; Azure drops this line] sample: from a thread of no invocation",
    ]
    host.wait_for_line("begin_late_lines sample: from the invocation itself", timeout_seconds=5)
