"""Tiny random-weight models of real architectures in folders as the hub has them, with tokenizer and processor.

`make(kind, folder)` writes config.json, model.safetensors, tokenizer and processor files. Nothing is downloaded.
"""

import random
from pathlib import Path
from typing import Any

from PIL import Image

from common.torchvision_compat import prepare_torchvision

prepare_torchvision()

import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

KINDS = (
    "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3", "internvl", "llava", "gemma3", "qwen3_5", "llava_onevision",
    "llama",
)  # fmt: skip
SEEING = tuple(kind for kind in KINDS if kind != "llama")

MARKS = [
    "<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>",
    "<|vision_end|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<img>", "</img>",
    "<IMG_CONTEXT>", "<start_of_image>", "<end_of_image>", "<image_soft_token>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)),
]  # fmt: skip
WORDS = (
    "The bee visits a flower in the garden. What does the picture show? Yes No Answer with a letter: A B C D. "
    "A red fox sleeps under the old tree, and the small bird sings. Write a caption for this picture of a paragraph. "
)
_TEMPLATE = (
    "{%% for m in messages %%}<|im_start|>{{ m['role'] }}\n"
    "{%% if m['content'] is string %%}{{ m['content'] }}{%% else %%}{%% for c in m['content'] %%}"
    "{%% if c['type'] == 'image' %%}%s{%% else %%}{{ c['text'] }}{%% endif %%}{%% endfor %%}{%% endif %%}"
    "<|im_end|>\n{%% endfor %%}{%% if add_generation_prompt %%}<|im_start|>assistant\n{%% endif %%}"
)
_PLACES = {
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_5": "<|vision_start|><|image_pad|><|vision_end|>",
    "internvl": "<IMG_CONTEXT>\n",
    "gemma3": "<start_of_image>",
}
_NAMED = {
    "internvl": {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<|video_pad|>",
    },
    "gemma3": {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    },
}
_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 4096,
}


def make(kind: str, folder: Path, *, template: bool = True, **shape: Any) -> Path:
    """Writes a model of that kind into the folder. shape: sizes of its language model, where not the tiny ones."""
    tokenizer = make_tokenizer(_NAMED.get(kind, {}))
    if template:
        tokenizer.chat_template = _TEMPLATE % _PLACES.get(kind, "<image>")
    torch.manual_seed(7)
    network, processor = _PARTS[kind](tokenizer, {**_SHAPE, "vocab_size": len(tokenizer), **shape})
    for name, parameter in network.named_parameters():
        if "norm" not in name and parameter.dim() > 1:  # sharper than the usual start, so that scores differ
            torch.nn.init.normal_(parameter, std=0.3 if "embed" in name else 0.15)
    network.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    network.save_pretrained(folder)
    if processor is None:
        tokenizer.save_pretrained(folder)
    else:
        processor.chat_template = tokenizer.chat_template
        processor.save_pretrained(folder)
    return folder


def make_tokenizer(named: dict[str, str] | None = None) -> Any:
    """A byte-level BPE tokenizer of a few hundred tokens; every text can be written with it.

    named: attribute -> mark, for processors that ask the tokenizer for their marks.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, special_tokens=MARKS, show_progress=False)
    backend.train_from_iterator([WORDS], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|im_end|>",
        pad_token="</s>",
        extra_special_tokens=named or {},
    )


def picture(seed: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A picture of random colours, the same for the same seed. size: width, height."""
    draw = random.Random(seed)
    small = Image.new("RGB", (4, 4))
    small.putdata([tuple(draw.randrange(256) for _ in range(3)) for _ in range(16)])
    return small.resize(size, Image.Resampling.BICUBIC)


# -- the parts of each kind -------------------------------------------------------------------------------------------


def _id(tokenizer: Any, mark: str) -> int:
    return int(tokenizer.convert_tokens_to_ids(mark))


def _ends(tokenizer: Any) -> dict[str, int]:
    return {
        "bos_token_id": _id(tokenizer, "<s>"),
        "eos_token_id": _id(tokenizer, "<|im_end|>"),
        "pad_token_id": _id(tokenizer, "</s>"),
    }


def _qwen_marks(tokenizer: Any) -> dict[str, int]:
    return {
        "image_token_id": _id(tokenizer, "<|image_pad|>"),
        "video_token_id": _id(tokenizer, "<|video_pad|>"),
        "vision_start_token_id": _id(tokenizer, "<|vision_start|>"),
        "vision_end_token_id": _id(tokenizer, "<|vision_end|>"),
    }


_QWEN_EYES = {
    "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "patch_size": 8, "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}  # fmt: skip


def _qwen_pictures(patch: int) -> Any:
    return transformers.Qwen2VLImageProcessor(
        patch_size=patch, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 64, "longest_edge": 64 * 64}
    )


