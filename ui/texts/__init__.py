"""Every label and message of the page, and the one way to look them up."""

from ui.texts.page import TEXTS, error_sentence, language_choices, language_tag, table, text

__all__ = ["TEXTS", "error_sentence", "language_choices", "language_tag", "table", "text"]
