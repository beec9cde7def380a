"""A TCP proxy before storage: it sees which requests are under way, and can hold back storage's answers.

Each host has a port of its own, so a request that is cut off belongs to the host that was killed.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from local.processes.ports import free_port

_CHUNK_BYTES = 64 * 1024
# Reads change nothing; every other request of Table Storage writes.
_READS = "GET"


@dataclass
class StorageRequest:
    """One request. `cut_at` is the moment at which its host was gone; times are those of `time.monotonic`.

    `answered` says that the answer reached the host, as far as the proxy can tell.
    """

    host: int
    method: str
    path: str
    at: float
    answered: bool = False
    cut_at: float | None = None

    @property
    def writes(self) -> bool:
        return self.method != _READS


class StorageProxy:
    """Passes requests on to `storage_port`, each `latency_seconds` after it came."""

    def __init__(self, storage_port: int, *, hosts: int, latency_seconds: float) -> None:
        self.ports = [free_port() for _ in range(hosts)]
        self.requests: list[StorageRequest] = []
        #: How many writes each host has begun.
        self.writes_begun = [0] * hosts
        self._storage_port = storage_port
        self._latency_seconds = latency_seconds
        self._holding = False

    def hold(self) -> None:
        """From now on no answer reaches a host, though storage does what is asked."""
        self._holding = True

    def release(self) -> None:
        """Pass answers on again: those to requests on connections that are made from now on."""
        self._holding = False

    async def serve(self, ready: Future[None], stop: asyncio.Event) -> None:
        servers = [
            await asyncio.start_server(partial(self._connected, host), "127.0.0.1", port)
            for host, port in enumerate(self.ports)
        ]
        ready.set_result(None)
        await stop.wait()
        for server in servers:
            server.close()
            server.close_clients()

    async def _connected(self, host: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # a host or storage was killed
            try:
                from_storage, to_storage = await asyncio.open_connection("127.0.0.1", self._storage_port)
            except OSError:
                writer.close()
                return
            current: list[StorageRequest] = []
            answers = asyncio.create_task(self._answers(from_storage, writer, current))
            try:
                await self._requests(host, reader, to_storage, current)
            finally:
                if current:
                    current[0].cut_at = time.monotonic()
                to_storage.close()
                answers.cancel()
                with suppress(asyncio.CancelledError):
                    await answers
                writer.close()

    async def _requests(
        self,
        host: int,
        reader: asyncio.StreamReader,
        to_storage: asyncio.StreamWriter,
        current: list[StorageRequest],
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if not current:
                method, path, _ = (data.split(b"\r\n", 1)[0].decode("ascii", "replace") + "  ").split(" ", 2)
                current.append(StorageRequest(host, method, path, time.monotonic()))
                self.requests.append(current[0])
                self.writes_begun[host] += current[0].writes
                await asyncio.sleep(self._latency_seconds)
            to_storage.write(data)
            await to_storage.drain()

    async def _answers(
        self, from_storage: asyncio.StreamReader, writer: asyncio.StreamWriter, current: list[StorageRequest]
    ) -> None:
        with suppress(OSError):
            while data := await from_storage.read(_CHUNK_BYTES):
                if self._holding:
                    continue
                if current:
                    current.pop().answered = True
                writer.write(data)
                await writer.drain()
        current.clear()  # storage is gone: the request was not cut off by its host's death
        writer.close()


@contextmanager
def storage_proxy(storage_port: int, *, hosts: int, latency_seconds: float) -> Iterator[StorageProxy]:
    """Run a proxy on a thread of its own."""
    proxy = StorageProxy(storage_port, hosts=hosts, latency_seconds=latency_seconds)
    ready: Future[None] = Future()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stopping.append((asyncio.get_running_loop(), stop))
        await proxy.serve(ready, stop)

    thread = threading.Thread(target=asyncio.run, args=[serve()], name="storage proxy", daemon=True)
    thread.start()
    try:
        ready.result(timeout=10)
        yield proxy
    finally:
        loop, stop = stopping[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)


def cut_off(requests: Sequence[StorageRequest]) -> list[StorageRequest]:
    """The requests whose host was gone before their answer came."""
    return [each for each in requests if each.cut_at is not None]
