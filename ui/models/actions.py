"""What the Models tab's script asks of Python, and the answers: plain data in, plain data out; no Gradio here.

A request is {"act", "language", ...}. Every answer is a dictionary; one with "problem" holds a sentence for the person
instead. What changes something, or tells of this machine's folders, is answered only where `allowed` says so.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import SOURCE_LANGUAGE, preferred_language
from composer.models import (
    Advice,
    LocalModel,
    LocalServer,
    advise,
    download_model,
    find_config,
    find_servers,
    local_models,
    machine_memory,
)
from ui.models.changing import ModelChange, Wanted
from ui.models.facts import gigabytes, in_bits, judge_fact, loaded_facts
from ui.studio import Studio, loading_status
from ui.texts import error_sentence, text

Answer = dict[str, Any]
QUANTIZATIONS = {8: "int8", 4: "nf4"}


class ModelsRequest(BaseModel):
    """What every request has."""

    model_config = ConfigDict(extra="forbid")
    language: Annotated[str, AfterValidator(preferred_language)] = SOURCE_LANGUAGE


class LoadRequest(ModelsRequest):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]  # or a path
    bits: Literal[4, 8, 16] | None = None
    free_first: bool = False


class DownloadRequest(ModelsRequest):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class ModelActions:
    """Answers one visitor. `allowed`: whether they may choose what everybody works with."""

    def __init__(self, studio: Studio, *, allowed: bool) -> None:
        self.studio, self.allowed = studio, allowed

    def answer(self, sent: object) -> Answer:
        """The answer to a request; never raises for what a visitor sent or a model could not do."""
        fields = without_halves(sent) if isinstance(sent, dict) else {}
        language = preferred_language(str(fields.get("language")))
        model, action, guarded = ACTIONS.get(str(fields.pop("act", None)), (ModelsRequest, None, False))
        if action is None or (guarded and not self.allowed):
            return {"problem": text("models.locked" if guarded else "models.failed", language)}
        try:
            answer: Answer = without_halves(action(self, model.model_validate(fields)))
            return answer
        except ValidationError:
            return {"problem": text("models.failed", language)}
        except ReadableError as error:
            return {"problem": error_sentence(error, language)}

    # -- looking -----------------------------------------------------------------------------------

    def hello(self, request: ModelsRequest) -> Answer:
        """What is loaded, and what this visitor can do here."""
        studio, language = self.studio, request.language
        may = self.allowed and studio.load_named is not None
        answer: Answer = {"may": may, "loaded": None, "status": "", "job": self.job(request)["job"] if may else None}
        if studio.model is not None:
            answer["loaded"] = loaded_facts(studio.model, studio.speed, language)
            judge = judge_fact(studio.judge, studio.judge_problem, language)
            answer["loaded"]["facts"] += [judge] if judge is not None else []
        elif studio.model_problem is not None:
            answer["status"] = error_sentence(studio.model_problem, language)
        else:
            answer["status"] = loading_status(studio.progress, language).text
        return answer

    def known(self, request: ModelsRequest) -> Answer:
        """The models that can be loaded by name, those that suit this machine first, and its memory."""
        language, memory = request.language, machine_memory()
        present = self.studio.model.name if self.studio.model is not None else ""
        key = "models.machine_cards" if memory.on_cards else "models.machine"
        machine = text(key, language, total=gigabytes(memory.total, language), free=gigabytes(memory.free, language))
        return {"machine": machine, "models": [self._row(one, present, language) for one in advise(memory)]}

    def _row(self, one: Advice, present: str, language: str) -> Answer:
        model = one.model
        words = model.description.get(language) or model.description.get(SOURCE_LANGUAGE, "")
        begun = one.downloaded_bytes / one.download_bytes if one.download_bytes else 0.0
        return {
            "name": model.name,
            "short": one.short,
            "words": words,
            "licence": one.licence,
            "here": model.available,
            "why": model.why.text(language),
            "download": gigabytes(one.download_bytes, language),
            "begun": round(begun, 3),
            "memory": in_bits(one.memory, one.fits, language),
            "fits": bool(one.fits),
            "slow": bool(one.fits) and not one.quick,
            "loaded": model.name == present,
            "fetchable": model.kind != "embedded",
        }

    def found(self, request: ModelsRequest) -> Answer:
        """The models that other programs keep on this machine."""
        return {"found": [found_row(model, request.language) for model in local_models()]}

    def servers(self, request: ModelsRequest) -> Answer:
        """The servers that listen on this machine, one row for each of their models. Takes seconds."""
        return {"found": [row for server in find_servers() for row in server_rows(server, request.language)]}

    # -- changing ----------------------------------------------------------------------------------

    def load(self, request: LoadRequest) -> Answer:
        """Begins to load a model in place of the present one."""
        named = find_config(request.name)
        published = named[0].bits if named is not None else 16
        bits = None if request.bits in (None, published) else request.bits
        quantization = QUANTIZATIONS.get(bits or 0)
        load = self.studio.load_named
        assert load is not None  # otherwise nobody is allowed
        wanted = Wanted(request.name, bits, free_first=request.free_first)
        return self._begin(
            lambda: ModelChange(
                self.studio, wanted, lambda progress: load(wanted.name, quantization=quantization, progress=progress)
            ),
            request,
        )

    def download(self, request: DownloadRequest) -> Answer:
        """Begins to download a model's files, or goes on where that was interrupted."""
        wanted = Wanted(request.name, download_only=True)

        def fetch(progress: Callable[..., None]) -> object:
            return download_model(wanted.name, progress)

        return self._begin(lambda: ModelChange(self.studio, wanted, download=fetch), request)

    def _begin(self, begin: Callable[[], ModelChange], request: ModelsRequest) -> Answer:
        if not self.studio.begin_change(begin):
            return {"problem": text("models.busy", request.language)}
        return self.job(request)

    def cancel(self, request: ModelsRequest) -> Answer:
        if self.studio.change is not None:
            self.studio.change.cancel()
        return self.job(request)

    def job(self, request: ModelsRequest) -> Answer:
        """How far the last loading or download is."""
        change = self.studio.change
        return {"job": None if change is None else job_facts(change, request.language)}


