"""OpenAI-compatible servers on this machine, at the ports where such programs usually listen.

They are asked only when somebody wants to know: a request may wake a program, and is written into its log.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from common.messages import Text, _

# port -> the program that usually listens there; one port may have several
USUAL_PORTS = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama.cpp",
    8000: "vLLM",
    30000: "SGLang",
    23333: "LMDeploy",
    1337: "Jan",
    4891: "GPT4All",
    5000: "text-generation-webui",
    5001: "KoboldCpp",
}
_CONNECT_SECONDS, _ANSWER_SECONDS = 0.5, 3.0
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered. All fields are plain values."""

    program: str  # by what it says, else by its port: "Ollama"
    address: str  # "http://127.0.0.1:11434/v1"
    models: tuple[str, ...] = ()  # names there; `load_model(name_of(...))` takes one
    needs_key: bool = False
    why: Text | None = None  # what stands in the way of using it

    def name_of(self, model: str) -> str:
        """What `load_model` and --model take for one of its models."""
        return f"{self.address}#{model}"


def find_servers(ports: Sequence[int] | None = None) -> list[LocalServer]:
    """The servers that answer at those ports of 127.0.0.1 (None: the usual ones), in their order. One that says nothing
    for 3 s, or breaks off, is left out."""
    asked = list(USUAL_PORTS) if ports is None else list(ports)
    if not asked:
        return []
    with ThreadPoolExecutor(len(asked)) as pool:
        return [server for server in pool.map(_ask, asked) if server is not None]


def _ask(port: int) -> LocalServer | None:
    """The server at that port; None where none listens, or one of another kind."""
    import requests

    from composer.models.endpoint import program_of

    address = f"http://127.0.0.1:{port}/v1"
    program = USUAL_PORTS.get(port, "")
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands before this machine itself
            timeout = (_CONNECT_SECONDS, _ANSWER_SECONDS)
            with session.get(f"{address}/models", timeout=timeout, stream=True, allow_redirects=False) as answer:
                if answer.status_code in (401, 403):
                    why = _("It asks for a key: --api_key_file FILE")
                    return LocalServer(program or address, address, needs_key=True, why=why)
                if answer.status_code != requests.codes.ok:
                    return None
                body = b""
                for chunk in answer.iter_content(1 << 16):  # unlike `raw` it raises errors of requests
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        return None
                listed: Any = json.loads(body)
    except (requests.RequestException, OSError, ValueError, RecursionError):
        return None
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        return None
    models = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    programs = (program_of(entry) for entry in models)
    program = next((each for each in programs if each is not None), program or address)
    nothing = None if models else _("It serves no model at present. Load one there first.")
    return LocalServer(program, address, tuple(entry["id"] for entry in models), why=nothing)
