"""Another model in place of the one that is loaded, and what the Models tab is told, without a browser."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.messages import _
from composer.errors import InputError
from composer.models import Capabilities, LoadProgress, LocalModel, LocalServer, Memory
from composer.settings import Settings
from tests.fakes import FakeGallery, FakeModel
from ui.launch.cli import model_choice
from ui.models import changing
from ui.models.actions import ModelActions
from ui.session import Session
from ui.studio import Studio
from ui.write.running import run_messages

SOON = 5.0
GB = 10**9


class Loader:
    """Loads fakes by name: each waits for the gate, tells how far it is, and may fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[str, str | None]] = []
        self.made: list[FakeModel] = []
        self.answer: Callable[..., str | None] | None = None

    def __call__(self, name: str, *, quantization: str | None, progress: Callable[[LoadProgress], None]) -> FakeModel:
        self.asked.append((name, quantization))
        progress(LoadProgress("load", 1, 4, name))
        while not self.gate.wait(0.01):
            progress(LoadProgress("load", 2, 4, name))
        if name == "broken":
            raise InputError(_("The file is broken."))
        model = FakeModel(answer=self.answer)
        model.name = name
        self.made.append(model)
        return model


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def studio(tmp_path: Path, loader: Loader, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(changing, "machine_memory", lambda: Memory(32 * GB, 16 * GB, on_cards=False))
    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path), load_named=loader)
    made.start()
    assert made.model_settled.wait(SOON)
    assert made.gallery_settled.wait(SOON)
    yield made
    made.close()


def ask(studio: Studio, act: str, *, allowed: bool = True, **more: Any) -> dict[str, Any]:
    return ModelActions(studio, allowed=allowed).answer({"language": "en", "act": act, **more})


def ended(studio: Studio) -> dict[str, Any]:
    assert studio.change.ended.wait(SOON)
    job: dict[str, Any] = ask(studio, "job")["job"]
    return job


def test_another_model_takes_over_when_it_has_answered(studio: Studio, loader: Loader) -> None:
    former = studio.model
    loader.gate.clear()
    begun = ask(studio, "load", name="other", bits=4)
    assert begun["job"]["running"]
    assert studio.model is former, "which goes on answering"
    assert ask(studio, "load", name="third")["problem"].startswith("A model is being loaded")
    loader.gate.set()
    job = ended(studio)
    assert (job["state"], job["line"]) == ("done", "other answers from now on.")
    assert loader.asked == [("other", "nf4")]
    assert studio.model is loader.made[0]
    assert studio.model.prompts, "it was asked before"
    assert former.closed  # type: ignore[union-attr]
    assert ask(studio, "hello")["loaded"]["name"] == "other"


def test_the_judge_of_pictures_is_shown_or_why_there_is_none(studio: Studio) -> None:
    def told(language: str = "en") -> list[str]:
        facts = ask(studio, "hello", language=language)["loaded"]["facts"]
        return [fact["value"] for fact in facts if fact["label"] in ("Judge of pictures", "图片评判模型")]

    assert told() == []
    studio.judge = FakeModel(capabilities=Capabilities(sees_pictures=True, max_pictures=4, engine="llama.cpp"))
    assert told() == ["fake · looks at each picture beside its paragraph · llama.cpp · CPU"]
    assert told("zh")[0].startswith("fake · 对照段落查看每张图片")
    studio.judge = FakeModel()
    assert told()[0].startswith("fake · sees no pictures; it goes by their words")
    studio.judge, studio.judge_problem = None, InputError(_("The file is broken."))
    assert told() == ["The file is broken."]


def test_whoever_is_at_work_finishes_with_the_model_that_began(studio: Studio, loader: Loader) -> None:
    former, person = studio.model, Session()
    messages = run_messages(studio, person, lambda run: studio.composer(run.job).compose("Cats", stop=run.stop))
    while not person.article.sections:
        next(messages)
    ask(studio, "load", name="other")
    deadline = time.monotonic() + SOON
    while ask(studio, "job")["job"]["state"] != "waiting" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ask(studio, "job")["job"]["line"].startswith("other is ready. Those who are at work")
    assert not former.closed  # type: ignore[union-attr]
    list(messages)
    assert person.article.model == "fake"
    assert ended(studio)["state"] == "done"
    assert studio.model is loader.made[0]


@pytest.mark.parametrize("name", ["broken", "silent"])
def test_a_model_that_does_not_load_or_does_not_answer_changes_nothing(
    studio: Studio, loader: Loader, name: str
) -> None:
    def silent(messages: Any) -> str:
        raise InputError(_("It does not answer."))

    former, loader.answer = studio.model, silent
    ask(studio, "load", name=name)
    job = ended(studio)
    assert (job["state"], job["bad"]) == ("failed", True)
    assert job["line"] in ("The file is broken.", "It does not answer.")
    assert studio.model is former
    assert not former.closed  # type: ignore[union-attr]
    assert all(model.closed for model in loader.made)


