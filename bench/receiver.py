"""`python -m bench.receiver`: accepts webhooks as fast as it can and records when each arrived.

`POST /fast` answers 204 at once, `POST /hang?seconds=15` after 15 s; `GET /arrivals` lists the requests to `/fast`,
and `DELETE /arrivals` forgets them. Unlike the receiver of `make run`, it verifies nothing.
"""

import asyncio
import json
import signal
import time

from aiohttp import web


class Receiver:
    """Keeps requests in order; parses bodies only when someone lists them."""

    def __init__(self) -> None:
        self._arrivals: list[tuple[float, str, bytes]] = []

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application()
        application.add_routes(
            [
                web.post("/fast", self._take),
                web.post("/hang", self._hang),
                web.get("/arrivals", self._list),
                web.delete("/arrivals", self._forget),
            ]
        )
        return application

    async def _take(self, request: web.Request) -> web.Response:
        at = time.time()
        self._arrivals.append((at, request.headers.get("webhook-id", ""), await request.read()))
        return web.Response(status=204)

    async def _hang(self, request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query["seconds"]))
        return web.Response(status=204)

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"at": at, "webhookId": webhook_id, "jobId": json.loads(body)["data"]["job"]["jobId"]}
                for at, webhook_id, body in self._arrivals
            ]
        )

    async def _forget(self, _request: web.Request) -> web.Response:
        self._arrivals.clear()
        return web.Response(status=204)


async def _serve() -> None:
    runner = web.AppRunner(Receiver().application(), access_log=None, handle_signals=False)
    await runner.setup()
    stop_requested = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop_requested.set)
    await web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=1).start()
    print(f"receiver ready: http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stop_requested.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