def _qwen2_5_vl(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = transformers.Qwen2_5_VLConfig(
        text_config={**shape, **_ends(tokenizer), "rope_parameters": rope},
        vision_config={**_QWEN_EYES, "out_hidden_size": shape["hidden_size"], "window_size": 32,
            "fullatt_block_indexes": [1]},
        **_qwen_marks(tokenizer),
    )  # fmt: skip
    processor = transformers.Qwen2_5_VLProcessor(_qwen_pictures(8), tokenizer, transformers.Qwen2VLVideoProcessor())
    return transformers.Qwen2_5_VLForConditionalGeneration(config), processor


def _qwen3_vl(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    half = shape["head_dim"] // 2
    rope = {"rope_type": "default", "mrope_section": [half - 2, 1, 1], "rope_theta": 10000.0}
    config = transformers.Qwen3VLConfig(
        text_config={**shape, **_ends(tokenizer), "rope_parameters": rope},
        vision_config={**_QWEN_EYES, "out_hidden_size": shape["hidden_size"], "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1]},
        **_qwen_marks(tokenizer),
    )  # fmt: skip
    processor = transformers.Qwen3VLProcessor(_qwen_pictures(8), tokenizer, transformers.Qwen3VLVideoProcessor())
    return transformers.Qwen3VLForConditionalGeneration(config), processor


def _qwen3_5(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0, "partial_rotary_factor": 1.0}
    linear = {
        "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
        "layer_types": ["linear_attention", "full_attention"],
    }  # fmt: skip
    config = transformers.Qwen3_5Config(
        text_config={**shape, **_ends(tokenizer), **linear, "rope_parameters": rope},
        vision_config={**_QWEN_EYES, "out_hidden_size": shape["hidden_size"], "num_position_embeddings": 64},
        **_qwen_marks(tokenizer),
    )  # fmt: skip
    processor = transformers.Qwen3VLProcessor(_qwen_pictures(8), tokenizer, transformers.Qwen3VLVideoProcessor())
    return transformers.Qwen3_5ForConditionalGeneration(config), processor


def _idefics3(tokenizer: Any, shape: dict[str, Any], kind: str = "Idefics3") -> tuple[Any, Any]:
    config = getattr(transformers, f"{kind}Config")(
        text_config={**shape, **_ends(tokenizer), "model_type": "llama"},
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": 32, "patch_size": 8,
        },
        image_token_id=_id(tokenizer, "<image>"),
        scale_factor=2,
    )  # fmt: skip
    pictures = transformers.Idefics3ImageProcessor(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
    )
    # SmolVLM's own processor needs num2words for videos; its pictures are those of Idefics3
    processor = transformers.Idefics3Processor(pictures, tokenizer, image_seq_len=4)
    return getattr(transformers, f"{kind}ForConditionalGeneration")(config), processor


def _smolvlm(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    return _idefics3(tokenizer, shape, "SmolVLM")


def _internvl(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    config = transformers.InternVLConfig(
        text_config={**shape, **_ends(tokenizer), "model_type": "qwen2"},
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": [32, 32], "patch_size": [8, 8],
        },
        image_token_id=_id(tokenizer, "<IMG_CONTEXT>"),
        image_seq_length=4,
    )  # fmt: skip
    pictures = transformers.GotOcr2ImageProcessor(
        size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=4, min_patches=1
    )
    return transformers.InternVLForConditionalGeneration(config), transformers.InternVLProcessor(
        pictures, tokenizer, transformers.InternVLVideoProcessor(), image_seq_length=4
    )


def _llava(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    config = transformers.LlavaConfig(
        text_config={**shape, **_ends(tokenizer), "model_type": "llama"},
        vision_config={
            "model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
            "num_attention_heads": 4, "image_size": 32, "patch_size": 8, "projection_dim": 32,
        },
        image_token_id=_id(tokenizer, "<image>"),
        image_seq_length=16,
    )  # fmt: skip
    pictures = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = transformers.LlavaProcessor(
        pictures, tokenizer, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    return transformers.LlavaForConditionalGeneration(config), processor


def _llava_onevision(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    pinpoints = [[32, 32], [32, 64], [64, 32]]
    config = transformers.LlavaOnevisionConfig(
        text_config={**shape, **_ends(tokenizer), "model_type": "qwen2"},
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
            "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
        },
        image_token_id=_id(tokenizer, "<image>"),
        video_token_id=_id(tokenizer, "<|video_pad|>"),
        image_grid_pinpoints=pinpoints,
        vision_aspect_ratio="anyres_max_9",
    )  # fmt: skip
    pictures = transformers.LlavaOnevisionImageProcessor(
        size={"height": 32, "width": 32}, image_grid_pinpoints=pinpoints
    )
    processor = transformers.LlavaOnevisionProcessor(
        pictures,
        tokenizer,
        transformers.LlavaOnevisionVideoProcessor(),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        video_token="<|video_pad|>",
    )
    return transformers.LlavaOnevisionForConditionalGeneration(config), processor


def _gemma3(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, Any]:
    config = transformers.Gemma3Config(
        text_config={
            **shape, **_ends(tokenizer), "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 24,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": 32, "patch_size": 8,
        },
        mm_tokens_per_image=4,
        image_token_id=_id(tokenizer, "<image_soft_token>"),
        boi_token_id=_id(tokenizer, "<start_of_image>"),
        eoi_token_id=_id(tokenizer, "<end_of_image>"),
    )  # fmt: skip
    pictures = transformers.Gemma3ImageProcessor(size={"height": 32, "width": 32})
    return transformers.Gemma3ForConditionalGeneration(config), transformers.Gemma3Processor(
        pictures, tokenizer, image_seq_length=4
    )


def _llama(tokenizer: Any, shape: dict[str, Any]) -> tuple[Any, None]:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape, **_ends(tokenizer))), None


_PARTS = {
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "qwen3_5": _qwen3_5,
    "smolvlm": _smolvlm,
    "idefics3": _idefics3,
    "internvl": _internvl,
    "llava": _llava,
    "gemma3": _gemma3,
    "llava_onevision": _llava_onevision,
    "llama": _llama,
}
