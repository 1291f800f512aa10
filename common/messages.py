"""Sentences for people: English in the code, every other language in a gettext catalogue.

The English sentence is the key and stands once, where it is used:

    _("The file '{name}' is empty.", name=name)                    a sentence
    _n("{count} picture", "{count} pictures", count=len(found))    one that depends on a number
    _p("button", "Write")                                          one English word with several translations

Each gives a `Text`, which is put into a language only when it is shown. Catalogues lie in
common/locale/LANGUAGE/LC_MESSAGES/studio.po and in the same layout in the folder that XCOMPOSER_LOCALES names; one more
file is one more language. `make messages` brings them up to date with the code.
"""

import functools
import gettext
import io
import logging
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SOURCE_LANGUAGE = "en"
DOMAIN = "studio"
LOCALES = Path(__file__).parent / "locale"
LOCALES_VARIABLE = "XCOMPOSER_LOCALES"  # a folder with further catalogues

_DAMAGED = (OSError, ValueError, LookupError, struct.error)  # what reading a damaged catalogue raises
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence that is not in a language yet: its English key and the values of its fields.

    A value may itself be a `Text`, an error with a `text` method, or a list of either, which is joined as the language
    joins lists. `str(text)` is the English sentence.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    plural: str = ""  # the key for numbers other than one; the number is the value `count`
    context: str = ""  # tells two meanings of one key apart

    def text(self, language: str = SOURCE_LANGUAGE) -> str:
        """The sentence in `language`; in English where the language has no catalogue or no translation."""
        sentence = self._translated(language)
        if not self.values:
            return sentence
        values = {name: _shown(value, language) for name, value in self.values.items()}
        try:
            return sentence.format(**values)
        except (LookupError, ValueError, AttributeError):
            if language == SOURCE_LANGUAGE:
                raise
            _log.warning("The translation into '%s' does not fit its sentence: %s", language, sentence)
            return self.text()

    def filled(self, **values: object) -> "Text":
        """The same sentence with more of its fields filled."""
        return replace(self, values={**self.values, **values})

    def _translated(self, language: str) -> str:
        catalogue = _catalogue(language)
        if self.plural:
            count = self.values["count"]
            assert isinstance(count, int)
            return catalogue.ngettext(self.key, self.plural, count)
        if self.context:
            return catalogue.pgettext(self.context, self.key)
        return catalogue.gettext(self.key) if self.key else ""

    def __str__(self) -> str:
        return self.text()


def _(sentence: str, /, **values: object) -> Text:
    """A sentence; `values` fill its {fields}."""
    return Text(sentence, _plain(values))


def _n(one: str, many: str, /, *, count: int, **values: object) -> Text:
    """A sentence that depends on the number `count`, which also fills the field {count}."""
    return Text(one, {"count": count, **_plain(values)}, plural=many)


def _p(context: str, sentence: str, /, **values: object) -> Text:
    """A sentence with a context, where one English sentence means two things."""
    return Text(sentence, _plain(values), context=context)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values with errors of libraries as text: they cross processes, and some of those errors cannot."""
    return {
        name: str(value) if isinstance(value, BaseException) and not hasattr(value, "text") else value
        for name, value in values.items()
    }


def _shown(value: object, language: str) -> object:
    """A value as it stands in a sentence of that language; numbers keep their format specification."""
    if isinstance(value, (list, tuple)):
        separator = _p("between the items of a list", ", ").text(language)
        return separator.join(str(_shown(item, language)) for item in value)
    text = getattr(value, "text", None)
    return text(language) if callable(text) else value


def as_data(message: Text) -> dict[str, Any]:
    """The sentence as data that JSON can hold, to be kept and read in any language later."""
    data: dict[str, Any] = {"key": message.key, "values": {name: _data(one) for name, one in message.values.items()}}
    return data | {name: one for name in ("plural", "context") if (one := getattr(message, name))}


def _data(value: object) -> Any:
    """A value as data: sentences and errors as their sentences, numbers as they are, everything else as text."""
    message = getattr(value, "message", value)
    if isinstance(message, Text):
        return as_data(message)
    if isinstance(value, (list, tuple)):
        return [_data(one) for one in value]
    return value if type(value) in (int, float, bool, str) else str(value)


def from_data(data: Any) -> Text:
    """The opposite of `as_data`. Raises KeyError or TypeError for other data."""
    values = {name: _value(one) for name, one in data["values"].items()}
    return Text(data["key"], values, data.get("plural", ""), data.get("context", ""))


def _value(data: Any) -> object:
    if isinstance(data, list):
        return [_value(one) for one in data]
    return from_data(data) if isinstance(data, dict) else data


def in_language(message: "Text | str", language: str) -> str:
    """The message in that language; a plain string is what it is in every language."""
    return message.text(language) if isinstance(message, Text) else message


def languages() -> tuple[str, ...]:
    """Codes of the languages the page can speak: English first, then those with a catalogue that can be read, by
    name."""
    found = {path.parents[1].name for folder in _folders() for path in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.[pm]o")}
    readable = (code for code in found if isinstance(_catalogue(code), gettext.GNUTranslations))
    return (SOURCE_LANGUAGE, *sorted({*readable} - {SOURCE_LANGUAGE}))


def language_name(code: str) -> str:
    """What the speakers of a language call it; the code itself where that is not known."""
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(code).get_display_name(code)
    except (UnknownLocaleError, ValueError):
        return code
    return name[:1].upper() + name[1:] if name else code


def preferred_language(preferences: str) -> str:
    """The language for a browser's preferences ("zh-CN,zh;q=0.9,en;q=0.8"): the first one if there is a catalogue for
    it, else English."""
    first = preferences.split(",")[0].split(";")[0].strip().replace("_", "-")
    known = {code.replace("_", "-").lower(): code for code in languages()}
    return known.get(first.lower()) or known.get(first.lower().split("-")[0]) or SOURCE_LANGUAGE


def _folders() -> list[Path]:
    further = os.environ.get(LOCALES_VARIABLE)
    return [LOCALES, *([Path(further).expanduser()] if further else [])]


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; an empty one, which answers in English, where there is none or it is damaged."""
    for folder in _folders():
        source = folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        if not source.is_file() and not source.with_suffix(".mo").is_file():
            continue
        try:
            return gettext.GNUTranslations(io.BytesIO(_compiled(source)))
        except _DAMAGED as error:
            _log.warning("The catalogue '%s' cannot be read (%s); English stands in its place.", source, error)
            break
    return gettext.NullTranslations()


def _compiled(source: Path) -> bytes:
    """The compiled catalogue: what lies beside its source and is not older, or made now and kept there for the next
    start. Raises one of _DAMAGED."""
    compiled = source.with_suffix(".mo")
    if not source.is_file() or (compiled.is_file() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns):
        return compiled.read_bytes()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    made = io.BytesIO()
    try:
        with source.open("rb") as file:
            write_mo(made, read_po(file, abort_invalid=True))
    except PoFileError as error:
        raise ValueError(error) from error
    part = compiled.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(made.getvalue())
        part.replace(compiled)
    except OSError:  # an installation that only its owner may change: compiled again at the next start
        part.unlink(missing_ok=True)
    return made.getvalue()
