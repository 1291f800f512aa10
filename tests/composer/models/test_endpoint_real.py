"""Two real servers on loopback: llama.cpp's with the embedded model, and `transformers serve` with a tiny model.

What a model says through a server is compared with the same model inside this process.
"""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from composer import load_model
from composer.errors import EndpointUnusable, InputError
from composer.models import embedded
from composer.models.base import Message, Model, Picture, Sampling, assistant, system, user
from composer.models.endpoint import EndpointModel
from tests.serving import free_port

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

pytestmark = pytest.mark.real

QUESTION = [system("Be brief."), user("Tell me about the octopus in two sentences.")]
PICTURES = [
    system("You help to illustrate an article. You answer briefly."),
    user("The octopus lives in a den on the sea floor. "),
    user("Does a picture of an octopus fit beside this paragraph? Answer Yes or No."),
]


@pytest.fixture(scope="module")
def llama(embedded_model: "GgufModel", tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointModel]:
    """The server of llama.cpp that the embedded model runs in: it listens on loopback and wants a key."""
    engine = embedded_model._engine
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text(engine._key)
    model = load_model("endpoint", base_url=f"http://{engine._host}:{engine._port}", api_key_file=key)
    assert isinstance(model, EndpointModel)
    yield model
    model.close()


def texts(model: Model, messages: list[Message], sampling: Sampling) -> str:
    return "".join(model.stream(messages, sampling))


def test_llama_cpp_says_what_it_is(llama: EndpointModel, embedded_model: "GgufModel") -> None:
    can = llama.capabilities
    assert llama.name == embedded.EMBEDDED.file_name.removesuffix(".gguf")
    assert (can.engine, can.context_tokens, can.sees_pictures) == ("llama.cpp", 8192, False)
    assert (can.at_once, can.limits) == (2, ())


def test_llama_cpp_writes_as_in_process(llama: EndpointModel, embedded_model: "GgufModel") -> None:
    sampling = Sampling(max_tokens=20, repetition_penalty=1.1)
    texts(embedded_model, QUESTION, sampling)  # what is in the cache is rounded in the same way for both
    assert texts(llama, QUESTION, sampling) == texts(embedded_model, QUESTION, sampling)


def test_llama_cpp_goes_on_with_a_text(llama: EndpointModel, embedded_model: "GgufModel") -> None:
    begun = [*QUESTION, assistant("Octopuses are")]
    texts(embedded_model, begun, Sampling(max_tokens=8))
    assert texts(llama, begun, Sampling(max_tokens=8)) == texts(embedded_model, begun, Sampling(max_tokens=8))


def test_llama_cpp_compares_answers_as_in_process(llama: EndpointModel, embedded_model: "GgufModel") -> None:
    for options in (["Yes", "No"], ["No", "Yes", "Maybe"]):
        embedded_model.score(PICTURES, options)
        expected = embedded_model.score(PICTURES, options)
        assert llama.score(PICTURES, options) == pytest.approx(expected, abs=1e-4)
        with llama.prefix(PICTURES[:2]) as ask:
            assert ask.score(PICTURES[2:], options) == pytest.approx(expected, abs=1e-4)
    assert llama.allowed_share is not None
    assert llama.allowed_share > 0.8


def test_llama_cpp_counts_as_in_process(llama: EndpointModel, embedded_model: "GgufModel") -> None:
    before = llama.usage
    llama.reply([QUESTION], Sampling(max_tokens=1))
    used = llama.usage - before
    assert llama.count_tokens(QUESTION) == embedded_model.count_tokens(QUESTION) == used.prefilled + used.reused


def test_llama_cpp_stops_and_refuses(llama: EndpointModel, embedded_model: "GgufModel", tmp_path: Path) -> None:
    stop = threading.Event()
    pieces = llama.stream([user("Count from 1 to 200.")], Sampling(max_tokens=500), stop=stop)
    next(pieces)
    stop.set()
    start = time.perf_counter()
    assert len(list(pieces)) <= 1
    assert time.perf_counter() - start < 1
    with pytest.raises(InputError, match="too long for this model"):
        llama.reply([[user("hi " * 9000)]], Sampling(max_tokens=1))
    engine, wrong = embedded_model._engine, tmp_path / "wrong"
    wrong.write_text("not-the-key")
    with pytest.raises(EndpointUnusable, match=r"refuses the key \(401\)"):
        EndpointModel(f"http://{engine._host}:{engine._port}", api_key_file=wrong)


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[EndpointModel, GgufModel]]":
    """A tiny random model that sees, in llama.cpp's server and in this process: one and the same."""
    from composer.models.gguf import GgufModel
    from tests.composer.models import tiny_eyes

    folder = tmp_path_factory.mktemp("eyes")
    tiny_eyes.write_files(tiny_eyes.make_model(), folder)
    local = load_model(folder, num_gpus=0, threads=2)
    assert isinstance(local, GgufModel)
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text(local._engine._key)
    model = EndpointModel(f"http://{local._engine._host}:{local._engine._port}", api_key_file=key)
    # all of its tokens are listed: "Yes" is among the unlikeliest of random weights
    model._chat.dialect = replace(model._chat.dialect, top_logprobs=1000)
    yield model, local
    model.close()
    local.close()


