"""InternLM-XComposer-7B with the entry points of the published model: pictures and text in, text out.

Knows the network, its files and its prompt format. The loops that choose tokens are in decoding, the wording of the
application is in composer.prompts.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.messages import _
from composer.errors import InputError, SettingsError
from composer.models.base import Picture
from composer.models.xcomposer.checkpoint import (
    END_OF_BOT,
    END_OF_HUMAN,
    Progress,
    XComposerConfig,
    XComposerTokenizer,
    load_weights,
)
from composer.models.xcomposer.decoding import Engine, GenerationOptions, GraphSteps, Part, Prompt, generate
from composer.models.xcomposer.network import ROTARIES, PictureEncoder, Rotary, build_language, pixel_values, set_rotary
from composer.models.xcomposer.template import META

HUMAN, BOT = " <|User|>:", " <|Bot|>:"
REPLY = f"\n{END_OF_HUMAN}{BOT}"

History = list[torch.Tensor]  # embeddings [1, n, H] of each turn, as the published model keeps them


class XComposer(nn.Module):
    """The whole network on its devices, its tokenizer, and the published entry points."""

    def __init__(self, config: XComposerConfig, tokenizer: XComposerTokenizer | None = None) -> None:
        """A network without weights; create it under `torch.device("meta")` and fill it with `load_weights`."""
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.vision = PictureEncoder(config)
        self.language: Any = build_language(config)
        self.rotary: Rotary = "shipped"
        self.placement: Any = None  # a Placement, once loaded

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
        num_gpus: 0 is the CPU; None takes as few GPUs as can hold the model, if there are any.
        quantization: "nf4" packs a 16-bit checkpoint in 4 bits while loading (needs bitsandbytes); a folder with GPTQ
        weights is 4-bit as it is.
        rotary: "shipped" or "exact", see composer.models.xcomposer.network.language.
        offload: layers that do not fit stay in main memory (slow).
        compiled: on one GPU, also fuse small operations with torch.compile (a minute at the first answer).
        name: of the model in messages; the folder's name where None.
        Raises ModelFilesMissing, ModelFilesBroken, OutOfMemory, SettingsError.
        """
        from composer.models.xcomposer.devices import Placement

        if rotary not in ROTARIES:
            raise SettingsError(
                name="rotary",
                value=str(rotary),
                reason=_("it can be {first} or {second}.", first=ROTARIES[0], second=ROTARIES[1]),
            )
        config = XComposerConfig.read(folder)
        # without a tokenizer the network can still be used with ids; `generate` and `chat` say that it is missing
        has_tokenizer = (Path(folder) / "tokenizer.model").is_file()
        tokenizer = XComposerTokenizer.from_folder(folder) if has_tokenizer else None
        placement = Placement.for_machine(
            folder, config, num_gpus=num_gpus, dtype=dtype, quantization=quantization, offload=offload, name=name
        )
        with torch.device("meta"):
            network = cls(config, tokenizer)
        placement.replace_linears(network)
        try:
            network._fill(placement, folder, rotary, compiled, progress)
        except BaseException:
            network.to_empty(device="meta")  # who keeps the error must not keep half a model on the cards
            raise
        return network.eval()

    def _fill(
        self, placement: Any, folder: str | Path, rotary: Rotary, compiled: bool, progress: Progress | None
    ) -> None:
        with placement.readable_memory_errors():
            load_weights(
                self,
                self.config,
                folder,
                device_of=placement.device_of,
                dtype=placement.dtype,
                put=placement.tensor_setter(self),
                progress=progress,
            )
            self.rotary = rotary
            set_rotary(self.language, self.config, rotary, placement.input_device)
            placement.connect(self)
            self.placement = placement
            if placement.can_capture:
                self.engine.fast = GraphSteps(self.engine, compiled=compiled)

    # -- the network -----------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """The device that takes token ids and pictures."""
        device: torch.device = self.engine.device
        return device

    @cached_property
    def engine(self) -> Engine:
        """Runs the decoder; usable once the weights are loaded."""
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
        """ids [B, T] or embeddings [B, T, H] -> the output of the Llama decoder, with `.logits` [B, T, vocabulary]."""
        if inputs_embeds is not None:
            inputs_embeds = inputs_embeds.to(self.device, self.engine.dtype)
        elif input_ids is not None:
            input_ids = input_ids.to(self.device)
        kwargs.setdefault("use_cache", False)
        return self.language(input_ids=input_ids, inputs_embeds=inputs_embeds, **kwargs)

    # -- prompts ---------------------------------------------------------------------------------------------------

    def ids(self, text: str, *, bos: bool = False) -> list[int]:
        """Token ids of the text, with `<s>` in front if `bos`."""
        return self.required_tokenizer.encode(text, bos=bos)

    def picture_part(self, image: Any) -> list[torch.Tensor]:
        """The vectors [66, H] of one picture, in a list; [] for None.

        image: path, PIL image, bytes, file, Picture, pixel_values [1, 3, 224, 224] or vectors [1, 66, H]. Raises
        PictureError.
        """
        if image is None:
            return []
        if isinstance(image, torch.Tensor):
            return [(image if image.dim() == 3 else self.encode_pictures(image))[0]]
        picture = Picture.open(image)
        return [self.encode_pictures(pixel_values([picture.image], self.config.vision.picture))[0]]

    def generate(self, text: str, image: Any = None, **options: Any) -> str:
        """The answer to `text` about `image` (path, PIL image, bytes, file object, pixel_values, or None).

        The options and their defaults are the published ones: num_beams 5, do_sample False, min_length 1,
        repetition_penalty 1.5, length_penalty 1.0, temperature 1.0, max_new_tokens 500, stop words 103027 and 103028,
        end 2. Further ones: max_length (counts one more than max_new_tokens), top_k, top_p, stop_words_ids,
        eos_token_id, seed.
        """
        parts: list[Part] = [
            self.ids(META + HUMAN, bos=True),
            *self.picture_part(image),
            self.ids(text),
            self.ids(REPLY),
        ]
        return self.answer(self.engine.prompt(parts), **options)

    def chat(self, text: str, image: Any = None, history: History | None = None, **options: Any) -> tuple[str, History]:
        """One turn: (answer, history). `history` is the list of the turn before; it is extended in place and returned.

        As in the published model, later turns repeat neither the instruction nor the ends of turns.
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
        """Raises InputError where the history is not one of this model."""

        def usable(turn: Any) -> bool:
            of_this_model = (
                isinstance(turn, torch.Tensor) and turn.dim() == 3 and turn.shape[::2] == (1, self.config.width)
            )
            return of_this_model and turn.is_floating_point() and not turn.is_meta

        if not isinstance(history, list) or not all(map(usable, history)):
            raise InputError(_("The conversation belongs to another model or session; start a new one."))

    def answer(self, prompt: Prompt, **options: Any) -> str:
        """The answer to an assembled prompt, cut at the end of the turn."""
        chosen = GenerationOptions.from_options(self.config, self.tokenizer, **options)
        return self._text(generate(self.engine, [prompt], chosen)[0])

    def _text(self, ids: Sequence[int]) -> str:
        return self.required_tokenizer.decode(ids).split(END_OF_BOT)[0]

    @property
    def required_tokenizer(self) -> XComposerTokenizer:
        """The tokenizer, for what cannot do without one. Raises ValueError where there is none."""
        if self.tokenizer is None:
            raise ValueError("the model has no tokenizer; set .tokenizer first")
        return self.tokenizer
