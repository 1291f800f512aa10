"""What is loaded, as the Models tab shows it: plain data in the language of the page."""

from collections.abc import Mapping
from typing import Any

from common.errors import ReadableError
from composer.models import Model, TellsAllowedShare, find_config
from ui.texts import error_sentence, text

LANGUAGES = {"en": "models.language.en", "zh": "models.language.zh"}


def loaded_facts(model: Model, speed: float, language: str) -> dict[str, Any]:
    """Name, a list of (label, value), and sentences about what it cannot do. speed: tokens a second of the last reply;
    0: none yet."""
    can = model.capabilities
    named = find_config(model.name)
    precision = " · ".join(part for part in (can.quantization, can.dtype) if part)
    if can.sees_pictures:
        sees = text("models.sees_most", language, count=can.max_pictures)
    else:
        sees = text("models.blind", language)
    languages = [text(LANGUAGES[one], language) if one in LANGUAGES else one for one in can.languages]
    facts = {
        "models.engine": can.engine,
        "models.sees": sees,
        "models.context": text("models.tokens", language, count=f"{can.context_tokens:,}"),
        "models.languages": ", ".join(languages),
        "models.precision": precision,
        "models.devices": " + ".join(device.upper() for device in can.devices),
        "models.memory": gigabytes(can.memory_bytes, language),
        "models.at_once": _at_once(can.at_once, can.texts_at_once, language),
        "models.speed": text("status.speed", language, speed=f"{speed:.0f}") if speed else "",
        "models.allowed": _allowed(model, language),
        "models.licence": named[0].licence if named is not None else text("models.licence_unknown", language),
    }
    return {
        "name": model.name,
        "facts": [{"label": text(key, language), "value": value} for key, value in facts.items() if value],
        "limits": [limit.text(language) for limit in can.limits],
    }


def judge_fact(judge: Model | None, problem: ReadableError | None, language: str) -> dict[str, Any] | None:
    """(label, value) of the judge of pictures: what it is, or why there is none; None where none is wanted."""
    if judge is not None:
        can, named = judge.capabilities, find_config(judge.name)
        sees = text("models.judge_looks" if can.sees_pictures else "models.judge_reads", language)
        devices = " + ".join(device.upper() for device in can.devices)
        licence = named[0].licence if named is not None else ""
        parts = (judge.name, sees, can.engine, devices, licence, _allowed(judge, language))
        value = " · ".join(part for part in parts if part)
    elif problem is not None:
        value = error_sentence(problem, language)
    else:
        return None
    return {"label": text("models.judge", language), "value": value}


def _allowed(model: Model, language: str) -> str:
    """How much of its probability fell on the answers that it could choose from: with little of it there, it would
    rather have said something else. Empty where that is not known."""
    share = model.allowed_share if isinstance(model, TellsAllowedShare) else None
    return "" if share is None else text("models.allowed_share", language, share=f"{share:.0%}")


def _at_once(calls: int, texts: int, language: str) -> str:
    if calls > 1:
        return text("models.calls", language, count=calls)
    return text("models.texts", language, count=texts) if texts > 1 else text("models.one", language)


def gigabytes(size: int, language: str) -> str:
    """A number of bytes in GB; empty for 0."""
    return text("models.gigabytes", language, size=f"{size / 1e9:.1f}") if size else ""


def in_bits(memory: Mapping[int, int], fits: tuple[int, ...], language: str) -> list[dict[str, Any]]:
    """What a model takes in each number of bits, and whether it fits here."""
    return [
        {
            "bits": bits,
            "label": text("models.bits", language, bits=bits),
            "memory": gigabytes(size, language),
            "fits": bits in fits,
        }
        for bits, size in memory.items()
        if size
    ]
