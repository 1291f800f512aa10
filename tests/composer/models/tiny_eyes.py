"""A tiny random LLaVA (SigLIP, MLP, Qwen2) of transformers, and the same weights in GGUF files.

`python -m tests.composer.models.tiny_eyes FOLDER` writes one with eyes of a true size (2.3 GB), for benchmarks.

The tokenizer has one token a byte and some merged ones, so that Chinese characters are three tokens that begin alike.
"""

import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from PIL import Image

from common.torchvision_compat import prepare_torchvision

prepare_torchvision()

from transformers import LlavaConfig, LlavaForConditionalGeneration, Qwen2Config, SiglipVisionConfig  # noqa: E402

SIDE, PATCH = 56, 14  # pixels
PICTURE_TOKENS = (SIDE // PATCH) ** 2
CONTEXT = 2048
MERGES = ["Y e", "Ye s", "N o", "Ġ t", "h e"]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<image>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MEAN, DEVIATION = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary, as in GPT-2."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


VOCABULARY = [*_byte_letters(), *(merge.replace(" ", "") for merge in MERGES), *SPECIAL]


# of SigLIP so400m and of a Qwen2 with half the layers of 0.5B, for benchmarks/model_decode.py
LARGE_VISION = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 378,
}
LARGE_TEXT = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 12, "num_attention_heads": 14}


def make_model(
    seed: int = 0, vision_sizes: dict[str, int] | None = None, text_sizes: dict[str, int] | None = None
) -> Any:
    """A LLaVA with random weights in 32 bits, tiny if no sizes are given."""
    torch.manual_seed(seed)
    tiny = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": SIDE,
    }
    vision = SiglipVisionConfig(**{**tiny, **(vision_sizes or {})}, patch_size=PATCH, vision_use_head=False)
    tiny = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = Qwen2Config(
        **{**tiny, **(text_sizes or {})},
        vocab_size=len(VOCABULARY),
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=VOCABULARY.index("<image>"),
        image_seq_length=PICTURE_TOKENS, vision_feature_select_strategy="full",
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).eval().float()
    for weights in model.parameters():
        if weights.dim() > 1:
            torch.nn.init.normal_(weights, std=0.15)
    return model


def write_files(model: Any, folder: Path, name: str = "tiny-eyes") -> tuple[Path, Path]:
    """The language model and its picture part, NAME.gguf and mmproj-NAME.gguf."""
    paths = folder / f"{name}.gguf", folder / f"mmproj-{name}.gguf"
    language, picture = _language_writer(model, paths[0]), _picture_writer(model, paths[1])
    text_names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, model.config.text_config.num_hidden_layers)
    eye_names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, model.config.vision_config.num_hidden_layers)
    for key, tensor in model.state_dict().items():
        weights = tensor.numpy().astype(np.float32)
        if "vision_tower" in key:
            known = key.replace("model.vision_tower.", "vision_tower.vision_model.")
            if "post_layernorm" not in key:  # LLaVA takes the layer before the last
                picture.add_tensor(eye_names.get_name(known, (".weight", ".bias")), weights)
        elif "multi_modal_projector" in key:
            layer, kind = key.split(".")[-2:]
            picture.add_tensor(f"{({'linear_1': 'mm.0', 'linear_2': 'mm.2'})[layer]}.{kind}", weights)
        else:
            known = key.replace("model.language_model.", "model.")
            language.add_tensor(text_names.get_name(known, (".weight", ".bias")), weights)
    for writer in (language, picture):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths


def _language_writer(model: Any, path: Path) -> Any:
    config = model.config.text_config
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("Tiny Eyes")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_file_type(0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(VOCABULARY)
    writer.add_token_types([1] * (len(VOCABULARY) - len(SPECIAL)) + [3] * len(SPECIAL))
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(VOCABULARY.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    return writer


def _picture_writer(model: Any, path: Path) -> Any:
    config = model.config.vision_config
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name("Tiny Eyes")
    writer.add_file_type(0)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_vision_projection_dim(model.config.text_config.hidden_size)
    writer.add_vision_image_size(config.image_size)
    writer.add_vision_patch_size(config.patch_size)
    writer.add_vision_embedding_length(config.hidden_size)
    writer.add_vision_feed_forward_length(config.intermediate_size)
    writer.add_vision_block_count(config.num_hidden_layers)
    writer.add_vision_head_count(config.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(config.layer_norm_eps)
    writer.add_vision_image_mean(MEAN)
    writer.add_vision_image_std(DEVIATION)
    writer.add_vision_use_gelu(True)
    return writer


def picture(seed: int) -> Image.Image:
    """A picture of noise in the model's own size, which needs no resizing."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8))


def token_ids(text: str) -> list[int]:
    """As the tokenizer of the files cuts a text of special tokens, words and "Yes", "No"."""
    ids: list[int] = []
    while text:
        longest = max(
            (each for each in [*SPECIAL, "Yes", "Ye", "No", "he", " t"] if text.startswith(each)), key=len, default=""
        )
        if longest:
            ids.append(VOCABULARY.index(longest.replace(" ", "Ġ")))
        else:
            longest = text[0]
            ids.extend(longest.encode())  # the vocabulary begins with the bytes in their order
        text = text[len(longest) :]
    return ids


def logprobs(model: Any, ids: list[int], pictures: list[Image.Image]) -> torch.Tensor:
    """Log-probabilities of the next token after each of the ids, by transformers: (length, vocabulary)."""
    where = VOCABULARY.index("<image>")
    expanded = [each for token in ids for each in ([token] * (PICTURE_TOKENS if token == where else 1))]
    pixels = None
    if pictures:
        values = torch.tensor(np.stack([np.asarray(each) for each in pictures])).permute(0, 3, 1, 2).float() / 255
        pixels = (values - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(DEVIATION).view(1, 3, 1, 1)
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([expanded]), pixel_values=pixels).logits[0]
    return torch.log_softmax(logits.float(), -1)


if __name__ == "__main__":
    torch.set_num_threads(2)
    write_files(make_model(0, LARGE_VISION, LARGE_TEXT), Path(sys.argv[1]), "large-eyes")
