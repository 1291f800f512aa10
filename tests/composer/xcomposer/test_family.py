"""What the family brings along: the demo's article settings, Chinese captions, and options on the command line."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from composer import cli
from composer.events import CaptionReady
from composer.models.base import Capabilities, Message, Sampling
from composer.models.registry import load_model
from composer.models.xcomposer.adapter import ARTICLE
from composer.pipeline import WRITING, Composer, Options
from composer.writing.answers import clean_caption, clean_query
from tests.fakes import FakeGallery, FakeModel

TEXT = "猫每天都需要干净的水和食物。\n\n窗边的软垫是猫最喜欢睡觉的地方。\n\n信任需要耐心。"
CAPTIONS = ('一只猫在喝水"。', '一只猫在窗边睡觉"，适合插入')
ENGLISH = {"一只猫在喝水": "A cat drinking water", "一只猫在窗边睡觉": "A cat asleep by the window"}


def answer(messages: Sequence[Message]) -> str | None:
    """As the trained model answers: Chinese captions whose quote the prompt has opened, translations when asked."""
    asked = messages[-1].text
    if "翻译成英文" in asked:
        return next(english for chinese, english in ENGLISH.items() if chinese in asked)
    if asked.endswith('标题是"'):
        return CAPTIONS[0 if "<Seg0>后" in messages[-2].text else 1]
    return TEXT


def native(**capabilities: Any) -> FakeModel:
    return FakeModel(answer=answer, capabilities=Capabilities(family="xcomposer", defaults=ARTICLE, **capabilities))


@pytest.mark.parametrize("languages", [("en",), ("en", "zh"), ("zh",)])
def test_chinese_captions_are_searched_in_the_language_of_the_gallery(
    tmp_path: Path, languages: tuple[str, ...]
) -> None:
    gallery = FakeGallery(tmp_path, query_languages=languages)
    composer = Composer(native(), gallery)
    events = list(composer.compose("如何养好一只宠物", Options(pictures=2, language="zh")))
    made = [event.illustration for event in events if isinstance(event, CaptionReady)]
    shown = ["一只猫在喝水", "一只猫在窗边睡觉"]
    assert [illustration.caption for illustration in made] == shown
    wanted = [ENGLISH[caption] for caption in shown] if languages == ("en",) else shown
    assert [illustration.query for illustration in made] == wanted
    first = [query[0] for query in gallery.queries if isinstance(query, list)]
    assert first[:2] == wanted


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ('一只猫在喝水"。', "一只猫在喝水"),
        ('一只猫"，适合插入<Seg3>', "一只猫"),
        ('A "cozy" bed"', 'A "cozy" bed'),
        ('A 5" screen on a desk', 'A 5" screen on a desk'),
    ],
)
def test_a_caption_ends_with_the_quote_that_the_prompt_opened(answer: str, caption: str) -> None:
    assert clean_query(answer) == caption
    assert clean_caption(answer, "zh") == caption


def test_the_demos_settings_are_those_of_a_loaded_model(tiny_folder: Path) -> None:
    defaults = load_model(tiny_folder, num_gpus=0).capabilities.defaults
    assert defaults is not None
    assert (defaults.beams, defaults.repetition_penalty, defaults.temperature) == (5, 5.0, 0.0)
    assert FakeModel().capabilities.defaults is None


def test_what_a_person_chooses_goes_before_the_defaults() -> None:
    assert ARTICLE.with_choices() == ARTICLE
    assert ARTICLE.with_choices(seed=3, repetition_penalty=1.2) == Sampling(
        2000, beams=5, repetition_penalty=1.2, seed=3
    )
    assert ARTICLE.with_choices(temperature=0.7).beams == 1  # drawn words, not the best of five
    assert ARTICLE.with_choices(temperature=0.7, beams=3).beams == 3
    assert ARTICLE.with_choices(temperature=0.0).beams == 5
    assert ARTICLE.with_choices(beams=1).repetition_penalty == 5.0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ARTICLE),
        (["--beams", "2", "--seed", "9"], ARTICLE.with_choices(beams=2, seed=9)),
        (["--temperature", "0.8"], ARTICLE.with_choices(temperature=0.8)),
        (["--repetition_penalty", "1.5"], ARTICLE.with_choices(repetition_penalty=1.5)),
    ],
)
def test_the_command_line_writes_with_the_familys_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], expected: Sampling
) -> None:
    model = native()
    monkeypatch.setattr("composer.models.load_model", lambda name, **options: model)
    done = CliRunner().invoke(cli.app, ["write", "猫", "--pictures", "0", "--out", str(tmp_path / "o"), *arguments])
    assert done.exit_code == 0, done.stderr
    used = model.samplings[0]
    assert (used.beams, used.temperature, used.repetition_penalty, used.top_p) == (
        expected.beams,
        expected.temperature,
        expected.repetition_penalty,
        expected.top_p,
    )
    assert used.seed == expected.seed or expected.seed is None


def test_other_models_write_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = FakeModel()
    monkeypatch.setattr("composer.models.load_model", lambda name, **options: model)
    CliRunner().invoke(cli.app, ["write", "Cats", "--pictures", "0", "--out", str(tmp_path / "o")])
    used = model.samplings[0]
    assert (used.temperature, used.repetition_penalty, used.beams) == (
        WRITING.temperature,
        WRITING.repetition_penalty,
        1,
    )


def test_options_of_the_command_line_and_the_environment_reach_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[dict[str, Any]] = []

    def load(name: str, **options: Any) -> FakeModel:
        given.append({"model": name, **options})
        return native()

    monkeypatch.setattr("composer.models.load_model", load)
    monkeypatch.setenv("XCOMPOSER_ROTARY", "exact")
    monkeypatch.setenv("XCOMPOSER_COMPILED", "1")
    chosen = ["--folder", "xcomposer-7b", "--hub", "modelscope", "--offload"]
    for command in (["chat", "Hello"], ["write", "猫", "--pictures", "0", "--out", str(tmp_path / "o")]):
        done = CliRunner().invoke(cli.app, [*command, *chosen])
        assert done.exit_code == 0, done.stderr
    expected = {"model": "xcomposer-7b", "hub": "modelscope", "offload": True, "rotary": "exact", "compiled": True}
    assert all({name: options.get(name) for name in expected} == expected for options in given)
    assert len(given) == 2
    wrong = CliRunner().invoke(cli.app, ["chat", "Hello", "--hub", "github"])
    assert wrong.exit_code == 2
    assert "'huggingface' or 'modelscope'" in wrong.stderr


def test_a_model_can_be_fetched_before_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[SimpleNamespace] = []

    def download(name: str, progress: object, *, hub: str | None, update: bool) -> Path:
        asked.append(SimpleNamespace(name=name, hub=hub, update=update))
        return tmp_path

    monkeypatch.setattr("composer.models.download_model", download)
    done = CliRunner().invoke(cli.app, ["download", "xcomposer-7b", "--hub", "modelscope", "--update"])
    assert done.stdout.strip() == str(tmp_path)
    assert asked == [SimpleNamespace(name="xcomposer-7b", hub="modelscope", update=True)]
