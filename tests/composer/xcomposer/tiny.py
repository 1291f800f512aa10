"""Checkpoints in the published format with tiny sizes, random weights and a tokenizer trained on the spot."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file

from composer.models.xcomposer.checkpoint.config import XComposerConfig, tensor_specs

CORPUS = (
    "meta instruction You are an AI assistant whose name is 浦语. A cat needs fresh water and good food every day.",
    "根据给定标题写一个图文并茂，不重复的文章：如何养好一只宠物。给定文章，选择适合插入图像的行，给出图像对应的标题。",
    " <|User|>: <|Bot|>: <Seg0> <Seg12> A. B. C. D. 最合适的图是 conversation developed by Shanghai 上海人工智能实验室",
    "The museum opens at nine, and the garden is open all day; 夜晚的城市很安静，街上的灯一盏一盏亮起来。0123456789",
)


# the entries of the published config.json that matter; the tower and the Q-Former have their usual sizes
PUBLISHED: dict[str, Any] = {
    "model_type": "InternLMXComposer",
    "vocab_size": 103168,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "kqvo_bias": True,
    "num_query_token": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "internlm_lora": {"learn_param": ["q", "v", "ffn"], "lora_alpha": 256, "lora_r": 256},
}


def train_tokenizer(folder: Path) -> Path:
    """A byte-fallback BPE with the switches and the special pieces of the published tokenizer. Returns its file."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4),
        model_writer=model,
        model_type="bpe",
        vocab_size=560,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        user_defined_symbols=["<TOKENS_UNUSED_0>", "<TOKENS_UNUSED_1>"],
        hard_vocab_limit=False,
        minloglevel=2,
    )
    path = folder / "tokenizer.model"
    path.write_bytes(model.getvalue())
    return path


def config_values(vocabulary: int, **changed: Any) -> dict[str, Any]:
    """config.json in the original format with tiny sizes."""
    lora = {"freeze": False, "learn_param": ["q", "v", "ffn"], "lora_alpha": 8, "lora_dropout": 0.05, "lora_r": 4}
    return {
        "model_type": "InternLMXComposer",
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "kqvo_bias": True,
        "num_query_token": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": -1,
        "internlm_lora": lora,
        "tiny_overrides": {
            "vision": {
                "embed_dim": 32,
                "depth": 2,
                "num_heads": 2,
                "mlp_ratio": 2.0,
                "patch_size": 14,
                "img_size": 224,
            },
            "qformer": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 48,
                "encoder_width": 32,
                "cross_attention_freq": 2,
                "query_length": 64,
            },
        },
        **changed,
    }


def random_weights(config: XComposerConfig, seed: int = 7, *, wide_lora: bool = False) -> dict[str, torch.Tensor]:
    """Every tensor of the checkpoint under its original name, float16 as the big ones are published.

    wide_lora: LoRA in float32, as it is published.
    """
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensor_specs(config).items():
        if name.endswith("position_ids"):
            found[name] = torch.arange(tensor.shape[-1]).view(tensor.shape)
        elif name.endswith("inv_freq"):
            found[name] = (1 / 10000 ** (torch.arange(tensor.shape[0]) / tensor.shape[0])).half()
        else:
            value = torch.randn(tensor.shape, generator=generator) * 0.2
            norm = "norm" in name.lower() and name.endswith("weight")
            value = value * 0.1 + 1 if norm else value
            found[name] = value if wide_lora and ".lora_" in name else value.half()
    # `<unk>`, `<s>`, `</s>` and the two ends of turns: never the likeliest, so that answers have their full length
    found["internlm_model.lm_head.weight"][:5] = 0
    return found


Writer = Callable[[dict[str, torch.Tensor], Path], None]


def write_folder(
    folder: Path,
    tokenizer: Path,
    *,
    shards: int = 0,
    torch_files: bool = False,
    scattered: bool = True,
    wide_lora: bool = False,
    **changed: Any,
) -> Path:
    """A whole checkpoint in `folder`. shards: so many files with an index (0: one file); scattered: tensors that belong
    together lie in different ones, which published shards avoid. Returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).GetPieceSize()
    (folder / "config.json").write_text(json.dumps(config_values(vocabulary, **changed)), "utf-8")
    (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
    weights = random_weights(XComposerConfig.read(folder), wide_lora=wide_lora)
    suffix, stem = (".bin", "pytorch_model") if torch_files else (".safetensors", "model")
    write: Writer = (lambda t, p: torch.save(t, p)) if torch_files else (lambda t, p: save_file(t, p))
    if not shards:
        write(weights, folder / f"{stem}{suffix}")
        return folder
    names = sorted(weights)
    mapping: dict[str, str] = {}
    for number in range(shards):
        file = f"{stem}-{number + 1:05d}-of-{shards:05d}{suffix}"
        size = -(-len(names) // shards)
        chosen = names[number::shards] if scattered else names[number * size : (number + 1) * size]
        part = {name: weights[name] for name in chosen}
        write(part, folder / file)
        mapping |= dict.fromkeys(part, file)
    index = "pytorch_model.bin.index.json" if torch_files else "model.safetensors.index.json"
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": mapping}), "utf-8")
    return folder
