"""The native model's parts: speed, memory, 4 bits, loading, two shards. Each measures with the single benchmarks."""

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

import torch

from benchmarks import xcomposer_compose, xcomposer_decode, xcomposer_loading, xcomposer_memory, xcomposer_pictures
from benchmarks.gpu.figures import Figure, Session, free_memory
from benchmarks.gpu.goldens import logprobs
from benchmarks.xcomposer_common import random_model
from composer.models.xcomposer import XComposerModel, devices
from composer.models.xcomposer.decoding import GraphSteps
from composer.models.xcomposer.network.gptq import PackedLinear

TOKENS_A_SECOND = {"H200": 200.0, "H100": 150.0}  # wanted in 16 bits at batch 1, by the card's name


def decode(session: Session) -> Iterator[Figure]:
    model = session.model()
    rates = xcomposer_decode.measure(model, **lengths(session))
    card = torch.cuda.get_device_name(0) if session.on_gpu else ""
    least = next((rate for name, rate in TOKENS_A_SECOND.items() if name in card), None)
    ratio = rates.tokens_a_second / rates.plain_tokens_a_second
    yield from speed(session, rates, least)
    yield Figure("times a plain loop with a dynamic cache", ratio, "×", at_least=session.wanted(4.0))


def compiled(session: Session) -> Iterator[Figure]:
    """The same with small operations fused by torch.compile, which takes a minute before the first token."""
    model = session.model(compiled=True)
    if model.engine.fast is None:  # elsewhere steps are not captured; compiled ones are the same there
        model.engine.fast = GraphSteps(model.engine, compiled=session.on_gpu)
    yield from speed(session, xcomposer_decode.measure(model, **lengths(session), plain=False), None)


def speed(session: Session, rates: xcomposer_decode.Rates, least: float | None) -> list[Figure]:
    wanted = session.wanted(least) if least is not None else None
    return [
        Figure("tokens a second at batch 1", rates.tokens_a_second, at_least=wanted),
        Figure(
            "of the bound by reading the weights", rates.tokens_a_second / rates.bound, at_least=session.wanted(0.6)
        ),
        Figure("copy bandwidth", rates.bandwidth / 1e9, "GB/s"),
    ]


def lengths(session: Session) -> dict[str, int]:
    return {"prompt": 512, "tokens": 256} if session.size == "7b" else {"prompt": 16, "tokens": 16}


def pictures(session: Session) -> Iterator[Figure]:
    batch = 32 if session.size == "7b" else 2
    rate = xcomposer_pictures.measure(session.model(), batch)
    yield Figure(f"pictures a second, batches of {batch}", rate, at_least=session.wanted(300.0))


def compose(session: Session) -> Iterator[Figure]:
    took = xcomposer_compose.measure(session.model(), 1000 if session.size == "7b" else 24)
    together = took["together"]
    yield Figure("places, captions and choices of 5 pictures", together, "s")
    yield Figure("times the reference's way", took["apart, plain"] / together, "×", at_least=session.wanted(6.0))
    yield Figure("times one by one with the same steps", took["apart"] / together, "×")


def memory(session: Session) -> Iterator[Figure]:
    """Without a card: the true widths with few layers, counted on a card that exists in shape only."""
    session.release()
    few = {} if session.real else {"num_hidden_layers": 2, "tiny_overrides": {"vision": {"depth": 2}}}
    with short_answers(session.real):
        shares = xcomposer_memory.measure(session.options(size="7b", num_gpus=1, memory="141GB"), **few)
    free_memory()
    highest = max(share for part in shares for share in part.values())
    yield Figure("peak memory of the card, of the plan", highest, at_least=0.92, at_most=1.08)


@contextlib.contextmanager
def short_answers(real: bool) -> Iterator[None]:
    """On cards that exist in shape only every step costs time and none tells more than the third."""
    if real:
        yield
        return
    brief = xcomposer_compose.Sampling(max_tokens=3)
    with patch.object(xcomposer_memory, "WRITTEN", 3), patch.object(xcomposer_compose, "CAPTION", brief):
        yield


