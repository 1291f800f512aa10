"""A server on this machine that answers as the two model hubs do, over real HTTP, and can break off in the middle.

Hugging Face: /api/models/…/revision, /tree, /resolve. ModelScope: /api/v1/models/…/repo/files and /repo. Both know
versions by commit, continue a file from a byte (Range), and serve what `versions` holds.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FIRST, SECOND = "a" * 40, "b" * 40  # commits


@dataclass
class Hub:
    """What the server has and what it was asked."""

    versions: dict[str, dict[str, bytes]]  # commit -> path -> content
    branch: str = FIRST  # the commit that "main" and "master" stand for
    breaks: dict[str, int] = field(default_factory=dict)  # path -> bytes after which the connection breaks
    chunk: int = 0  # breaks every answer after so many bytes, where not 0
    ranges: bool = True
    stalls: threading.Event | None = None  # where set, an answer cut by `breaks` waits for this before it ends
    lies: bool = False  # announces other checksums than those of its files
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range
    address: str = ""

    def commit(self, revision: str) -> str | None:
        commit = self.branch if revision in ("main", "master") else revision
        return commit if commit in self.versions else None

    def files_asked(self) -> list[tuple[str, str]]:
        """(path, range) of every request for a file's content."""
        return [(path.rpartition("/")[2], ranged) for method, path, ranged in self.asked if method == "FILE"]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = unquote(url.path).strip("/").split("/")
        self.hub.asked.append((self.command, url.path, self.headers.get("Range", "")))
        if parts[:2] == ["api", "models"] and len(parts) > 5:
            self._hugging_face(parts[4], parts[5])
        elif parts[:3] == ["api", "v1", "models"] and parts[5:] == ["repo", "files"]:
            self._model_scope(query["Revision"])
        elif parts[:3] == ["api", "v1", "models"] and parts[5:] == ["repo"]:
            self._file(query["Revision"], query["FilePath"], body)
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file(parts[3], "/".join(parts[4:]), body)
        elif len(parts) <= 3 and "api" not in parts:
            self._send(200, b"", {})  # a repository's own page
        else:
            self._json(404, {"Code": 404, "Message": "not found", "Success": False})

    def _hugging_face(self, kind: str, revision: str) -> None:
        commit = self.hub.commit(revision)
        if commit is None:
            self._send(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
            return
        files = self.hub.versions[commit]
        if kind == "revision":
            siblings = [{"rfilename": path, "size": len(content)} for path, content in files.items()]
            self._json(200, {"id": "o/n", "sha": commit, "siblings": siblings})
        else:
            entries = [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
            self._json(200, entries)

    def _model_scope(self, revision: str) -> None:
        commit = self.hub.commit(revision)
        # a version that does not exist is answered with no files, not with an error
        files = None
        if commit is not None:
            contents = self.hub.versions[commit]
            files = [
                {
                    "Path": path,
                    "Name": path,
                    "Type": "blob",
                    "Size": len(content),
                    "Sha256": hashlib.sha256(content + b"?" * self.hub.lies).hexdigest(),
                    # only the last file was changed by this commit
                    "Revision": commit if number == len(contents) - 1 else "0" * 40,
                    "CommittedDate": 1700000000 + number,
                }
                for number, (path, content) in enumerate(contents.items())
            ] + [{"Path": "folder", "Type": "tree", "CommittedDate": 1800000000, "Revision": "c" * 40}]
        self._json(200, {"Code": 200, "Success": True, "Message": "success", "Data": {"Files": files}})

    def _file(self, revision: str, path: str, body: bool) -> None:
        commit = self.hub.commit(revision)
        content = self.hub.versions.get(commit or "", {}).get(path)
        if commit is None or content is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound" if commit else "RevisionNotFound"})
            return
        if body:
            self.hub.asked.append(("FILE", path, self.headers.get("Range", "")))
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        ranged = self.headers.get("Range", "").removeprefix("bytes=") if self.hub.ranges else ""
        start = int(ranged.partition("-")[0] or 0) if ranged else 0
        end = int(ranged.partition("-")[2] or len(content) - 1) if ranged else len(content) - 1
        part = content[start : end + 1]
        if ranged:
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        limit = self.hub.breaks[path] - start if path in self.hub.breaks else self.hub.chunk or None
        self._send(206 if ranged else 200, part, headers, body=body, limit=limit)

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(
        self, status: int, content: bytes, headers: dict[str, str], *, body: bool = True, limit: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or not body:
            return
        with suppress(ConnectionError):  # the client has gone
            self.wfile.write(content if limit is None else content[: max(0, limit)])
            self.wfile.flush()
            if limit is not None and self.hub.stalls is not None:
                self.hub.stalls.wait(60)
        self.close_connection = limit is not None  # less than promised, and then nothing more


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Answers on a free port of 127.0.0.1 while the block runs; `hub.address` names it."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
