"""Peak memory of the card against the plan: a batch of pictures, then beams over the whole context, then the pipeline.

python -m benchmarks.xcomposer_memory [--size 7b] [--beams 5] [--gptq]     (a GPU; elsewhere it only shows that it runs)
"""

from collections.abc import Callable

import torch

from benchmarks.xcomposer_common import arguments, machine, random_model, synchronize
from benchmarks.xcomposer_compose import article, together
from composer.models.placement import PICTURE_BATCH, show_bytes
from composer.models.xcomposer.decoding import Choice, search

WRITTEN = 48  # tokens: enough to capture a step and replay it; the room for keys and values is taken at the beginning


def main() -> None:
    options = arguments(__doc__ or "", beams={"type": int, "default": 5})
    model = random_model(options)
    network, plan = model.network, model.placing.plan
    context, side = network.config.positions, network.config.vision.picture

    def pictures() -> None:
        pixels = torch.randn(PICTURE_BATCH, 3, side, side, device=network.device, dtype=model.engine.dtype)
        network.encode_pictures(pixels)

    def beams() -> None:
        ids = torch.randint(5, model.engine.config.vocabulary, (context - WRITTEN,)).tolist()
        choice = Choice(max_new_tokens=WRITTEN, num_beams=options.beams, eos=(-1,))
        search(model.engine, [model.engine.prompt([ids])], choice)

    def pipeline() -> None:
        together(model, article(model, 1000), 1)

    print(machine())
    print(plan.text())
    highest = 0
    steps: dict[str, Callable[[], object]] = {
        f"{PICTURE_BATCH} pictures": pictures,
        f"{options.beams} beams over {context:,} tokens": beams,
        "places, captions and choices on 1,000 tokens": pipeline,
    }
    for name, work in steps.items():
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        work()
        synchronize()
        if torch.cuda.is_available():
            peak = torch.cuda.max_memory_allocated()
            highest = max(highest, peak)
            print(f"{name}: peak {show_bytes(peak)}, {peak / plan.cards[0].needed:.3f} of the plan")
        else:
            print(f"{name}: done; no card to measure")
    if highest:
        free, total = torch.cuda.mem_get_info()
        print(f"highest: {show_bytes(highest)} of {show_bytes(plan.cards[0].needed)} planned without the driver")
        print(f"taken from the card, with the driver and what torch keeps: {show_bytes(total - free)}")


if __name__ == "__main__":
    main()
