"""A small reverse proxy in threads, as people put before the page: streams, and shows it under a prefix."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP = ("connection", "content-length", "host", "keep-alive", "transfer-encoding")


class _Handler(BaseHTTPRequestHandler):
    upstream, prefix, strips, tells = "", "", True, False

    def _pass_on(self) -> None:
        if not self.path.startswith(f"{self.prefix}/"):
            self.send_error(404)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        headers["X-Forwarded-For"] = "127.0.0.1"
        if self.tells:
            headers |= {"X-Forwarded-Host": self.headers["host"], "X-Forwarded-Proto": "http"}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.removeprefix(self.prefix) if self.strips else self.path
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(OSError):  # the browser went away
            connection.request(self.command, path, body, headers)
            with connection.getresponse() as answer:
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.end_headers()
                while piece := answer.read1(65_536):
                    self.wfile.write(piece)
                    self.wfile.flush()

    do_GET = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def proxied(upstream: str, prefix: str, *, strips: bool = True, tells: bool = False) -> Iterator[str]:
    """The address under which a proxy shows the server at `upstream` (host:port). strips: it takes the prefix off the
    path. tells: it sends X-Forwarded-Host; the Host is its upstream's, as nginx has it."""
    options = {"upstream": upstream, "prefix": prefix, "strips": strips, "tells": tells}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), options))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{prefix}/"
    server.shutdown()
    server.server_close()
    thread.join(5)
