"""The baseline for the detail endpoint: a server that forwards each GET with `requests` and a fixed token."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from requests.adapters import HTTPAdapter

from bench.measured.handshake import argument, report

POOLED_CONNECTIONS = 32


def main() -> None:
    """`url` that paths are appended to, `token`. Reports its port and serves until it is stopped."""
    given = argument()
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_maxsize=POOLED_CONNECTIONS))
    session.headers["Authorization"] = f"Bearer {given['token']}"

    class PassOn(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = session.get(f"{given['url']}{self.path}", timeout=30)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            """Say nothing."""

    # Headers and body are two writes; without buffering, the second waits for the acknowledgement of the first.
    PassOn.wbufsize = -1
    server = ThreadingHTTPServer(("127.0.0.1", 0), PassOn)
    print("ready", flush=True)
    report({"port": server.server_address[1]})
    server.serve_forever()


if __name__ == "__main__":
    main()
