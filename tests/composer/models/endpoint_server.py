"""A small OpenAI-compatible server for tests: answers by rules, and fails as it is told."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-geheim-0123456789"
Answer = tuple[int, dict[str, str], bytes]


def as_json(content: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(content).encode()


class FakeServer:
    """What the server says. Every request is kept in `requests`: (path, body, headers)."""

    def __init__(self) -> None:
        self.words = ["One ", "two ", "three."]  # of every reply
        self.entry: dict[str, Any] = {"id": "fake-model", "object": "model", "owned_by": "vllm", "max_model_len": 4096}
        self.models: list[dict[str, Any]] | None = None  # None: `entry` alone
        self.logprobs: dict[str, float] | None = {"Yes": 0.7, "No": 0.2}  # probabilities of first tokens
        self.before: Callable[[str, Any], Answer | None] = lambda path, body: None  # answers in place of the rules
        self.paths: dict[str, Callable[[Any], Answer]] = {}  # further paths
        self.drop_after: int | None = None  # words after which the connection breaks
        self.pause = 0.0  # seconds before each word
        self.key: str | None = None
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.under_way = self.most_under_way = 0
        self.broken = threading.Event()  # a client has gone in the middle of a reply
        self.lock = threading.Lock()

    def answer(self, path: str, body: Any) -> Answer | None:
        if (special := self.before(path, body)) is not None:
            return special
        if path == "/v1/models":
            return as_json({"object": "list", "data": self.models if self.models is not None else [self.entry]})
        if path in self.paths:
            return self.paths[path](body)
        if path != "/v1/chat/completions":
            return as_json({"error": {"message": "Not Found", "type": "not_found_error"}}, 404)
        return None  # a reply

    def whole(self, body: Any) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice["message"] = {"role": "assistant", "content": "".join(self.words)}
        if body.get("logprobs") and self.logprobs is not None:
            top = [{"token": t, "bytes": list(t.encode()), "logprob": math.log(p)} for t, p in self.logprobs.items()]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        return {"object": "chat.completion", "choices": [choice], "usage": self.usage(body)}

    def usage(self, body: Any) -> dict[str, Any]:
        parts = [p for turn in body["messages"] for p in turn["content"] if isinstance(turn["content"], list)]
        pictures = sum(part["type"] == "image_url" for part in parts)
        return {"prompt_tokens": 10 + 50 * pictures, "completion_tokens": len(self.words)}


@contextmanager
def serving(fake: FakeServer) -> Iterator[str]:
    """Its address, while it is up."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.handle_one(None)

        def do_POST(self) -> None:
            self.handle_one(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def handle_one(self, body: Any) -> None:
            fake.requests.append((self.path, body, dict(self.headers)))
            if fake.key is not None and self.headers.get("Authorization") != f"Bearer {fake.key}":
                said = f"Incorrect API key provided: {self.headers.get('Authorization', '')}"
                self.send(as_json({"error": {"message": said, "type": "invalid_request_error"}}, 401))
                return
            answer = fake.answer(self.path, body)
            if answer is not None:
                self.send(answer)
            elif body.get("stream"):
                self.send_stream(body)
            else:
                time.sleep(fake.pause)
                self.send(as_json(fake.whole(body)))

        def send(self, answer: Answer) -> None:
            status, headers, content = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def send_stream(self, body: Any) -> None:
            with fake.lock:
                fake.under_way += 1
                fake.most_under_way = max(fake.most_under_way, fake.under_way)
            try:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                for number, word in enumerate(fake.words):
                    if number == fake.drop_after:
                        self.close_connection = True
                        return
                    time.sleep(fake.pause)
                    self.event({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
                self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                if (body.get("stream_options") or {}).get("include_usage"):
                    self.event({"choices": [], "usage": fake.usage(body)})
                self.wfile.write(b"data: [DONE]\n\n")
            except (BrokenPipeError, ConnectionResetError):
                fake.broken.set()
            finally:
                self.close_connection = True
                with fake.lock:
                    fake.under_way -= 1

        def event(self, content: dict[str, Any]) -> None:
            self.wfile.write(f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode())
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
