"""Log lines of the app and of the libraries that it uses."""

import logging
from collections.abc import Iterator

import pytest

from shared.egress.guard import NetworkGuard
from shared.log import QUIET_LIBRARIES, quiet_libraries
from tests.upstream.recording_server import recording

MALFORMED_HEADER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno header at all\r\nA: b\r\n\r\nok"


@pytest.fixture
def logging_everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """As if an operator had enabled every log line. The libraries' levels are restored afterwards."""
    before = {name: logging.getLogger(name).level for name in QUIET_LIBRARIES}
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_receiver_cannot_make_a_library_log_the_secrets_of_its_url(
    logging_everything: pytest.LogCaptureFixture,
) -> None:
    """urllib3 warns of a malformed header line, and names the whole URL."""
    quiet_libraries()

    with recording() as server:
        server.answers = [MALFORMED_HEADER]
        guard = NetworkGuard(allow_private=True)
        url = f"{server.url}?sv=1.0&sig=TOPSECRETSIGNATURE&code=FUNCTIONKEY"
        assert guard.post(url, b"{}", {}).status == 200
        guard.close()

    assert "SECRET" not in logging_everything.text
    assert "FUNCTIONKEY" not in logging_everything.text


@pytest.mark.parametrize(
    "name", ["urllib3.connectionpool", "msal.oauth2cli.oauth2", "azure.identity._internal", "requests"]
)
def test_the_libraries_that_speak_http_do_not_log_errors_either(
    logging_everything: pytest.LogCaptureFixture, name: str
) -> None:
    """msal logs an answer of Entra's that it cannot read, word for word."""
    quiet_libraries()

    logging.getLogger(name).error("what Entra said")

    assert logging_everything.text == ""