def test_cancel_ends_the_loading_and_keeps_the_model(studio: Studio, loader: Loader) -> None:
    former = studio.model
    loader.gate.clear()
    ask(studio, "load", name="other")
    assert ask(studio, "cancel")["job"]["state"] in ("cancelling", "cancelled")
    assert ended(studio)["state"] == "cancelled"
    assert studio.model is former
    person = Session()
    list(run_messages(studio, person, lambda run: studio.composer(run.job).compose("Cats", stop=run.stop)))
    assert person.article.sections, "and work goes on"


def test_cancel_ends_the_first_question_to_a_model(
    studio: Studio, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, asked = studio.model, threading.Event()

    def slow(self: FakeModel, prompts: Any, sampling: Any, *, stop: threading.Event | None = None) -> list[str]:
        asked.set()
        assert (stop or threading.Event()).wait(SOON)
        return [""]

    monkeypatch.setattr(FakeModel, "reply", slow)
    ask(studio, "load", name="other")
    assert asked.wait(SOON)
    start = time.monotonic()
    ask(studio, "cancel")
    assert ended(studio)["state"] == "cancelled"
    assert time.monotonic() - start < SOON / 2
    assert studio.model is former
    assert loader.made[0].closed


def test_two_models_that_do_not_fit_are_refused_before_one_is_loaded(
    studio: Studio, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "memory_wanted", lambda name, bits: 18 * GB)
    former = studio.model
    ask(studio, "load", name="big")
    job = ended(studio)
    assert (job["state"], job["no_room"]) == ("no_room", True)
    assert job["line"].startswith("'big' takes about 18.0 GB, and 16.0 GB are free beside 'fake'")
    assert not loader.asked
    loader.gate.clear()
    ask(studio, "load", name="big", free_first=True)
    deadline = time.monotonic() + SOON
    while not former.closed and time.monotonic() < deadline:  # type: ignore[union-attr]
        time.sleep(0.01)
    assert former.closed  # type: ignore[union-attr]
    assert studio.status("en").tone == "busy", "everybody sees that a model is being loaded"
    loader.gate.set()
    assert ended(studio)["state"] == "done"
    assert studio.model is loader.made[0]
    assert studio.settled


def test_where_the_present_one_was_freed_first_it_comes_back_if_the_new_one_fails(studio: Studio) -> None:
    former = studio.model
    ask(studio, "load", name="broken", free_first=True)
    assert ended(studio)["line"] == "The file is broken."
    assert former.closed  # type: ignore[union-attr]
    assert studio.model is not None
    assert (studio.model.name, studio.settled) == ("fake", True)


def test_a_former_model_that_cannot_be_closed_keeps_nobody_waiting(studio: Studio, loader: Loader) -> None:
    for free_first in (True, False):
        assert studio.model is not None
        studio.model.close = unclosable  # type: ignore[method-assign]
        ask(studio, "load", name="other", free_first=free_first)
        assert ended(studio)["state"] == "done"
        assert (studio.model, studio.settled) == (loader.made[-1], True)
    studio.model.close = lambda: None  # type: ignore[method-assign]


def unclosable() -> None:
    raise TimeoutError


def test_the_model_of_a_server_needs_no_memory_here(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "machine_memory", lambda: Memory(2 * GB, GB // 2, on_cards=False))
    ask(studio, "load", name="http://127.0.0.1:8000/v1#qwen")
    assert ended(studio)["state"] == "done"


def test_what_failed_to_load_is_not_kept_with_the_error_that_is_shown(studio: Studio) -> None:
    made: list[weakref.ref[threading.Event]] = []

    def load(name: str, *, quantization: str | None, progress: Callable[[LoadProgress], None]) -> Any:
        weights = threading.Event()
        made.append(weakref.ref(weights))
        try:
            raise ValueError("odd weights")
        except ValueError as error:
            raise InputError(_("The file is broken.")) from error

    studio.load_named = load
    ask(studio, "load", name="other")
    assert ended(studio)["line"] == "The file is broken."
    assert made[0]() is None


def test_a_download_tells_how_far_it_is_and_can_be_cancelled(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(name: str, progress: Callable[[LoadProgress], None]) -> None:
        for number in range(1000):
            progress(LoadProgress("download", number, 1000, name))
            time.sleep(0.01)

    monkeypatch.setattr("ui.models.actions.download_model", slow)
    ask(studio, "download", name="qwen3-vl-2b")
    deadline = time.monotonic() + SOON
    while ask(studio, "job")["job"]["fraction"] in (None, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 0 < ask(studio, "job")["job"]["fraction"] < 1
    ask(studio, "cancel")
    assert ended(studio)["line"] == "Cancelled. What was downloaded stays for the next time."


def test_what_is_loaded_is_told_in_the_language_of_the_page(studio: Studio) -> None:
    model = studio.model
    assert model is not None
    model.capabilities = Capabilities(
        sees_pictures=True,
        max_pictures=8,
        context_tokens=32768,
        quantization="nf4",
        dtype="bfloat16",
        devices=("cuda:0",),
        memory_bytes=9 * GB,
        engine="transformers",
        at_once=4,
        limits=(_("There is no picture gallery; open one to add pictures."),),
    )
    studio.speed = 41.7
    told = ask(studio, "hello")["loaded"]
    facts = {one["label"]: one["value"] for one in told["facts"]}
    assert facts["Pictures"] == "sees up to 8 in one question"
    assert facts["Context"] == "32,768 tokens"
    assert (facts["Precision"], facts["Runs on"], facts["Memory"]) == ("nf4 · bfloat16", "CUDA:0", "9.0 GB")
    assert (facts["At once"], facts["Speed of the last text"]) == ("4 requests", "42 tokens/s")
    assert "Choices" not in facts
    for share, shown in (
        (None, None),
        (0.931, "93% of the probability fell on the allowed answers when some were last compared"),
    ):
        setattr(model, "allowed_share", share)  # noqa: B010 - a model that tells it, of a server
        facts = {one["label"]: one["value"] for one in ask(studio, "hello")["loaded"]["facts"]}
        assert facts.get("Choices") == shown
    assert told["limits"] == ["There is no picture gallery; open one to add pictures."]
    chinese = ModelActions(studio, allowed=True).answer({"act": "hello", "language": "zh"})["loaded"]
    assert chinese["facts"][1] == {"label": "图片", "value": "每次提问最多看 8 张"}


def test_the_known_models_come_with_licence_size_and_memory(studio: Studio) -> None:
    rows = {row["short"]: row for row in ask(studio, "known")["models"]}
    two = rows["qwen3-vl-2b"]
    assert (two["licence"], two["download"]) == ("Apache-2.0", "4.3 GB")
    assert [each["bits"] for each in two["memory"]] == [16, 8, 4]
    assert rows["qwen2.5-coder-1.5b"]["licence"] == "Apache-2.0"
    assert all(row["licence"] and row["memory"] for row in rows.values())


def test_what_lies_on_this_machine_is_told_with_what_loads_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    here = LocalModel(
        "ollama:qwen3-vl:4b", "Ollama", Path("blob"), "llama.cpp", True, sees=True, size=3 * GB, memory=4 * GB
    )
    broken = LocalModel("lmstudio:a/b", "LM Studio", Path("b"), "llama.cpp", False, _("Its weights are not here."))
    monkeypatch.setattr("ui.models.actions.local_models", lambda: [here, broken])
    one, other = ask(studio, "found")["found"]
    assert one["words"] == "Ollama · sees pictures · 3.0 GB · about 4.0 GB of memory"
    assert (one["loads"], other["loads"], other["why"]) == ("ollama:qwen3-vl:4b", "", "Its weights are not here.")


def test_servers_are_looked_for_when_they_are_asked_for(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look() -> list[LocalServer]:
        asked.append(1)
        return [
            LocalServer("vLLM", "http://127.0.0.1:8000/v1", ("a", "b")),
            LocalServer(
                "Jan", "http://127.0.0.1:1337/v1", needs_key=True, why=_("It asks for a key: --api_key_file FILE")
            ),
        ]

    monkeypatch.setattr("ui.models.actions.find_servers", look)
    for act in ("hello", "known", "found"):
        ask(studio, act)
    assert asked == []
    rows = ask(studio, "servers")["found"]
    assert [row["loads"] for row in rows] == ["http://127.0.0.1:8000/v1#a", "http://127.0.0.1:8000/v1#b", ""]
    assert rows[2]["why"].startswith("It asks for a key")


@pytest.mark.parametrize("act", ["load", "download", "cancel", "known", "found", "servers", "job"])
def test_only_who_may_choose_is_answered(studio: Studio, loader: Loader, act: str) -> None:
    answer = ask(studio, act, allowed=False, **({"name": "other"} if act in ("load", "download") else {}))
    assert answer == {"problem": "Whoever runs this page has chosen its model."}
    assert not loader.asked
    hello = ask(studio, "hello", allowed=False)
    assert (hello["may"], hello["loaded"]["name"]) == (False, "fake")


def test_odd_requests_are_answered_with_a_sentence(studio: Studio) -> None:
    wrong = ({"act": "load", "name": name} for name in ("", "  ", None, 7))
    for sent in (None, 7, {}, {"act": "load"}, *wrong, {"act": "load", "name": "x", "bits": 3}):
        assert "problem" in ModelActions(studio, allowed=True).answer(sent)
    assert studio.change is None


@pytest.mark.parametrize(
    ("settings", "logins", "who"),
    [
        ({}, None, "here"),
        ({"host": "0.0.0.0"}, None, "nobody"),
        ({"share": True}, None, "nobody"),
        ({}, [("ann", "secret")], "nobody"),
        ({"host": "0.0.0.0", "lock_model": False}, [("ann", "secret")], "everybody"),
        ({"lock_model": True}, None, "nobody"),
    ],
)
def test_who_may_choose(settings: dict[str, Any], logins: list[tuple[str, str]] | None, who: str) -> None:
    assert model_choice(Settings(**settings), logins) == who
