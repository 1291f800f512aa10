"""Runs llama.cpp's server inside this process, through xllamacpp: starts it, streams completions, counts tokens.

Knows prompts as text or token ids, not messages. Source of the request fields: tools/server/README.md of llama.cpp.

The server always opens an HTTP port on 127.0.0.1. Completions do not use it. Tokenizing and the chat template do,
because xllamacpp has no calls for them. A random key keeps other programs and web pages out.
"""

import contextlib
import http.client
import json
import os
import queue
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.threads import pinned_cpus
from composer.models.base import Usage

DEBUG = "XCOMPOSER_DEBUG"
CPU_BATCH = 64  # prompt tokens computed at once; a larger batch is 4 % faster on two cores and delays a stop by seconds
GPU_BATCH = 512
PROMPT_CACHE_MIB = 64  # for prompts of earlier conversations: about 2,300 tokens of the embedded model
# How often an OpenMP thread spins at a barrier before it sleeps. The default (300,000) burns a whole time slice when
# another program has the core; `benchmarks/model_decode.py --busy` measures it.
BARRIER_SPINS = "10000"

OnChunk = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the server is started."""

    path: Path
    context_tokens: int  # of one conversation
    slots: int = 2  # conversations held at once
    threads: int = 1
    gpu_layers: int = -1  # -1: all that fit; 0: none
    projector: Path | None = None  # the picture part of the model
    adapters: tuple[Path, ...] = ()  # files of low-rank changes to the weights (LoRA), all applied
    picture_tokens: int | None = None  # the most that a picture takes; None: as many as the model likes
    picture_pixels: int = 1 << 20  # larger pictures are made smaller before they are sent
    least_batch: int = 0  # tokens that must be computed at once


class EngineError(Exception):
    """The server refused or failed. `kind` is its own name for the error, e.g. "exceed_context_size_error"."""

    def __init__(self, message: str, kind: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.details = details or {}


class Engine:
    """A loaded model. All calls may come from several threads at once."""

    def __init__(self, settings: EngineSettings) -> None:
        """Loads the model; takes seconds. Raises EngineError."""
        self.settings = settings
        self._key = secrets.token_urlsafe(32)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._usage = Usage()
        self._speed = 0.0
        self._states = tempfile.TemporaryDirectory(prefix="xcomposer-states-")
        self._server: Any = None
        try:
            self._server = _start(settings, self._key, self._states.name)
            address = urlsplit(self._server.listening_address)
            self._host, self._port = address.hostname or "127.0.0.1", address.port
            # One token proves that the model computes; and a server that is freed before its loop has begun waits for
            # ever.
            self.complete({"prompt": "1", "n_predict": 1, "max_tokens": 1, "cache_prompt": False})
        except BaseException:
            self.close()
            raise
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        with self._lock:
            return self._usage

    @property
    def tokens_per_second(self) -> float:
        """Of the last reply that was long enough to measure; 0 before the first."""
        with self._lock:
            return self._speed

    def close(self) -> None:
        """Stops running calls; the model is freed once the last of them has returned."""
        self._closing.set()
        self._server = None
        self._states.cleanup()

    # -- completions ---------------------------------------------------------------------------------------------------

    def complete(self, request: dict[str, Any]) -> dict[str, Any]:
        """The whole answer to one completion request. Raises EngineError."""
        answer = self._answer(self._running_server(), request)
        _raise_error(answer)
        self._count_usage(answer.get("timings", {}))
        return answer

    def stream(self, request: dict[str, Any], stop: threading.Event | None = None) -> Iterator[str]:
        """The text of a completion in pieces of whole characters. Ends soon after `stop` is set.

        Closing the iterator stops the server's work, at the latest after one batch of the prompt. Raises EngineError.
        """
        server = self._running_server()
        chunks: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
        abandoned = threading.Event()

        def work() -> None:
            timings: dict[str, Any] = {}

            def on_chunk(chunk: dict[str, Any]) -> bool:
                timings.update(chunk.get("timings") or _prefill_timings(chunk.get("prompt_progress")))
                chunks.put(chunk)
                # at interpreter exit nobody reads the chunks any more, and the main thread waits for this one
                return abandoned.is_set() or self._closing.is_set() or not threading.main_thread().is_alive()

            ended: BaseException | None = None
            try:
                details = {"stream": True, "timings_per_token": True, "return_progress": True}
                self._answer_in_chunks(server, {**request, **details}, on_chunk)
            except Exception as error:  # noqa: BLE001 - carried to the reader's thread and raised there
                ended = error
            self._count_usage(timings)
            chunks.put(ended)

        threading.Thread(target=work, name="gguf-stream").start()
        try:
            yield from self._pieces(chunks, stop)
        finally:
            abandoned.set()

    def _pieces(
        self, chunks: "queue.SimpleQueue[dict[str, Any] | BaseException | None]", stop: threading.Event | None
    ) -> Iterator[str]:
        while True:
            try:
                chunk = chunks.get(timeout=0.05)
            except queue.Empty:
                if (stop is not None and stop.is_set()) or self._closing.is_set():
                    return
                continue
            if chunk is None or (stop is not None and stop.is_set()):
                return
            if isinstance(chunk, BaseException):
                raise EngineError(str(chunk)) from chunk
            _raise_error(chunk)
            for choice in chunk.get("choices", ()):
                if choice.get("text"):
                    yield choice["text"]

    def _answer(self, server: Any, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = server.handle_completions(request)
        return answer

    def _answer_in_chunks(self, server: Any, request: dict[str, Any], on_chunk: OnChunk) -> None:
        """Gives each chunk of the answer to `on_chunk` until that says True or the answer ends."""
        server.handle_completions(request, on_chunk)

    def _running_server(self) -> Any:
        server = self._server
        if server is None:
            raise EngineError("the model was closed", "closed")
        return server

    def _count_usage(self, timings: dict[str, Any]) -> None:
        used = Usage(
            int(timings.get("prompt_n", 0)), int(timings.get("cache_n", 0)), int(timings.get("predicted_n", 0))
        )
        with self._lock:
            self._usage += used
            if used.generated >= 16 and timings.get("predicted_per_second"):
                self._speed = float(timings["predicted_per_second"])

    # -- over HTTP -----------------------------------------------------------------------------------------------------

    def tokens(self, text: str, *, begins: bool = True) -> list[int]:
        """Token ids of a prompt. Special tokens are recognised.

        begins: the text begins the prompt, so that a BOS token is added where the model has one.
        """
        answer = self._post("/tokenize", {"content": text, "add_special": begins, "parse_special": True})
        return [int(token) for token in answer["tokens"]]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of token ids. Raises EngineError."""
        return str(self._post("/detokenize", {"tokens": list(tokens)})["content"])

    def chat_prompt(self, messages: list[dict[str, str]]) -> str:
        """The messages in the model's own chat format, ready for the reply. Raises EngineError."""
        prompt: str = self._post(
            "/apply-template", {"messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
        )["prompt"]
        return prompt

    def keep(self, prompt: Sequence[int], slot: int, name: str) -> None:
        """Computes a prompt in a slot, from its first token, and keeps its keys and values. Raises EngineError."""
        self.complete({"prompt": list(prompt), "n_predict": 0, "max_tokens": 0, "cache_prompt": False, "id_slot": slot})
        self._post(f"/slots/{slot}?action=save", {"filename": name})

    def put_back(self, slot: int, name: str) -> None:
        """What was kept under that name, in a slot, bit by bit. Raises EngineError."""
        self._post(f"/slots/{slot}?action=restore", {"filename": name})

    def _post(self, path: str, body: dict[str, Any], timeout: float | None = 60) -> dict[str, Any]:
        server = self._running_server()  # kept until the answer is here
        try:
            with self._asked(path, body, timeout) as response:
                answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineError(str(error)) from error
        finally:
            del server
        _raise_error(answer)
        return answer

    @contextlib.contextmanager
    def _asked(
        self, path: str, body: dict[str, Any] | None, timeout: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        """The response to a request; leaving closes the connection, at which the server stops working on it."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            if body is None:
                connection.request("GET", path, headers=headers)
            else:
                connection.request("POST", path, json.dumps(body), headers)
            yield connection.getresponse()
        finally:
            connection.close()


def _raise_error(answer: dict[str, Any]) -> None:
    error = answer.get("error")
    if error:
        details = error if isinstance(error, dict) else {"message": str(error)}
        raise EngineError(str(details.get("message", error)), str(details.get("type", "")), details)


def _prefill_timings(progress: dict[str, Any] | None) -> dict[str, Any]:
    """Token counts of a prompt that is still being computed; `processed` includes what came from the cache."""
    if not progress:
        return {}
    cached = int(progress.get("cache", 0))
    return {"cache_n": cached, "prompt_n": max(0, int(progress.get("processed", 0)) - cached)}


def import_engine() -> Any:
    """The xllamacpp module, with OpenMP told to spin only briefly. Raises ImportError."""
    before = os.environ.get("GOMP_SPINCOUNT")
    os.environ.setdefault("GOMP_SPINCOUNT", BARRIER_SPINS)
    try:
        import xllamacpp
    finally:
        if before is None:  # libgomp has read it, and child processes must not inherit it
            del os.environ["GOMP_SPINCOUNT"]
    return xllamacpp


def _start(settings: EngineSettings, key: str, states: str) -> Any:
    engine = import_engine()
    params = engine.CommonParams()
    params.model.path = str(settings.path)
    params.model_alias = {settings.path.stem}
    params.n_ctx = settings.context_tokens * settings.slots
    params.n_parallel = settings.slots
    params.n_gpu_layers = settings.gpu_layers
    batch = CPU_BATCH if settings.gpu_layers == 0 else GPU_BATCH
    params.n_batch = params.n_ubatch = max(batch, settings.least_batch)
    if settings.projector is not None:
        params.mmproj.path = str(settings.projector)
        params.mmproj_use_gpu = settings.gpu_layers != 0
        if settings.picture_tokens is not None:
            params.image_max_tokens = settings.picture_tokens
    if settings.adapters:
        params.lora_adapters = [engine.CommonAdapterLoraInfo(str(path)) for path in settings.adapters]
    params.cache_ram_mib = PROMPT_CACHE_MIB
    if settings.gpu_layers == 0:
        # A mapped file would stay in memory beside the copy that is rearranged for the processor: with the embedded
        # model 0.6 GB more, for a load that is 1.2 s shorter.
        params.load_mode = engine.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.slot_save_path = f"{states}{os.sep}"  # the name of a file is appended as it is
    params.api_keys = [key]
    params.hostnames = ["127.0.0.1"]
    params.verbosity = 3 if os.environ.get(DEBUG) else -1
    pins = pinned_cpus(settings.threads)
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings.threads
        if pins:
            cpu.cpumask = [number in pins for number in range(len(cpu.cpumask))]
            cpu.mask_valid = cpu.strict_cpu = True
    start: Callable[[Any], Any] = engine.Server
    try:
        return start(params)
    except RuntimeError as error:
        raise EngineError(str(error)) from error
