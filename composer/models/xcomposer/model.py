"""InternLM-XComposer-7B: pictures and text in, text out. The entry points of the published model, on current libraries.

Knows the network, its files and its own prompt format; the loops that choose tokens are in decoding, the wording of the
application in prompts.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from composer.errors import InputError, SettingsError
from composer.models.base import Picture
from composer.models.xcomposer.config import XComposerConfig
from composer.models.xcomposer.decoding import Choice, search
from composer.models.xcomposer.engine import Engine, Part, Prompt
from composer.models.xcomposer.graphs import GraphSteps
from composer.models.xcomposer.language import ROTARIES, Rotary, build_language, set_rotary
from composer.models.xcomposer.tokenizer import END_OF_BOT, END_OF_HUMAN, XComposerTokenizer
from composer.models.xcomposer.vision import PictureEncoder, pixel_values
from composer.models.xcomposer.weights import Progress, load_weights

META = (
    "meta instruction\n"
    "You are an AI assistant whose name is 浦语.\n"
    "- 浦语 is a conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). "
    "It is designed to be helpful, honest, and harmless.\n"
    "- 浦语 can understand and communicate fluently in the language chosen by the user such as English and 中文.\n"
    "conversation\n"
)
HUMAN, BOT = " <|User|>:", " <|Bot|>:"
REPLY = f"\n{END_OF_HUMAN}{BOT}"

History = list[torch.Tensor]  # one [1, n, H] of embeddings a turn, as the published model keeps it


class XComposer(nn.Module):
    """The whole network on its devices, its tokenizer, and the published entry points."""

    def __init__(self, config: XComposerConfig, tokenizer: XComposerTokenizer | None = None) -> None:
        """An empty network; make it under `torch.device("meta")` and fill it with `load_weights`."""
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.vision = PictureEncoder(config)
        self.language: Any = build_language(config)
        self.rotary: Rotary = "shipped"
        self.placing: Any = None  # a Placing, once loaded

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        dtype: torch.dtype | str | None = None,
        num_gpus: int | None = None,
        quantization: str | None = None,
        rotary: Rotary = "shipped",
        offload: bool = False,
        compiled: bool = False,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> "XComposer":
        """The model of a checkpoint folder, on its devices, ready to use.

        dtype: a torch dtype or its name; float16 on GPUs and float32 on the CPU where None.
        num_gpus: 0 is the CPU; None takes as few GPUs as hold the model, if there are any.
        quantization: "nf4" packs a 16-bit checkpoint in 4 bits while loading (needs bitsandbytes); a folder with GPTQ
        weights is 4-bit as it is.
        rotary: "shipped" or "exact", see language.
        offload: layers that do not fit stay in main memory (slow).
        compiled: on one GPU, also fuse small operations with torch.compile (a minute at the first answer).
        name: what sentences call the model; the folder's name where None.
        Raises ModelFilesMissing, ModelFilesBroken, OutOfMemory, SettingsError.
        """
        from composer.models.xcomposer.placing import Placing

        if rotary not in ROTARIES:
            raise SettingsError(
                name="rotary",
                value=str(rotary),
                reason_en=f"it can be {' or '.join(ROTARIES)}.",
                reason_zh=f"可选：{'、'.join(ROTARIES)}。",
            )
        config = XComposerConfig.read(folder)
        # a folder without one can be used with ids; `generate` and `chat` then say what is missing
        has_tokenizer = (Path(folder) / "tokenizer.model").is_file()
        tokenizer = XComposerTokenizer.from_folder(folder) if has_tokenizer else None
        placing = Placing.of(
            folder, config, num_gpus=num_gpus, dtype=dtype, quantization=quantization, offload=offload, name=name
        )
        with torch.device("meta"):
            network = cls(config, tokenizer)
        placing.prepare(network)
        try:
            network._fill(placing, folder, rotary, compiled, progress)
        except BaseException:
            network.to_empty(device="meta")  # whoever keeps the error does not keep half a model on the cards
            raise
        return network.eval()

    def _fill(
        self, placing: Any, folder: str | Path, rotary: Rotary, compiled: bool, progress: Progress | None
    ) -> None:
        with placing.watched():
            load_weights(
                self,
                self.config,
                folder,
                device_of=placing.device_of,
                dtype=placing.dtype,
                put=placing.put(self),
                progress=progress,
            )
            self.rotary = rotary
            set_rotary(self.language, self.config, rotary, placing.first)
            placing.connect(self)
            self.placing = placing
            if placing.captures:
                self.engine.fast = GraphSteps(self.engine, compiled=compiled)

    # -- the network -----------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where token ids and pictures go in."""
        device: torch.device = self.engine.device
        return device

    @cached_property
    def engine(self) -> Engine:
        """Runs the decoder; valid once the weights are in place."""
        return Engine(self.language, self.config)

    @torch.inference_mode()
    def encode_pictures(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixel_values [B, 3, 224, 224] -> [B, 66, H]: flag, 64 queries, flag, in the space of token embeddings."""
        return self.vision(pixels)  # type: ignore[no-any-return]  # nn.Module calls are untyped

    @torch.inference_mode()
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """ids [B, T] or embeddings [B, T, H] -> output of the Llama decoder, `.logits` [B, T, vocabulary]."""
        if inputs_embeds is not None:
            inputs_embeds = inputs_embeds.to(self.device, self.engine.dtype)
        elif input_ids is not None:
            input_ids = input_ids.to(self.device)
        kwargs.setdefault("use_cache", False)
        return self.language(input_ids=input_ids, inputs_embeds=inputs_embeds, **kwargs)

    # -- prompts ---------------------------------------------------------------------------------------------------

    def ids(self, text: str, *, bos: bool = False) -> list[int]:
        return self.tokens.encode(text, bos=bos)

    def picture_part(self, image: Any) -> list[torch.Tensor]:
        """[[66, H]] of one picture: path, PIL image, bytes, file, Picture, pixel_values [1, 3, 224, 224] or vectors
        [1, 66, H]. [] for None. Raises PictureError."""
        if image is None:
            return []
        if isinstance(image, torch.Tensor):
            return [(image if image.dim() == 3 else self.encode_pictures(image))[0]]
        picture = Picture.open(image)
        return [self.encode_pictures(pixel_values([picture.image], self.config.vision.picture))[0]]

    def generate(self, text: str, image: Any = None, **options: Any) -> str:
        """The answer to `text` about `image` (path, PIL image, bytes, file object, pixel_values, or None).

        Options and their defaults are the published ones: num_beams 5, do_sample False, min_length 1,
        repetition_penalty 1.5, length_penalty 1.0, temperature 1.0, max_new_tokens 500, stop words 103027 and 103028,
        end 2. Also: max_length (counts one more than max_new_tokens), top_k, top_p, stop_words_ids, eos_token_id, seed.
        """
        parts: list[Part] = [
            self.ids(META + HUMAN, bos=True),
            *self.picture_part(image),
            self.ids(text),
            self.ids(REPLY),
        ]
        return self.answer(self.engine.prompt(parts), **options)

    def chat(self, text: str, image: Any = None, history: History | None = None, **options: Any) -> tuple[str, History]:
        """One turn: (answer, history). `history` is the list of the turn before, extended in place and returned.

        Later turns follow the published model: neither the instruction nor ends of turns are repeated.
        """
        history = [] if history is None else history
        self._check_history(history)
        picture = self.picture_part(image)
        beginning = [turn[0] for turn in history]
        opening = self.ids(HUMAN) if history else self.ids(META + HUMAN, bos=True)
        parts: list[Part] = [*beginning, opening, *picture, self.ids(text), self.ids(REPLY)]
        answer = self.answer(self.engine.prompt(parts), **options)
        turn: list[Part] = [
            self.ids(HUMAN, bos=True),
            *picture,
            self.ids(text),
            self.ids(BOT),
            self.ids(answer, bos=True),
        ]
        history.append(self.engine.embed(self.engine.prompt(turn))[None])
        return answer, history

    def _check_history(self, history: Any) -> None:
        def usable(turn: Any) -> bool:
            of_this_model = (
                isinstance(turn, torch.Tensor) and turn.dim() == 3 and turn.shape[::2] == (1, self.config.width)
            )
            return of_this_model and turn.is_floating_point() and not turn.is_meta

        if not isinstance(history, list) or not all(map(usable, history)):
            raise InputError(
                reason_en="The conversation belongs to another model or session; start a new one.",
                reason_zh="该对话属于其他模型或会话，请开始新对话。",
            )

    def answer(self, prompt: Prompt, **options: Any) -> str:
        """The answer to an assembled prompt, cut at the end of the turn."""
        choice = Choice.from_options(self.config, self.tokenizer, **options)
        return self._text(search(self.engine, [prompt], choice)[0])

    def _text(self, ids: Sequence[int]) -> str:
        return self.tokens.decode(ids).split(END_OF_BOT)[0]

    @property
    def tokens(self) -> XComposerTokenizer:
        """The tokenizer. Raises ValueError where there is none."""
        if self.tokenizer is None:
            raise ValueError("the model has no tokenizer; set .tokenizer first")
        return self.tokenizer
