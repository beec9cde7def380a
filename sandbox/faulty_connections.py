"""Faults of the connection: answers that come late, slowly, in part, or never."""

import asyncio
import socket
import struct

from aiohttp import web

from sandbox.faults import FaultKind, FaultyCall

HANG_SECONDS = 3600.0
CONNECTION_CHECK_SECONDS = 0.25
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER without a wait: the peer sees a reset, not an end


async def delay(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, `seconds` (default 5) late."""
    await _wait(call.request, call.fault.number("seconds", 5.0))
    return await call.answer()


async def hang(call: FaultyCall) -> web.StreamResponse:
    """No answer for `seconds` (default an hour), then a reset."""
    await _wait(call.request, call.fault.number("seconds", HANG_SECONDS))
    return _reset(call.request)


async def reset(call: FaultyCall) -> web.StreamResponse:
    """The connection is reset without an answer."""
    return _reset(call.request)


async def answer_lost(call: FaultyCall) -> web.StreamResponse:
    """The request does its work, then the connection is reset: a POST that happened and was never confirmed."""
    await call.answer()
    return _reset(call.request)


async def cut_body(call: FaultyCall) -> web.StreamResponse:
    """The first half of the usual answer, with the whole Content-Length; then the connection is closed."""
    body = await call.usual_body()
    answer = await _begin(call, len(body))
    await answer.write(body[: len(body) // 2])
    if call.request.transport is not None:
        call.request.transport.close()
    return answer


async def slow_body(call: FaultyCall) -> web.StreamResponse:
    """The usual answer at `bytes_per_second` (default 10), never idle long enough for a read timeout."""
    body = await call.usual_body()
    answer = await _begin(call, len(body))
    for byte in body:
        await answer.write(bytes([byte]))
        await asyncio.sleep(1 / call.fault.number("bytes_per_second", 10.0))
    await answer.write_eof()
    return answer


async def slow_headers(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, with its headers at `bytes_per_second` (default 10)."""
    body = await call.usual_body()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    transport = call.request.transport
    if not isinstance(transport, asyncio.Transport):
        return web.Response()
    for byte in head.encode():
        if transport.is_closing():
            break
        transport.write(bytes([byte]))  # past aiohttp, which sends all headers at once
        await asyncio.sleep(1 / call.fault.number("bytes_per_second", 10.0))
    transport.write(body)
    transport.close()
    return web.Response()  # required by aiohttp; the caller never gets it


async def _wait(request: web.Request, seconds: float) -> None:
    """Waits, but stops early when the caller has gone."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while request.transport is not None and not request.transport.is_closing() and (left := end - clock()) > 0:
        await asyncio.sleep(min(CONNECTION_CHECK_SECONDS, left))


async def _begin(call: FaultyCall, content_length: int) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = content_length
    await answer.prepare(call.request)
    return answer


def _reset(request: web.Request) -> web.StreamResponse:
    """Resets the connection. aiohttp requires the returned response; the caller never gets it."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


CONNECTION_FAULTS: tuple[FaultKind, ...] = (delay, hang, reset, answer_lost, cut_body, slow_body, slow_headers)
