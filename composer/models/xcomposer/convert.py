"""Converts a checkpoint of the published format into one that stock transformers loads, without code beside it.

The stock architecture that fits is BLIP-2 with a Llama decoder (Blip2ForConditionalGeneration): it has the same picture
tower, Q-Former and decoder. LoRA is merged. The two picture flags become the embeddings of two new tokens around the 64
tokens that stand for a picture. A stock configuration cannot express two things, so the result is close, not equal:

* the last LayerNorm of the tower has epsilon 1e-5 in the published model, but 1e-6 in BLIP-2, like all others there.
  With the variance v of a position its output differs by the factor sqrt((v + 1e-5) / (v + 1e-6)), that is by
  4.5e-6 / v.
* the rotary angles are exact, as with `rotary="exact"` of our own model; the published ones are in half precision.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.messages import Text, _
from common.torchvision_compat import prepare_torchvision
from composer.errors import ComposerError, ConvertError, SettingsError
from composer.models.xcomposer.checkpoint import (
    END_OF_BOT,
    END_OF_HUMAN,
    Progress,
    XComposerConfig,
    XComposerTokenizer,
    build_fast_tokenizer,
    load_weights,
)
from composer.models.xcomposer.network import MEAN, STD, llama_settings, qformer_settings, tower_settings
from composer.models.xcomposer.placement import DTYPE_BYTES
from composer.models.xcomposer.template import META

FLAG_START, FLAG_END, PLACEHOLDER = "<ImageStart>", "<ImageEnd>", "<image>"
SHARD_BYTES = 4 * 10**9
_RENAMED = (
    ("vision.tower.", "vision_model."),
    ("vision.query_tokens", "query_tokens"),
    ("vision.qformer.", "qformer."),
    ("vision.projection.", "language_projection."),
    ("language.", "language_model."),
)


def convert_checkpoint(
    source: str | Path, target: str | Path, *, dtype: str = "float16", progress: Progress | None = None
) -> Path:
    """Writes `source` to the folder `target` (new or empty) for transformers' AutoModelForImageTextToText.

    Keeps one shard of the source and one of the target in memory. Raises ModelFilesMissing, ModelFilesBroken,
    SettingsError, ConvertError.
    """
    source, target = Path(source), Path(target)
    config, tokenizer = XComposerConfig.read(source), XComposerTokenizer.from_folder(source)
    if dtype not in DTYPE_BYTES:
        known = ", ".join(DTYPE_BYTES)
        raise SettingsError(name="dtype", value=dtype, reason=_("it is one of {known}.", known=known))
    if config.gptq:
        raise SettingsError(
            name="SRC",
            value=str(source),
            reason=_("it is packed in 4 bits. Convert the 16-bit checkpoint; engines pack it again in their own way."),
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise _unwritable(target, _("it exists and is not an empty folder"))
    prepare_torchvision()  # transformers imports torchvision
    try:
        target.mkdir(parents=True, exist_ok=True)
        writer = _Writer(target, config, getattr(torch, dtype))
        load_weights(
            nn.Module(),
            config,
            source,
            device_of=lambda name: torch.device("cpu"),
            dtype=getattr(torch, dtype),
            put=writer.put,
            progress=progress,
        )
        writer.finish()
        _write_config(target, config, dtype, tokenizer)
        _write_processor(target, config, tokenizer)
    except OSError as error:
        raise _unwritable(target, str(error)) from error
    except ComposerError:
        shutil.rmtree(target, ignore_errors=True)  # half a checkpoint would only confuse
        raise
    return target


def _unwritable(target: Path, reason: Text | str) -> ConvertError:
    return ConvertError(place=str(target), reason=reason)


class _Writer:
    """Collects tensors under their new names and writes a shard whenever there are enough."""

    def __init__(self, target: Path, config: XComposerConfig, dtype: torch.dtype) -> None:
        self.target, self.dtype = target, dtype
        self.flags: dict[str, torch.Tensor] = {}
        self.embedding: torch.Tensor | None = None
        self.waiting: dict[str, torch.Tensor] = {}
        self.size = 0
        self.shards: list[list[str]] = []
        self.total = 0

    def put(self, name: str, tensor: torch.Tensor) -> None:
        if name in ("vision.flag_start", "vision.flag_end"):
            self.flags[name] = tensor.reshape(1, -1)
        elif name == "language.model.embed_tokens.weight":
            self.embedding = tensor
        elif name == "language.lm_head.weight":
            # three tokens that are never an answer; generation_config.json suppresses them
            self._add(name, torch.cat((tensor, tensor.new_zeros(3, tensor.shape[1]))))
        else:
            self._add(name, tensor)
        if self.embedding is not None and len(self.flags) == 2:
            start, end = (self.flags[f"vision.flag_{which}"] for which in ("start", "end"))
            rows = (self.embedding, start, end, torch.zeros_like(start))
            self.embedding, self.flags = None, {}
            self._add("language.model.embed_tokens.weight", torch.cat(rows))

    def _add(self, name: str, tensor: torch.Tensor) -> None:
        for old, new in _RENAMED:
            if name.startswith(old):
                name = new + name[len(old) :]
                break
        self.waiting[name] = tensor.contiguous()
        self.size += tensor.numel() * tensor.element_size()
        if self.size >= SHARD_BYTES:
            self._flush()

    def _flush(self) -> None:
        from safetensors.torch import save_file

        save_file(self.waiting, self.target / f"part-{len(self.shards)}", metadata={"format": "pt"})
        self.shards.append(list(self.waiting))
        self.total += self.size
        self.waiting, self.size = {}, 0

    def finish(self) -> None:
        """Writes the last shard, gives the shards their names with their number, and writes the index."""
        if self.waiting:
            self._flush()
        count = len(self.shards)
        mapping: dict[str, str] = {}
        for number, names in enumerate(self.shards):
            file = "model.safetensors" if count == 1 else f"model-{number + 1:05d}-of-{count:05d}.safetensors"
            (self.target / f"part-{number}").rename(self.target / file)
            mapping |= dict.fromkeys(names, file)
        if count > 1:
            index = {"metadata": {"total_size": self.total}, "weight_map": mapping}
            (self.target / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), "utf-8")


def _write_config(target: Path, config: XComposerConfig, dtype: str, tokenizer: XComposerTokenizer) -> None:
    from transformers import Blip2Config, GenerationConfig, LlamaConfig
    from transformers.models.blip_2.configuration_blip_2 import Blip2QFormerConfig, Blip2VisionConfig

    # the embedding of the published VL model has rows for its added tokens too; the new tokens follow them
    first = config.vocabulary
    text = LlamaConfig(**{**llama_settings(config), "vocab_size": first + 3})
    values: Any = Blip2Config(
        vision_config=Blip2VisionConfig(**tower_settings(config)),
        qformer_config=Blip2QFormerConfig(**qformer_settings(config)),
        text_config=text,
        num_query_tokens=config.query_tokens,
        image_token_index=first + 2,
        tie_word_embeddings=False,
    )
    values.architectures = ["Blip2ForConditionalGeneration"]
    values.dtype = dtype
    values.save_pretrained(target)
    new = [first, first + 1, first + 2]
    GenerationConfig(
        bos_token_id=config.bos,
        eos_token_id=[config.eos, tokenizer.end_of_human, tokenizer.end_of_bot],
        pad_token_id=config.eos,
        suppress_tokens=new,
    ).save_pretrained(target)


def _write_processor(target: Path, config: XComposerConfig, tokenizer: XComposerTokenizer) -> None:
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
    from transformers.models.blip_2.processing_blip_2 import Blip2Processor

    side = config.vision.picture
    pictures = BlipImageProcessorPil(
        size={"height": side, "width": side}, image_mean=list(MEAN), image_std=list(STD), do_convert_rgb=True
    )
    fast = build_fast_tokenizer(tokenizer, (FLAG_START, FLAG_END, PLACEHOLDER), chat_template(config.query_tokens))
    # without num_query_tokens the processor lets the template say where the picture is
    processor: Any = Blip2Processor(pictures, fast)
    processor.save_pretrained(target)


def chat_template(query_tokens: int) -> str:
    """The published demo's conversation as a Jinja template: the instruction, then the turns with their pictures."""
    picture = FLAG_START + PLACEHOLDER * query_tokens + FLAG_END
    return (
        "{{ bos_token }}{{ " + json.dumps(META, ensure_ascii=False) + " }}"
        "{% for message in messages %}"
        "{% set content = message['content'] %}"
        "{% if message['role'] == 'system' %}{% continue %}{% endif %}"
        "{{ ' <|User|>: ' if message['role'] == 'user' else ' <|Bot|>: ' }}"
        "{% if content is string %}{{ content }}{% else %}{% for part in content %}"
        "{% if part['type'] == 'image' %}{{ '<Img>" + picture + "</Img>' }}{% else %}{{ part['text'] }}{% endif %}"
        "{% endfor %}{% endif %}"
        "{{ '" + END_OF_HUMAN + "' if message['role'] == 'user' else '" + END_OF_BOT + "' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ ' <|Bot|>:' }}{% endif %}"
    )
