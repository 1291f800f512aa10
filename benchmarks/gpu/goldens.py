"""Whether the native model computes on this device what it should: recorded tensors and answers, and the CPU."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.gpu.figures import Figure, Session, exact_products, free_memory
from benchmarks.xcomposer_common import random_model
from composer.models import Picture, Sampling, user
from composer.models.xcomposer import XComposerModel, load
from composer.models.xcomposer.decoding import GenerationOptions, Prompt, generate
from tests.composer.xcomposer.recorded import TRIMMED, Recorded
from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

NAMES = ("tiny-lora", "tiny-nolora")
WIDE = {"num_hidden_layers": 2, "tiny_overrides": {"vision": {"depth": 2}}}  # the published widths, few layers


def goldens(session: Session) -> Iterator[Figure]:
    """All comparisons. Recorded values come from the checkout, and from `--goldens` where it was given."""
    cards = 1 if session.on_gpu else 0
    with exact_products():
        yield from recorded([TRIMMED / name for name in NAMES], cards, "")
        yield from protocol(cards)
        free_memory()
        if session.goldens is not None:
            yield from recorded([session.goldens / "golden" / name for name in NAMES], cards, ", all of them")
    free_memory()
    yield from wide(session)


def recorded(folders: Sequence[Path], cards: int, which: str) -> list[Figure]:
    """Tensors and greedy answers of the original code, and the same answers by plain steps."""
    tensors = half = 0.0
    same, plain_same, runs = 0, 0, 0
    for folder in folders:
        golden = Recorded(folder, num_gpus=cards)
        tensors = max(tensors, golden.off(golden.picture, "encode_img"), *map(golden.off, *logits(golden)))
        for key, run in golden.values["generate"].items():
            kind, stop = key.split("_")[0], run.get("stop_ids", [])
            ids = golden.answer(golden.model, kind, stop, **run["kwargs"])
            fast, golden.model.engine.fast = golden.model.engine.fast, None
            plain_same += golden.answer(golden.model, kind, stop, **run["kwargs"]) == ids
            golden.model.engine.fast = fast
            same += ids == run["ids"][1:]
            runs += 1
        if "half_text_last_hidden" in golden.arrays:
            half = max(half, half_precision(golden, cards))
    return [
        Figure(f"recorded tensors{which}: largest difference, float32", tensors, at_most=2e-4),
        Figure(f"recorded answers{which}: identical, of {runs}", same, at_least=runs),
        Figure(f"the same by plain steps{which}: identical, of {runs}", plain_same, at_least=runs),
        Figure(f"hidden states in float16 against those recorded{which}", half, at_most=0.15),
    ]


def logits(golden: Recorded) -> tuple[list[torch.Tensor], list[str]]:
    """Logits of both prompts in the recorded columns, and the names of the recorded arrays."""
    trimmed = "columns" in golden.arrays
    columns = torch.from_numpy(golden.arrays["columns" if trimmed else "logit_columns"])
    kinds = ("text", "mixed")
    found = [golden.logits(kind).cpu()[:, columns] for kind in kinds]
    return found, [f"{kind}_logits" if trimmed else f"{kind}_logits_cols" for kind in kinds]


def half_precision(golden: Recorded, cards: int) -> float:
    """How far the last hidden states in float16 are from those that the original had in half precision."""
    model = type(golden.model).from_folder(golden.folder, num_gpus=cards, dtype="float16")
    segments = golden.values.get("segments") or {"text": golden.values["prompt_text_segments"]}
    ids = torch.tensor([[i for part in segments["text"] for i in part]], device=model.device)
    with torch.inference_mode():
        return golden.off(model.language.model(input_ids=ids).last_hidden_state, "half_text_last_hidden")


def protocol(cards: int) -> list[Figure]:
    """`score`, `stream`, `reply` and `prefix` on this device against the CPU: a tiny model with a picture in front."""
    random = np.random.default_rng(0)
    picture = Picture(Image.fromarray(random.integers(0, 255, (90, 120, 3), dtype=np.uint8)))
    shared = [user("The museum opens at nine, and the garden is open all day. ", picture)]
    questions = [[user(text)] for text in ("A cat needs water.", "最合适的图是 A. B. C. D.", "The city is quiet.")]
    options = ("A", "B", "cat", "water every day")
    with tempfile.TemporaryDirectory() as place:
        folder = write_folder(Path(place) / "tiny", train_tokenizer(Path(place)))
        models = [load(folder, num_gpus=number, dtype="float32") for number in dict.fromkeys((0, cards))]
    scores, texts = [], []
    for model in models:
        scores.append([model.score([*shared, *question], options) for question in questions])
        texts.append(answers(model, [[*shared, *question] for question in questions]))
        with model.prefix(shared) as held:
            scores.append([held.score(question, options) for question in questions])
            texts.append(held.reply(questions, Sampling(max_tokens=24)))
    off = max(float(np.abs(np.array(each) - np.array(scores[0])).max()) for each in scores[1:])
    same = sum(one == first for each in texts[1:] for one, first in zip(each, texts[0], strict=True))
    total = len(questions) * (len(texts) - 1)
    return [
        Figure("score, with and without a shared beginning, against the CPU", off, "nats", at_most=1e-4),
        Figure(f"replies and streams against the CPU: identical, of {total}", same, at_least=total),
    ]


def answers(model: XComposerModel, prompts: list[list[object]]) -> list[str]:
    """One streamed answer a prompt."""
    return ["".join(model.stream(prompt, Sampling(max_tokens=24))) for prompt in prompts]  # type: ignore[arg-type]


def wide(session: Session) -> list[Figure]:
    """The published widths with few layers, in the session's dtype here and in float32 on the CPU."""
    options = session.options()
    here = random_model(options, **WIDE if session.size == "7b" else {})
    there = random_model(options, num_gpus=0, **WIDE if session.size == "7b" else {})
    values = {name: value.to("cpu", torch.float32) for name, value in here.network.state_dict().items()}
    there.network.load_state_dict(values, strict=False)
    random = torch.Generator().manual_seed(1)
    ids = torch.randint(5, here.engine.config.vocabulary, (200,), generator=random).tolist()
    pixels = torch.randn(1, 3, 224, 224, generator=random)
    found = [logprobs(model, ids, pixels) for model in (here, there)]
    off = float((found[0] - found[1]).abs().max())
    agree = float((found[0].argmax(-1) == found[1].argmax(-1)).float().mean())
    captured = [greedy(here, ids)]
    here.engine.fast = None
    captured.append(greedy(here, ids))
    equal = sum(a == b for a, b in zip(*captured, strict=True))
    return [
        Figure(f"log-probabilities in {session.dtype} against float32 on the CPU", off, "nats", at_most=0.1),
        Figure("the likeliest token is the same, share of positions", agree, at_least=0.95),
        Figure(f"captured and plain steps: equal tokens, of {len(captured[0])}", equal),
    ]


def logprobs(model: XComposerModel, ids: list[int], pixels: torch.Tensor) -> torch.Tensor:
    """[positions, vocabulary] float32 on the CPU, of ids around one picture."""
    network, engine = model.network, model.engine
    picture = network.encode_pictures(pixels.to(network.device, engine.dtype))[0]
    prompt: Prompt = engine.prompt([ids[:100], picture, ids[100:]])
    logits = network(inputs_embeds=engine.embed(prompt)[None]).logits[0]
    return torch.as_tensor(logits).float().log_softmax(-1).cpu()


def greedy(model: XComposerModel, ids: list[int]) -> list[int]:
    choice = GenerationOptions(max_new_tokens=48, num_beams=1, repetition_penalty=1.0, eos=(-1,))
    return generate(model.engine, [model.engine.prompt([ids])], choice)[0]
