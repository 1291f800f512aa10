"""Components with labels in the language of the page: made once, and relabelled in place when it changes."""

from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from ui.texts import table, text

C = TypeVar("C")
Choices = Callable[[str], list[tuple[str, Any]]]


class Labels:
    """Makes components and remembers which of their properties are texts.

    `labels(gr.Textbox, label="compose.title", lines=1)`: string values of the named text properties are keys of
    ui.texts (`value_text`: the value; `value_table`: the value is a table of texts for a script, by the prefix of their
    keys); `choices` may be a function from the language to the list of choices.
    """

    _TEXT_PROPERTIES = ("label", "placeholder", "info", "value_text", "value_table")

    def __init__(self, language: str) -> None:
        self._language = language
        self._made: list[tuple[Any, dict[str, str], Choices | None]] = []

    def __call__(self, kind: Callable[..., C], **properties: Any) -> C:
        keys = {name: properties.pop(name) for name in self._TEXT_PROPERTIES if name in properties}
        choices: Choices | None = properties.pop("choices", None)
        component = kind(**properties, **self._values(keys, choices, self._language))
        self._made.append((component, keys, choices))
        return component

    @staticmethod
    def _values(keys: dict[str, str], choices: Choices | None, language: str) -> dict[str, Any]:
        values: dict[str, Any] = {
            "value" if name == "value_text" else name: text(key, language)
            for name, key in keys.items()
            if name != "value_table"
        }
        if "value_table" in keys:
            values["value"] = {"texts": table(keys["value_table"], language)}
        if choices is not None:
            values["choices"] = choices(language)
        return values

    @property
    def components(self) -> list[Any]:
        return [component for component, _, _ in self._made]

    def updates(self, language: str) -> list[Any]:
        """One update a component, in the order of `components`."""
        return [gr.update(**self._values(keys, choices, language)) for _, keys, choices in self._made]
