"""`python -m local.receiver`: receive webhooks on this machine and show them."""

import argparse
import asyncio
import os
import signal
import sys

from aiohttp import web

from local.receiver.server import Receiver

DEFAULT_PORT = 7072


def main() -> None:
    """Receive webhooks until SIGTERM or Ctrl-C. WEBHOOK_SECRET may contain several secrets, separated by spaces."""
    parser = argparse.ArgumentParser(prog="python -m local.receiver", description=main.__doc__)
    default_port = int(os.environ.get("RECEIVER_PORT") or DEFAULT_PORT)
    parser.add_argument("--port", type=int, default=default_port, help="0 takes a free one")
    port = parser.parse_args().port
    sys.exit(asyncio.run(_serve(port, os.environ.get("WEBHOOK_SECRET", "").split())))


async def _serve(port: int, secrets: list[str]) -> int:
    receiver = Receiver(secrets, show=lambda line: print(line, flush=True))
    runner = web.AppRunner(receiver.application(), access_log=None, handle_signals=False)
    await runner.setup()
    stop_requested = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop_requested.set)
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, shutdown_timeout=1).start()
    except OSError:
        print(f"Port {port} is in use: set RECEIVER_PORT to another.", file=sys.stderr)
        return 1
    print(f"receiver ready: http://127.0.0.1:{runner.addresses[0][1]}/webhook", flush=True)
    await stop_requested.wait()
    await runner.cleanup()
    return 0


if __name__ == "__main__":
    main()
