"""Sentences: put into a language when they are shown, and complete in every catalogue."""

import pickle
import re
import string
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from common import messages
from common.errors import ReadableError
from common.messages import LOCALES, Text, _, _n, _p, language_name, languages, preferred_language

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "composer", "evaluation", "retrieval", "ui")
KEYWORDS = {"_": None, "_n": (1, 2), "_p": ((1, "c"), 2)}
CATALOGUES = sorted(LOCALES.glob("*/LC_MESSAGES/studio.po"))
# where Chinese is data: prompts, rules about Chinese text, words of drawings
CHINESE_IS_DATA = {
    "common/decoding.py",
    "composer/chat.py",
    "composer/models/describer.py",
    "composer/models/xcomposer/template.py",
    "composer/prompts/general.py",
    "composer/prompts/rewriting.py",
    "composer/prompts/style.py",
    "composer/prompts/xcomposer.py",
    "composer/writing/answers.py",
    "composer/writing/lines.py",
    "composer/writing/reader.py",
    "composer/writing/repetition.py",
    "composer/writing/request.py",
    "composer/exporting/markdown.py",
    "composer/illustrating/captions.py",
    "composer/illustrating/nouns.py",
    "composer/illustrating/mentions.py",
    "composer/illustrating/queries.py",
    "composer/illustrating/evidence.py",
    "evaluation/articles/placing.py",
    "evaluation/prompting/general.py",
    "retrieval/encoders/dictionary.py",
    "retrieval/index/tokenizer.py",
    "retrieval/ingest/metadata/licences.py",
    "retrieval/ingest/metadata/names.py",
    "retrieval/ingest/metadata/sidecars.py",
    "retrieval/ingest/metadata/text_file.py",
    "retrieval/sources/openmoji_names.py",
    "retrieval/sources/openmoji_words.py",
    "ui/write/tab.py",
}


class Broken(ReadableError):
    sentence = _("The file '{name}' cannot be used: {reason}")


HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
)
PICTURES = 'msgid "{{count}} picture"\nmsgid_plural "{{count}} pictures"\nmsgstr[0] "{}"\nmsgstr[1] "{}"\n\n'


