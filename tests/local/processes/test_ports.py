"""Free ports, and the process that holds one in use."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from local.processes.ports import free_port, holder, is_free


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())


def test_a_port_with_a_listener_is_not_free(listening: int) -> None:
    assert not is_free(listening)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
def test_the_holder_of_a_port_is_named(listening: int) -> None:
    assert str(os.getpid()) in (holder(listening) or "")


def test_a_free_port_has_no_holder() -> None:
    assert holder(free_port()) is None
