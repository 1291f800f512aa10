"""Tokens a second of greedy decoding at batch 1, against the time of reading the weights and a plain generate loop.

python -m benchmarks.xcomposer_decode [--size 7b] [--compile] [--gptq]
"""

from dataclasses import dataclass

import torch

from benchmarks.xcomposer_common import arguments, copy_bandwidth, machine, random_model, seconds, weights_read
from composer.models.xcomposer import XComposerModel
from composer.models.xcomposer.decoding import GenerationOptions, generate


@dataclass(frozen=True)
class Rates:
    """Decoding at batch 1."""

    tokens_a_second: float
    plain_tokens_a_second: float  # transformers' generate with a dynamic cache; 0 where not measured
    weights: int  # bytes read a token
    bandwidth: float  # bytes a second of a large copy

    @property
    def bound(self) -> float:
        """Tokens a second if a step took only the time of reading the weights."""
        return self.bandwidth / self.weights


def measure(model: XComposerModel, *, prompt: int, tokens: int, plain: bool = True) -> Rates:
    """prompt: its tokens. tokens: to write. plain: also measure the plain loop."""
    rate = written_rate(model, prompt, tokens)
    return Rates(rate, plain_rate(model, prompt, tokens) if plain else 0.0, weights_read(model), copy_bandwidth())


def written_rate(model: XComposerModel, prompt_tokens: int, tokens: int) -> float:
    """Tokens a second through the model's own steps."""
    engine = model.engine
    prompt = engine.prompt([torch.randint(5, engine.config.vocabulary, (prompt_tokens,)).tolist()])

    def written(count: int) -> GenerationOptions:
        return GenerationOptions(max_new_tokens=count, num_beams=1, repetition_penalty=1.0, eos=(-1,))

    # the difference of two lengths leaves out the prompt
    short = tokens // 8
    took = seconds(lambda: generate(engine, [prompt], written(tokens)), repeat=3)
    brief = seconds(lambda: generate(engine, [prompt], written(short)), repeat=3)
    return (tokens - short) / (took - brief)


def plain_rate(model: XComposerModel, prompt_tokens: int, tokens: int) -> float:
    """Tokens a second of transformers' own loop with a dynamic cache."""
    language, config = model.network.language, model.engine.config
    ids = torch.randint(5, config.vocabulary, (1, prompt_tokens), device=model.engine.device)

    def plain(count: int) -> None:
        language.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            cache_implementation="dynamic",
        )

    short = tokens // 8
    took = seconds(lambda: plain(tokens), repeat=2) - seconds(lambda: plain(short), repeat=2)
    return (tokens - short) / took


def main() -> None:
    options = arguments(
        __doc__ or "",
        prompt={"type": int, "default": 512, "help": "tokens of the prompt"},
        tokens={"type": int, "default": 256, "help": "tokens written"},
    )
    rates = measure(random_model(options), prompt=options.prompt, tokens=options.tokens)
    rate, plain = rates.tokens_a_second, rates.plain_tokens_a_second
    print(machine())
    print(f"decode, batch 1: {rate:.1f} tok/s; plain generate with a dynamic cache: {plain:.1f} tok/s")
    print(f"ratio: {rate / plain:.2f}")
    print(
        f"weights read a token: {rates.weights / 1e9:.2f} GB; copy bandwidth: {rates.bandwidth / 1e9:.0f} GB/s; "
        f"bound: {rates.bound:.1f} tok/s"
    )
    print(f"fraction of the bound: {rate / rates.bound:.2f}")


if __name__ == "__main__":
    main()
