"""Tokens a second of greedy decoding at batch 1, against the time of reading the weights and a plain generate loop.

python -m benchmarks.xcomposer_decode [--size 7b] [--compile] [--gptq]
"""

import torch

from benchmarks.xcomposer_common import arguments, copy_bandwidth, machine, random_model, seconds, weights_read
from composer.models.xcomposer.decoding import GenerationOptions, generate


def main() -> None:
    options = arguments(
        __doc__ or "",
        prompt={"type": int, "default": 512, "help": "tokens of the prompt"},
        tokens={"type": int, "default": 256, "help": "tokens written"},
    )
    model = random_model(options)
    engine = model.engine
    prompt = engine.prompt([torch.randint(5, engine.config.vocabulary, (options.prompt,)).tolist()])

    def written(count: int) -> GenerationOptions:
        return GenerationOptions(max_new_tokens=count, num_beams=1, repetition_penalty=1.0, eos=(-1,))

    # the difference of two lengths leaves out the prompt
    short = options.tokens // 8
    took = seconds(lambda: generate(engine, [prompt], written(options.tokens)), repeat=3)
    brief = seconds(lambda: generate(engine, [prompt], written(short)), repeat=3)
    rate = (options.tokens - short) / (took - brief)

    language = model.network.language
    ids = torch.tensor([prompt.keys], device=engine.device)

    def plain(count: int) -> None:
        language.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            cache_implementation="dynamic",
        )

    plain_rate = (options.tokens - short) / (
        seconds(lambda: plain(options.tokens), repeat=2) - seconds(lambda: plain(short), repeat=2)
    )
    read = weights_read(model)
    bandwidth = copy_bandwidth()
    bound = bandwidth / read
    print(machine())
    print(f"decode, batch 1: {rate:.1f} tok/s; plain generate with a dynamic cache: {plain_rate:.1f} tok/s")
    print(f"ratio: {rate / plain_rate:.2f}")
    print(
        f"weights read a token: {read / 1e9:.2f} GB; copy bandwidth: {bandwidth / 1e9:.0f} GB/s; "
        f"bound: {bound:.1f} tok/s"
    )
    print(f"fraction of the bound: {rate / bound:.2f}")


if __name__ == "__main__":
    main()