def four_bits(session: Session) -> Iterator[Figure]:
    """GPTQ's packing: the fused product where it works, against unpacking first."""
    model = session.model(gptq=True)
    rates = xcomposer_decode.measure(model, **lengths(session), plain=False)
    packed = next(module for module in model.network.language.modules() if isinstance(module, PackedLinear))
    yield from speed(session, rates, None)[:2]
    yield Figure("the fused product is used", float(packed.fused), at_least=session.wanted(1.0))
    yield Figure("fused against unpacked product, relative", fused_difference(packed, model), at_most=0.02)


def fused_difference(packed: PackedLinear, model: XComposerModel) -> float:
    """Largest difference of one row's product both ways, of the largest value."""
    x = torch.randn(1, packed.in_features, device=model.engine.device, dtype=model.engine.dtype)
    with torch.inference_mode():
        fused = packed(x).float()
        plain = torch.nn.functional.linear(x.float(), packed.weight_in(torch.float32))
        if packed.bias is not None:
            plain += packed.bias.float()
    return float((fused - plain).abs().max() / plain.abs().max())


def loading(session: Session) -> Iterator[Figure]:
    """A made checkpoint of the true widths with few layers."""
    session.release()
    size, repeat = ("short", 2) if session.real else ("tiniest", 1)
    found = xcomposer_loading.measure(session.options(size=size, folder=None, rank=64, repeat=repeat))
    most, beside = session.wanted(1.3), found["beside_of_largest"]
    yield Figure("checkpoint", found["bytes"] / 1e9, "GB")
    yield Figure("reading its files once", found["reading"], "s")
    yield Figure("loading, times the reading", found["loading"] / found["reading"], "×", at_most=most)
    yield Figure("without merging LoRA, times the reading", found["without_merging"] / found["reading"], "×")
    yield Figure("host memory beside the weights, of a shard", beside, "×", at_most=most)


def shards(session: Session) -> Iterator[Figure]:
    """The plan for two cards, joined by accelerate's hooks: on two cards, or both shards on the only one.

    The values are those of one shard, up to rounding.
    """
    session.release()
    sizes = {"num_hidden_layers": 8, "tiny_overrides": {"vision": {"depth": 8}}} if session.size == "7b" else {}
    cards = torch.cuda.device_count() if session.on_gpu else 0
    options = session.options()
    with logical_cards(cards):
        split = random_model(options, num_gpus=2, **sizes)
        if not any(hasattr(module, "_hf_hook") for module in split.network.modules()):
            devices.dispatch(split.network, split.placement.plan.device_map)  # both shards are on one device
            split.engine.fast = None
        whole = random_model(options, num_gpus=1, **sizes)
        whole.network.load_state_dict(split.network.state_dict(), strict=False)
        random = torch.Generator().manual_seed(2)
        ids = torch.randint(5, split.engine.config.vocabulary, (200,), generator=random).tolist()
        pixels = torch.randn(1, 3, 224, 224, generator=random)
        found = [logprobs(model, ids, pixels) for model in (split, whole)]
        rates = [xcomposer_decode.written_rate(model, 64, 32 if session.real else 8) for model in (split, whole)]
    shares = [card.needed for card in split.placement.plan.cards]
    off = float((found[0] - found[1]).abs().max())
    del split, whole
    free_memory()
    yield Figure("devices that hold the shards", max(cards, 1))
    yield Figure("the larger shard, of both", max(shares) / sum(shares), at_most=0.7 if session.real else None)
    yield Figure("log-probabilities against one shard", off, "nats", at_most=0.05 if session.on_gpu else 1e-4)
    yield Figure("tokens a second, two shards / one", rates[0] / rates[1], "×")


@contextlib.contextmanager
def logical_cards(cards: int) -> Iterator[None]:
    """Two cards for the plan, where the machine has fewer: both names lead to its only device."""
    if cards >= 2:
        yield
        return
    device = torch.device("cuda", 0) if cards else torch.device("cpu")
    free = torch.cuda.mem_get_info(0)[0] if cards else 2**33
    with (
        patch.object(torch.cuda, "is_available", lambda: True),
        patch.object(torch.cuda, "device_count", lambda: 2),
        patch.object(devices, "_free_memory", lambda count: [free // 2] * max(count, 1)),
        patch.object(devices, "_torch_device", lambda name: device),
        patch.object(torch.cuda, "synchronize", torch.cuda.synchronize if cards else lambda *_: None),
    ):
        yield
