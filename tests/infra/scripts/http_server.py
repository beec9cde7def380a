"""A small HTTP server for scripts that call one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Takes a method and a path, returns a status and a body.
type Answer = Callable[[str, str], tuple[int, str]]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A server that asks `answer` about each request; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            status, body = answer(self.command, self.path)
            # Read to the end: curl waits for that before it takes the answer.
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(status)
            self.send_header("Cache-Control", "private, no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