def test_llama_cpp_is_shown_pictures(eyes: "tuple[EndpointModel, GgufModel]") -> None:
    from tests.composer.models.tiny_eyes import picture

    model, local = eyes
    assert model.capabilities.sees_pictures
    assert model.capabilities.max_pictures > 0
    one, other = Picture.open(picture(0)), Picture.open(picture(1))
    scores = []
    for shown in ((one,), (other,), (one, "and", other)):
        asked = [user("Look: ", *shown, "Yes or No?")]
        assert model.count_tokens(asked) == local.count_tokens(asked)
        scores.append(model.score(asked, ["Yes", "No"]))
        assert scores[-1] == pytest.approx(local.score(asked, ["Yes", "No"]), abs=1e-4)
        assert texts(model, asked, Sampling(max_tokens=8)) == texts(local, asked, Sampling(max_tokens=8))
    assert scores[0] != pytest.approx(scores[1], abs=1e-3), "it is not blind"


# -- transformers serve ------------------------------------------------------------------------------------------------

_SERVE = (
    "from common.torchvision_compat import prepare_torchvision; prepare_torchvision(); "
    "from transformers.cli.transformers import main; main()"
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.composer.models.tiny_vlm import make

    return make("llama", tmp_path_factory.mktemp("tiny") / "tiny-llama")


@pytest.fixture(scope="module")
def served(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndpointModel]:
    pytest.importorskip("openai", reason="pip install 'transformers[serving]'")
    port, output = free_port(), tmp_path_factory.mktemp("serve") / "output"
    command = [sys.executable, "-c", _SERVE, "serve", str(tiny), "--port", str(port), "--device", "cpu"]
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            model = _when_up(f"http://localhost:{port}", process, output)
            yield model
            model.close()
        finally:
            process.kill()


def _when_up(address: str, process: "subprocess.Popen[bytes]", output: Path) -> EndpointModel:
    deadline = time.monotonic() + 90
    while True:
        try:
            return EndpointModel(address, context_tokens=2048)
        except EndpointUnusable as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(output.read_text()) from error
            time.sleep(0.2)


def test_transformers_serve_says_what_it_cannot(served: EndpointModel) -> None:
    can = served.capabilities
    assert (served.name, can.engine, can.sees_pictures) == ("tiny-llama", "transformers serve", False)
    told = " ".join(limit.text() for limit in can.limits)
    for words in ("/v1/systemone", "does not count tokens", "cannot go on in the middle"):
        assert words in told


def test_transformers_serve_writes_as_in_process(served: EndpointModel, tiny: Path) -> None:
    model = load_model(tiny, num_gpus=0)
    for sampling in (Sampling(max_tokens=12), Sampling(max_tokens=12, repetition_penalty=1.1)):
        expected = texts(model, QUESTION, sampling)
        assert expected
        assert texts(served, QUESTION, sampling) == expected
    prompts = [[user("A bee")], [user("A red fox")]]
    assert served.reply(prompts, Sampling(max_tokens=6)) == model.reply(prompts, Sampling(max_tokens=6))
    model.close()


def test_transformers_serve_compares_answers_as_a_plain_computation(served: EndpointModel, tiny: Path) -> None:
    """The server's own wording of a typed question, computed here in one forward pass."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(tiny), AutoModelForCausalLM.from_pretrained(tiny)
    asked = [system("Be brief."), user("A red fox sleeps."), user("What is it?")]
    state: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
    choice = "A. fox\nB. bird\nC. tree\nAnswer with the letter of the option that fits best (A to C) only."
    for options, labels, last in (
        (["fox", "bird", "tree"], ["A", "B", "C"], choice),
        (["Yes", "No"], ["Yes", "No"], "Answer Yes or No only."),
    ):
        text = f"{json.dumps(state)}\n\nA red fox sleeps. What is it?\n{last}"
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        with torch.inference_mode():
            logits = network(ids).logits[0, -1]
        expected = torch.log_softmax(logits[tokenizer.convert_tokens_to_ids(labels)], 0).tolist()
        scores = served.score(asked, options)
        assert scores == pytest.approx(expected, abs=1e-4)
        assert sum(map(math.exp, scores)) == pytest.approx(1.0)
