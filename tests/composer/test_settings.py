"""Where settings come from, in which order, and what a bad one is answered with."""

from pathlib import Path
from typing import Any

import pytest

from common.folders import cache_folder, cache_path
from composer import settings
from composer.errors import SettingsError
from composer.settings import load_settings


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app.yaml of the test's own, and no setting in the environment."""
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"XCOMPOSER_{name.upper()}", raising=False)
    monkeypatch.setattr(settings, "APP_CONFIG", tmp_path / "app.yaml")
    return tmp_path / "app.yaml"


def test_without_anything_the_page_is_for_this_machine_only() -> None:
    found = load_settings()
    assert (found.host, found.port, found.share, found.auth) == ("127.0.0.1", 7860, False, None)
    assert (found.wanted_model, found.gallery, found.language) == ("auto", None, "auto")


def test_the_stronger_source_wins(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("port: 1111\nhost: 0.0.0.0\nlanguage: zh\ngallery:\n")
    assert load_settings().port == 1111
    monkeypatch.setenv("XCOMPOSER_PORT", "2222")
    assert load_settings().port == 2222
    found = load_settings(port=3333, host=None)
    assert (found.port, found.host, found.language, found.gallery) == (3333, "0.0.0.0", "zh", None)


def test_a_folder_goes_before_a_name() -> None:
    assert load_settings(folder="/models/x", model="y").wanted_model == "/models/x"
    assert load_settings(folder="", model="y").wanted_model == "y"


def test_a_server_beside_a_model_of_this_machine_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = {"base_url": "http://127.0.0.1:8000/v1"}
    for given, reason in (
        ({"folder": "/models/x", **server}, "'base_url'.*'/models/x' is looked for on this machine"),
        ({"model": "y", **server}, "'y' is looked for on this machine. Leave one of the two out"),
        ({"model": "http://other:1/v1", **server}, "'http://other:1/v1' names another server"),
        ({"model": "y", "served_name": "z"}, "'served_name' has the value 'z'.*'y' is looked for on this machine"),
        ({"served_name": "z"}, "Name the server: --base_url URL"),
        ({"api_key_file": "key.txt"}, "Name the server: --base_url URL"),
    ):
        with pytest.raises(SettingsError, match=reason):
            load_settings(**given)
    assert load_settings(**server, served_name="z").wanted_model == "endpoint"
    assert load_settings(model="http://127.0.0.1:8000/v1#z", **server).model_options == {}
    config.write_text("base_url: http://127.0.0.1:8000/v1\nfolder: /models/x\n")
    with pytest.raises(SettingsError, match="Leave one of the two out"):
        load_settings()
    config.write_text("base_url: http://127.0.0.1:8000/v1\napi_key_file: key.txt\n")
    assert load_settings(folder="/models/x").wanted_model == "/models/x", "the command line is stronger"
    assert "base_url" not in load_settings(model="http://other:1/v1").model_options


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        ({"port": "abc"}, "'port' has the value 'abc': it must be a whole number", "应为整数"),
        ({"port": 0}, "'0': it must be at least 1", "不能小于 1"),
        ({"port": 70000}, "'70000': it must be at most 65535", "不能大于 65535"),
        ({"num_gpus": -1}, "'num_gpus' has the value '-1': it must be at least 0", "不能小于 0"),
        ({"threads": 1.5}, "'threads' has the value '1.5': it must be a whole number", "应为整数"),
        ({"language": "fr"}, "'fr': it must be 'auto', 'en' or 'zh'", "应为"),
        ({"hub": "github"}, "'github': it must be 'huggingface' or 'modelscope'", "应为"),
        ({"rotary": "none"}, "'none': it must be 'shipped' or 'exact'", "应为"),
        ({"share": "maybe"}, "'maybe': it must be true or false", "true 或 false"),
        ({"prot": 1}, "'prot' has the value '1': there is no such setting. Known ones: model, folder", "没有这个设置"),
        ({"model": 3}, "'model' has the value '3': it must be text", "应为文字"),
    ],
)
def test_a_bad_value_is_named(given: dict[str, Any], english: str, chinese: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**given)
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")


def test_a_bad_value_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XCOMPOSER_THREADS", "many")
    with pytest.raises(SettingsError, match="'threads' has the value 'many'"):
        load_settings()


@pytest.mark.parametrize("content", ["port: [", "- just\n- a list\n", "port: 7860\n\tx: 1\n"])
def test_a_broken_file_is_named(config: Path, content: str) -> None:
    config.write_text(content)
    with pytest.raises(SettingsError, match=r"app\.yaml"):
        load_settings()


def test_an_unknown_key_in_the_file_is_named(config: Path) -> None:
    config.write_text("colour: red\n")
    with pytest.raises(SettingsError, match="'colour' has the value 'red'"):
        load_settings()


def test_the_cache_folder_can_be_chosen_from_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XCOMPOSER_CACHE_DIR", raising=False)
    assert cache_path().name == "xcomposer-studio"
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", "")  # set here, so that the change below is undone
    load_settings(cache_dir=str(tmp_path / "elsewhere"))
    assert cache_path("models") == tmp_path / "elsewhere" / "models"
    assert not cache_path().exists()  # asking where it is creates nothing
    assert cache_folder() == tmp_path / "elsewhere"
    assert cache_folder().is_dir()


def test_the_shipped_file_is_valid_and_names_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(settings.__file__).parents[1] / "configs" / "app.yaml"
    monkeypatch.setattr(settings, "APP_CONFIG", shipped)
    assert load_settings() == settings.Settings.model_construct()
    text = shipped.read_text("utf-8")
    assert [name for name in settings.Settings.model_fields if f"# {name}:" not in text] == []


def test_only_what_a_person_set_reaches_the_model() -> None:
    assert load_settings().model_options == {}
    assert load_settings(quantization="nf4", threads=2).model_options == {"quantization": "nf4", "threads": 2}


@pytest.mark.parametrize("given", ["writer", "/writer", "/writer/", " writer "])
def test_the_place_behind_a_proxy_comes_from_the_environment_too(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("XCOMPOSER_ROOT_PATH", given)
    monkeypatch.setenv("XCOMPOSER_ALLOWED_HOST", "studio.example, other.example")
    settings = load_settings()
    assert settings.root_path == "/writer"
    assert settings.allowed_hosts == ["studio.example", "other.example"]