def found_row(model: LocalModel, language: str) -> Answer:
    """A model of another program: what is told of it, and what loads it."""
    parts = [
        model.store,
        text("models.seeing" if model.sees else "models.text_only", language),
        model.quantization,
        gigabytes(model.size, language),
        text("models.memory_about", language, size=gigabytes(model.memory, language)) if model.memory else "",
        "" if model.chat_template else text("models.no_template", language),
    ]
    why = model.why.text(language) if model.why is not None else ""
    words = " · ".join(part for part in parts if part)
    return {"name": model.name, "words": words, "why": why, "loads": model.name if model.loadable else ""}


def server_rows(server: LocalServer, language: str) -> list[Answer]:
    """The models of a server; where none can be used, why."""
    words = f"{server.program} · {server.address}"
    if server.why is not None:
        return [{"name": server.program, "words": words, "why": server.why.text(language), "loads": ""}]
    return [{"name": name, "words": words, "why": "", "loads": server.name_of(name)} for name in server.models]


def job_facts(change: ModelChange, language: str) -> Answer:
    """A loading or a download, for the line that tells how far it is."""
    progress, fraction = change.progress, None
    name = change.wanted.name
    if change.problem is not None:
        line = error_sentence(change.problem, language)
    elif change.state == "done":
        line = text("models.downloaded" if change.wanted.download_only else "models.answers", language, name=name)
    elif change.state == "running":
        status = loading_status(progress, language)
        line, fraction = f"{name}: {status.text}", status.fraction
    else:
        line = text(f"models.job.{change.state}", language, name=name)
    return {
        "line": line,
        "fraction": fraction,
        "running": not change.ended.is_set(),
        "bad": change.problem is not None,
        "cancellable": change.state in ("running", "waiting"),
        "no_room": change.state == "no_room",
        "name": name,
        "bits": change.wanted.bits,
        "state": change.state,
    }


ACTIONS: dict[str, tuple[type[ModelsRequest], Callable[..., Answer] | None, bool]] = {
    "hello": (ModelsRequest, ModelActions.hello, False),
    "known": (ModelsRequest, ModelActions.known, True),
    "found": (ModelsRequest, ModelActions.found, True),
    "servers": (ModelsRequest, ModelActions.servers, True),
    "load": (LoadRequest, ModelActions.load, True),
    "download": (DownloadRequest, ModelActions.download, True),
    "cancel": (ModelsRequest, ModelActions.cancel, True),
    "job": (ModelsRequest, ModelActions.job, True),
}
