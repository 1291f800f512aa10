"""The texts: complete in both languages, used, and with the same blanks to fill."""

import re
import string
from pathlib import Path

import pytest

from ui.texts import TEXTS, language_of, table, text

ROOT = Path(__file__).resolve().parents[2]


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_each_text_is_there_in_both_languages_with_the_same_blanks(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english.strip()
    assert chinese.strip()
    assert blanks(english) == blanks(chinese)


def test_chinese_texts_are_chinese() -> None:
    same = {key for key, (english, chinese) in TEXTS.items() if not re.search(r"[\u4e00-\u9fff]", chinese)}
    assert same == {"compose.top_p", "header.language", "header.language_title"}  # the button leads to English


def test_no_text_holds_an_emoji() -> None:
    for pair in TEXTS.values():
        assert not re.search(r"[\U0001F000-\U0001FAFF\u2600-\u27BF]", "".join(pair))


def is_used(key: str, python: str, scripts: str) -> bool:
    prefix, rest = key.split(".", 1)
    if f'"{key}"' in python:
        return True
    if prefix in ("view", "gallery", "header", "say") and re.search(
        rf'"{re.escape(rest)}"|labels(?:\(\))?\.{rest}\b', scripts
    ):
        return True
    composed = {"status.": 'f"status.{', "compose.length.": 'f"compose.length.{', "view.step.": "`step.${"}
    return any(key.startswith(start) and code in python + scripts for start, code in composed.items())


def test_every_text_is_used_and_every_used_text_exists() -> None:
    sources = [path for path in (ROOT / "ui").glob("*.py") if "texts" not in path.name]
    python = "".join(path.read_text(encoding="utf-8") for path in sources)
    scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "demo_asset").glob("*.js"))
    assert [key for key in TEXTS if not is_used(key, python, scripts)] == []
    for key in re.findall(r'(?<![\w.])text\(\s*"([a-z_.]+)"', python):
        assert key in TEXTS
    for key in re.findall(r'(?<![\w.])texts\("([a-z_]+)"', scripts):
        assert f"view.{key}" in TEXTS or f"say.{key}" in TEXTS, key


def test_a_text_is_looked_up_and_filled() -> None:
    assert text("tab.write", "zh") == "写作"
    assert text("view.words", "en") == "{count} words"  # filled in the browser
    assert "9" in text("index.reading", "en", done=9, total=10)
    with pytest.raises(KeyError):
        text("no.such", "en")


def test_a_table_holds_what_a_script_needs() -> None:
    assert table("header", "zh")["language"] == "English"
    assert "step.write" in table("view", "en")


@pytest.mark.parametrize(
    ("wish", "language"),
    [("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB", "en"), ("de-DE,zh;q=0.5", "en"), ("", "en")],
)
def test_the_language_follows_the_first_wish(wish: str, language: str) -> None:
    assert language_of(wish) == language
