"""Counts the HTTP requests of this process as they leave it, including those of libraries and every retry."""

import re
import sys
import threading
from collections import Counter

_REQUEST_LINE = re.compile(rb"([A-Z]+) \S+ HTTP/1\.1\r\n")


class Wire:
    """Sees every request that http.client sends, through Python's audit events; nothing is patched."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, int, str]] = []
        sys.addaudithook(self._hear)

    def forget(self) -> None:
        """Start counting from here."""
        self._sent.clear()

    def counts(self, port: int) -> dict[str, int]:
        """The number of requests to `port` by `<thread> <method>`; a pool's threads count under the pool's name."""
        return Counter(f"{thread} {method}" for thread, to_port, method in self._sent if to_port == port)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "http.client.send":
            return
        connection, data = arguments
        # A request's head is sent first and by itself; the body follows.
        head = _REQUEST_LINE.match(data) if isinstance(data, bytes) else None
        if head is not None:
            thread = threading.current_thread().name.partition("_")[0]
            self._sent.append((thread, getattr(connection, "port", 0), head[1].decode()))