@pytest.fixture
def esperanto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue beside the program's own."""
    file = tmp_path / "eo" / "LC_MESSAGES" / "studio.po"
    file.parent.mkdir(parents=True)
    file.write_text(
        HEADER + 'msgid "Gallery"\nmsgstr "Galerio"\n\n'
        'msgctxt "button"\nmsgid "Gallery"\nmsgstr "Al la galerio"\n\n'
        + PICTURES.format("{count} bildo", "{count} bildoj")
        + 'msgid "The file \'{name}\' cannot be used: {reason}"\nmsgstr "Ne uzebla: {reason} ({name})"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv(messages.LOCALES_VARIABLE, str(tmp_path))
    messages._catalogue.cache_clear()
    yield file
    messages._catalogue.cache_clear()


def keys_in_code() -> set[tuple[str, str | tuple[str, str]]]:
    """Contexts and keys, with the plural where there is one, as `make messages` finds them."""
    return {
        (context or "", message)
        for room in ROOMS
        for _file, _line, message, _comments, context in extract_from_dir(ROOT / room, keywords=KEYWORDS)
    }


def fields(sentence: str) -> set[str]:
    return {name.split("!")[0] for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_there_is_chinese() -> None:
    assert "zh" in [path.parents[1].name for path in CATALOGUES]
    assert languages()[0] == "en"
    assert "zh" in languages()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parents[1].name)
def test_a_catalogue_holds_what_the_code_says_and_nothing_else(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    entries = {(entry.context or "", entry.id): entry for entry in catalogue if entry.id}
    assert set(entries) == keys_in_code(), "run: make messages"
    for (_context, key), entry in entries.items():
        assert "fuzzy" not in entry.flags, key
        if isinstance(key, tuple):
            assert len(entry.string) == catalogue.num_plurals, key
        for sentence in entry.string if isinstance(entry.string, tuple) else (entry.string,):
            assert sentence, f"not translated: {key}"
            assert fields(sentence) == fields(key[-1] if isinstance(key, tuple) else key), key


def test_chinese_stands_in_the_catalogue_and_not_in_the_code() -> None:
    han = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [ROOT / "app.py"]
    chinese = {path.relative_to(ROOT).as_posix() for path in files if han.search(path.read_text(encoding="utf-8"))}
    assert chinese == CHINESE_IS_DATA


def test_a_sentence_is_put_into_a_language_when_it_is_shown(esperanto: Path) -> None:
    assert languages() == ("en", "eo", "zh")
    assert (_("Gallery").text("eo"), _p("button", "Gallery").text("eo")) == ("Galerio", "Al la galerio")
    assert [_n("{count} picture", "{count} pictures", count=n).text("eo") for n in (1, 2)] == ["1 bildo", "2 bildoj"]
    assert str(_n("{count} picture", "{count} pictures", count=1)) == "1 picture"
    assert _("Not in any catalogue: {name}", name="x").text("eo") == "Not in any catalogue: x"
    assert _("Gallery").text("xx") == "Gallery"


def test_an_error_keeps_its_key_and_values(esperanto: Path) -> None:
    error = Broken(name="a.png", reason=_("Gallery"))
    assert str(error) == "The file 'a.png' cannot be used: Gallery"
    assert error.text("eo") == "Ne uzebla: Galerio (a.png)"
    again = pickle.loads(pickle.dumps(error))  # as it comes out of a worker process
    assert (type(again), again.text("eo"), again.values) == (Broken, error.text("eo"), error.values)


def test_a_sentence_may_hold_errors_lists_and_braces() -> None:
    inside = Broken(name="b", reason="why {not}")
    assert str(_("It is so: {why}", why=inside)) == "It is so: The file 'b' cannot be used: why {not}"
    assert _("Known: {names}", names=["a", "b"]).text("en") == "Known: a, b"
    assert _("Known: {names}", names=["a", "b"]).text("zh").endswith("a、b")
    assert str(_("JSON is {this}")) == "JSON is {this}"
    assert pickle.loads(pickle.dumps(_("{error}", error=OSError(2, "gone")))) == Text(
        "{error}", {"error": "[Errno 2] gone"}
    )


def test_where_nothing_can_be_written_it_is_compiled_each_time(
    esperanto: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, data: bytes) -> int:
        raise PermissionError

    monkeypatch.setattr(Path, "write_bytes", refused)
    assert _("Gallery").text("eo") == "Galerio"
    assert not esperanto.with_suffix(".mo").exists()


def test_a_changed_catalogue_is_compiled_anew(esperanto: Path) -> None:
    assert _("Gallery").text("eo") == "Galerio"
    esperanto.write_text(esperanto.read_text(encoding="utf-8").replace("Galerio", "Bildaro"), encoding="utf-8")
    messages._catalogue.cache_clear()
    assert _("Gallery").text("eo") == "Bildaro"


@pytest.mark.parametrize(
    ("preferences", "language"),
    [("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB", "en"), ("de-DE,zh;q=0.5", "en"), ("", "en")],
)
def test_the_language_follows_the_first_preference(preferences: str, language: str) -> None:
    assert preferred_language(preferences) == language


def test_languages_are_called_what_their_speakers_call_them() -> None:
    assert [language_name(code) for code in ("en", "zh", "xx-nonsense")] == ["English", "中文", "xx-nonsense"]


def test_what_is_not_translated_yet_is_english(esperanto: Path) -> None:
    """As after `make messages NEW=eo`: a catalogue with all the keys and nothing else."""
    esperanto.write_text(HEADER + 'msgid "Gallery"\nmsgstr ""\n\n' + PICTURES.format("", ""), encoding="utf-8")
    assert _("Gallery").text("eo") == "Gallery"
    assert [_n("{count} picture", "{count} pictures", count=n).text("eo") for n in (1, 2)] == [
        "1 picture",
        "2 pictures",
    ]


@pytest.mark.parametrize(
    "damage",
    [
        HEADER.encode() + b'msgid "Gallery"\nGalerio\n',
        HEADER.encode() + b'msgid "Gallery"\n',  # ends too early
        HEADER.replace("utf-8", "utf-88").encode() + b'msgid "Gallery"\nmsgstr "Galerio"\n',
        HEADER.replace("n != 1", "n !! 1").encode() + b'msgid "Gallery"\nmsgstr "Galerio"\n',
        b"\xff\xfe\x00\xd8",
    ],
    ids=["line", "end", "charset", "plural", "bytes"],
)
def test_a_damaged_catalogue_is_named_and_english_stands_in_its_place(
    esperanto: Path, damage: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    esperanto.write_bytes(damage)
    assert [_("Gallery").text("eo") for _time in range(2)] == ["Gallery"] * 2
    (record,) = caplog.records  # said once
    assert record.getMessage().startswith(f"The catalogue '{esperanto}' cannot be read (")
    assert capsys.readouterr().out == "", "the command line prints JSON there"
    assert languages() == ("en", "zh"), "it is not offered"
    assert len(caplog.records) == 1


def test_a_damaged_compiled_catalogue_is_named_too(esperanto: Path, caplog: pytest.LogCaptureFixture) -> None:
    esperanto.unlink()
    esperanto.with_suffix(".mo").write_bytes(b"not a catalogue")
    assert languages() == ("en", "zh"), "it is not offered"
    assert languages() == ("en", "zh")
    assert _("Gallery").text("eo") == "Gallery"
    (record,) = caplog.records
    assert "cannot be read (" in record.getMessage()


@pytest.mark.parametrize("translation", ["Ne uzebla: {nomo}", "Ne uzebla: {reason", "Ne uzebla: {0}", "{reason.x}"])
def test_a_translation_with_wrong_fields_is_named_and_english_stands_in_its_place(
    esperanto: Path, translation: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = Broken.sentence.key
    esperanto.write_text(HEADER + f'msgid "{key}"\nmsgstr "{translation}"\n', encoding="utf-8")
    assert Broken(name="a.png", reason="gone").text("eo") == "The file 'a.png' cannot be used: gone"
    assert translation in caplog.text
