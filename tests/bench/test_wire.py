"""Requests are counted where they leave the process."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests

from bench.measured.wire import Wire


class _Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Say nothing."""


def test_a_batch_counts_once_whatever_requests_it_holds() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    port = server.server_address[1]
    wire = Wire()
    try:
        requests.post(f"http://127.0.0.1:{port}", data=b"--batch\r\n\r\nPUT /row HTTP/1.1\r\n\r\n", timeout=5)
    finally:
        server.shutdown()
        server.server_close()

    assert wire.counts(port) == {"MainThread POST": 1}
