"""A real gallery server, and a server that lies, each on a loopback port in a thread of the test's own process."""

import contextlib
import io
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
from PIL import Image
from starlette.types import ASGIApp

from retrieval.sources.download import Timeouts

SHORT_TIMEOUTS = Timeouts(connect=1, read=0.5, headers=0.6, body=0.6)
INFO = json.dumps({"name": "liar", "pictures": 1, "encoder": "none"}).encode()
FOUND = json.dumps({"results": [{"id": "a", "score": 1.0}]}).encode()
Script = Callable[[str, socket.socket], None]  # (request line, connection): writes whatever it likes


@contextlib.contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The base URL of `app`, served by uvicorn until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextlib.contextmanager
def lying(script: Script) -> Iterator[tuple[str, list[str]]]:
    """The base URL of a server that answers every request by `script`, and the request lines it has seen."""
    seen: list[str] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received = b""
            while b"\r\n\r\n" not in received:
                piece = self.request.recv(65536)
                if not piece:
                    return
                received += piece
            head, _, body = received.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            while len(body) < length:
                body += self.request.recv(65536)
            line = head.split(b"\r\n")[0].decode()
            seen.append(line)
            with contextlib.suppress(OSError):  # the client has hung up, as it should
                script(line, self.request)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join(5)


def answer(body: bytes, kind: str = "application/json", status: str = "200 OK", length: int | None = None) -> bytes:
    """One whole HTTP answer; `length` lies about the body's."""
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture file of one colour."""
    written = io.BytesIO()
    Image.new("RGB", size, "orange").save(written, "PNG")
    return written.getvalue()
