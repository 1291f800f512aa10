"""Kernels and bytes read of one decoding step at batch 1, counted on a card that exists in shape only.

python -m benchmarks.gpu.step [--gptq] [--context 1000]

A captured step takes at least the time of reading these bytes, and some microseconds a kernel. `compiled` fuses the
small ones, which is not counted here.
"""

from benchmarks.xcomposer_common import arguments, random_model, weights_read
from composer.models.xcomposer.decoding import GenerationOptions, generate_steps
from tests.composer.xcomposer.fake_cards import fake_cards


def main() -> None:
    options = arguments(__doc__ or "", size="7b", context={"type": int, "default": 1000, "help": "tokens before it"})
    with fake_cards() as cards:
        model = random_model(options)
        prompt = model.engine.prompt([[5] * options.context])
        steps = generate_steps(model.engine, [prompt], GenerationOptions(max_new_tokens=4, num_beams=1, eos=(-1,)))
        next(steps)
        cards.reset()
        next(steps)
        config = model.network.config
        held = 2 * 2 * config.width * config.layers * options.context
        print(f"weights read: {weights_read(model) / 1e9:.2f} GB, keys and values {held / 1e9:.2f} GB")
        print(f"kernels: {cards.kernels.total():,}; values that the processor waits for: {cards.reads}")
        for name, count in cards.kernels.most_common():
            print(f"{count:6} {name}")


if __name__ == "__main__":
    main()
