"""The page's texts: each is used, and each that is used exists. tests/common looks at the translations."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from common.messages import languages
from ui.texts import TEXTS, language_choices, language_tag, table, text

ROOT = Path(__file__).resolve().parents[2]


def test_no_text_holds_an_emoji() -> None:
    for sentence in TEXTS.values():
        for language in languages():
            assert not re.search(r"[\U0001F000-\U0001FAFF\u2600-\u27BF]", replace(sentence, values={}).text(language))


def is_used(key: str, python: str, scripts: str) -> bool:
    prefix, rest = key.split(".", 1)
    if python.count(f'"{key}"') > 1:  # once is its own line in the table
        return True
    if prefix in ("view", "gallery", "header", "say", "drafts", "chats", "presets", "models") and re.search(
        rf'"{re.escape(rest)}"|labels(?:\(\))?\.{rest}\b', scripts
    ):
        return True
    composed = {
        "status.": 'f"status.{',
        "compose.length.": 'f"compose.length.{',
        "models.job.": 'f"models.job.{',
        "compose.way.": 'f"compose.way.{',
        **{f"{kind}.{key}": f'f"{{texts}}.{key}"' for kind in ("drafts", "chats") for key in ("failed", "no_key")},
        "chats.wordings_": "`${key}_",
        "chats.answers_": "`${key}_",
        "chats.append_": "`${key}_title",
        "chats.illustrate_": "`${key}_title",
        "view.step.": "`step.${",
        "view.task.": "`task.${",
        "view.width.": "`width.${",
        "view.tone.": "`tone.${",
        "view.block.": "`block.${",
    }
    return any(key.startswith(start) and code in python + scripts for start, code in composed.items())


def test_every_text_is_used_and_every_used_text_exists() -> None:
    python = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ui").rglob("*.py"))
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
    assert table("header", "zh")["language"] == "语言"
    assert "step.write" in table("view", "en")


def test_the_switch_invites_in_the_language_it_leads_to() -> None:
    assert language_choices() == [
        {"code": "en", "tag": "en", "name": "English", "title": "Switch to English"},
        {"code": "zh", "tag": "zh-CN", "name": "中文", "title": "切换到中文"},
    ]


def test_a_region_is_named_as_browsers_name_it() -> None:
    assert [language_tag(code) for code in ("en", "eo", "pt_BR")] == ["en", "eo", "pt-BR"]
