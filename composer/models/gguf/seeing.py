"""The engine of a model with a picture part: prompts may hold pictures.

Completions go over HTTP here: the calls of xllamacpp inside the process take text only once a picture part is loaded,
the server's own `/completion` takes text, token ids, and text with pictures. Source of the request fields:
tools/server/README.md and tokenize_input_subprompt in tools/server/server-common.cpp of llama.cpp.
"""

import base64
import http.client
import io
import json
import math
import threading
from collections import OrderedDict
from typing import Any

from composer.models.base import Picture
from composer.models.gguf.engine import Engine, EngineError, EngineSettings, OnChunk

_KEPT_PICTURES = 16  # encoded ones: the same picture is asked about several times


class SeeingEngine(Engine):
    """As `Engine`, and a request's "prompt" may be text with pictures (`Prompt.field`)."""

    def __init__(self, settings: EngineSettings) -> None:
        """Loads model and picture part; takes seconds. Raises EngineError."""
        super().__init__(settings)
        self._encoded: OrderedDict[str, str] = OrderedDict()  # sha256 of a picture -> as it is sent
        self._lengths: dict[str, int] = {}  # sha256 of a picture -> tokens
        self._pictures_lock = threading.Lock()
        try:
            with self._asked("/props", None, 60) as response:
                # the server's own random mark for a picture, which no text can hold by accident
                self.picture_mark = str(json.loads(response.read())["media_marker"])
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.close()
            raise EngineError(f"no mark for pictures: {error}") from error

    def encode(self, picture: Picture) -> str:
        """The picture as it is sent: a PNG file in base 64, with at most `picture_pixels` of the settings."""
        with self._pictures_lock:
            if picture.sha256 in self._encoded:
                self._encoded.move_to_end(picture.sha256)
                return self._encoded[picture.sha256]
        image = picture.image
        share = math.sqrt(self.settings.picture_pixels / (image.width * image.height))
        if share < 1:
            image = image.resize((max(1, int(image.width * share)), max(1, int(image.height * share))))
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        encoded = base64.b64encode(file.getvalue()).decode()
        with self._pictures_lock:
            self._encoded[picture.sha256] = encoded
            while len(self._encoded) > _KEPT_PICTURES:
                self._encoded.popitem(last=False)
        return encoded

    def picture_tokens(self, picture: Picture) -> int:
        """How many tokens of a prompt the picture takes, its marks included. Raises EngineError."""
        if picture.sha256 not in self._lengths:
            shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{self.encode(picture)}"}}
            text = {"type": "text", "text": "."}
            self._lengths[picture.sha256] = self._length([text, shown]) - self._length([text])
        return self._lengths[picture.sha256]

    def _length(self, content: list[dict[str, Any]]) -> int:
        messages = [{"role": "user", "content": content}]
        return int(self._post("/v1/chat/completions/input_tokens", {"messages": messages})["input_tokens"])

    def _answer(self, server: Any, request: dict[str, Any]) -> dict[str, Any]:
        return _as_choice(self._post("/completion", request, timeout=None))

    def _answer_in_chunks(self, server: Any, request: dict[str, Any], on_chunk: OnChunk) -> None:
        with self._asked("/completion", request, None) as response:
            if response.status != http.HTTPStatus.OK:
                on_chunk(json.loads(response.read()))
                return
            for line in response:
                name, _, value = line.decode().partition(": ")
                if name in ("data", "error") and value.strip() != "[DONE]":
                    chunk = json.loads(value)
                    if on_chunk(_as_choice(chunk) if name == "data" else {"error": chunk.get("error", chunk)}):
                        return


def _as_choice(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer of `/completion` in the form of one of `/v1/completions`, which `Engine` reads."""
    if "error" in answer:
        return answer
    probabilities = {"content": answer.get("completion_probabilities", [])}
    return {**answer, "choices": [{"text": answer.get("content", ""), "logprobs": probabilities}]}
