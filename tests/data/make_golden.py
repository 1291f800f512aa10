"""Trims the recorded tensors and ids of the original XComposer code to what fits beside the tests.

    python tests/data/make_golden.py ../shared/reference

The tiny models there have the vocabulary of the real one, which is nearly all of their size. Here it is cut to the
tokens that occur (prompts, answers, compared columns) and renumbered: hidden states and compared logits stay what they
were, and so do greedy answers, whose tokens are all kept. Beam search compares sums over the whole vocabulary; it is
tested on the full files only.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent / "xcomposer"
VOCABULARY = ("internlm_model.model.embed_tokens.weight", "internlm_model.lm_head.weight")
ARRAYS = (
    "encode_img",
    "ln_vision_out",
    "qformer_last_hidden_state",
    "text_last_hidden",
    "mixed_last_hidden",
    "rope_fp32_text_last_hidden",
    "rope_fp16_text_last_hidden",
    "rope_fp16_cos",
    "half_text_last_hidden",
)


def trim(reference: Path, name: str) -> None:
    """Writes tests/data/xcomposer/<name>: config, weights, arrays and greedy answers under the new numbers."""
    source, target = reference / "golden" / name, HERE / name
    target.mkdir(parents=True, exist_ok=True)
    golden = json.loads((source / "golden.json").read_text("utf-8"))
    arrays = np.load(source / "golden.npz")
    greedy = {key: run for key, run in golden["generate"].items() if "greedy" in key}
    segments = {key: golden[f"prompt_{key}_segments"] for key in ("text", "mixed")}
    kept: list[int] = sorted(
        {0, 1, 2}
        | {int(i) for i in arrays["logit_columns"]}
        | {i for parts in segments.values() for part in parts if part != "IMG" for i in part}
        | {i for run in greedy.values() for i in run["ids"]}
        | {i for mode in golden["rope_modes"].values() for key in mode if "greedy" in key for i in mode[key]}
        | {i for run in greedy.values() for i in _listed(run["kwargs"].get("eos_token_id")) + run.get("stop_ids", [])}
        | (_four_bit_ids(reference) if name == "tiny-nolora" else set())
    )
    number = {old: new for new, old in enumerate(kept)}

    def renumbered(ids: list[int]) -> list[int]:
        return [number[i] for i in ids]

    weights = load_file(source / "model.safetensors")
    for tensor in VOCABULARY:
        weights[tensor] = np.ascontiguousarray(weights[tensor][kept])
    save_file(weights, target / "model.safetensors")
    config = json.loads((source / "config.json").read_text("utf-8"))
    config = {key: value for key, value in config.items() if key not in ("_name_or_path", "auto_map", "device")}
    (target / "config.json").write_text(json.dumps({**config, "vocab_size": len(kept)}, indent=1) + "\n", "utf-8")
    columns = [number[int(i)] for i in arrays["logit_columns"]]
    np.savez_compressed(
        target / "golden.npz",
        columns=np.array(columns),
        text_logits=arrays["text_logits_cols"],
        mixed_logits=arrays["mixed_logits_cols"],
        **{key: arrays[key] for key in ARRAYS},
    )
    answers = {
        key: {
            "kwargs": _renumbered_options(run["kwargs"], number),
            "stop_ids": renumbered(run.get("stop_ids", [])),
            "ids": renumbered(run["ids"]),
        }
        for key, run in greedy.items()
    }
    recorded = {
        "original_ids": kept,
        "segments": {k: [p if p == "IMG" else renumbered(p) for p in parts] for k, parts in segments.items()},
        "generate": answers,
        "rope_modes": {
            mode: {key: renumbered(values[key]) for key in values if "greedy" in key}
            for mode, values in golden["rope_modes"].items()
        },
    }
    if name == "tiny-nolora":
        recorded["four_bits"] = {
            key: renumbered(run["ids"]) for key, run in _four_bits(reference).items() if isinstance(run, dict)
        }
    (target / "golden.json").write_text(json.dumps(recorded, ensure_ascii=False) + "\n", "utf-8")


def _listed(value: Any) -> list[int]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _renumbered_options(options: dict[str, Any], number: dict[int, int]) -> dict[str, Any]:
    eos = options.get("eos_token_id")
    return options if eos is None else {**options, "eos_token_id": [number[i] for i in _listed(eos)]}


def _four_bits(reference: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((reference / "golden/tiny-4bit/golden.json").read_text("utf-8"))
    return found


def _four_bit_ids(reference: Path) -> set[int]:
    return {i for run in _four_bits(reference).values() if isinstance(run, dict) for i in run["ids"]}


def four_bits(reference: Path) -> None:
    """The packed linears as they are, and the arrays they must unpack to."""
    source, target = reference / "golden/tiny-4bit", HERE / "tiny-4bit"
    target.mkdir(parents=True, exist_ok=True)
    for file in ("quantized_linears.safetensors", "quantize_config.json"):
        (target / file).write_bytes((source / file).read_bytes())
    arrays = np.load(source / "golden.npz")
    np.savez_compressed(target / "golden.npz", **{key: arrays[key] for key in arrays.files if "argmax" not in key})


def picture(reference: Path) -> None:
    """The recorded picture as numbers [200, 300, 3], and some of the pixel values the original made of it."""
    with Image.open(reference / "golden/common/input.png") as image:
        pixels = np.load(reference / "golden/common/pixel_values.npz")["pixel_values"]
        np.savez_compressed(
            HERE / "picture.npz", rgb=np.asarray(image.convert("RGB")), every_16th=pixels[..., ::16, ::16]
        )


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/reference")
    for variant in ("tiny-lora", "tiny-nolora"):
        trim(place, variant)
    four_bits(place)
    picture(place)
    total = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    sys.stdout.write(f"{total:,} bytes in {HERE}\n")
    sys.exit(total > 3_000_000)
