"""A server that records requests and sends the test's answers, both byte for byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class RecordingServer:
    """Plain HTTP on this machine. `answers` are used up in order, the last one again and again.

    With `hang_up` it closes the connection after each answer, even if the answer is incomplete.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.hang_up = False
        self.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://localhost:{self._listener.getsockname()[1]}/rp"

    def headers(self, position: int = -1) -> dict[str, str]:
        """The headers of one request, their names in lower case."""
        lines = self.requests[position].splitlines()[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def serve(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for open_socket in (*self._open, self._listener):
            open_socket.close()

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while request := connection.recv(65536):
                self.requests.append(request.decode("ascii").rstrip())
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                if self.hang_up:
                    connection.shutdown(socket.SHUT_RDWR)
                    return


@contextmanager
def recording() -> Iterator[RecordingServer]:
    """A server for the time of the block."""
    server = RecordingServer()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join(5)


def reply(head: str, body: bytes = b"") -> bytes:
    """An answer as it goes over the wire: status line and headers without their last line end, then the body."""
    return f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
