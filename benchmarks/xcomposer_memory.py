"""Peak memory of the cards against the plan: a batch of pictures, then beams over the whole context, then the pipeline.

python -m benchmarks.xcomposer_memory [--num_gpus 2] [--memory 12GB] [--gptq] [--size 7b]

On a machine without a GPU every allocation of the same program is counted on cards that exist in shape only: what torch
allocates for the program, without the workspaces of its libraries.
"""

import argparse
import contextlib
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.xcomposer_common import arguments, machine, random_model
from benchmarks.xcomposer_compose import article, together
from composer.models.xcomposer import XComposerModel
from composer.models.xcomposer.decoding import GenerationOptions, generate
from composer.models.xcomposer.placement import PICTURE_BATCH, parse_bytes, show_bytes
from tests.composer.xcomposer.fake_cards import FakeCards, fake_cards

WRITTEN = 48  # tokens: enough to capture a step and replay it; the room for keys and values is taken at the beginning


def main() -> None:
    options = arguments(
        __doc__ or "",
        size="7b",
        num_gpus={"type": int, "default": 1},
        memory={"default": "141GB", "help": "of one card, where there is none"},
    )
    print(machine())
    measure(options)


def measure(options: argparse.Namespace, **sizes: Any) -> list[dict[int, float]]:
    """As `compare`, of a model of its own. sizes: as of `random_model`."""
    real = torch.cuda.is_available()
    with contextlib.nullcontext() if real else fake_cards(options.num_gpus, parse_bytes(options.memory)) as cards:
        if cards:
            print("counted on cards that exist in shape only")
        return compare(random_model(options, num_gpus=options.num_gpus, **sizes), cards)


def compare(model: XComposerModel, cards: FakeCards | None) -> list[dict[int, float]]:
    """Prints, and returns for each part of the work, every card's peak as a share of its plan."""
    plan = model.placement.plan
    planned = {card.device: card.needed for card in plan.cards if isinstance(card.device, int)}
    print(plan.text())
    shares: list[dict[int, float]] = []
    for name, work in parts(model).items():
        reset(planned, cards)
        work()
        peaks = {card: cards.peak[card] if cards else torch.cuda.max_memory_allocated(card) for card in planned}
        shares.append({card: peak / planned[card] for card, peak in peaks.items()})
        for card, peak in peaks.items():
            print(f"{name}: GPU {card} peak {show_bytes(peak)}, {shares[-1][card]:.3f} of the plan")
    for card in planned:
        print(f"GPU {card}: at most {max(share[card] for share in shares):.3f} of what is planned without the driver")
        if not cards:
            free, total = torch.cuda.mem_get_info(card)
            print(f"taken from the card, with the driver and what torch keeps: {show_bytes(total - free)}")
    return shares


def reset(planned: dict[int, int], cards: FakeCards | None) -> None:
    if cards:
        cards.reset()
        return
    for card in planned:
        torch.cuda.reset_peak_memory_stats(card)


def parts(model: XComposerModel) -> dict[str, Callable[[], object]]:
    network, beams = model.network, model.placement.plan.rows
    context, side = network.config.positions, network.config.vision.picture

    def pictures() -> None:
        pixels = torch.randn(PICTURE_BATCH, 3, side, side, device=network.device, dtype=model.engine.dtype)
        network.encode_pictures(pixels)

    def whole() -> None:
        ids = [number % 1000 + 5 for number in range(context - WRITTEN)]
        choice = GenerationOptions(max_new_tokens=WRITTEN, num_beams=beams, eos=(-1,))
        generate(model.engine, [model.engine.prompt([ids])], choice)

    def pipeline() -> None:
        together(model, article(model, 1000), 1)

    return {
        f"{PICTURE_BATCH} pictures": pictures,
        f"{beams} beams over {context:,} tokens": whole,
        "places, captions and choices on 1,000 tokens": pipeline,
    }


if __name__ == "__main__":
    main()
