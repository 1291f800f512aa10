"""From a folder to a loaded model: its parts are read by transformers' Auto classes, on the planned devices.

Runs no code from a folder. Knows what may be missing in one, and says so in a sentence.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from common.lazy import one_import_at_a_time
from common.messages import Text, _
from common.threads import free_threads
from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import Capabilities, LoadProgress, Picture, user
from composer.models.transformers_vlm.architecture import PROBLEMS, auto_class, read_config, readable, transformers
from composer.models.transformers_vlm.decoding import Network
from composer.models.transformers_vlm.folder import ModelFolder, read_folder
from composer.models.transformers_vlm.model import TransformersModel
from composer.models.transformers_vlm.pictures import CARD_TOKENS, CPU_TOKENS, PictureProcessor
from composer.models.transformers_vlm.placement import Placement, out_of_memory, plan
from composer.models.transformers_vlm.prompts import PromptReader
from composer.models.transformers_vlm.template import ChatFormat

log = logging.getLogger(__name__)

MAX_PICTURES = 12  # in one prompt; more mix up
CARD_TEXTS = 8  # of several people that a card computes as one batch, where memory allows
_TEXT_TOKENS = 1024  # of the context that are left to the text
_MORE_VALUES = 1.5  # than the files hold may a configuration describe: tensors that are tied or made anew
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json", "tekken.json")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")

_NO_PROCESSOR = _("It sees no pictures: its folder has no picture processor (preprocessor_config.json).")

Progress = Callable[[LoadProgress], None]


def load(
    folder: str | Path,
    *,
    num_gpus: int | None = None,
    progress: Progress | None = None,
    name: str | None = None,
    quantization: str | None = None,
    dtype: "str | torch.dtype | None" = None,
    offload: bool = False,
    context_tokens: int | None = None,
    picture_tokens: int | None = None,
    threads: int | None = None,
    at_once: int | None = None,
) -> TransformersModel:
    """The model of a folder.

    num_gpus: cards to use; None takes as few as hold it; 0 is the CPU. quantization: "nf4" or "int8" packs the weights
    while they load (bitsandbytes). dtype: "bfloat16", "float16" or "float32"; None takes what is right for the device.
    offload: what does not fit on the cards stays in main memory. context_tokens: longest prompt and reply together.
    picture_tokens: for one picture at most, where its processor can keep to it. threads: to compute with on the CPU;
    None chooses by what is free. at_once: texts of several people that are computed as one batch; None: 8 on cards, and
    each by itself on the CPU.
    Raises ModelFilesMissing, ModelFilesBroken, OutOfMemory, SettingsError.
    """
    report = progress or (lambda step: None)
    found = read_folder(folder)
    called = name or Path(folder).resolve().name
    report(LoadProgress("load", 0, found.weight_bytes, called))
    config = read_config(found)
    placement = plan(
        found,
        name=called,
        num_gpus=num_gpus,
        dtype=dtype,
        quantization=quantization,
        offload=offload,
        context_tokens=context_tokens,
        conversations=at_once or CARD_TEXTS,
    )
    budget = picture_tokens or (CARD_TOKENS if placement.cards else CPU_TOKENS)
    reader, limits = _reader(found, config, budget)
    if not placement.cards:
        torch.set_num_threads(free_threads(threads))
    model = _network(found, config, placement, called, limits)
    network = Network(model, reader, placement.context_tokens)
    try:
        _try_out(network, found, limits)
        together = (at_once or (CARD_TEXTS if placement.cards else 1)) if network.joins else 1
        loaded = TransformersModel(
            network,
            reader,
            name=called,
            capabilities=_capabilities(found, model, reader, placement, limits, together),
            placement=placement,
            ends=_end_tokens(model, reader.tokenizer),
            together=together,
        )
        report(LoadProgress("ready", found.weight_bytes, found.weight_bytes, called))
    except BaseException as error:
        network.close()  # nobody is given it, and its weights would stay in memory as long as the error
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise out_of_memory(called, placement) from error
        raise
    return loaded


# -- tokenizer, processor, chat template ------------------------------------------------------------------------------


@one_import_at_a_time()
def _reader(folder: ModelFolder, config: Any, budget: int) -> tuple[PromptReader, list[Text]]:
    """What makes prompts, and what it cannot do. Raises ModelFilesMissing, ModelFilesBroken."""
    if not any((folder.path / name).is_file() for name in _TOKENIZERS):  # processors make up an empty one
        raise ModelFilesMissing(
            name=folder.path.name, missing="tokenizer.json", way_out=_("Copy the model's tokenizer files beside it.")
        )
    limits: list[Text] = []
    processor = None
    seeing = auto_class(config) is transformers.AutoModelForImageTextToText
    if seeing and not any((folder.path / name).is_file() for name in _PROCESSORS):
        limits.append(_NO_PROCESSOR)
    elif seeing:
        try:
            processor = transformers.AutoProcessor.from_pretrained(
                folder.path, trust_remote_code=False, local_files_only=True
            )
        except PROBLEMS as error:
            limits.append(_blindness(error))
    if processor is not None and getattr(config.get_text_config(), "cross_attention_layers", None):
        limits.append(_("It is asked without pictures: models that look at them beside the text are not supported."))
        processor = None
    if processor is not None and not hasattr(processor, "image_processor"):
        own = next(name for name in _PROCESSORS if (folder.path / name).is_file())
        limits.append(_("It sees no pictures: the file {name} names no processor of pictures that is known.", name=own))
        processor = None
    tokenizer = getattr(processor, "tokenizer", None) or _tokenizer(folder)
    form = ChatFormat(processor or tokenizer, tokenizer, _placeholders(processor, tokenizer))
    limits += form.limits
    pictures = None
    if processor is not None and form.sees:
        try:
            pictures = PictureProcessor(processor, form.placeholder, budget)
        except PROBLEMS as error:
            form.sees = False
            limits.append(_blindness(error))
    if pictures is not None and pictures.tokens > budget * 1.1:  # the marks around a picture do not matter
        limits.append(
            _(
                "A picture takes about {tokens:,} tokens; its processor cannot keep to the {budget:,} that are set "
                "(picture_tokens).",
                tokens=pictures.tokens,
                budget=budget,
            )
        )
    ids = {getattr(config, key, None) for key in ("image_token_id", "image_token_index")}
    ids |= set(getattr(processor, "image_token_ids", None) or [])
    return PromptReader(form, tokenizer, pictures, frozenset(each for each in ids if isinstance(each, int))), limits


def _blindness(error: BaseException) -> Text:
    missing = next((name for name in ("num2words", "torchvision", "sentencepiece") if name in str(error)), None)
    if missing is not None and isinstance(error, ImportError):
        return _("It sees no pictures: its picture processor needs a package: pip install {package}", package=missing)
    reason = " ".join(str(error).split())[:160]
    return _("It sees no pictures: its picture processor cannot be read ({reason}).", reason=reason)


def _tokenizer(folder: ModelFolder) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True)
    except PROBLEMS as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        reason = _("its tokenizer cannot be read ({error}). Copy the model's tokenizer files here again.", error=said)
        raise ModelFilesBroken(path=folder.path / "tokenizer.json", reason=reason) from error


def _placeholders(processor: Any, tokenizer: Any) -> list[str]:
    """The texts that may stand for a picture in a prompt; none without a processor."""
    if processor is None:
        return []
    named = [
        getattr(owner, key, None)
        for owner, key in ((processor, "image_token"), (processor, "boi_token"), (tokenizer, "image_token"))
    ]
    return list(dict.fromkeys([*(each for each in named if isinstance(each, str)), "<image>"]))


# -- the network ------------------------------------------------------------------------------------------------------


def _network(folder: ModelFolder, config: Any, placement: Placement, name: str, limits: list[Text]) -> Any:
    """The network with its weights. What is wrong with them is added to `limits`. Raises ModelFilesBroken,
    OutOfMemory."""
    _check_count(folder, config)
    try:
        with readable(folder.path):
            # attention is SDPA where the model has it: torch then takes the fastest kernel there is
            model, found = auto_class(config).from_pretrained(
                folder.path,
                config=config,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **placement.loading_options(),
            )
    except (torch.OutOfMemoryError, MemoryError) as error:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise out_of_memory(name, placement) from error
    missing = sorted(found["missing_keys"])
    if len(missing) > len(folder.tensors or missing) // 10:
        raise ModelFilesBroken(
            path=folder.path,
            reason=_(
                "the weights do not belong to this configuration: {count} tensors are missing, among them '{first}'.",
                count=len(missing),
                first=missing[0],
            ),
        )
    if missing:
        limits.append(
            _(
                "Its files lack {count} of its tensors, which are now random, among them '{first}'.",
                count=len(missing),
                first=missing[0],
            )
        )
    return model.eval()


def _check_count(folder: ModelFolder, config: Any) -> None:
    """Whether the files hold about as many values as the configuration asks for. transformers would make up the rest,
    which fills the memory where the configuration is that of a much larger model. Raises ModelFilesBroken."""
    if folder.quantization:
        return  # packed: one stored value is several
    with readable(folder.path), torch.device("meta"):
        needed = sum(weights.numel() for weights in auto_class(config).from_config(config).parameters())
    stored = sum(tensor.count for tensor in folder.tensors) or folder.weight_bytes // 2  # pickled: 16 bits at least
    if needed > _MORE_VALUES * stored:
        raise ModelFilesBroken(
            path=folder.path,
            reason=_(
                "the weights do not belong to this configuration: a model of the kind '{kind}' with {needed:,} values "
                "is described, the files hold {stored:,}. {way_out}",
                kind=folder.model_type,
                needed=needed,
                stored=stored,
                way_out=_("Copy config.json and weights from the same model."),
            ),
        )


def _try_out(network: Network, folder: ModelFolder, limits: list[Text]) -> None:
    """Reads a short prompt at once, in two parts, and with its last token alone: architectures are many, and each keeps
    what it has read in its own way. Raises ModelFilesBroken for one that cannot be gone on with by single tokens."""
    with readable(folder.path):
        shown = [Picture(Image.new("RGB", (64, 48), "teal"))] if network.reader.pictures is not None else []
        prompt = network.reader.read([user("Hello! ", *shown, " What is it? Answer Yes or No.")])
        whole = network.read(prompt)
        before = network.read(prompt.without_last(1))
        batch = network.one(before, prompt.without_last(1))
        network.step(batch, torch.tensor([prompt.ids[-1]], device=network.device))
    if not _alike(whole.logits, batch.logits[0], network.model.dtype):
        raise ModelFilesBroken(
            path=folder.path,
            reason=_(
                "transformers {version} computes its architecture '{kind}' wrongly: token by token it gives another "
                "answer than at once. A newer one may do better (pip install -U transformers); or take the model's "
                "GGUF file.",
                version=transformers.__version__,
                kind=folder.model_type,
            ),
        )
    try:
        last = network.read(prompt, [network.read(prompt.without_last(5))])
        network.continues = _alike(whole.logits, last.logits, network.model.dtype)
    except PROBLEMS as error:
        log.info("The architecture %s is read anew each time: %s", folder.model_type, error)
        network.continues = False
    if network.continues:
        network.compile_steps(prompt)
    else:
        limits.append(
            _("It cannot go on from what it has read: every question has it read the whole text again (slow).")
        )


def _alike(one: torch.Tensor, other: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether two ways of computing scores [V] agree as well as the numbers allow, for the likeliest tokens."""
    best = one.topk(min(10, len(one))).indices
    difference = (one.log_softmax(dim=-1) - other.log_softmax(dim=-1))[best].abs().max()
    return bool(difference < (0.02 if dtype == torch.float32 else 0.7))


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a reply: what model and tokenizer say."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
    return frozenset(each for each in found if isinstance(each, int))


def _capabilities(
    folder: ModelFolder, model: Any, reader: PromptReader, placement: Placement, limits: list[Text], together: int
) -> Capabilities:
    context, pictures = placement.context_tokens, reader.pictures
    most = 0
    if pictures is not None:
        most = max(1, min(MAX_PICTURES, (context - min(_TEXT_TOKENS, context // 2)) // pictures.tokens))
    placed = {f"cuda:{d}" if isinstance(d, int) else str(d) for d in getattr(model, "hf_device_map", {}).values()}
    return Capabilities(
        sees_pictures=pictures is not None,
        max_pictures=most,
        context_tokens=context,
        quantization=folder.quantization or placement.quantization,
        dtype=str(model.dtype).removeprefix("torch."),
        devices=tuple(sorted(placed)) or (str(model.device),),
        memory_bytes=placement.weights + placement.cache,
        engine="transformers",
        at_once=together - together // 4,  # articles leave a place to answers, which are texts, too
        texts_at_once=together,
        limits=tuple(limits),
    )
